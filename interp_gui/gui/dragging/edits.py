"""Dragging and copying edits: the stack's own JSON, under a type that every view gives and takes.

Beside it go the features that the edits are of, so that whatever takes features takes these too.
What arrives may come from any program, so it is checked field by field before it is believed.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QMimeData, QPoint, Qt
from PySide6.QtGui import QDrag
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.core.edit import EDITS_MIME_TYPE, Edit, EditStack
from interp_gui.core.edit_limits import MOST_BYTES, stack_of_json
from interp_gui.core.errors import EditProblem
from interp_gui.gui.dragging.drag import (
    MAX_FEATURES,
    drag_pixmap,
    mime_for,
    release_at_exit,
)

EDITS_SUFFIX = ".edits.json"
RECIPE_SUFFIXES = frozenset({".png", ".svg", ".pdf", ".npz"})


def read_edits(data: str | bytes) -> EditStack:
    """Edits out of a drag, the clipboard or a file.

    Raises
    ------
    EditProblem
        For anything that is not a list of well-formed edits, or of a newer version.
    """
    return stack_of_json(data)


def edits_from_mime(mime: QMimeData) -> EditStack | None:
    """Edits that a drag or the clipboard carries; None if it carries something else.

    Raises
    ------
    EditProblem
        What it carries under the type of edits is none.
    """
    if not mime.hasFormat(EDITS_MIME_TYPE):
        return None
    return read_edits(bytes(mime.data(EDITS_MIME_TYPE).data()))


def mime_for_edits(edits: EditStack | Sequence[Edit], title: str = "") -> QMimeData:
    """Pack edits as JSON, as the features that they are of, and as text.

    Parameters
    ----------
    edits
        A stack, or edits that make one.
    title
        What the stack is called where it has no name.
    """
    stack = _stack(edits, title)
    features = tuple(dict.fromkeys(edit.feature for edit in stack.edits))[:MAX_FEATURES]
    mime = mime_for(features) if features else QMimeData()
    mime.setData(EDITS_MIME_TYPE, QByteArray(stack.to_json().encode()))
    mime.setText(stack.to_json())
    return mime


def start_edit_drag(
    source: QWidget, edits: EditStack | Sequence[Edit], *, title: str = ""
) -> Qt.DropAction:
    """Drag edits out of `source` until the button is released; what the drop did with them."""
    stack = _stack(edits, title)
    drag = QDrag(source)
    drag.setMimeData(mime_for_edits(stack))
    called = stack.name or (stack.edits[0].feature.title if len(stack.edits) == 1 else "")
    text = called or f"{len(stack.edits)} edits"
    drag.setPixmap(drag_pixmap(text, image=None, count=1, widget=source))
    drag.setHotSpot(QPoint(12, 12))
    actions = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    return drag.exec(actions, Qt.DropAction.CopyAction)


def copy_edits(edits: EditStack | Sequence[Edit]) -> None:
    """Put edits on the clipboard, for this program and as text."""
    QApplication.clipboard().setMimeData(mime_for_edits(edits))
    release_at_exit()


def edits_on_clipboard() -> EditStack | None:
    """Edits on the clipboard, copied here or as JSON in any editor; None if there are none."""
    mime = QApplication.clipboard().mimeData()
    found = edits_from_mime(mime) if mime is not None else None
    if found is not None or mime is None or not mime.hasText():
        return found
    text = mime.text().strip()
    return read_edits(text) if text.startswith("{") else None


def is_edits_file(path: str) -> bool:
    """Whether a file may hold edits, by its name alone."""
    return Path(path).suffix.lower() == ".json"


def may_hold_recipe(path: str) -> bool:
    """Whether a file may be something exported, with its recipe in it, by its name alone."""
    return Path(path).suffix.lower() in RECIPE_SUFFIXES


def read_edits_file(path: str) -> EditStack:
    """Edits out of a file of edits, or those that something exported was made with.

    Raises
    ------
    EditProblem
        It cannot be read, or holds something else.
    FileProblem, RecipeMismatch
        A picture cannot be read, or holds no recipe.
    """
    if may_hold_recipe(path):
        return _edits_of_recipe(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise EditProblem(f"{Path(path).name} cannot be read: {problem.strerror}.") from None
    try:
        return read_edits(data)
    except EditProblem as problem:
        raise EditProblem(f"{Path(path).name}: {problem.message}", hint=problem.hint) from None


def _edits_of_recipe(path: str) -> EditStack:
    from interp_gui.core.export import read_recipe

    stack = read_recipe(path).edits
    if not stack.edits and not stack.image_edits:
        raise EditProblem(
            f"{Path(path).name} was made without any edits.",
            hint="Drop something that was exported while edits were in force.",
        )
    return read_edits(stack.to_json())


def _stack(edits: EditStack | Sequence[Edit], title: str) -> EditStack:
    if isinstance(edits, EditStack):
        found = edits
    else:
        found = EditStack(edits=tuple(edits))
    if title and not found.name:
        return EditStack(
            edits=found.edits, name=title, muted=found.muted, solo=found.solo,
            image_edits=found.image_edits,
        )  # fmt: skip
    return found
