"""The effect of an edit among those of its controls, drawn on one line."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.gui import theme
from interp_gui.gui.interventions.told import percentile_words, signed

HEIGHT_PX = 20
EDGE_PX = 7


class EffectStrip(QWidget):
    """A stroke for each control, a dot for the edit, and where zero is."""

    accessible_role = "Chart"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._effect: EditEffect | None = None
        self.setAccessibleName("Effect beside random features")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_effect(self, effect: EditEffect | None) -> None:
        """Show another effect; nothing where there are no controls."""
        self._effect = effect
        shown = effect is not None and effect.effect is not None and bool(effect.controls)
        self.setVisible(shown)
        if shown and effect is not None:
            values = effect.controls
            words = (
                f"This edit {signed(effect.effect or 0.0)}; "
                f"random features {signed(min(values))} to {signed(max(values))}. "
                f"{percentile_words(effect)}."
            )
            self.setAccessibleDescription(words)
            self.setToolTip(
                f"{words}\nEach stroke is another, random feature of the layer in its place, "
                "changed by exactly as much."
            )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    def place_of(self, value: float) -> float:
        """Where a value is drawn, in pixels from the left."""
        effect = self._effect
        values = [0.0, *(effect.controls if effect else ()), (effect.effect if effect else 0) or 0]
        low, high = min(values), max(values)
        span = high - low or 1.0
        return EDGE_PX + (value - low) / span * max(1, self.width() - 2 * EDGE_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        effect = self._effect
        if effect is None or effect.effect is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, middle = self.palette(), self.height() / 2
        line = QColor(palette.color(QPalette.ColorRole.Mid))
        painter.setPen(QPen(line, 1))
        painter.drawLine(QPointF(EDGE_PX, middle), QPointF(self.width() - EDGE_PX, middle))
        zero = self.place_of(0.0)
        painter.setPen(QPen(theme.dim_colour(palette), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(zero, 1), QPointF(zero, self.height() - 1))
        stroke = QColor(theme.dim_colour(palette))
        stroke.setAlpha(150)
        painter.setPen(QPen(stroke, 1.5))
        for value in effect.controls:
            x = self.place_of(value)
            painter.drawLine(QPointF(x, middle - 4), QPointF(x, middle + 4))
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Base), 1))
        painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
        x = self.place_of(effect.effect)
        painter.drawEllipse(QRectF(x - 4.5, middle - 4.5, 9, 9))
        painter.end()
