"""What every view of a result shares."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from interp_gui.core.export.numbers import NUMBER_WORDS, caption
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Number

R = TypeVar("R", bound=AnyResult)


class ResultView(QWidget, Generic[R]):
    """A widget that shows one result and can be given a later version of it.

    Signals
    -------
    export_requested, copy_requested, keep_requested
        The user asked for it from the context menu.
    code_requested
        `command` or `python`: what makes the result again is wanted.
    feature_activated
        A feature shown here was opened (double click, Enter).
    """

    export_requested = Signal()
    copy_requested = Signal()
    keep_requested = Signal()
    code_requested = Signal(str)
    feature_activated = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: R | None = None
        self._recipe: Recipe | None = None
        self._pressed: QPoint | None = None
        self.add_feature_entries: Callable[[QMenu, tuple[Feature, ...]], object] | None = None
        """Fills a menu with what can be done with features; None: they can only be opened."""

    @property
    def result(self) -> R | None:
        """What is shown."""
        return self._result

    @property
    def recipe(self) -> Recipe | None:
        """What reproduces it."""
        return self._recipe

    def set_result(self, result: R, recipe: Recipe | None = None) -> None:
        """Show a result, or a later version of the one that is shown."""
        self._result, self._recipe = result, recipe
        self.setAccessibleName(result.title)
        self.setAccessibleDescription(numbers_text(result.numbers))
        self.result_changed()

    def result_changed(self) -> None:
        """Adopt the new result; views override this."""
        self.update()

    def features_at(self, position: QPoint) -> tuple[Feature, ...]:
        """Features that a drag from `position` carries."""
        feature = self._result.feature if self._result is not None else None
        return (feature,) if feature is not None else ()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._result is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_feature_menu(menu, self.features_at(event.pos()))
        self.fill_menu(menu)
        menu.popup(event.globalPos())

    def fill_feature_menu(self, menu: QMenu, features: tuple[Feature, ...]) -> None:
        """What can be done with the features under the cursor."""
        if features and self.add_feature_entries is not None:
            self.add_feature_entries(menu, features)
        elif features:
            menu.addAction("Open unit page", lambda: self.feature_activated.emit(features[0]))
        if features:
            menu.addSeparator()

    def fill_menu(self, menu: QMenu) -> None:
        """What can be done with any result."""
        menu.addAction("Copy picture", self.copy_requested.emit)
        menu.addAction("Export…", self.export_requested.emit)
        menu.addAction("Keep for the report", self.keep_requested.emit)
        if self._recipe is not None:
            menu.addSeparator()
            menu.addAction("Copy as command line", lambda: self.code_requested.emit("command"))
            menu.addAction("Copy as Python", lambda: self.code_requested.emit("python"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        self._pressed = event.position().toPoint() if left else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        features = self.features_at(self._pressed)
        if features and moved >= QApplication.startDragDistance():
            self._pressed = None
            from interp_gui.gui.dragging.drag import start_drag

            start_drag(self, features, result=self._result, recipe=self._recipe)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        features = self.features_at(event.position().toPoint())
        if features:
            self.feature_activated.emit(features[0])


def number_label(name: str) -> str:
    """Words of a number's name with its unit: ``rank_percent`` -> "rank (%)"."""
    if name in NUMBER_WORDS:
        return NUMBER_WORDS[name]
    words = name.split("_")
    unit = _UNITS.get(words[-1], "") if len(words) > 1 else ""
    return f"{' '.join(words[:-1])} ({unit})" if unit else " ".join(words)


_UNITS = {"percent": "%", "s": "s", "ms": "ms", "px": "px", "bytes": "bytes"}


def numbers_text(numbers: Mapping[str, Number], separator: str = " · ") -> str:
    """Numbers in one line."""
    return separator.join(caption(numbers, limit=len(numbers)))
