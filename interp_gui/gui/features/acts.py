"""What can be done with a feature without any particular view: open, rename, copy, save."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QLineEdit, QWidget

from interp_gui.core.feature import Feature
from interp_gui.gui.dragging.drag import copy_to_clipboard
from interp_gui.gui.features.commands import FeatureCommands, FeatureContext, Features
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState


def register_own(commands: FeatureCommands, state: AppState) -> None:
    """Register what needs no view."""
    commands.register("unit", "Open unit page", lambda features: state.open_feature(features[0]))
    commands.register(
        "rename", "Rename…", lambda features: rename(commands, state, features[0]),
        why_not=_one, any_model=True,
    )  # fmt: skip
    commands.register(
        "copy", "Copy feature", lambda features: copy(commands, state, features), any_model=True
    )
    commands.register(
        "copy-address", "Copy address as text",
        lambda features: copy_address(state, features), any_model=True,
    )  # fmt: skip
    commands.register(
        "save-picture", "Save picture…",
        lambda features: save_picture(commands.context, state, features[0]), any_model=True,
    )  # fmt: skip


def _one(features: Features) -> str:
    return "" if len(features) == 1 else "Choose one unit: each has its own name."


def rename(commands: FeatureCommands, state: AppState, feature: Feature) -> None:
    """Ask for a feature's name."""
    names = names_of(state)
    dialog = QInputDialog(_over(commands.context.source))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setInputMode(QInputDialog.InputMode.TextInput)
    dialog.setWindowTitle("Rename")
    dialog.setLabelText(f"Name of {feature.text}; leave it empty to take the name back")
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)  # names of layers come out of files
    dialog.setTextValue(names.name(feature))
    dialog.setOkButtonText("Rename")
    edit = dialog.findChild(QLineEdit)
    if edit is not None:
        edit.setAccessibleName("Name of the feature")
        edit.setMaxLength(200)
        edit.selectAll()
    dialog.textValueSelected.connect(partial(names.set_name, feature))
    dialog.open()


def copy(commands: FeatureCommands, state: AppState, features: Features) -> None:
    """Copy all there is: features for this program, picture and text for others."""
    context = commands.context
    text = "\n".join([*(feature.text for feature in features), *context.text.splitlines()])
    copy_to_clipboard(features, image=context.image, text=text)
    state.notify("success", f"Copied {_called(features)}.")


def copy_address(state: AppState, features: Features) -> None:
    """Copy `features.14:7`, a line each."""
    QGuiApplication.clipboard().setText("\n".join(feature.text for feature in features))
    state.notify("success", f"Copied the address of {_called(features)}.")


def save_picture(context: FeatureContext, state: AppState, feature: Feature) -> None:
    """Ask where to, and write the picture."""
    if context.export is not None:
        context.export()
        return
    if context.image.isNull():
        state.notify(
            "info",
            "There is no picture of this unit here.",
            "Its unit page has one.",
        )
        return
    from interp_gui.core.result import Picture
    from interp_gui.gui.export_ui import Exportable, ask_and_export
    from interp_gui.gui.widgets.pixels import to_array

    title = names_of(state).name(feature) or feature.text
    picture = Picture(
        key="card", title=title, pixels=to_array(context.image), feature=feature, numbers={}
    )
    source = _over(context.source)
    if source is not None:
        ask_and_export(source, state, [Exportable(picture)])


def _over(source: QWidget | None) -> QWidget | None:
    return source.window() if source is not None else QApplication.activeWindow()


def _called(features: Features) -> str:
    return features[0].title if len(features) == 1 else f"{len(features)} features"
