"""A widget that looks at a map through a camera, and gets to where one wants to look in time."""

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from interp_gui.gui.atlas.camera import Camera
from interp_gui.gui.theme import is_still

FRAME_MS = 16
STILL_S = 0.1
"""After which a view counts as at rest."""
_SETTLED_MS = 140


class TravellingWidget(QWidget):
    """Moves its camera by the clock, or at once where nothing is to move by itself.

    Signals
    -------
    view_changed
        Another part of the map is seen.
    """

    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = Camera()
        self._moved_s = self._changed_s = 0.0
        self._tick = self._timer(FRAME_MS, self._move_on, repeats=True)
        self._tick.setTimerType(Qt.TimerType.PreciseTimer)
        self._settling = self._timer(_SETTLED_MS, self.update)

    def _timer(self, delay_ms: int, act: object, *, repeats: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(delay_ms)
        timer.setSingleShot(not repeats)
        timer.timeout.connect(act)
        return timer

    @property
    def is_resting(self) -> bool:
        """Whether the view has not changed for a moment."""
        return not self.camera.is_moving and time.perf_counter() - self._changed_s > STILL_S

    @property
    def is_settled(self) -> bool:
        """Whether one will stay at this scale: no fingers are on it."""
        return not self.camera.is_moving and not self._settling.isActive()

    def go_home(self) -> None:
        """Show the whole map."""
        self.camera.go_home()
        self._set_out()

    def zoom_by(self, factor: float) -> None:
        """Zoom about the middle."""
        self.camera.zoom(factor, self.width() / 2, self.height() / 2, snap=True)
        self._set_out()

    def look_at(self, left: float, top: float, right: float, bottom: float) -> None:
        """Go to a rectangle of the map; a small one is seen with what is around it."""
        around = max(self.camera.here.scale, 4 * self.camera.fit_scale)
        least = 0.8 * min(self.width(), self.height()) / around
        more_x, more_y = (max(0.0, least - size) / 2 for size in (right - left, bottom - top))
        self.camera.look_at(left - more_x, top - more_y, right + more_x, bottom + more_y)
        self._set_out()

    def snapshot(self) -> dict[str, float]:
        """Where one looks, for `restore`; holds for windows of any size."""
        return self.camera.snapshot()

    def restore(self, kept: dict[str, float]) -> None:
        """Look where a snapshot was taken."""
        self.camera.restore(kept)
        self._moved()

    def _set_out(self) -> None:
        """Start for the camera's goal, or be there at once where nothing is to move."""
        if is_still() or not self.isVisible():
            self.camera.arrive()
            self._moved()
        elif self.camera.is_moving and not self._tick.isActive():
            self._moved_s = time.perf_counter()
            self._tick.start()

    def _move_on(self) -> None:
        now = time.perf_counter()
        # After a pause the way is not jumped over.
        self.camera.step(min(0.05, now - self._moved_s))
        self._moved_s = now
        if not self.camera.is_moving:
            self._tick.stop()
        self._moved()

    def _moved(self) -> None:
        self._changed_s = time.perf_counter()
        self.update()
        self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.camera.resize(self.width(), self.height())
        self._moved()
