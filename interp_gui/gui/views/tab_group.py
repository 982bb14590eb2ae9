"""One group of tabs: what the centre is split into, and what a torn-off window holds."""

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QRubberBand, QTabBar, QTabWidget, QWidget

from interp_gui.core.feature import MIME_TYPE
from interp_gui.gui import icons, parts
from interp_gui.gui.dragging.drop_hint import DropHint
from interp_gui.gui.views.frame import ViewFrame
from interp_gui.gui.views.pin_menu import PinButton

VIEW_MIME = "application/x-interp-gui-view"
EMPTY = "No view is open. Press Ctrl+1, Ctrl+2 or Ctrl+3, or choose one from the View menu."
OUT_PX = 28
"""How far from the bar a tab is drawn before it leaves it."""


class TabGroup(QTabWidget):
    """Tabs over views.

    Signals
    -------
    fronted
        This group: another of its views is in front.
    touched
        This group: one of its tabs was clicked.
    menu_asked
        `ViewFrame` and global position.
    close_asked
        `ViewFrame`.
    dropped
        This group, the key of a view that was dropped on it, and where: `tabs`, `right`, `below`.
    thrown
        Key of a view that was dropped outside of all windows, and the global position.
    """

    accessible_role = "LayeredPane"
    fronted = Signal(object)
    touched = Signal(object)
    menu_asked = Signal(object, QPoint)
    close_asked = Signal(object)
    dropped = Signal(object, str, str)
    thrown = Signal(str, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.setDocumentMode(True)
        self.setMovable(True)
        self.setAcceptDrops(True)
        self.setAccessibleName("Views")
        self.setAccessibleDescription("Views of the current model, one in front")
        self.setUsesScrollButtons(True)
        bar = ViewBar(self)
        self.setTabBar(bar)
        bar.setAccessibleName("Views")
        bar.setAccessibleDescription(
            "Choose the view in front; the menu of a tab splits and closes it"
        )
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        bar.customContextMenuRequested.connect(self._on_menu)
        bar.tabBarClicked.connect(lambda _at: self.touched.emit(self))
        self.pin = PinButton()
        self.more = parts.icon_button("split", "Split, move or close this view", self._on_more)
        corner = QWidget()
        row = parts.row(spacing=0)
        corner.setLayout(row)
        row.addWidget(self.pin)
        row.addWidget(self.more)
        self.setCornerWidget(corner)
        self._empty = parts.label(EMPTY, dim=True)
        self._empty.setParent(self)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setAutoFillBackground(True)
        self._mark: QRubberBand | None = None
        self.currentChanged.connect(self._on_current)
        self._on_current(-1)

    # --- contents --------------------------------------------------------------------------------

    def tabInserted(self, index: int) -> None:
        super().tabInserted(index)
        self._empty.hide()

    def tabRemoved(self, index: int) -> None:
        super().tabRemoved(index)
        self._empty.setVisible(self.count() == 0)
        self._empty.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._empty.setGeometry(self.rect())

    @property
    def frames(self) -> list[ViewFrame]:
        """Its views, in the order of the tabs."""
        found = (self.widget(i) for i in range(self.count()))
        return [frame for frame in found if isinstance(frame, ViewFrame)]

    @property
    def current_frame(self) -> ViewFrame | None:
        """The view in front."""
        frame = self.currentWidget()
        return frame if isinstance(frame, ViewFrame) else None

    def add(self, frame: ViewFrame, *, front: bool = True) -> None:
        """Append a view."""
        at = self.addTab(frame, icons.icon(frame.icon_name), frame.title)
        frame.named.connect(self._on_named)
        close = parts.icon_button("close", f"Close {frame.title}", size_px=12)
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close.clicked.connect(lambda: self.close_asked.emit(frame))
        self.tabBar().setTabButton(at, QTabBar.ButtonPosition.RightSide, close)
        self.name(frame)
        if front:
            self.setCurrentIndex(at)

    def take(self, frame: ViewFrame) -> None:
        """Let a view go, without deleting it."""
        frame.named.disconnect(self._on_named)
        self.removeTab(self.indexOf(frame))

    def name(self, frame: ViewFrame) -> None:
        """Show title, icon and pins of a view."""
        at = self.indexOf(frame)
        self.setTabText(at, frame.title.replace("&", "&&"))
        self.setTabIcon(at, icons.icon(frame.icon_name))
        pinned = f"Pinned: {frame.pin_text}" if frame.state.pinned else ""
        self.setTabToolTip(at, pinned or "Follows what is current")

    def _on_named(self) -> None:
        for frame in self.frames:
            self.name(frame)

    def _on_current(self, at: int) -> None:
        frame = self.current_frame
        self.pin.set_state(frame.state if frame is not None else None)
        self.more.setEnabled(frame is not None)
        self.fronted.emit(self)

    def _on_menu(self, where: QPoint) -> None:
        frame = self.widget(self.tabBar().tabAt(where))
        if isinstance(frame, ViewFrame):
            self.menu_asked.emit(frame, self.tabBar().mapToGlobal(where))

    def _on_more(self) -> None:
        if self.current_frame is not None:
            where = self.more.mapToGlobal(self.more.rect().bottomLeft())
            self.menu_asked.emit(self.current_frame, where)

    # --- dragging views --------------------------------------------------------------------------

    def drag(self, frame: ViewFrame) -> None:
        """Carry a view to another group, or out of the window."""
        data = QMimeData()
        data.setData(VIEW_MIME, frame.key.encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(self._picture(frame))
        action = drag.exec(Qt.DropAction.MoveAction)
        where = self.cursor().pos()
        outside = QApplication.widgetAt(where) is None
        if action == Qt.DropAction.IgnoreAction and outside:
            self.thrown.emit(frame.key, where)

    def _picture(self, frame: ViewFrame) -> QPixmap:
        return self.tabBar().grab(self.tabBar().tabRect(self.indexOf(frame)))

    def place_at(self, where: QPoint) -> str:
        """What a view that is dropped there becomes."""
        body = self.rect().adjusted(0, self.tabBar().height(), 0, 0)
        if not body.contains(where):
            return "tabs"
        if where.x() > body.left() + body.width() * 2 // 3:
            return "right"
        return "below" if where.y() > body.top() + body.height() * 2 // 3 else "tabs"

    def _area(self, place: str) -> QRect:
        area = self.rect()
        if place == "right":
            return area.adjusted(area.width() // 2, 0, 0, 0)
        return area.adjusted(0, area.height() // 2, 0, 0) if place == "below" else area

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.dragMoveEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if not event.mimeData().hasFormat(VIEW_MIME):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()
        if self._mark is None:
            self._mark = QRubberBand(QRubberBand.Shape.Rectangle, self)
        self._mark.setGeometry(self._area(self.place_at(event.position().toPoint())))
        self._mark.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._unmark()

    def dropEvent(self, event: QDropEvent) -> None:
        self._unmark()
        key = bytes(event.mimeData().data(VIEW_MIME).data()).decode(errors="replace")
        if key:
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
            self.dropped.emit(self, key, self.place_at(event.position().toPoint()))

    def _unmark(self) -> None:
        if self._mark is not None:
            self._mark.hide()


class ViewBar(QTabBar):
    """Tabs that can be drawn out, and that come to the front below a feature carried over them.

    A feature that is dropped on a tab is dropped on its view.
    """

    def __init__(self, group: TabGroup) -> None:
        super().__init__(group)
        self._group = group
        self._pressed: ViewFrame | None = None
        self._hint: DropHint | None = None
        self.setAcceptDrops(True)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        frame = self._group.widget(self.tabAt(event.position().toPoint()))
        left = event.button() == Qt.MouseButton.LeftButton
        self._pressed = frame if left and isinstance(frame, ViewFrame) else None
        if event.button() == Qt.MouseButton.MiddleButton and isinstance(frame, ViewFrame):
            self._group.close_asked.emit(frame)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = event.position().toPoint()
        reach = self.rect().adjusted(-OUT_PX, -OUT_PX, OUT_PX, OUT_PX)
        if self._pressed is None or reach.contains(where):
            super().mouseMoveEvent(event)
            return
        frame, self._pressed = self._pressed, None
        # Qt moves tabs within the bar by itself: it must believe that the button is up.
        super().mouseReleaseEvent(
            QMouseEvent(
                QEvent.Type.MouseButtonRelease, event.position(), event.globalPosition(),
                Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, event.modifiers(),
            )
        )  # fmt: skip
        self._group.drag(frame)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        super().mouseReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.dragMoveEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Bring the tab below a feature to the front.

        Qt's own way (`setChangeCurrentOnDrag`) sees only the first tab that is passed.
        """
        data = event.mimeData()
        if data.hasFormat(MIME_TYPE):
            at = self.tabAt(event.position().toPoint())
            if at >= 0:
                self.setCurrentIndex(at)
            self._aim(event, at)
            event.accept()
        elif data.hasFormat(VIEW_MIME):
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        key = bytes(event.mimeData().data(VIEW_MIME).data()).decode(errors="replace")
        if key:
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
            self._group.dropped.emit(self._group, key, "tabs")
        elif self._hint is not None:
            hint, self._hint = self._hint, None
            drop = QDropEvent(
                hint.watched.rect().center().toPointF(), event.possibleActions(),
                event.mimeData(), event.buttons(), event.modifiers(),
            )  # fmt: skip
            hint.pass_on(drop)
            event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._leave()

    def _aim(self, event: QDragMoveEvent, at: int) -> None:
        """Let the view of a tab say what dropping a feature on it does."""
        frame = self._group.widget(at)
        found = None
        if isinstance(frame, ViewFrame) and frame.content.isEnabled():
            found = frame.content.findChild(DropHint)
        hint = found if isinstance(found, DropHint) else None
        if hint is self._hint:
            return
        self._leave()
        self._hint = hint
        if hint is not None:
            enter = QDragEnterEvent(
                hint.watched.rect().center(), event.possibleActions(), event.mimeData(),
                event.buttons(), event.modifiers(),
            )  # fmt: skip
            hint.pass_on(enter)

    def _leave(self) -> None:
        hint, self._hint = self._hint, None
        if hint is not None:
            hint.pass_on(QDragLeaveEvent())
