"""Opening, saving and leaving."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.samples.catalog import samples

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

RECENT = "file.recent."


def file_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Opening and leaving."""
    state, documents, files = window.state, window.documents, window.files
    return (
        ActionSpec(
            id="file.open_model", title="&Open model…", shortcut="Ctrl+O", icon="open-model",
            tooltip="Open a checkpoint (.pt, .pth, .ckpt, .safetensors, .onnx, .pt2)",
            menu="File", group="1", handler=files.ask_model, toolbar=True,
        ),
        ActionSpec(
            id="file.open_model_folder", title="Open model fol&der…", icon="open-folder",
            tooltip="Open a folder with a network and its config.json (Hugging Face, timm)",
            menu="File", group="1", handler=files.ask_model_folder,
        ),
        ActionSpec(
            id="file.look", title="Loo&k at a model file…", icon="info",
            tooltip="Format, size, hash and foreign code of a file; nothing is opened or run",
            menu="File", group="1",
            handler=lambda: files.ask_to_look(window.opening_desk.look_at),
        ),
        ActionSpec(
            id="file.open_images", title="Open &images…", shortcut="Ctrl+I", icon="open-images",
            tooltip="Open image files", menu="File", group="1", handler=files.ask_images,
            toolbar=True,
        ),
        ActionSpec(
            id="file.open_folder", title="Open &folder of images…", shortcut="Ctrl+Shift+I",
            icon="open-folder", tooltip="Open a folder of images, or of classes", menu="File",
            group="1", handler=files.ask_folder,
        ),
        ActionSpec(
            id="file.samples", title="Sa&mples…", icon="sample", menu="File", group="2",
            tooltip="Networks with pictures to begin with",
            handler=lambda: _show_gallery(window),
        ),
        *(
            ActionSpec(
                id=f"file.sample.{sample.id}", title=sample.title, icon="sample",
                menu="File/Open samp&le", group="2", tooltip=sample.text,
                handler=lambda wanted=sample.id: files.open_sample(wanted),
            )
            for sample in samples()
        ),
        ActionSpec(
            id="file.close_model", title="&Close model", menu="File", group="4", icon="close",
            tooltip="Close the current model and free its memory",
            enabled_when=lambda: state.model is not None,
            handler=lambda: documents.close_model(),
        ),
        ActionSpec(
            id="file.clear_images", title="&Remove all images", menu="File", group="4",
            icon="clear", tooltip="Take all images off the list; files are left alone",
            enabled_when=lambda: state.dataset is not None, handler=documents.clear_images,
        ),
        ActionSpec(
            id="file.quit", title="&Quit", shortcut="Ctrl+Q", menu="File", group="9",
            tooltip="Close the window and end the engine", handler=window.close,
        ),
    )  # fmt: skip


def recent_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """One command for each recent model."""
    models = window.settings.values.recent_models
    return tuple(
        ActionSpec(
            id=f"{RECENT}{i}", title=_plain(model.path), menu="File/Open recen&t", group="3",
            tooltip=f"Open {model.path}",
            handler=lambda path=model.path: window.documents.open((path,)),
        )
        for i, model in enumerate(models)
    )  # fmt: skip


def _plain(path: str) -> str:
    return path.replace("&", "&&")


def _show_gallery(window: "MainWindow") -> None:
    from interp_gui.gui.welcome.gallery import show_gallery  # not at the start of every window

    show_gallery(window, window.files.samples)
