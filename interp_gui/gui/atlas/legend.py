"""What the colours of a map mean: a scale for amounts, a list for kinds."""

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.atlas.colours import kind_colours, limits
from interp_gui.core.atlas.look import Look
from interp_gui.core.colormaps import colormap
from interp_gui.core.export.numbers import readable
from interp_gui.gui.widgets.pixels import to_image

BAR_PX = 12
SWATCH_PX = 11


class Legend(QWidget):
    """Painted, with all that it says as its description too; nothing to press."""

    accessible_role = "Graphic"

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Legend")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._look = Look()
        self._names: tuple[str, ...] = ()
        self._power = False
        self.hide()

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
        rows = len(self.rows)
        if self._look.categories is not None:
            return QSize(200, max(1, rows) * self._line_px())
        return QSize(200, 2 * self._line_px() + BAR_PX + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        rows = self.rows
        if not rows:
            return
        painter = QPainter(self)
        metrics, line = QFontMetrics(self.font()), self._line_px()
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        title = metrics.elidedText(rows[0], Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(QRect(0, 0, self.width(), line), int(Qt.AlignmentFlag.AlignVCenter), title)
        if self._look.categories is not None:
            self._paint_kinds(painter, line)
        else:
            self._paint_scale(painter, line)
        painter.end()

    def _paint_kinds(self, painter: QPainter, line: int) -> None:
        metrics = QFontMetrics(self.font())
        for at, (name, rgb) in enumerate(
            zip(self._names, kind_colours(len(self._names)), strict=True), start=1
        ):
            top = at * line + (line - SWATCH_PX) // 2
            painter.fillRect(QRect(0, top, SWATCH_PX, SWATCH_PX), QColor(*map(int, rgb)))
            area = QRect(SWATCH_PX + 6, at * line, self.width() - SWATCH_PX - 6, line)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), text)

    def _paint_scale(self, painter: QPainter, line: int) -> None:
        table = colormap("diverging" if self._look.symmetric else "sequential")
        strip: QImage = to_image(table[None])
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        bar = QRect(0, line, self.width(), BAR_PX)
        painter.drawImage(bar, strip)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(bar.adjusted(0, 0, -1, -1))
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        low, high = self._ends()
        below = QRect(0, line + BAR_PX, self.width(), line)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), low)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), high)
        if self._look.symmetric:
            painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), "0")
