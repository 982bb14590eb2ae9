"""Going about without a mouse: from part to part of the window, and to the filter of a part."""

import weakref
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QTabWidget,
    QToolBar,
    QWidget,
)

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

_KEY = Qt.FocusReason.ShortcutFocusReason
_FILTERS = ("filter", "search")
_AREAS = {
    Qt.DockWidgetArea.LeftDockWidgetArea: 1,
    Qt.DockWidgetArea.RightDockWidgetArea: 3,
    Qt.DockWidgetArea.BottomDockWidgetArea: 4,
}


class FocusRound(QObject):
    """The parts of a window in reading order, and where the focus was in each of them."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._last: dict[int, weakref.ref[QWidget]] = {}
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._remember)

    @classmethod
    def of(cls, window: "MainWindow") -> "FocusRound":
        """That of a window."""
        found = next((c for c in window.children() if isinstance(c, cls)), None)
        return found or cls(window)

    def parts(self) -> list[QWidget]:
        """Toolbar, panels and views that are shown, in the order in which F6 visits them."""
        placed: list[tuple[int, int, int, QWidget]] = []

        def place(area: int, widget: QWidget) -> None:
            if _is_seen(widget) and _stops(widget):
                corner = widget.mapToGlobal(QPoint(0, 0))
                placed.append((area, corner.y() if area != 2 else 0, corner.x(), widget))

        for bar in self._window.findChildren(QToolBar):
            place(0, bar)
        centre: QWidget | None = self._window.centralWidget()
        if centre is not None:
            tabs = [t for t in centre.findChildren(QTabWidget) if _is_outermost(t, centre)]
            seen: list[QWidget] = [group for group in tabs if _is_seen(group)]
            for part in seen or [centre]:
                place(2, part)
        for dock in self._window.findChildren(QDockWidget):
            panel = dock.widget()
            if panel is not None:
                area = 5 if dock.isFloating() else _AREAS.get(self._window.dockWidgetArea(dock), 5)
                place(area, panel)
        return [widget for *_, widget in sorted(placed, key=lambda entry: entry[:3])]

    def part_of(self, widget: QWidget | None) -> QWidget | None:
        """The part in which a widget is."""
        parts = self.parts()
        while widget is not None and widget not in parts:
            widget = widget.parentWidget()
        return widget

    def go(self, step: int) -> None:
        """Go to the next part, or the one before; to where the focus was there the last time."""
        parts = self.parts()
        if not parts:
            return
        here = self.part_of(QApplication.focusWidget())
        at = parts.index(here) + step if here in parts else 0
        part = parts[at % len(parts)]
        last = self._last.get(id(part), lambda: None)()
        kept = last is not None and _is_stop(last) and part.isAncestorOf(last)
        target = last if kept and last is not None else _best_stop(part)
        if target is not None:
            target.window().activateWindow()
            target.setFocus(_KEY)

    def go_to_filter(self) -> bool:
        """Go to the filter of the part that has the focus, or of the nearest that has one."""
        parts = self.parts()
        here = self.part_of(QApplication.focusWidget())
        start = parts.index(here) if here in parts else 0
        for part in (*parts[start:], *parts[:start]):
            edit = next((e for e in part.findChildren(QLineEdit) if _is_filter(e)), None)
            if edit is not None:
                edit.setFocus(_KEY)
                edit.selectAll()
                return True
        return False

    def _remember(self, _old: QWidget | None, now: QWidget | None) -> None:
        part = self.part_of(now) if now is not None else None
        if part is not None and now is not None:
            self._last[id(part)] = weakref.ref(now)


def show_menu_of_focus() -> bool:
    """Ask what has the focus for its menu, at the place that the keyboard is on."""
    widget = QApplication.focusWidget()
    if widget is None:
        return False
    cursor = widget.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle)
    inside = cursor is not None and widget.rect().contains(cursor.center())
    where = cursor.center() if inside else widget.rect().center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, where, widget.mapToGlobal(where)
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def _is_seen(widget: QWidget) -> bool:
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


def _is_outermost(tabs: QTabWidget, centre: QWidget) -> bool:
    above = tabs.parentWidget()
    while above is not None and above is not centre:
        if isinstance(above, QTabWidget):
            return False
        above = above.parentWidget()
    return True


def _is_stop(widget: QWidget) -> bool:
    takes = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return takes and widget.isEnabled() and widget.isVisible() and widget.focusProxy() is None


def _stops(part: QWidget) -> list[QWidget]:
    return [w for w in (part, *part.findChildren(QWidget)) if _is_stop(w)]


def _best_stop(part: QWidget) -> QWidget | None:
    """A list or canvas rather than a field, a field rather than a button."""

    def rank(widget: QWidget) -> int:
        if isinstance(widget, QAbstractButton):
            return 2
        return 0 if isinstance(widget, QAbstractScrollArea) else 1

    return min(_stops(part), key=rank, default=None)


def _is_filter(edit: QLineEdit) -> bool:
    name = edit.accessibleName().lower()
    within_box = isinstance(edit.parentWidget(), QComboBox)
    return not within_box and name.startswith(_FILTERS) and edit.isEnabled() and _is_seen(edit)
