"""The wheel over a form scrolls the form, and changes only what has the focus."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.analysis import ParameterInfo
from interp_gui.gui.widgets.form import ParameterForm
from interp_gui.gui.widgets.wheel import calm_wheel


@pytest.fixture
def area(qtbot):
    content = QWidget()
    column = QVBoxLayout(content)
    spin, combo, slider = QSpinBox(), QComboBox(), QSlider(Qt.Orientation.Horizontal)
    combo.addItems(["one", "two", "three"])
    for control in (spin, combo, slider):
        column.addWidget(control)
    column.addSpacing(3000)
    calm_wheel(content)
    area = QScrollArea()
    area.setWidget(content)
    area.resize(200, 200)
    qtbot.addWidget(area)
    area.show()
    qtbot.waitExposed(area)
    area.setFocus()
    return area


def turn(control):
    where = QPointF(control.rect().center())
    event = QWheelEvent(
        where, control.mapToGlobal(where), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(control, event)
    return event.isAccepted()


@pytest.mark.parametrize("kind", [QSpinBox, QComboBox, QSlider])
def test_without_focus_the_value_stays_and_the_form_may_scroll(area, kind):
    control = area.widget().findChild(kind)
    read = control.currentIndex if kind is QComboBox else control.value
    if kind is not QComboBox:
        control.setValue(10)
    before = read()
    assert not turn(control), "left to what is around it"
    assert read() == before
    assert not control.focusPolicy() & Qt.FocusPolicy.WheelFocus & ~Qt.FocusPolicy.StrongFocus


def test_with_the_focus_the_value_changes(area, qtbot):
    spin = area.widget().findChild(QSpinBox)
    spin.setValue(10)
    spin.setFocus()
    qtbot.waitUntil(spin.hasFocus)
    turn(spin)
    assert spin.value() == 9


def test_forms_of_parameters_are_calm_and_write_thousands_with_a_comma(qtbot):
    steps = ParameterInfo(name="steps", title="steps", kind="int", default=2386, help="How many.")
    form = ParameterForm([steps])
    qtbot.addWidget(form)
    form.show()
    spin = form.control("steps")
    assert spin.text() == "2,386"
    turn(spin)
    assert form.values() == {"steps": 2386}
