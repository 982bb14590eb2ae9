"""Stacks of edits from anywhere: what is beyond the limits has a reason."""

import msgspec
import pytest

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_limits import MOST_EDITS, check_limits, stack_of_json
from interp_gui.core.errors import EditProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.place import Place

UNIT = Feature(layer="features.14", units=(7,))
EDIT = Edit(feature=UNIT, kind="ablate")
HUGE = 3.5e38


@pytest.mark.parametrize(
    "region",
    [((),), ((0.5,), ()), ((0.5, float("nan")),), ((float("inf"),),), ((-0.1,),), ((1.1,),),
     ((0.5,) * 1025,), ((0.5,),) * 1025],
    ids=["empty", "ragged", "nan", "infinite", "below", "above", "wide", "high"],
)  # fmt: skip
def test_a_region_is_weights_on_a_grid(region):
    with pytest.raises(InvalidValue):
        Place("region", region=region)
    with pytest.raises(InvalidValue):
        ImageEdit(kind="blur", image="a", region=region)


def test_a_region_may_be_as_fine_as_the_limit_and_rounded():
    assert Place("region", region=((0.5,) * 1024,) * 2).kind == "region"
    assert Place("region", region=((1.0 + 1e-7, -1e-7),)).kind == "region"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "scale", "amount": HUGE}, {"kind": "scale", "amount": -HUGE},
        {"kind": "clamp", "low": -1e308}, {"kind": "clamp", "high": HUGE},
        {"kind": "add", "deviation": (HUGE,)}, {"kind": "add", "amount": 1e30, "deviation": (1e9,)},
        {"kind": "ablate", "baseline": Baseline("mean", values=(HUGE,))},
    ],
)  # fmt: skip
def test_numbers_are_those_that_networks_compute_with(fields):
    with pytest.raises(InvalidValue, match="too large"):
        Edit(feature=UNIT, **fields)


def test_no_limit_is_no_number_that_is_too_large():
    assert Edit(feature=UNIT, kind="clamp", low=float("-inf"), high=3.4e38).high == 3.4e38


@pytest.mark.parametrize("number", [HUGE, float("nan"), float("-inf")])
def test_a_vector_holds_numbers_that_networks_compute_with(number):
    with pytest.raises(InvalidValue, match="holds what is no number"):
        Feature(layer="features.14", vectors=((1.0, number),))


@pytest.mark.parametrize(
    ("stack", "why"),
    [
        (EditStack((EDIT,) * (MOST_EDITS + 1)), "more than 4,096"),
        (EditStack((EDIT,), solo=1), "stands alone"),
        (EditStack((EDIT,), name="a" * 501), "a name"),
        (EditStack((msgspec.structs.replace(EDIT, group="\x07"),)), "a name"),
        (EditStack((Edit(feature=Feature(layer="a", units=(1 << 30,)), kind="ablate"),)), "unit"),
        (EditStack((Edit(feature=Feature(layer="a", heads=True), kind="ablate"),)), "no head"),
    ],
)
def test_what_is_beyond_the_limits_is_refused_with_a_reason(stack, why):
    with pytest.raises(EditProblem, match=why):
        check_limits(stack)
    with pytest.raises(EditProblem, match=why):
        stack_of_json(stack.to_json())


def test_what_is_within_is_read_as_it_is():
    stack = EditStack((EDIT,) * 3, solo=2, name="three")
    assert stack_of_json(stack.to_json()) == stack
    assert stack_of_json(b"\xef\xbb\xbf" + stack.to_json().encode()) == stack


@pytest.mark.parametrize("text", ["", "[]", b"\x00\xff", "null"])
def test_what_holds_none_is_told(text):
    with pytest.raises(EditProblem, match="holds none"):
        stack_of_json(text)
