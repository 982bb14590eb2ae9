"""The window's own commands, declared: what they are called, when they can be used."""

from functools import partial
from typing import TYPE_CHECKING

from interp_gui.engine.messages import Hello
from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.dialogs import show_about, show_system
from interp_gui.gui.theme import ThemeName

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

ANALYSE = "analyse."
RECENT = "file.recent."


def file_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Opening and leaving."""
    state, documents, files = window.state, window.documents, window.files
    return (
        ActionSpec(
            id="file.open_model", title="&Open model…", shortcut="Ctrl+O", icon="open-model",
            tooltip="Open a checkpoint (.pt, .pth, .safetensors)", menu="File", group="1",
            handler=files.ask_model, toolbar=True,
        ),
        ActionSpec(
            id="file.open_images", title="Open &images…", shortcut="Ctrl+I", icon="open-images",
            tooltip="Open image files", menu="File", group="1", handler=files.ask_images,
            toolbar=True,
        ),
        ActionSpec(
            id="file.open_folder", title="Open &folder…", shortcut="Ctrl+Shift+I",
            icon="open-folder", tooltip="Open a folder of images, or of classes", menu="File",
            group="1", handler=files.ask_folder,
        ),
        ActionSpec(
            id="file.open_sample", title="Open the &sample", icon="sample", menu="File",
            tooltip="MobileNetV2 with ImageNet weights, and some photographs", group="2",
            handler=files.open_sample,
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
            id=f"{RECENT}{i}", title=_plain(model.path), menu="File/Open recent", group="3",
            tooltip=f"Open {model.path}",
            handler=lambda path=model.path: window.documents.open((path,)),
        )
        for i, model in enumerate(models)
    )  # fmt: skip


def _plain(path: str) -> str:
    return path.replace("&", "&&")


def view_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Going about, panels and theme."""
    state = window.state
    tabs = (("image", "&Image"), ("wall", "Layer &wall"), ("unit", "&Unit"))
    themes: tuple[tuple[ThemeName, str], ...] = (
        ("system", "&System"),
        ("light", "&Light"),
        ("dark", "&Dark"),
    )
    return (
        ActionSpec(
            id="view.back", title="&Back", shortcut="Alt+Left", icon="back", menu="View",
            group="1", tooltip="Show what was shown before", toolbar=True,
            enabled_when=lambda: state.can_back, handler=state.back,
        ),
        ActionSpec(
            id="view.forward", title="&Forward", shortcut="Alt+Right", icon="forward",
            menu="View", group="1", tooltip="Show again what Back left", toolbar=True,
            enabled_when=lambda: state.can_forward, handler=state.forward,
        ),
        *(
            ActionSpec(
                id=f"view.tab.{tab}", title=title, shortcut=f"Ctrl+{i}", menu="View", group="2",
                icon=tab, tooltip=f"Bring {title.replace('&', '')} to the front",
                enabled_when=lambda: state.model is not None,
                handler=lambda tab=tab: state.set_tab(tab),
            )
            for i, (tab, title) in enumerate(tabs, start=1)
        ),
        ActionSpec(
            id="view.refresh", title="&Refresh the answer", shortcut="F5", icon="refresh",
            menu="View", group="2", tooltip="Ask the model again about the current image",
            enabled_when=lambda: state.model is not None and state.image is not None,
            handler=window.output.ask,
        ),
        *(
            ActionSpec(
                id=f"view.dock.{dock.objectName()}", title=dock.windowTitle(), checkable=True,
                menu="View/Panels", group="3", tooltip=f"Show or hide {dock.windowTitle()}",
                checked_when=dock.toggleViewAction().isChecked, handler=dock.setVisible,
            )
            for dock in window.docks.values()
        ),
        ActionSpec(
            id="view.reset_layout", title="R&eset layout", menu="View/Panels", group="3",
            tooltip="Put all panels back where they were at first", handler=window.reset_layout,
        ),
        *(
            ActionSpec(
                id=f"view.theme.{name}", title=title, menu="View/Theme", group="4",
                checkable=True, exclusive="theme", tooltip=f"{title.replace('&', '')} theme",
                checked_when=partial(_has_theme, window, name),
                handler=partial(_choose_theme, window, name),
            )
            for name, title in themes
        ),
    )  # fmt: skip


def _choose_theme(window: "MainWindow", name: ThemeName, _on: bool) -> None:
    window.choose_theme(name)


def _has_theme(window: "MainWindow", name: ThemeName) -> bool:
    return window.theme.name == name


def help_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """About the program and its engine."""
    bridge = window.bridge
    return (
        ActionSpec(
            id="help.system", title="&What it runs on…", icon="info", menu="Help", group="1",
            tooltip="Versions, device and plugins, to copy",
            handler=lambda: show_system(window, bridge.hello),
        ),
        ActionSpec(
            id="help.restart_engine", title="&Restart the engine", icon="refresh", menu="Help",
            group="2", tooltip="End the engine process and start it again; models are reopened",
            handler=bridge.restart,
        ),
        ActionSpec(
            id="help.about", title="&About interp-gui", menu="Help", group="3",
            tooltip="Version and licence", handler=lambda: show_about(window),
        ),
    )  # fmt: skip


def analysis_commands(window: "MainWindow", hello: Hello) -> tuple[ActionSpec, ...]:
    """One command for each analysis, from its declaration alone."""
    return tuple(
        ActionSpec(
            id=f"{ANALYSE}{info.id}", title=info.title, tooltip=info.summary, icon="analysis",
            menu=info.menu or "Analyse", group="plugin" if info.plugin else "built-in",
            enabled_when=lambda: window.state.model is not None and window.bridge.is_ready,
            handler=lambda wanted=info.id: window.centre.show_analysis(wanted),
        )
        for info in hello.analyses
    )  # fmt: skip
