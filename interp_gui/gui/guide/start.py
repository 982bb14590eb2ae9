"""The guided start: six steps on the real interface, which go on when the user does the thing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from interp_gui.gui.guide.callout import Callout, Outline
from interp_gui.gui.guide.steps import Place, Step, steps

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

LOOK_MS = 150
LEAST_PX = 8
"""What is seen of a widget that is narrower counts as hidden."""


class Guide(QObject):
    """Leads through the steps. It only looks: all of the window can be used meanwhile.

    Signals
    -------
    ended
        It was left, or came to its end.
    """

    ended = Signal()

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._steps = steps(window)
        self._at = 0
        self._done: Callable[[], bool] = lambda: False
        self._lost = False
        self._outlines: list[Outline] = []
        self.callout = Callout(window)
        self.callout.next_asked.connect(self.next)
        self.callout.back_asked.connect(self.back)
        self.callout.skip_asked.connect(self.end)
        self.callout.act_asked.connect(self._act)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), window)
        self._escape.activated.connect(self.end)
        self._escape.activatedAmbiguously.connect(self.end)
        # Widgets move for many reasons (docks, splitters, tabs): it looks rather than listens.
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        window.installEventFilter(self)
        window.closed.connect(self.end)
        self._begin(0, by_hand=True)
        self._timer.start()

    @property
    def number(self) -> int:
        """Number of the step, from 1."""
        return self._at + 1

    @property
    def step(self) -> Step:
        """The step that is shown."""
        return self._steps[self._at]

    # --- going on ------------------------------------------------------------------------------

    def next(self) -> None:
        """Go to the next step, or end after the last one."""
        self._forward(by_hand=True)

    def back(self) -> None:
        """Go to the step before."""
        if self._at > 0:
            self._begin(self._at - 1, by_hand=True)

    def end(self) -> None:
        """Take everything away."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        self._window.removeEventFilter(self)
        for outline in self._outlines:
            _remove(outline)
        self._outlines = []
        had_focus = self.callout.isAncestorOf(self._window.focusWidget() or self._window)
        _remove(self.callout)
        self._escape.setEnabled(False)
        self._escape.deleteLater()
        if had_focus:
            self._window.centre.setFocus()
        self.ended.emit()
        self.deleteLater()

    def _forward(self, *, by_hand: bool) -> None:
        if self._at + 1 < len(self._steps):
            self._begin(self._at + 1, by_hand=by_hand)
            return
        self.end()
        self._window.state.notify(
            "success", "That was the guided start.", "Help, Guided start shows it again."
        )

    def _begin(self, at: int, *, by_hand: bool) -> None:
        self._at = at
        step = self.step
        self._done = step.watch()
        self._lost = False
        self.callout.say(self.number, len(self._steps), step.title, step.text)
        self.callout.offer(step.offer)
        self.callout.show()
        self._place()
        if by_hand:  # whoever works in the window keeps the focus there
            self.callout.next.setFocus()

    def _act(self) -> None:
        (self.step.reveal if self._lost else self.step.act)()
        self.look()

    # --- looking -------------------------------------------------------------------------------

    def look(self) -> None:
        """Go on if the user has done the thing; follow what has moved."""
        if not self._window.isVisible():
            self.end()
            return
        if self._done():
            self._forward(by_hand=False)
            return
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._place()
        return False

    def _place(self) -> None:
        """Put outlines around what is seen of the step's widgets, and the callout beside one."""
        step = self.step
        seen = [(widget, rect) for widget, rect in map(_seen, step.places()) if widget is not None]
        self._outline(seen)
        here = [rect for widget, rect in seen if widget is self._window]
        lost = not seen and bool(step.hidden)
        if lost != self._lost:
            self._lost = lost
            self.callout.explain(f"{step.hidden} {step.text}" if lost else step.text)
            self.callout.offer("Show it" if lost else step.offer)
        self.callout.place(here[0] if here else None)

    def _outline(self, seen: list[tuple[QWidget, QRect]]) -> None:
        windows = [widget for widget, _ in seen]
        if [outline.parentWidget() for outline in self._outlines] != windows:
            for outline in self._outlines:
                _remove(outline)
            self._outlines = [Outline(window) for window in windows]
        for outline, (_, rect) in zip(self._outlines, seen, strict=True):
            outline.surround(rect)


def start_guide(window: "MainWindow") -> Guide:
    """Start from the first step, also if it is under way."""
    for running in window.findChildren(Guide):
        running.end()
    return Guide(window)


def _seen(place: Place) -> tuple[QWidget | None, QRect]:
    """The window that a place is seen in and where; None if it is not seen."""
    widget, rect = place
    if not widget.isVisible():
        return None, QRect()
    # not visibleRegion: that leaves out what children paint over
    while not widget.isWindow():
        rect = rect.intersected(widget.rect()).translated(widget.pos())
        parent = widget.parentWidget()
        if parent is None:
            return None, QRect()
        widget = parent
    rect = rect.intersected(widget.rect())
    return (widget, rect) if min(rect.width(), rect.height()) >= LEAST_PX else (None, QRect())


def _remove(widget: QWidget) -> None:
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()
