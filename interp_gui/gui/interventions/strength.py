"""How strong an edit is: a slider for the usual, a box for anything, and what images have."""

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSlider, QWidget

from interp_gui.core.edit import Edit
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.gui import parts, theme
from interp_gui.gui.interventions.number_box import LIMIT, NumberBox
from interp_gui.gui.interventions.words import SIGMA, readable

STEPS = 400
"""Of a slider from end to end."""
_SCALE, _STEER = (-2.0, 4.0), (-10.0, 10.0)
Range = tuple[float, float]


def observed(edit: Edit, known: FeatureStatistics | None) -> Range | None:
    """Strengths that bring a feature of average value no further than any image has it.

    Of the feature's first direction; None where that is not known, or has no bounds.
    """
    if known is None or not known.mean or edit.kind not in ("scale", "add"):
        return None
    mean, low, high = known.mean[0], known.low[0], known.high[0]
    if edit.kind == "add":
        step = edit.deviation[0] if edit.deviation else 1.0
        return ((low - mean) / step, (high - mean) / step) if step > 0 else None
    if mean == 0:
        return None
    first, second = low / mean, high / mean
    return (min(first, second), max(first, second))


def range_words(edit: Edit, known: FeatureStatistics | None) -> tuple[str, bool]:
    """What images have, in words, and whether the edit goes beyond it."""
    if known is None or not known.low:
        return "", False
    images = f"{known.images:,} image{'' if known.images == 1 else 's'}"
    if edit.kind == "clamp":
        low, high = readable(known.low[0]), readable(known.high[0])
        return f"{images} have {low} to {high}.", False
    within = observed(edit, known)
    if within is None:
        return "", False
    slack = 1e-9 * max(1.0, abs(within[0]), abs(within[1]))
    beyond = not within[0] - slack <= edit.amount <= within[1] + slack
    if beyond:
        return f"Brings an average value beyond any observed in {images}.", True
    return f"Keeps an average value within what {images} have.", False


