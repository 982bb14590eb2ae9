"""Holding X over a card switches its unit off for as long as the key is held."""

from typing import Any

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QCursor, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.fitting import why_unfit
from interp_gui.gui.features.source import FeatureSource
from interp_gui.gui.interventions import content
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.state import AppState

KEY = Qt.Key.Key_X
_ENDS = (
    QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate, QEvent.Type.WindowBlocked,
)  # fmt: skip


class HoldKey(QObject):
    """Watches for the key; what is held is `AppState.held` and stands in no stack.

    The key belongs to whoever is typing: text fields take letters before shortcuts do. Events of
    the whole program are looked at only while something is held.

    Parameters
    ----------
    window
        The main window; the key works in views that were torn off it too.
    """

    def __init__(self, window: QWidget, state: AppState) -> None:
        super().__init__(window)
        self._window, self._state = window, state
        self._edits = interventions_of(state)
        self._is_watching = False
        self.shortcut = QShortcut(QKeySequence(KEY), window)
        self.shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self.shortcut.setAutoRepeat(False)
        self.shortcut.activated.connect(self.begin)

    def begin(self) -> None:
        """Switch off what is under the cursor, or what the keyboard is on."""
        if self._state.held:
            return
        features = features_under(QCursor.pos()) or FeatureSource.of(self._window).features[:1]
        if not features:
            self._state.notify("info", "Point at a card or a bar, and hold X.")
            return
        edits = tuple(self._edit(feature) for feature in features)
        model = self._state.model
        problem = why_unfit(edits[0], model.description) if model is not None else ""
        if model is None or problem:
            self._state.notify("info", problem or "Open a model first.")
            return
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)
            self._is_watching = True
        QToolTip.hideText()  # it would lie over the answer, which is what is looked at now
        self._state.set_held(edits)

    def end(self) -> None:
        """Put everything back as it was."""
        app = QApplication.instance()
        if app is not None and self._is_watching:
            app.removeEventFilter(self)
        self._is_watching = False
        self._state.set_held(())

    def _edit(self, feature: Feature) -> Edit:
        """Set to the images' mean where that is known by now, else to zero."""
        edit = content.fresh(feature, "ablate")
        known = self._edits.statistics_of(feature) if self._edits.book.is_possible else None
        return edit if known is None else content.with_statistics(edit, known)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that the key is let go, or that nobody can let it go here any more."""
        kind = event.type()
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            if event.key() == KEY and not event.isAutoRepeat():
                self.end()
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == KEY:
                return True  # the key repeats itself
            if event.key() == Qt.Key.Key_Escape:
                self.end()
        elif kind in _ENDS:
            self.end()
        return kind == QEvent.Type.ToolTip


def features_under(where: QPoint) -> tuple[Feature, ...]:
    """The feature that is shown at a place on the screen; empty if none is.

    A widget says what it shows by `features_at`, `feature_at` or its cards.
    """
    widget = QApplication.widgetAt(where)
    while widget is not None:
        found = _features_of(widget, where)
        if found:
            return found[:1]
        if widget.isWindow():
            break
        widget = widget.parentWidget()
    return ()


def _features_of(widget: Any, where: QPoint) -> tuple[Feature, ...]:
    here = widget.mapFromGlobal(where)
    if hasattr(widget, "features_at"):
        return tuple(widget.features_at(here))
    if hasattr(widget, "index_at") and hasattr(widget, "cards"):
        index = widget.index_at(widget.viewport().mapFromGlobal(where))
        card = widget.cards[index] if index is not None else None
        return (card.feature,) if card is not None and card.feature is not None else ()
    if hasattr(widget, "hit_at"):
        return _of_map(widget, QPointF(here))
    feature = getattr(widget, "feature", None)
    if isinstance(feature, Feature):
        return (feature,)
    edit = getattr(widget, "edit", None)
    return (edit.feature,) if isinstance(edit, Edit) else ()


def _of_map(canvas: Any, position: QPointF) -> tuple[Feature, ...]:
    """The cell of an atlas; the view around the canvas knows what it stands for."""
    hit = canvas.hit_at(position)
    above = canvas.parentWidget()
    while hit is not None and above is not None and shiboken6.isValid(above):
        looking = getattr(above, "looking", None)
        if looking is not None:
            feature = looking.feature_of(looking.of_hit(hit))
            return (feature,) if feature is not None else ()
        above = above.parentWidget()
    return ()
