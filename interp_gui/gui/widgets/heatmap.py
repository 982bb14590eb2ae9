"""Values over an image, with a legend in numbers and the value under the cursor."""

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QImage, QMouseEvent, QPainter, QPalette
from PySide6.QtWidgets import QToolTip

from interp_gui.core.colormaps import DEFAULT_OPACITY, apply_colormap, overlay, value_range
from interp_gui.core.export.numbers import readable
from interp_gui.core.result import Heatmap
from interp_gui.gui.widgets.picture import ImageCanvas
from interp_gui.gui.widgets.pixels import to_image

_BAR = 12


class HeatmapView(ImageCanvas[Heatmap]):
    """View of a `heatmap` result."""

    hovered = Signal(str)
    """The value under the cursor in words; empty outside the image."""

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.setMouseTracking(True)
        self._opacity = DEFAULT_OPACITY
        self._legend = QImage()
        self._texts: tuple[str, ...] = ()

    @property
    def opacity(self) -> float:
        """How much the values cover the image, 0 to 1."""
        return self._opacity

    def set_opacity(self, opacity: float) -> None:
        """Cover the image more or less."""
        self._opacity = min(1.0, max(0.0, opacity))
        self.result_changed()

    def result_changed(self) -> None:
        result = self._result
        if result is None:
            return
        blended = overlay(
            result.image, result.values, symmetric=result.symmetric, opacity=self._opacity
        )
        self.set_image(to_image(blended))
        low, high = value_range(result.values, symmetric=result.symmetric)
        ramp = np.linspace(high, low, 128, dtype=np.float32)[:, None]
        name = "diverging" if result.symmetric else "sequential"
        self._legend = to_image(apply_colormap(ramp, name, low, high))
        middle = (low + high) / 2
        self._texts = tuple(readable(v) for v in (high, middle, low))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 90)

    def image_area(self) -> QRect:
        return self.rect().adjusted(0, 0, -self._legend_width(), 0)

    def _legend_width(self) -> int:
        if not self._texts or self.width() < 160:
            return 0
        metrics = QFontMetrics(self.font())
        return _BAR + 14 + max(metrics.horizontalAdvance(text) for text in self._texts)

    def paint_over(self, painter: QPainter, shown: QRect) -> None:
        """Draw the legend beside the image."""
        if not self._legend_width():
            return
        metrics = QFontMetrics(self.font())
        bar = QRect(shown.right() + 7, shown.top(), _BAR, shown.height())
        painter.drawImage(bar, self._legend)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        ascent, last = metrics.ascent(), shown.bottom() - metrics.descent()
        heights = (shown.top() + ascent, shown.center().y() + ascent // 2, last)
        for text, y in zip(self._texts, heights, strict=True):
            painter.drawText(bar.right() + 5, y, text)

    def value_at(self, position: QPoint) -> float | None:
        """The value under a position of the widget."""
        where = self.to_fraction(position)
        if where is None or self._result is None or not self._result.values.size:
            return None
        height, width = self._result.values.shape
        return float(self._result.values[int(where[0] * height), int(where[1] * width)])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position().toPoint()
        value = self.value_at(position)
        text = ""
        if value is not None and self._result is not None:
            text = f"{readable(value)} {self._result.unit}".strip()
        self.hovered.emit(text)
        if event.buttons() == Qt.MouseButton.NoButton:
            QToolTip.showText(event.globalPosition().toPoint(), text, self)
        super().mouseMoveEvent(event)