class MarkedSlider(QSlider):
    """A slider beneath which the range that was observed is marked."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._span: Range = (0.0, 1.0)
        self._within: Range | None = None
        self.is_beyond = False
        self.setRange(0, STEPS)
        self.setPageStep(STEPS // 20)

    def set_marks(self, span: Range, within: Range | None, *, beyond: bool) -> None:
        """Say what the ends are, what was observed, and whether the value lies beyond that."""
        self._span, self._within, self.is_beyond = span, within, beyond
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(60, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._within is not None:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            left, right = (self._place(value) for value in self._within)
            colour = QColor(theme.level_colour(
                "warning" if self.is_beyond else "success", dark=theme.is_dark(self.palette())
            ))  # fmt: skip
            colour.setAlpha(150)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRoundedRect(
                QRectF(left, self.height() - 3, max(2.0, right - left), 3), 1.5, 1.5
            )
            painter.end()
        super().paintEvent(event)

    def _place(self, value: float) -> float:
        low, high = self._span
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return 6 + share * (self.width() - 12)


class StrengthEditor(QWidget):
    """Slider and box of one edit that is scaled or steered; two boxes of one that is limited.

    Signals
    -------
    changed
        Values by name, of `core.edit.Edit`, and whether more follow (the slider is held).
    settled
        The slider was let go.
    refused
        What was typed was not taken, or that is over.
    """

    changed = Signal(dict, bool)
    settled = Signal()
    refused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = ""
        self._span: Range = _SCALE
        self._is_showing = False
        self.slider = MarkedSlider()
        self.slider.setAccessibleName("Strength")
        self.box = NumberBox("Strength, as a number", self._on_box)
        self.low = NumberBox("Lower limit", lambda v: self._on_limit("low", v))
        self.high = NumberBox("Upper limit", lambda v: self._on_limit("high", v))
        for box in (self.low, self.high):
            box.setMinimum(-LIMIT)
            box.setSpecialValueText("no limit")
            box.setToolTip(f"{box.accessibleName()}; the lowest value stands for no limit")
        self.until = parts.label("to", dim=True, wrap=False)
        row = parts.row()
        self.setLayout(row)
        for widget, stretch in (
            (self.slider, 1), (self.box, 0), (self.low, 1), (self.until, 0), (self.high, 1),
        ):  # fmt: skip
            row.addWidget(widget, stretch)
        self.words = parts.label(dim=True)
        """What images have; it stands below, in the layout of whoever shows the editor."""
        self.refusal = parts.label()
        """Why what was typed was not taken; it stands below, too."""
        self.refusal.hide()
        for small in (self.words, self.refusal):
            small.setFont(theme.small_font(self.font()))
        for box in (self.box, self.low, self.high):
            box.refused.connect(self._on_refused)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(self.settled)

    @property
    def is_held(self) -> bool:
        """Whether the slider is being dragged."""
        return self.slider.isSliderDown()

    def show_edit(self, edit: Edit, known: FeatureStatistics | None) -> None:
        """Show the values of an edit; a slider that is held stays where it is."""
        self._is_showing = True
        limits = edit.kind == "clamp"
        for part in (self.low, self.until, self.high):
            part.setVisible(limits)
        for other in (self.slider, self.box):
            other.setVisible(not limits)
        if limits:
            self.low.setValue(-LIMIT if edit.low is None else edit.low)
            self.high.setValue(-LIMIT if edit.high is None else edit.high)
        else:
            self._show_amount(edit, known)
        text, beyond = range_words(edit, known)
        self.words.setText(f"⚠ {text}" if beyond else text)
        self.words.setProperty("dim", not beyond)
        colour = theme.level_colour("warning", dark=theme.is_dark(self.palette())).name()
        parts.restyle(self.words, f"color: {colour}" if beyond else "")
        self._is_showing = False

    def _show_amount(self, edit: Edit, known: FeatureStatistics | None) -> None:
        span = _SCALE if edit.kind == "scale" else _STEER
        if edit.kind == "add" and not edit.deviation and known is not None and known.high:
            reach = max(1.0, *(abs(value) for value in (*known.low, *known.high)))
            span = (-2 * reach, 2 * reach)
        if edit.kind != self._kind or not self.is_held:
            self._kind, self._span = edit.kind, span
        unit = f" {SIGMA}" if edit.kind == "add" and edit.deviation else ""
        self.box.setSuffix(unit)
        self.box.setPrefix("× " if edit.kind == "scale" else "")
        words = {"scale": "Factor", "add": "Steering strength"}.get(edit.kind, "Strength")
        if unit:
            words += " in standard deviations over the images at hand"
        self.slider.setAccessibleDescription(words)
        self.slider.setToolTip(words)
        self.box.setAccessibleDescription(words)
        self.box.setToolTip(words)
        self.box.setValue(edit.amount)
        if not self.is_held:
            low, high = self._span
            self.slider.setValue(round((edit.amount - low) / (high - low) * STEPS))
        _, beyond = range_words(edit, known)
        self.slider.set_marks(self._span, observed(edit, known), beyond=beyond)

    def _on_slider(self, value: int) -> None:
        if not self._is_showing:
            low, high = self._span
            amount = low + (high - low) * value / STEPS
            self.changed.emit({"amount": round(amount, 4)}, True)

    def _on_box(self, value: float) -> None:
        if not self._is_showing and math.isfinite(value):
            self.changed.emit({"amount": value}, False)

    def _on_refused(self, why: str) -> None:
        colour = theme.level_colour("error", dark=theme.is_dark(self.palette())).name()
        parts.restyle(self.refusal, f"color: {colour}")
        self.refusal.setText(why)
        self.refusal.setVisible(bool(why))
        self.refused.emit()

    def _on_limit(self, name: str, value: float) -> None:
        if not self._is_showing:
            self.changed.emit({name: None if value <= -LIMIT else value}, False)
