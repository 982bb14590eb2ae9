import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollArea,
    QScrollBar,
    QWidget,
)

from interp_gui.gui.tabs.analysis_tab import AnalysisTab
from interp_gui.gui.tabs.image_tab import ImageTab
from interp_gui.gui.tabs.unit_page import UnitPage
from interp_gui.gui.tabs.wall import LayerWall

CONTROLS = (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


COMPOUND = (QAbstractSpinBox, QComboBox, QLineEdit)


def ancestors(widget):
    while (widget := widget.parent()) is not None:
        yield widget


def own_controls(widget):
    for child in widget.findChildren(QWidget):
        inner = child.objectName().startswith("qt_") or isinstance(child, QScrollBar | QScrollArea)
        part_of_control = any(isinstance(w, COMPOUND) for w in ancestors(child))
        if isinstance(child, CONTROLS) and not inner and not part_of_control:
            yield child


@pytest.mark.parametrize("kind", [ImageTab, LayerWall, UnitPage, AnalysisTab])
def test_every_control_has_a_name_and_can_be_reached(
    kind, state, bridge, actions, ready, model, qtbot
):
    more = (bridge.analyses["grad-cam"],) if kind is AnalysisTab else ()
    tab = kind(state, bridge, actions, *more)
    qtbot.addWidget(tab)
    controls = list(own_controls(tab))
    assert len(controls) >= 5
    for control in controls:
        text = control.text() if isinstance(control, QAbstractButton) else ""
        assert control.accessibleName() or text, control
        assert control.focusPolicy() != Qt.FocusPolicy.NoFocus, control
