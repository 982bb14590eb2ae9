"""All views of a window: opening, moving, splitting, tearing off and closing them."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QPoint, QRect, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.views.frame import ViewFrame
from interp_gui.gui.views.split_area import Side, SplitArea
from interp_gui.gui.views.tab_group import TabGroup
from interp_gui.gui.views.torn import TornWindow

TORN_PX = (900, 640)


class Desk(QObject):
    """Where the views lie: in the groups of an area, and in windows of their own.

    Parameters
    ----------
    home
        Gives the main window, for torn-off ones.

    Signals
    -------
    activated
        Another `ViewFrame` is the one that is worked with, or None; and whether it came into
        view by that.
    menu_asked
        `ViewFrame` and global position.
    """

    activated = Signal(object, bool)
    menu_asked = Signal(object, QPoint)

    def __init__(
        self, home: Callable[[], QWidget], actions: ActionRegistry, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._home, self._actions = home, actions
        self.area = SplitArea(self._make_group)
        self.windows: list[TornWindow] = []
        self._recent: list[ViewFrame] = []
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)

    def _make_group(self) -> TabGroup:
        group = TabGroup()
        group.fronted.connect(self._on_fronted)
        group.touched.connect(self._on_touched)
        group.menu_asked.connect(self.menu_asked)
        group.close_asked.connect(self.close)
        group.dropped.connect(self._on_dropped)
        group.thrown.connect(self._on_thrown)
        return group

    # --- which views there are -------------------------------------------------------------------

    @property
    def groups(self) -> list[TabGroup]:
        """All groups, those of the area first."""
        return [*self.area.groups, *(window.group for window in self.windows)]

    @property
    def frames(self) -> list[ViewFrame]:
        """All views."""
        return [frame for group in self.groups for frame in group.frames]

    def frame(self, key: str) -> ViewFrame | None:
        """The view of a key."""
        return next((frame for frame in self.frames if frame.key == key), None)

    @property
    def active(self) -> ViewFrame | None:
        """The view that is worked with."""
        return self._recent[0] if self._recent else None

    @property
    def recent(self) -> list[ViewFrame]:
        """All views, those that were worked with last first."""
        rest = [frame for frame in self.frames if frame not in self._recent]
        return [*self._recent, *rest]

    @property
    def active_group(self) -> TabGroup:
        """The group of the active view."""
        return self.group_of(self.active) or self.area.groups[0]

    def group_of(self, frame: ViewFrame | None) -> TabGroup | None:
        """The group that holds a view."""
        return next((group for group in self.groups if frame in group.frames), None)

    def free_key(self, kind: str) -> str:
        """A key that no view of a kind has."""
        taken = {frame.key for frame in self.frames}
        number = 1
        while (key := f"{kind}#{number}" if number > 1 else kind) in taken:
            number += 1
        return key

    # --- which one is worked with ----------------------------------------------------------------

    def activate(self, frame: ViewFrame) -> None:
        """Bring a view to the front and work with it."""
        group = self.group_of(frame)
        if group is None:
            return
        group.setCurrentWidget(frame)
        window = group.window()
        if window in self.windows:
            window.raise_()
        self._note(frame)
        focus = QApplication.focusWidget()
        if focus is None or not frame.isAncestorOf(focus):
            frame.content.setFocus()

    def _note(self, frame: ViewFrame | None, *, came: bool = False) -> None:
        if frame is None or frame is self.active:
            return
        if frame in self._recent:
            self._recent.remove(frame)
        self._recent.insert(0, frame)
        self.activated.emit(frame, came)

    def _on_fronted(self, group: TabGroup) -> None:
        if group.isVisible():
            self._note(group.current_frame, came=True)

    def _on_touched(self, group: TabGroup) -> None:
        self._note(group.current_frame)

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        widget = new
        while widget is not None and not isinstance(widget, ViewFrame):
            widget = widget.parentWidget()
        if isinstance(widget, ViewFrame) and self.group_of(widget) is not None:
            self._note(widget)

    def step(self, by: int) -> None:
        """Activate the next or previous view."""
        frames = self.frames
        if frames:
            at = frames.index(self.active) if self.active in frames else 0
            self.activate(frames[(at + by) % len(frames)])

    # --- moving ----------------------------------------------------------------------------------

    def put(self, frame: ViewFrame, group: TabGroup, *, front: bool = True) -> None:
        """Lay a view into a group."""
        before = self.group_of(frame)
        if before is not None:
            before.take(frame)
        group.add(frame, front=front)
        if front:
            self.activate(frame)
        self._tidy()

    def split(self, frame: ViewFrame, side: Side) -> TabGroup:
        """A new, empty group beside that of a view; a view in a window of its own comes home."""
        group = self.group_of(frame)
        if group not in self.area.groups:
            group = self.area.groups[-1]
        return self.area.split(group, side)

    def beside(self, frame: ViewFrame | None) -> TabGroup:
        """The group beside that of a view; a new one where there is only one."""
        group = self.group_of(frame) or self.area.groups[0]
        return self.area.other(group) or self.area.split(group, "right")

    def tear_off(
        self, frame: ViewFrame, *, where: QPoint | None = None, geometry: QRect | None = None
    ) -> TornWindow:
        """Give a view a window of its own."""
        window = self._make_window(geometry or self._room_for(where))
        self.put(frame, window.group)
        window.show()
        self.activate(frame)
        return window

    def _make_window(self, geometry: QRect) -> TornWindow:
        window = TornWindow(self._home(), self._make_group(), self._actions)
        window.going.connect(self._on_going)
        window.setGeometry(geometry)
        self.windows.append(window)
        return window

    def _room_for(self, where: QPoint | None) -> QRect:
        home = self._home().frameGeometry()
        left_top = where or home.topLeft() + QPoint(60, 60)
        screen = QGuiApplication.screenAt(left_top) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        width, height = min(TORN_PX[0], room.width()), min(TORN_PX[1], room.height())
        left = max(room.left(), min(left_top.x(), room.right() - width))
        top = max(room.top(), min(left_top.y(), room.bottom() - height))
        return QRect(left, top, width, height)

    def bring_home(self, frame: ViewFrame) -> None:
        """Put a torn-off view back into the main window."""
        self.put(frame, self.area.groups[0])

    def is_torn(self, frame: ViewFrame) -> bool:
        """Whether a view has a window of its own."""
        group = self.group_of(frame)
        return any(window.group is group for window in self.windows)

    def _on_going(self, window: TornWindow) -> None:
        for frame in window.group.frames:
            self.bring_home(frame)
        self._end(window)

    def _on_dropped(self, group: TabGroup, key: str, place: str) -> None:
        frame = self.frame(key)
        if frame is None:
            return
        if place == "tabs" or group not in self.area.groups:
            if group is not self.group_of(frame):
                self.put(frame, group)
        elif group.frames != [frame]:
            self.put(frame, self.area.split(group, "right" if place == "right" else "below"))

    def _on_thrown(self, key: str, where: QPoint) -> None:
        frame = self.frame(key)
        if frame is not None:
            self.tear_off(frame, where=where)

    # --- closing ---------------------------------------------------------------------------------

    def close(self, frame: ViewFrame) -> None:
        """Close a view."""
        group = self.group_of(frame)
        if group is not None:
            group.take(frame)
        self._forget(frame)
        frame.end()
        self._tidy()
        front = group.current_frame if group is not None else None
        after = front or (self.recent[0] if self.recent else None)
        if after is not None:
            self.activate(after)
        else:
            self.activated.emit(None, False)

    def clear(self) -> None:
        """Close all views and windows."""
        for frame in self.frames:
            group = self.group_of(frame)
            if group is not None:
                group.take(frame)
            frame.end()
        self._recent.clear()
        self._tidy()

    def _forget(self, frame: ViewFrame) -> None:
        if frame in self._recent:
            self._recent.remove(frame)

    def _tidy(self) -> None:
        self.area.collapse()
        for window in [w for w in self.windows if w.group.count() == 0]:
            self._end(window)

    def _end(self, window: TornWindow) -> None:
        if window in self.windows:
            self.windows.remove(window)
            window.end()

    # --- snapshots -------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All views and where they lie, as JSON can hold it."""
        windows = []
        for window in self.windows:
            area = window.geometry()
            keys = [frame.key for frame in window.group.frames]
            windows.append({"tabs": keys, "at": [area.x(), area.y(), area.width(), area.height()]})
        return {
            "views": [frame.snapshot() for frame in self.frames],
            "area": self.area.tree(),
            "windows": windows,
            "active": self.active.key if self.active is not None else "",
        }

    def arrange(self, found: dict[str, Any], frames: dict[str, ViewFrame]) -> None:
        """Lay new views as a snapshot has them; those that it does not place come first."""
        left = dict(frames)

        def fill(group: TabGroup, tree: dict[str, Any]) -> None:
            keys = tree.get("tabs")
            for key in keys if isinstance(keys, list) else []:
                frame = left.pop(key, None) if isinstance(key, str) else None
                if frame is not None:
                    group.add(frame, front=key == tree.get("front"))

        self.area.rebuild(found.get("area"), fill)
        windows = found.get("windows")
        for entry in windows if isinstance(windows, list) else []:
            geometry = _rect(entry)
            if geometry is not None:
                window = self._make_window(geometry)
                fill(window.group, entry)
                if window.group.count():
                    window.show()
        for frame in left.values():
            self.area.groups[0].add(frame, front=False)
        self._tidy()
        active = found.get("active")
        front = frames.get(active) if isinstance(active, str) else None
        chosen = front or next(iter(self.frames), None)
        if chosen is not None:
            self.activate(chosen)


def _rect(entry: object) -> QRect | None:
    """Geometry of a torn-off window, if it is on a screen that is there."""
    at = entry.get("at") if isinstance(entry, dict) else None
    if not isinstance(at, list) or len(at) != 4 or not all(isinstance(n, int) for n in at):
        return None
    if any(abs(n) > 100_000 for n in at):
        return None
    rect = QRect(at[0], at[1], max(200, at[2]), max(150, at[3]))
    for screen in QGuiApplication.screens():
        seen = screen.availableGeometry().intersected(rect)
        if seen.width() >= 100 and seen.height() >= 60:
            return rect
    return QRect(QPoint(60, 60), rect.size())
