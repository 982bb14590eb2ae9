"""Commands on the images at hand."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def image_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """What is done with one image, with the selected ones, and with all."""
    desk, panel, state = window.datasets, window.images, window.state

    def some() -> bool:
        return state.dataset is not None

    def one() -> bool:
        return panel.current is not None

    return (
        ActionSpec(
            id="file.import_table", title="Import a &table of images…", menu="File", group="1",
            icon="open-images", handler=window.files.ask_table,
            tooltip="A CSV file that names images, with labels, groups and further columns",
        ),
        ActionSpec(
            id="edit.paste", title="&Paste images", shortcut="Ctrl+V", menu="Edit", group="2",
            icon="image", tooltip="Add the picture, files or paths on the clipboard to the images",
            handler=desk.paste,
        ),
        ActionSpec(
            id="images.show", title="&Open image", menu="Edit/Images", group="4", icon="image",
            tooltip="Show the image in front", enabled_when=one, handler=desk.show,
        ),
        ActionSpec(
            id="images.show_in_folder", title="Show in f&older", menu="Edit/Images", group="4",
            icon="open-folder", tooltip="Open the image's folder in the file manager",
            enabled_when=one, handler=desk.show_in_folder,
        ),
        ActionSpec(
            id="images.copy", title="&Copy image", menu="Edit/Images", group="4", icon="copy",
            tooltip="Copy the image, with its path as text (Ctrl+C in the list)",
            enabled_when=one, handler=desk.copy,
        ),
        ActionSpec(
            id="images.copy_path", title="Copy &path", menu="Edit/Images", group="4",
            tooltip="Copy the paths of the selected images, one a line", enabled_when=one,
            handler=desk.copy_paths,
        ),
        ActionSpec(
            id="images.filter_label", title="Filter to this &label", menu="Edit/Images",
            group="4", icon="filter", tooltip="Show only images with the label of this one",
            enabled_when=lambda: bool(desk.label), handler=desk.filter_label,
        ),
        ActionSpec(
            id="images.remove", title="&Remove selected images", menu="Edit/Images", group="4",
            icon="remove", tooltip="Take them off the list; files are left alone (Delete)",
            enabled_when=one, handler=panel.remove_selected,
        ),
        ActionSpec(
            id="images.remove_broken", title="Remove &broken images", menu="Edit/Images",
            group="4", icon="broken-image", tooltip="Take files that cannot be read off the list",
            enabled_when=lambda: panel.broken.count > 0, handler=panel.remove_broken,
        ),
        ActionSpec(
            id="images.check_files", title="Chec&k the headers of all files", menu="Edit/Images",
            group="4", icon="broken-image", tooltip="Mark the files that do not begin as images do",
            enabled_when=some, handler=panel.broken.check_all,
        ),
        ActionSpec(
            id="images.predict", title="&Ask the model about all images", menu="Analyse",
            group="a", icon="target", enabled_when=lambda: desk.answers.can_ask,
            tooltip="The model's answer for every image, to sort and filter by",
            why_not=lambda: _why_no_answers(window),
            handler=desk.answers.ask, keywords="predict classify predictions",
        ),
        ActionSpec(
            id="images.classes", title="&Match labels to classes…", menu="Analyse", group="a",
            icon="details", tooltip="Say which class of the model each label stands for",
            enabled_when=lambda: desk.classes.can_match,
            why_not=lambda: _why_no_answers(window), handler=desk.classes.open,
        ),
        ActionSpec(
            id="images.check_preprocessing", title="&Check preprocessing", menu="Analyse",
            group="a", icon="eye", enabled_when=lambda: desk.check.can_check,
            tooltip="Whether another common preprocessing answers more labelled images right",
            why_not=lambda: _why_no_check(window),
            handler=desk.check.run,
        ),
    )  # fmt: skip


def _why_no_answers(window: "MainWindow") -> str:
    state = window.state
    return state.no_classes or ("" if state.dataset is not None else "Open some images first.")


def _why_no_check(window: "MainWindow") -> str:
    dataset = window.state.dataset
    unmatched = dataset is not None and not dataset.classes
    return _why_no_answers(window) or (
        "Match the labels of the images to classes first." if unmatched else ""
    )
