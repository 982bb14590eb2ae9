"""How images become the model's input: shown, changed, and seen on the current image."""

from functools import partial
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QWidget,
)

from interp_gui.core.errors import InterpError, InvalidValue
from interp_gui.core.model import Preprocessing
from interp_gui.gui import parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.panels.intensity import IntensityWindow
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.wheel import calm_wheel

SEEN_PX = 160
_RULES = {
    "shorter": "Shorter side to", "exact": "Stretch to size", "square": "Stretch to a square of",
    "none": "Do not resize",
}  # fmt: skip
_CHANNELS = {"RGB": "RGB", "BGR": "BGR", "L": "Grey", "planes": "Planes of the file"}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


class PreprocessingForm(QWidget):
    """A form over a `Preprocessing`; nothing changes before Apply.

    Signals
    -------
    applied
        The Preprocessing that the user wants.
    """

    applied = Signal(object)

    def __init__(self, state: AppState, background: Background) -> None:
        super().__init__()
        self._state = state
        self._background = background
        self._original: dict[str, Preprocessing] = {}
        self._filling = False
        self.resize_rule = _choice("Which way the image is brought to size", _RULES)
        self.resize_px = _pixels("Length of the shorter side or of the square's sides in pixels")
        self.height_px = _pixels("Input height in pixels")
        self.width_px = _pixels("Input width in pixels")
        self.crop = QCheckBox("Cut out the centre")
        ways = {name: name.title() for name in _INTERPOLATIONS}
        self.interpolation = _choice("How pixels between pixels are found", ways)
        self.channels = _choice("Order of the colour channels", _CHANNELS)
        self.mean = _numbers("Mean of each channel, for values from 0 to 1")
        self.std = _numbers("Standard deviation of each channel, for values from 0 to 1")
        self.intensity = IntensityWindow(background)
        self.apply = QPushButton("Apply")
        self.apply.setToolTip("Ask the model anew with this preprocessing")
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("Back to what the checkpoint was opened with")
        self.problem = parts.label()
        self.seen = QLabel()
        self.seen.setFixedHeight(SEEN_PX + 2)
        self.seen.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.seen.setAccessibleName("What the network sees")
        self.caption = parts.label(dim=True)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._arrange()
        calm_wheel(self)
        self.apply.clicked.connect(self._on_apply)
        self.reset.clicked.connect(self._on_reset)
        for signal in (
            self.resize_rule.currentIndexChanged, self.interpolation.currentIndexChanged,
            self.channels.currentIndexChanged, self.resize_px.valueChanged,
            self.height_px.valueChanged, self.width_px.valueChanged, self.crop.toggled,
            self.mean.textChanged, self.std.textChanged,
        ):  # fmt: skip
            signal.connect(self._on_edited)
        state.model_changed.connect(self.load)
        state.image_changed.connect(self._show_seen)

    def _arrange(self) -> None:
        content = QWidget()
        column = parts.column(content, margin=theme.SPACE_M, spacing=theme.SPACE_M)
        column.addWidget(self.seen)
        column.addWidget(self.caption)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setHorizontalSpacing(theme.SPACE_M)
        form.setVerticalSpacing(theme.SPACE_S)
        size = parts.row()
        size.addWidget(self.width_px, 1)  # in the order of the words under the picture
        size.addWidget(parts.label("×", wrap=False))
        size.addWidget(self.height_px, 1)
        form.addRow("Resize", self.resize_rule)
        form.addRow("", self.resize_px)
        form.addRow("Size", size)
        form.addRow("", self.crop)
        form.addRow("Sampling", self.interpolation)
        form.addRow("Channels", self.channels)
        form.addRow("Mean", self.mean)
        form.addRow("Deviation", self.std)
        form.addRow("Window", self.intensity)
        form.setRowVisible(self.intensity, False)
        self.intensity.wanted_changed.connect(partial(form.setRowVisible, self.intensity))
        self.intensity.edited.connect(self._on_edited)
        column.addLayout(form)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setAccessibleName("Preprocessing")
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        # Below what scrolls, so that they are in sight however low the panel is.
        below = parts.column(margin=theme.SPACE_M)
        below.addWidget(self.problem)
        buttons = parts.row()
        buttons.addStretch(1)
        buttons.addWidget(self.reset)
        buttons.addWidget(self.apply)
        below.addLayout(buttons)
        outer = parts.column(self, spacing=0)
        outer.addWidget(scroll, 1)
        outer.addLayout(below)

    # --- form and value ------------------------------------------------------------------------

    def load(self) -> None:
        """Show the current model's preprocessing."""
        model = self._state.model
        if model is not None:
            current = model.description.preprocessing
            open_ones = {known.handle for known in self._state.models}
            self._original = {h: p for h, p in self._original.items() if h in open_ones}
            self._original.setdefault(model.handle, current)
            self._fill(current)
        self._on_edited()

    def _fill(self, p: Preprocessing) -> None:
        self._filling = True
        self.intensity.set_value(p.window)
        self.resize_rule.setCurrentIndex(self.resize_rule.findData(p.resize))
        self.resize_px.setValue(p.resize_px)
        self.height_px.setValue(p.size[0])
        self.width_px.setValue(p.size[1])
        self.crop.setChecked(p.crop)
        self.interpolation.setCurrentIndex(self.interpolation.findData(p.interpolation))
        planes = self.channels.findData("planes")
        counted = p.seen_as if p.channels == "planes" else "Planes"
        self.channels.setItemText(planes, f"{counted} of the file")
        self.channels.setCurrentIndex(self.channels.findData(p.channels))
        self.mean.setText(", ".join(f"{v:g}" for v in p.mean))
        self.std.setText(", ".join(f"{v:g}" for v in p.std))
        self._filling = False

    def value(self) -> Preprocessing:
        """What the form says; InvalidValue if it makes no sense."""
        return Preprocessing(
            size=(self.height_px.value(), self.width_px.value()),
            resize=self.resize_rule.currentData(),
            resize_px=self.resize_px.value(),
            crop=self.crop.isChecked(),
            interpolation=self.interpolation.currentData(),
            mean=_parse(self.mean.text(), "mean"),
            std=_parse(self.std.text(), "deviation"),
            channels=self.channels.currentData(),
            window=self.intensity.value,
        )

    def _checked(self) -> Preprocessing:
        from interp_gui.core.preprocessing import check_preprocessing

        value = self.value()
        check_preprocessing(value)
        return value

    def _on_edited(self, *_: object) -> None:
        if self._filling:
            return
        model = self._state.model
        self.resize_px.setVisible(self.resize_rule.currentData() in ("shorter", "square"))
        value, problem = None, ""
        try:
            value = self._checked()
        except InterpError as error:
            problem = error.message
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        current = model.description.preprocessing if model is not None else None
        self.apply.setEnabled(value is not None and current is not None and value != current)
        original = self._original.get(model.handle) if model is not None else None
        self.reset.setEnabled(original is not None and (value, current) != (original, original))
        self._show_seen()

    def _on_apply(self) -> None:
        self.applied.emit(self._checked())

    def _on_reset(self) -> None:
        model = self._state.model
        if model is not None:
            original = self._original[model.handle]
            self._fill(original)
            self._on_edited()
            if original != model.description.preprocessing:
                self.applied.emit(original)

    # --- the picture ---------------------------------------------------------------------------

    def _show_seen(self) -> None:
        path = self._state.image
        self.intensity.follow(path)
        if path is None or self._state.model is None:
            self.seen.setPixmap(QPixmap())
            self.caption.setText("Open an image to see what the network sees of it.")
            return
        try:
            wanted = self._checked()
        except InterpError:
            return
        self._background.run(
            lambda: _seen(path, wanted), self._paint_seen, on_error=self._no_seen, key="as-seen"
        )

    def _paint_seen(self, pixels: Any) -> None:
        ratio = self.devicePixelRatioF()
        picture = QPixmap.fromImage(to_image(pixels)).scaled(
            QSize(SEEN_PX, SEEN_PX) * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        picture.setDevicePixelRatio(ratio)
        self.seen.setPixmap(picture)
        height, width = pixels.shape[:2]
        more = f", {self._words()}" if self._words() else ""
        self.caption.setText(f"What the network sees: {width} × {height} pixels{more}")

    def _words(self) -> str:
        """What of several planes is painted; empty for colours and grey."""
        model = self._state.model
        p = model.description.preprocessing if model is not None else None
        if p is None or p.channels != "planes":
            return ""
        count = len(p.mean)
        return {1: "1 plane", 2: "mean of 2 planes", 3: "3 planes"}.get(
            count, f"planes 1 to 3 of {count}"
        )

    def _no_seen(self, error: Exception) -> None:
        self.seen.setPixmap(QPixmap())
        self.caption.setText(str(error))


def _seen(path: str, preprocessing: Preprocessing) -> Any:
    from interp_gui.core.preprocessing import as_seen, read_for

    return as_seen(read_for(path, preprocessing), preprocessing)


def _parse(text: str, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        raise InvalidValue(f"The {what} is a list of numbers with commas between them.") from None


def _choice(name: str, options: dict[str, str]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    for value, title in options.items():
        box.addItem(title, value)
    return box


def _pixels(name: str) -> QSpinBox:
    box = QSpinBox()
    box.setLocale(parts.NUMBERS)
    box.setGroupSeparatorShown(True)
    box.setRange(1, 4096)
    box.setSuffix(" px")
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box


def _numbers(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setToolTip(name)
    return field
