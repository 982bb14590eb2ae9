"""A form made from the declaration of an analysis's parameters."""

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.analysis import ParameterInfo, convert
from interp_gui.core.errors import InvalidValue
from interp_gui.gui.parts import NUMBERS, label
from interp_gui.gui.theme import SPACE_M
from interp_gui.gui.widgets.wheel import calm_wheel

_ABBREVIATIONS = {"cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU", "grad-cam": "Grad-CAM",
    "hirescam": "HiResCAM",
}  # fmt: skip
_INT_LIMIT = 2**31 - 1
_FLOAT_LIMIT = 1e12


class ParameterForm(QWidget):
    """Controls for parameters, the advanced ones folded away.

    Parameters
    ----------
    parameters
        Their declaration; control, bounds, unit and tooltip follow from it.
    captions
        Whether each one's help stands beneath it, not only in its tooltip.

    Signals
    -------
    changed
        A value is another one.
    """

    changed = Signal()

    def __init__(
        self,
        parameters: Iterable[ParameterInfo],
        parent: QWidget | None = None,
        *,
        captions: bool = False,
    ) -> None:
        super().__init__(parent)
        self._captions = captions
        self._parameters = {info.name: info for info in parameters}
        self._controls: dict[str, QWidget] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        plain = [p for p in self._parameters.values() if not p.advanced]
        advanced = [p for p in self._parameters.values() if p.advanced]
        outer.addLayout(self._rows(plain))
        self.more = QToolButton(self)  # or, shown below, it would be a window for a moment
        self.more.setText("More settings")
        self.more.setAccessibleName("More settings")
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._folded = QWidget()
        self._folded.setLayout(self._rows(advanced))
        self._folded.setVisible(False)
        self.more.toggled.connect(self._unfold)
        self.more.setVisible(bool(advanced))
        outer.addWidget(self.more)
        outer.addWidget(self._folded)
        calm_wheel(self)

    def values(self) -> dict[str, Any]:
        """Names and values, as `engine.messages.Run.parameters` takes them."""
        return {name: self._value(name) for name in self._parameters}

    def changed_values(self) -> dict[str, Any]:
        """Only what differs from the defaults."""
        values = self.values()
        return {n: v for n, v in values.items() if v != self._parameters[n].default}

    def set_values(self, values: dict[str, Any]) -> None:
        """Set some of them; unknown names and impossible values are left out."""
        for name, value in values.items():
            info = self._parameters.get(name)
            if info is None:
                continue
            try:
                self._set(info, convert(info, value))
            except InvalidValue:
                continue

    def reset(self) -> None:
        """Set every value to its default."""
        self.set_values({info.name: info.default for info in self._parameters.values()})

    def control(self, name: str) -> QWidget:
        """The control of a parameter."""
        return self._controls[name]

    def _unfold(self, shown: bool) -> None:
        self._folded.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _rows(self, parameters: Iterable[ParameterInfo]) -> QFormLayout:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for info in parameters:
            control = self._make(info)
            title = info.title[:1].upper() + info.title[1:]
            control.setToolTip(info.help)
            control.setAccessibleName(title)
            control.setAccessibleDescription(info.help)
            self._controls[info.name] = control
            self._set(info, info.default)
            if isinstance(control, QCheckBox):
                control.setText(title)
                form.addRow(control)
            else:
                words = QLabel(title)
                words.setTextFormat(Qt.TextFormat.PlainText)  # plugins name their parameters
                words.setToolTip(info.help)
                words.setBuddy(control)
                form.addRow(words, control)
            if self._captions:
                _add_caption(form, info.help)
        return form

    def _make(self, info: ParameterInfo) -> QWidget:
        if info.kind == "bool":
            check = QCheckBox()
            check.toggled.connect(self.changed)
            return check
        if info.kind == "choice":
            combo = QComboBox()
            for choice in info.choices:
                combo.addItem(choice_text(choice), choice)
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.currentIndexChanged.connect(self.changed)
            return combo
        if info.kind == "text":
            line = QLineEdit()
            line.textChanged.connect(self.changed)
            return line
        return self._make_number(info)

    def _make_number(self, info: ParameterInfo) -> QWidget:
        suffix = f" {info.unit}" if info.unit else ""
        if info.kind == "int":
            whole = QSpinBox()
            low = -_INT_LIMIT if info.minimum is None else int(info.minimum)
            high = _INT_LIMIT if info.maximum is None else int(info.maximum)
            whole.setRange(max(low, -_INT_LIMIT), min(high, _INT_LIMIT))
            whole.setSuffix(suffix)
            whole.setKeyboardTracking(False)
            whole.setLocale(NUMBERS)
            whole.setGroupSeparatorShown(True)
            whole.valueChanged.connect(self.changed)
            return whole
        number = QDoubleSpinBox()
        number.setLocale(NUMBERS)
        number.setGroupSeparatorShown(True)
        number.setDecimals(_decimals(info))
        number.setRange(
            -_FLOAT_LIMIT if info.minimum is None else info.minimum,
            _FLOAT_LIMIT if info.maximum is None else info.maximum,
        )
        number.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        number.setSuffix(suffix)
        number.setKeyboardTracking(False)
        number.valueChanged.connect(self.changed)
        return number

    def _value(self, name: str) -> Any:
        control = self._controls[name]
        if isinstance(control, QCheckBox):
            return control.isChecked()
        if isinstance(control, QComboBox):
            return control.currentData()
        if isinstance(control, QLineEdit):
            return control.text()
        if isinstance(control, QDoubleSpinBox):
            # what was never touched stays exact, though the box shows fewer digits
            default = self._parameters[name].default
            shown = control.value()
            same = shown == round(float(default), control.decimals())
            return float(default) if same else shown
        assert isinstance(control, QSpinBox)
        return control.value()

    def _set(self, info: ParameterInfo, value: Any) -> None:
        control = self._controls[info.name]
        if isinstance(control, QCheckBox):
            control.setChecked(bool(value))
        elif isinstance(control, QComboBox):
            control.setCurrentIndex(control.findData(str(value)))
        elif isinstance(control, QLineEdit):
            control.setText(str(value))
        elif isinstance(control, QDoubleSpinBox):
            control.setValue(float(value))
        elif isinstance(control, QSpinBox):
            control.setValue(int(value))


def choice_text(choice: str) -> str:
    """A choice as people read it: `automatic` as `Automatic`, `cpu` as `CPU`."""
    if choice in _ABBREVIATIONS:
        return _ABBREVIATIONS[choice]
    return choice[:1].upper() + choice[1:].replace("_", " ")


def _add_caption(form: QFormLayout, text: str) -> None:
    caption = label(text, dim=True)
    caption.setContentsMargins(0, 0, 0, SPACE_M)
    form.addRow(caption)


def _decimals(info: ParameterInfo) -> int:
    """Digits after the point, so that the smallest of default and bounds can be written."""
    sizes = [abs(float(v)) for v in (info.default, info.minimum, info.maximum) if v]
    decimals = 3
    while decimals < 10 and any(round(size, decimals) == 0 for size in sizes):
        decimals += 1
    digits = max((len(f"{s:.10f}".rstrip("0").partition(".")[2]) for s in sizes), default=0)
    return min(10, max(decimals, digits))
