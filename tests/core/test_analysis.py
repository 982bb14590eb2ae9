"""The declaration of an analysis: from a dataclass to forms, settings and words."""

from dataclasses import dataclass
from typing import Literal

import pytest

from interp_gui.core.analysis import Analysis, parameter, parameter_infos, spoken
from interp_gui.core.errors import InvalidValue, UnknownName


@dataclass(frozen=True)
class Parameters:
    steps: int = parameter(64, help="How many.", minimum=1, maximum=100, unit="steps")
    rate: float = parameter(0.05, help="How fast.", minimum=0)
    relu: bool = parameter(True, help="Whether.")
    order: Literal["activation", "effect"] = parameter("effect", help="By what.")
    objective: str = parameter("channel", help="What.")


def analysis():
    return Analysis(
        id="a", title="A", summary="s", parameters=Parameters, run=lambda context, p: iter(())
    )


def test_a_declaration_becomes_data():
    infos = {info.name: info for info in parameter_infos(Parameters)}
    assert [i.kind for i in infos.values()] == ["int", "float", "bool", "choice", "text"]
    assert infos["steps"].unit == "steps"
    assert infos["order"].choices == ("activation", "effect")
    assert analysis().info(plugin="p").plugin == "p"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "7", 7), ("steps", 7.0, 7), ("rate", "1e-3", 0.001), ("relu", "no", False),
        ("relu", True, True), ("order", "activation", "activation"), ("objective", "x", "x"),
    ],
)  # fmt: skip
def test_text_becomes_a_value(name, text, value):
    settings = analysis().settings({name: text})
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("steps", "0"), ("steps", "101"), ("steps", "1.5"), ("steps", "many"), ("steps", "nan"),
        ("steps", True), ("rate", "-1"), ("rate", None), ("relu", "perhaps"), ("order", "size"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_bounds(name, text):
    with pytest.raises(InvalidValue) as caught:
        analysis().settings({name: text})
    assert name in caught.value.message
    assert caught.value.hint


def test_an_unknown_setting_offers_near_names():
    with pytest.raises(UnknownName) as caught:
        analysis().settings({"step": 3})
    assert "steps" in caught.value.hint


def test_an_analysis_is_spoken_of_as_menus_do():
    assert spoken("feature-visualization") == "feature visualisation"
