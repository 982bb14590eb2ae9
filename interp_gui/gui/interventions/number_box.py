"""A box that takes numbers as people write them, and says what it cannot take."""

import math
import re
from collections.abc import Callable

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QLineEdit

from interp_gui.gui import parts, theme

LIMIT = 1e9
BOX_PX = 68
DECIMALS = 12
"""So many are kept; shown are those that a value has, up to its sixth figure."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def read_number(text: str) -> tuple[float | None, str]:
    """A number that was typed, or None and why it is none.

    A comma is a decimal mark like a point, and exponents are understood; `1,000`, which is one in
    some countries and a thousand in others, is refused rather than guessed.
    """
    plain = text.strip().replace("−", "-")
    if _THOUSANDS.fullmatch(plain):
        return None, f"“{text}” can be read in two ways: write it without a comma."
    plain = plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain
    if not _NUMBER.fullmatch(plain):
        return None, f"“{text}” is not a number."
    value = float(plain)
    if not math.isfinite(value) or abs(value) > LIMIT:
        return None, f"“{text}” is too large: at most {LIMIT:,.0f}."
    return value, ""


class NumberBox(QDoubleSpinBox):
    """A box for any number, written with no more digits than it has.

    What is no number is refused in whole: the value before comes back, with a red frame until
    something else is typed. No character of it is ever left out.

    Signals
    -------
    refused
        Why something typed was not taken; empty once that is over.
    """

    refused = Signal(str)

    def __init__(self, name: str, changed: Callable[[float], object]) -> None:
        super().__init__()
        self._refusal = ""
        self.setLocale(parts.NUMBERS)
        self.setRange(-LIMIT, LIMIT)
        self.setDecimals(DECIMALS)
        self.setSingleStep(0.1)
        self.setKeyboardTracking(False)
        self.setMinimumWidth(BOX_PX)
        self.setMaximumWidth(2 * BOX_PX)
        self.setAccessibleName(name)
        self.setAccessibleDescription(name)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        for edit in self.findChildren(QLineEdit):
            edit.setAcceptDrops(False)  # drags go to the panel
            edit.textEdited.connect(lambda _text: self._refuse(""))
        self.valueChanged.connect(lambda _value: self._refuse(""))
        self.valueChanged.connect(changed)

    @property
    def refusal(self) -> str:
        """Why what was typed last was not taken; empty if it was."""
        return self._refusal

    # --- how numbers are read and written --------------------------------------------------------

    def textFromValue(self, value: float) -> str:
        return f"{value:.{6 if abs(value) < 1000 else 10}g}"

    def valueFromText(self, text: str) -> float:
        bare = self._bare(text)
        if self._is_special(bare):
            return self.minimum()
        if bare == self.textFromValue(self.value()):
            return self.value()  # it may have more digits than are shown
        value, _ = self._read(bare)
        return self.value() if value is None else value

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let everything be typed; what is no number is refused when it is done."""
        bare = self._bare(text)
        taken = self._is_special(bare) or self._read(bare)[0] is not None
        state = QValidator.State.Acceptable if taken else QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """Take the value before instead of what is no number, and say so."""
        _, why = self._read(self._bare(text))
        self._refuse(why)
        return f"{self.prefix()}{self.textFromValue(self.value())}{self.suffix()}"

    def _read(self, bare: str) -> tuple[float | None, str]:
        value, why = read_number(bare)
        if value is not None and not self.minimum() <= value <= self.maximum():
            low, high = (f"{limit:g}" for limit in (self.minimum(), self.maximum()))
            return None, f"“{bare}” is not within {low} and {high}."
        return value, why

    def _is_special(self, bare: str) -> bool:
        return bool(self.specialValueText()) and bare in ("", self.specialValueText())

    def _bare(self, text: str) -> str:
        return text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip("×σ \u00a0")

    def _refuse(self, why: str) -> None:
        if why == self._refusal:
            return
        self._refusal = why
        self.update()
        self.refused.emit(why)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._refusal:  # drawn: a style sheet of its own would leave the number no room
            painter = QPainter(self)
            painter.setPen(theme.level_colour("error", dark=theme.is_dark(self.palette())))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
            painter.end()

    def sizeHint(self) -> QSize:
        # by its range it would be as wide as a billion with six decimals
        return QSize(BOX_PX, super().sizeHint().height())
