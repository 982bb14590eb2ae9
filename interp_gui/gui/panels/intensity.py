"""The intensity window of images of more than 8 bits: what becomes black, and what white."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDoubleSpinBox, QPushButton, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.background import Background

if TYPE_CHECKING:
    from interp_gui.core.deep_images import ImageDepth

Window = tuple[float, float]
_MOST = 1e12


class IntensityWindow(QWidget):
    """Two numbers, or none for the full range; only there where it changes anything.

    Signals
    -------
    edited
        The window is another one, by hand.
    wanted_changed
        It appears or goes, because another image is current.
    """

    edited = Signal()
    wanted_changed = Signal(bool)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._depth: ImageDepth | None = None
        self._path = ""
        self._value: Window | None = None
        self._filling = False
        self.low = _number("Becomes black: this value of the image, and all below")
        self.high = _number("Becomes white: this value of the image, and all above")
        self.automatic = QPushButton("Auto")
        self.automatic.setToolTip("From the 1st to the 99th percentile of the current image")
        self.full = QPushButton("Full")
        self.full.setToolTip("The whole range of the file's kind, as without a window")
        self.facts = parts.label(dim=True)
        numbers = parts.row()
        numbers.addWidget(self.low, 1)
        numbers.addWidget(parts.label("to", wrap=False))
        numbers.addWidget(self.high, 1)
        buttons = parts.row()
        buttons.addWidget(self.automatic)
        buttons.addWidget(self.full)
        buttons.addStretch(1)
        column = parts.column(self, spacing=theme.SPACE_S)
        column.addLayout(numbers)
        column.addLayout(buttons)
        column.addWidget(self.facts)
        for box in (self.low, self.high):
            box.valueChanged.connect(self._on_edited)
        self.automatic.clicked.connect(self._propose)
        self.full.clicked.connect(lambda: self._choose(None))
        self._show()

    @property
    def value(self) -> Window | None:
        """Lowest and highest value that are told apart; None for the full range."""
        return self._value

    @property
    def is_wanted(self) -> bool:
        """Whether the current image has more than 8 bits, or a window is set."""
        return self._value is not None or (self._depth is not None and self._depth.windowed)

    def set_value(self, value: Window | None) -> None:
        """Show a window; nothing is emitted."""
        before = self.is_wanted
        self._value = value
        self._show()
        if self.is_wanted != before:
            self.wanted_changed.emit(self.is_wanted)

    def follow(self, path: str | None) -> None:
        """Look at the numbers of another image."""
        if path == self._path:
            return
        self._path = path or ""
        if path is None:
            self._take(None)
            return

        def measure() -> "ImageDepth":
            from interp_gui.core.images import image_depth

            return image_depth(path)

        self._background.run(
            measure, self._take, on_error=lambda _error: self._take(None), key="image-depth"
        )

    def _take(self, depth: "ImageDepth | None") -> None:
        before = self.is_wanted
        self._depth = depth
        self._show()
        if self.is_wanted != before:
            self.wanted_changed.emit(self.is_wanted)

    def _show(self) -> None:
        depth, value = self._depth, self._value
        self._filling = True
        floating = depth is not None and depth.floating
        low, high = value or ((depth.lowest, depth.highest) if depth is not None else (0, 65535))
        for box, number in ((self.low, low), (self.high, high)):
            box.setDecimals(4 if floating or not float(number).is_integer() else 0)
            box.setValue(number)
        self._filling = False
        self.automatic.setEnabled(depth is not None and depth.windowed)
        self.full.setEnabled(value is not None)
        said = "Full range" if value is None else ""
        if depth is not None:
            title = depth.title[0].upper() + depth.title[1:]
            said = f"{title}, values {depth.lowest:g} to {depth.highest:g}" + (
                "; full range" if value is None else ""
            )
        self.facts.setText(said)

    def _on_edited(self) -> None:
        if not self._filling:
            self._value = (self.low.value(), self.high.value())
            self.full.setEnabled(True)
            self.edited.emit()

    def _propose(self) -> None:
        if self._depth is not None:
            low, high = self._depth.proposed
            whole = not self._depth.floating and high - low > 1
            self._choose((float(round(low)), float(round(high))) if whole else (low, high))

    def _choose(self, value: Window | None) -> None:
        if value != self._value:
            self.set_value(value)
            self.edited.emit()


def _number(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setLocale(parts.NUMBERS)
    box.setGroupSeparatorShown(True)
    box.setRange(-_MOST, _MOST)
    box.setDecimals(0)
    box.setKeyboardTracking(False)
    box.setMinimumWidth(60)
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box
