"""One watched image: its thumbnail, its answer before and after, and what became of the Target."""

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRect, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QApplication, QMenu, QSizePolicy, QWidget

from interp_gui.core.export.numbers import readable
from interp_gui.core.interventions import comparing
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.gui import theme
from interp_gui.gui.output.watched import WATCHED_MIME_TYPE
from interp_gui.gui.panels.images.table import file_name
from interp_gui.gui.widgets.bars import NEGATIVE, POSITIVE

PICTURE_PX = 44
MARGIN_PX = 5
BAR_PX = 6


class WatchedCard(QWidget):
    """A card that can be opened, moved and removed.

    Signals
    -------
    opened
        Its image is to be shown.
    removed
        It is to be watched no longer.
    moved
        It is to go so many places on.
    """

    opened = Signal(str)
    removed = Signal(str)
    moved = Signal(str, int)

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.result: Intervention | None = None
        self.edited = False
        self.stale = False
        self.problem = ""
        self.most = 0.0
        self.picture: QPixmap | None = None
        self.is_current = False
        self._pressed: QPoint | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_answer(
        self, result: Intervention | None, *, edited: bool, stale: bool, most: float
    ) -> None:
        """Adopt an answer.

        Parameters
        ----------
        edited
            Whether edits are in force: without, only what it is now is shown.
        stale
            Whether it is one of other edits: what was before them is as it was.
        most
            Largest change of the Target among all cards, the length of the longest bar.
        """
        if stale or not edited:
            most = 0.0  # no bar is shown
        now = (self.edited, self.stale, self.most)
        if result is self.result and now == (edited, stale, most):
            return
        self.result, self.edited, self.stale, self.most = result, edited, stale, most
        self._tell()
        self.update()

    def set_problem(self, problem: str) -> None:
        """Say why there is no answer; empty for none."""
        if problem != self.problem:
            self.problem = problem
            self._tell()
            self.update()

    @property
    def flipped(self) -> bool:
        """Whether the edits made it another class."""
        shown = self.result is not None and self.edited and not self.stale
        return shown and self.result is not None and comparing.flipped(self.result)

    @property
    def answer(self) -> str:
        """The first line: what is answered."""
        if self.problem:
            return self.problem
        if self.result is None:
            return "…"
        if self.result.problem:
            return self.result.problem
        if self.edited and not self.stale:
            return comparing.answer_words(self.result)
        return _before_words(self.result)

    @property
    def change(self) -> float | None:
        """Change of the Target, None where there is none to show."""
        if self.result is None or not self.edited or self.stale:
            return None
        return comparing.target_change(self.result)

    @property
    def figures(self) -> str:
        """The second line: the Target."""
        if self.result is None or self.problem:
            return file_name(self.path)
        if self.change is not None:
            return comparing.change_words(self.result)
        value = self.result.target_before
        return file_name(self.path) if value is None else readable(value)

    def _tell(self) -> None:
        name = file_name(self.path)
        flip = " Another class than before." if self.flipped else ""
        self.setAccessibleName(name)
        self.setAccessibleDescription(f"{self.answer}. {self.figures}.{flip}")
        title = self.result.target_title if self.result is not None else ""
        lines = [name, self.answer, f"{title}: {self.figures}" if title else "", flip.strip()]
        self.setToolTip("\n".join(filter(None, lines)))

    # --- painting --------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        lines = 2 * QFontMetrics(self.font()).height() + BAR_PX + 4
        return QSize(170, max(PICTURE_PX, lines) + 2 * MARGIN_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, metrics = self.palette(), QFontMetrics(self.font())
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        high = colours.color(QPalette.ColorRole.Highlight)
        edge = QColor(NEGATIVE) if self.flipped else colours.color(QPalette.ColorRole.Mid)
        painter.setPen(QPen(edge, 1.5 if self.flipped else 1))
        painter.setBrush(colours.color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(frame, 4, 4)
        if self.hasFocus() or self.is_current:
            painter.setPen(QPen(high, 2 if self.hasFocus() else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame, 4, 4)
        top = (self.height() - PICTURE_PX) // 2
        self._paint_picture(painter, QRect(MARGIN_PX, top, PICTURE_PX, PICTURE_PX))
        left = PICTURE_PX + 2 * MARGIN_PX
        room = QRect(left, MARGIN_PX, self.width() - left - MARGIN_PX, metrics.height())
        dim = theme.dim_colour(colours)
        text = colours.color(QPalette.ColorRole.WindowText)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        bold = self.font()
        bold.setBold(self.flipped)
        painter.setFont(bold)
        painter.setPen(dim if self.stale or self.problem else text)
        words = QFontMetrics(bold).elidedText(
            self.answer, Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawText(room, middle, words)
        painter.setFont(self.font())
        painter.setPen(dim)
        room.translate(0, metrics.height())
        painter.drawText(
            room, middle,
            metrics.elidedText(self.figures, Qt.TextElideMode.ElideRight, room.width()),
        )  # fmt: skip
        if self.change is not None:
            self._paint_bar(painter, QRect(left, room.bottom() + 3, room.width(), BAR_PX))
        painter.end()

    def _paint_picture(self, painter: QPainter, area: QRect) -> None:
        if self.picture is not None and not self.picture.isNull():
            ratio = self.picture.devicePixelRatio()
            size = (self.picture.size() / ratio).scaled(
                area.size(), Qt.AspectRatioMode.KeepAspectRatio
            )
            place = QRect(QPoint(), size)
            place.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, self.picture)
            return
        from interp_gui.gui import icons

        name = "broken-image" if self.problem else "image"
        side = min(area.width(), 24)
        place = QRect(0, 0, side, side)
        place.moveCenter(area.center())
        painter.drawPixmap(place, icons.draw(name, place.size(), theme.dim_colour(self.palette())))

    def _paint_bar(self, painter: QPainter, area: QRect) -> None:
        """The change of the Target from the middle: to the right more, to the left less."""
        track = QColor(self.palette().color(QPalette.ColorRole.Mid))
        track.setAlpha(50)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(track)
        painter.drawRoundedRect(area, 2, 2)
        change = self.change
        if change is None or change != change or self.most <= 0:
            return
        half = area.width() / 2
        length = min(1.0, abs(change) / self.most) * half
        middle = area.left() + half
        painter.setBrush(POSITIVE if change >= 0 else NEGATIVE)
        left = middle if change >= 0 else middle - length
        painter.drawRect(QRectF(left, area.top(), max(1.0, length), area.height()))

    # --- mouse and keyboard ----------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        moved = event.position().toPoint() - self._pressed
        if moved.manhattanLength() >= QApplication.startDragDistance():
            self._pressed = None
            self._drag()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and self.rect().contains(event.position().toPoint()):
            self.opened.emit(self.path)
        self._pressed = None

    def _drag(self) -> None:
        mime = QMimeData()
        mime.setData(WATCHED_MIME_TYPE, self.path.encode())
        mime.setUrls([QUrl.fromLocalFile(self.path)])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.setPixmap(self.grab())
        drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Right: 1}
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(self.path)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(self.path)
        elif key in steps and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.moved.emit(self.path, steps[key])
        elif key in steps:
            self.focusNextPrevChild(steps[key] > 0)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("&Open image", lambda: self.opened.emit(self.path))
        menu.addAction("Move &up", lambda: self.moved.emit(self.path, -1))
        menu.addAction("Move &down", lambda: self.moved.emit(self.path, 1))
        menu.addAction("&Watch no longer", lambda: self.removed.emit(self.path))
        menu.popup(event.globalPos())


def _before_words(result: Intervention) -> str:
    """What is answered without edits."""
    if comparing.has_classes(result):
        top = comparing.top_of(result.before)
        if top is None:
            return "not a number"
        shares = comparing.probabilities(result, top)
        name = result.labels[top] if top < len(result.labels) else str(top)
        return name if shares is None else f"{name} {shares[0]:.1%}"
    if result.target_before is not None:
        return f"{result.target_title} {readable(result.target_before)}"
    return file_name(result.image)
