import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.edit import LEGAL_KINDS, Baseline, Edit, EditStack
from interp_gui.core.errors import EditProblem, InterpError, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place

UNIT = Feature(layer="a.1", units=(3, 4))
VECTOR = Feature(layer="a.2#1", vectors=((1.0, 0.5), (0.0, 2.0)), model="1" * 64)
LAYER = Feature(layer="a.3/in")
LAYER_A = Feature(layer="a")
NUMBERS = st.floats(-1e6, 1e6)
PLACES = st.sampled_from(
    [Place(), Place("tokens", tokens=(0, -1)), Place("region", region=((0.0, 0.5),))]
)


@st.composite
def edits(draw):
    feature = draw(st.sampled_from([UNIT, VECTOR, LAYER]))
    basis = "units" if feature.units else "vectors" if feature.vectors else "layer"
    kind = draw(st.sampled_from(LEGAL_KINDS[basis]))
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    pair = st.tuples(NUMBERS, NUMBERS)
    baseline = draw(
        st.one_of(
            st.just(Baseline()),
            st.builds(Baseline, st.just("mean"), pair, st.just("d" * 64)),
            st.just(Baseline("image", source="e" * 64)),
        )
    )
    return Edit(
        feature=feature, kind=kind, place=draw(PLACES), amount=draw(NUMBERS),
        deviation=draw(st.just(()) | pair), low=draw(st.none() | st.just(low)),
        high=draw(st.none() | st.just(high)), baseline=baseline, source="f" * 64,
        enabled=draw(st.booleans()),
    )  # fmt: skip


@given(st.lists(edits(), max_size=5))
def test_json_round_trips_and_is_stable(made):
    stack = EditStack(tuple(made))
    text = stack.to_json()
    assert EditStack.from_json(text) == stack
    assert EditStack.from_json(text.encode()).to_json() == text
    assert json.loads(text)["version"] == 2


@given(st.lists(edits(), max_size=6))
def test_layers_and_order(made):
    stack = EditStack(tuple(made))
    placed = [pair for layer in stack.layers for pair in stack.at(layer)]
    assert sorted(placed, key=lambda p: p[0]) == [(i, e) for i, e in enumerate(made) if e.enabled]
    assert stack.active == tuple(e for e in made if e.enabled)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "no json", '{"edits": 3, "version": 1}', '{"version": "one"}',
     '{"edits": [{"kind": "ablate"}], "version": 1}',
     '{"edits": [{"feature": {"layer": "a"}, "kind": "melt"}], "version": 1}',
     '{"edits": [{"feature": {"layer": "a b"}, "kind": "scale"}], "version": 1}',
     '{"edits": [{"feature": {"layer": "a"}, "kind": "add"}], "version": 1}'],
)  # fmt: skip
def test_text_that_is_no_stack_is_refused(text):
    with pytest.raises(InterpError):
        EditStack.from_json(text)


def test_a_newer_version_is_refused_with_a_hint():
    with pytest.raises(EditProblem, match="newer") as problem:
        EditStack.from_json('{"edits": "unreadable today", "version": 3}')
    assert "Update" in problem.value.hint


@pytest.mark.parametrize(
    ("feature", "kind"), [(UNIT, "project_out"), (LAYER, "add"), (LAYER, "project_out")]
)
def test_kinds_that_a_basis_does_not_have_are_refused(feature, kind):
    with pytest.raises(EditProblem, match="not legal") as problem:
        Edit(feature=feature, kind=kind)
    assert "ablate" in problem.value.hint


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"kind": "patch"}, EditProblem),
        ({"kind": "ablate", "baseline": Baseline("image")}, EditProblem),
        ({"kind": "ablate", "baseline": Baseline("mean")}, InvalidValue),
        ({"kind": "ablate", "baseline": Baseline("mean", (1.0,))}, InvalidValue),
        ({"kind": "clamp", "low": 2.0, "high": 1.0}, InvalidValue),
        ({"kind": "add", "deviation": (1.0, 1.0, 1.0)}, InvalidValue),
    ],
)
def test_edits_that_lack_something_are_refused(fields, cause):
    with pytest.raises(cause):
        Edit(feature=UNIT, **fields)


def test_the_other_image_is_named_where_one_is_needed():
    assert Edit(feature=UNIT, kind="patch", source="s").image_source == "s"
    other = Baseline("image", source="b")
    assert Edit(feature=UNIT, kind="ablate", baseline=other).image_source == "b"
    assert Edit(feature=UNIT, kind="scale", baseline=other, source="s").image_source == ""


def test_other_weights_are_a_warning():
    stack = EditStack((Edit(feature=VECTOR, kind="scale"), Edit(feature=UNIT, kind="scale")))
    assert stack.warnings("1" * 64) == []
    (sentence,) = stack.warnings("2" * 64)
    assert VECTOR.text in sentence
    off = msgspec.structs.replace(stack.edits[0], enabled=False)
    assert EditStack((off,)).warnings("2" * 64) == []


def test_an_older_file_is_read_as_what_it_said():
    old = EditStack.from_json(
        '{"edits": [{"feature": {"layer": "a"}, "kind": "scale"}], "version": 1}'
    )
    assert old == EditStack((Edit(feature=LAYER_A, kind="scale"),))


def test_muting_and_solo_decide_what_is_in_force():
    made = tuple(Edit(feature=LAYER_A, kind="scale", amount=i) for i in range(3))
    stack = EditStack((made[0], msgspec.structs.replace(made[1], enabled=False), made[2]))
    assert stack.live == (0, 2)
    assert msgspec.structs.replace(stack, solo=2).active == (made[2],)
    assert msgspec.structs.replace(stack, solo=1).active == ()
    assert msgspec.structs.replace(stack, muted=True).in_force() == EditStack()
    named = msgspec.structs.replace(stack, name="mine")
    grouped = msgspec.structs.replace(
        named, edits=tuple(msgspec.structs.replace(e, group="both") for e in named.edits)
    )
    assert grouped.in_force() == EditStack((made[0], made[2]))


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -float("inf")])
def test_a_strength_is_a_finite_number(amount):
    with pytest.raises(InvalidValue, match="finite"):
        Edit(feature=LAYER_A, kind="scale", amount=amount)
