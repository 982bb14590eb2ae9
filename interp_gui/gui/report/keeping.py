"""Keeping results for the report, and copying what makes them again, from any view."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from interp_gui.core.dataset import Dataset
from interp_gui.core.places import data_folder
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.export_ui import Exportable
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.view import ResultView

if TYPE_CHECKING:
    from interp_gui.gui.report.image_list import ImageList

Language = Literal["command", "python"]
MOST_COMPANIONS = 6
TABLES = "image-lists"
"""Folder among the user's data where tables of images are written."""
_KINDS = (
    "intervention", "matrix", "picture", "heatmap", "table", "curve", "bars", "grid", "atlas",
    "sheet", "graph",
)  # fmt: skip
"""What says most first; every kind of result is among them."""
WORDS: dict[Language, str] = {"command": "The command is", "python": "The lines of Python are"}


def keep(
    state: AppState, result: AnyResult, recipe: Recipe | None, beside: Sequence[Exportable]
) -> None:
    """Put a result into the report with what belongs to it, and say so."""
    kept = kept_of(state)
    if kept.holds(result):
        state.notify("info", "This result is in the report already.")
        return
    companions = tuple(other.result for other in beside if belongs(result, recipe, other))
    kept.keep(result, recipe, companions[:MOST_COMPANIONS])
    count = len(kept.items)
    state.notify(
        "success",
        "Kept for the report.",
        f"{count} results are in it; View, Report shows them."
        if count > 1
        else "View, Report shows it.",
    )


def keep_all(state: AppState, found: Sequence[Exportable]) -> None:
    """Keep what stands first among results of one view, with the others that belong to it."""
    if found:
        first = telling(found)
        keep(state, first.result, first.recipe, found)


def telling(found: Sequence[Exportable]) -> Exportable:
    """The one of several results that says most."""
    return min(found, key=lambda each: _KINDS.index(each.result.kind))


def belongs(result: AnyResult, recipe: Recipe | None, other: Exportable) -> bool:
    """Whether another result is shown with one: it is about the same, or of the whole run."""
    if other.result is result:
        return False
    mine, theirs = result.feature, other.result.feature
    if mine is not None and theirs is not None:
        return mine.text == theirs.text
    if recipe is None or other.recipe is None:
        return recipe is other.recipe
    return recipe.run_key == other.recipe.run_key


def keep_view(view: ResultView[Any], state: AppState) -> None:
    """Keep what a view shows."""
    if view.result is not None:
        keep(state, view.result, view.recipe, beside(view))


def beside(view: ResultView[Any]) -> list[Exportable]:
    """What is shown next to a view, in the same page."""
    parent = view.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        shown = [(v.result, v.recipe) for v in parent.findChildren(ResultView) if v.isVisible()]
        found = [Exportable(result, recipe) for result, recipe in shown if result is not None]
        if len(found) > 1:
            return found
        parent = parent.parentWidget()
    return []


def focused_view(page: QWidget | None) -> ResultView[Any] | None:
    """The view that has the focus, or the first one with a result on the page."""
    widget = QApplication.focusWidget()
    while widget is not None:
        if isinstance(widget, ResultView) and widget.result is not None:
            return widget
        if widget is page:
            break
        widget = widget.parentWidget()
    views = page.findChildren(ResultView) if page is not None else []
    shown = [view for view in views if view.result is not None and view.isVisible()]
    # what the page is about comes before what stands beside it
    return min(shown, key=_rank, default=None)


def _rank(view: ResultView[Any]) -> int:
    result: AnyResult | None = view.result
    return _KINDS.index(result.kind) if result is not None else len(_KINDS)


# --- as code -------------------------------------------------------------------------------------


def copy_code(
    state: AppState, recipe: Recipe | None, language: Language, bridge: EngineBridge | None = None
) -> None:
    """Copy the command or the lines of Python that make a result again, with the paths of here."""
    if recipe is None:
        state.notify("info", "This result has no recipe.", "It cannot be made again by itself.")
        return
    info = bridge.analyses.get(recipe.analysis) if bridge is not None else None
    root = state.shared
    model = next(_models_of(root, recipe), "")
    image = root.image or ""
    dataset = root.dataset or Dataset()

    def work() -> "tuple[str, ImageList]":
        from interp_gui.core.export import code
        from interp_gui.gui.report.image_list import ImageList, image_list

        # a table is written only for what names the images
        named = code.needs_images(recipe)
        listed = image_list(dataset, data_folder() / TABLES) if named else ImageList(())

        options: dict[str, Any] = {
            "model": model or recipe.model.name or code.MODEL,
            "image": _image(recipe, image, dataset.paths) or code.IMAGE,
            "images": listed.paths or (code.IMAGES,),
            "info": info,
        }
        make: Callable[..., str] = code.command_line if language == "command" else code.python_lines
        return make(recipe, **options), listed

    background_of(root).run(work, partial(_copied, root, language))


def _copied(state: AppState, language: Language, made: "tuple[str, ImageList]") -> None:
    text, listed = made
    QGuiApplication.clipboard().setText(text)
    said = f"{WORDS[language]} on the clipboard."
    if listed.table is None:
        state.notify("success", said, listed.note)
        return
    folder = QUrl.fromLocalFile(str(listed.table.parent))
    hint = f"A table of the images was written for it: {listed.table}. {listed.note}".rstrip()
    state.notify(
        "success", said, hint, key="image-table",
        action="Open the folder", on_action=lambda: QDesktopServices.openUrl(folder),
    )  # fmt: skip


def _models_of(state: AppState, recipe: Recipe) -> Iterator[str]:
    for model in (state.model, *state.models):
        if model is not None and model.description.weights_sha256 == recipe.model.weights_sha256:
            yield model.path


def _image(recipe: Recipe, current: str, listed: Sequence[str]) -> str:
    """The file that the recipe is about: the current image if it is that, else one of the list."""
    from interp_gui.core.errors import ImageProblem
    from interp_gui.core.images import image_sha256

    if not recipe.images:
        return ""
    for path in (*([current] if current else []), *listed):
        try:
            if image_sha256(path) == recipe.images[0]:
                return path
        except ImageProblem:
            continue
    return ""
