from dataclasses import dataclass
from typing import Literal

import pytest
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox

from interp_gui.core.analysis import Analysis, parameter, parameter_infos
from interp_gui.gui.widgets.form import ParameterForm


@dataclass(frozen=True)
class Settings:
    steps: int = parameter(512, help="How long.", minimum=1, maximum=4096, unit="steps")
    rate: float = parameter(0.05, help="Step width.", minimum=1e-6, maximum=1.0)
    tiny: float = parameter(1.23456e-7, help="A small number.")
    decorrelate: bool = parameter(True, help="Colours.")
    objective: Literal["channel", "neuron"] = parameter("neuron", help="What grows.")
    note: str = parameter("", help="Free text.", advanced=True)


@pytest.fixture
def form(qtbot):
    widget = ParameterForm(parameter_infos(Settings))
    qtbot.addWidget(widget)
    return widget


def test_defaults_come_back_exactly(form):
    values = form.values()
    assert values == {
        "steps": 512,
        "rate": 0.05,
        "tiny": 1.23456e-7,
        "decorrelate": True,
        "objective": "neuron",
        "note": "",
    }
    assert form.changed_values() == {}


def test_values_are_what_the_analysis_takes(form):
    analysis = Analysis(id="x", title="", summary="", parameters=Settings, run=lambda c, p: None)
    form.set_values({"steps": 64, "rate": 0.25, "objective": "channel", "decorrelate": False})
    settings = analysis.settings(form.values())
    assert (settings.steps, settings.rate, settings.objective) == (64, 0.25, "channel")
    assert settings.decorrelate is False
    assert set(form.changed_values()) == {"steps", "rate", "objective", "decorrelate"}
    form.reset()
    assert form.changed_values() == {}


def test_impossible_values_are_left_out(form):
    form.set_values({"steps": -5, "rate": "fast", "objective": "nothing", "unknown": 1})
    assert form.changed_values() == {}


def test_controls_have_bounds_unit_help_and_names(form):
    steps = form.control("steps")
    assert isinstance(steps, QSpinBox)
    assert (steps.minimum(), steps.maximum(), steps.suffix()) == (1, 4096, " steps")
    assert steps.toolTip() == "How long."
    assert steps.accessibleName() == "Steps"
    assert isinstance(form.control("rate"), QDoubleSpinBox)
    assert form.control("rate").minimum() == pytest.approx(1e-6)
    assert isinstance(form.control("objective"), QComboBox)


def test_changes_are_told_and_advanced_ones_are_folded(form, qtbot):
    with qtbot.waitSignal(form.changed):
        form.control("steps").setValue(10)
    form.show()
    assert not form.control("note").isVisible()
    form.more.click()
    assert form.control("note").isVisible()
