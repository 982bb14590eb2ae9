"""What the colours of a map mean: a scale for amounts, a list for kinds."""

import numpy as np
from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.atlas.colours import kind_colours, limits
from interp_gui.core.atlas.look import Look
from interp_gui.core.colormaps import colormap
from interp_gui.core.export.numbers import readable
from interp_gui.gui.widgets.pixels import to_image

PAD_PX = 6
WIDEST_PX = 210
BAR_PX = 12
SWATCH_PX = 11


class Legend(QWidget):
    """Stands beside the map; all that it paints is its description too."""

    accessible_role = "Graphic"

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Legend")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._look = Look()
        self._names: tuple[str, ...] = ()
        self._power = False
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def show_look(self, look: Look, names: tuple[str, ...] = (), *, power: bool = False) -> None:
        """Tell of a look's colours.

        Parameters
        ----------
        names
            Of its kinds.
        power
            Whether its values are logarithms to base ten of what is to be told.
        """
        self._look, self._names, self._power = look, names, power
        self.setVisible(bool(self.rows))
        self.setAccessibleDescription("; ".join(self.rows))
        self.updateGeometry()
        self.update()

    @property
    def rows(self) -> tuple[str, ...]:
        """What it says, line by line; empty where nothing is coloured."""
        look = self._look
        if look.categories is not None:
            return (look.legend, *self._names) if self._names else ()
        if look.values is None or not np.isfinite(look.values).any():
            return ()
        return (look.legend, *self._ends())

    def _ends(self) -> tuple[str, str]:
        low, high = limits(self._look)
        if self._power:
            low, high = 10.0**low, 10.0**high
        return readable(low), readable(high)

    def _line_px(self) -> int:
        return QFontMetrics(self.font()).height() + 3

    def sizeHint(self) -> QSize:
        rows, metrics = self.rows, QFontMetrics(self.font())
        widest = max((metrics.horizontalAdvance(row) for row in rows), default=0)
        if self._look.categories is not None:
            width, height = widest + SWATCH_PX + 8, max(1, len(rows)) * self._line_px()
        else:
            width, height = max(150, widest + 2), 2 * self._line_px() + BAR_PX + 2
        return QSize(min(WIDEST_PX, width) + 2 * PAD_PX, height + 2 * PAD_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        rows = self.rows
        if not rows:
            return
        painter = QPainter(self)
        metrics, line = QFontMetrics(self.font()), self._line_px()
        ground = self.palette().color(QPalette.ColorRole.Base)
        ground.setAlpha(225)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.translate(PAD_PX, PAD_PX)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        title = metrics.elidedText(rows[0], Qt.TextElideMode.ElideRight, self._inner_px)
        area = QRect(0, 0, self._inner_px, line)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), title)
        if self._look.categories is not None:
            self._paint_kinds(painter, line)
        else:
            self._paint_scale(painter, line)
        painter.end()

    @property
    def _inner_px(self) -> int:
        return self.width() - 2 * PAD_PX

    def _paint_kinds(self, painter: QPainter, line: int) -> None:
        metrics = QFontMetrics(self.font())
        for at, (name, rgb) in enumerate(
            zip(self._names, kind_colours(len(self._names)), strict=True), start=1
        ):
            top = at * line + (line - SWATCH_PX) // 2
            painter.fillRect(QRect(0, top, SWATCH_PX, SWATCH_PX), QColor(*map(int, rgb)))
            area = QRect(SWATCH_PX + 6, at * line, self._inner_px - SWATCH_PX - 6, line)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), text)

    def _paint_scale(self, painter: QPainter, line: int) -> None:
        table = colormap("diverging" if self._look.symmetric else "sequential")
        strip: QImage = to_image(table[None])
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        bar = QRect(0, line, self._inner_px, BAR_PX)
        painter.drawImage(bar, strip)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar.adjusted(0, 0, -1, -1))
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        low, high = self._ends()
        below = QRect(0, line + BAR_PX, self._inner_px, line)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), low)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), high)
        if self._look.symmetric:
            painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), "0")
