import msgspec
import pytest

from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.target import Target
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.views.pins import PINS
from interp_gui.gui.views.state import ViewState

UNIT = Feature(layer="features.14", units=(7,), model="b0353104" * 8)
OTHER = Feature(layer="features.1", units=(2,), model="b0353104" * 8)


@pytest.fixture
def view(state, model):
    state.set_model(model)
    state.set_image("cat.png")
    state.set_feature(UNIT)
    found = ViewState(state)
    yield found
    found.deleteLater()


@pytest.fixture
def second(describe):
    """Another checkpoint of the same architecture."""
    return OpenModelState("model-2", describe(weights_sha256="cc" * 32), "/models/tuned.pth")


@pytest.fixture
def heard(view):
    seen = []
    for name in (*PINS, "dataset", "models", "tab"):
        getattr(view, f"{name}_changed").connect(lambda name=name: seen.append(name))
    return seen


def seen(state):
    return state.model, state.image, state.target, state.layer, state.feature


def test_a_view_that_follows_has_what_the_window_has(view, state, heard):
    assert seen(view) == seen(state)
    state.set_image("dog.png")
    state.set_feature(OTHER)
    state.set_target(Target(index=3))
    state.set_tab("wall")
    assert seen(view) == seen(state)
    assert heard == ["image", "layer", "feature", "target", "tab"]


def test_setters_of_a_view_that_follows_are_the_windows(view, state):
    view.set_image("dog.png")
    view.set_feature(OTHER)
    view.set_target(Target(index=2))
    assert (state.image, state.feature, state.target) == ("dog.png", OTHER, Target(index=2))
    view.set_layer("features.0")
    assert (state.layer, view.layer) == ("features.0", "features.0")


def test_a_pinned_view_keeps_everything_and_catches_up_when_let_go(view, state, second, heard):
    before = seen(view)
    view.pin_all()
    state.set_model(second)
    state.set_image("dog.png")
    state.set_feature(OTHER)
    state.set_target(Target(index=9))
    assert seen(view) == before
    assert set(heard) <= {"models"}
    view.unpin()
    assert seen(view) == seen(state)
    assert {"model", "image", "feature", "target", "layer"} <= set(heard)


def test_a_pinned_view_is_changed_by_itself_alone(view, state):
    view.pin_all()
    before = seen(state)
    view.set_feature(OTHER)
    view.set_image("dog.png")
    view.set_target(Target(index=1))
    assert (view.feature, view.layer, view.image) == (OTHER, "features.1", "dog.png")
    assert seen(state) == before


@pytest.mark.parametrize("pin", ["image", "target", "feature", "layer"])
def test_one_thing_can_be_pinned_alone(view, state, pin):
    view.set_pins((pin,))
    before = getattr(view, pin)
    state.set_image("dog.png")
    state.set_target(Target(index=4))
    state.set_feature(OTHER)
    assert getattr(view, pin) == before
    free = {"image", "target"} - {pin}
    assert all(getattr(view, name) == getattr(state, name) for name in free)
    assert view.layer == view.feature.layer or pin == "layer"


def test_with_only_the_model_pinned_the_unit_follows_in_that_model(view, state, second):
    view.set_pins(("model",))
    state.set_model(second)
    assert view.feature == UNIT, "what the other model has nothing of yet is kept"
    there = msgspec.structs.replace(OTHER, model="cc" * 32)
    state.set_feature(there)
    assert view.feature == OTHER, "the same unit in the pinned model's weights"
    assert view.layer == "features.1"
    view.set_feature(UNIT)
    assert state.feature == msgspec.structs.replace(UNIT, model="cc" * 32)


def test_what_a_pinned_model_does_not_have_leaves_the_view_as_it_is(view, state, describe):
    view.set_pins(("model",))
    layers = (LayerInfo(name="conv1", kind="Conv2d", axes=("unit", "y", "x"), shape=(8, 4, 4)),)
    foreign = OpenModelState("m3", describe(layers=layers, weights_sha256="dd" * 32), "/x.pth")
    state.set_model(foreign)
    state.set_layer("conv1")
    state.set_feature(Feature(layer="conv1", units=(1,), model="dd" * 32))
    assert (view.layer, view.feature) == ("features.14", UNIT)
    view.set_layer("features.1")
    assert (view.layer, state.layer) == ("features.1", "conv1")


def test_a_view_of_a_closed_model_knows_it(view, state, second, heard):
    view.pin_all()
    state.set_models((*state.models, second))
    told = []
    view.pins_changed.connect(lambda: told.append(view.is_closed))
    state.set_models((second,))
    assert told == [True]
    assert view.model.handle == "model-1", "it still says which"
    view.unpin()
    assert not view.is_closed


def test_a_view_that_follows_again_is_open_before_it_asks_for_anything(view, state, second):
    view.pin_all()
    state.set_model(second)
    state.set_models((second,))
    closed = []
    for name in PINS:  # what a frame takes for closed, it cancels
        getattr(view, f"{name}_changed").connect(lambda: closed.append(view.is_closed))
    view.unpin()
    assert closed
    assert not any(closed)


def test_a_view_whose_model_is_opened_again_is_open_before_it_asks(view, state, second, describe):
    view.pin_all()
    state.set_models((second,))
    assert view.is_closed
    again = OpenModelState("model-3", describe(), "/models/small.pth")
    state.set_models((second, again))
    closed = []
    view.model_changed.connect(lambda: closed.append(view.is_closed))
    view.hold({"model": again})
    assert closed == [False]


def test_new_preprocessing_of_a_pinned_model_reaches_the_view(view, state, describe, second):
    view.pin_all()
    state.set_model(second)
    changed = OpenModelState("model-1", describe(notes=("changed",)), "/models/small.pth")
    state.set_models((changed, second))
    assert view.model == changed


def test_opening_a_unit_of_a_pinned_view_goes_to_a_page_that_follows(view, state, second):
    view.pin_all()
    state.set_model(second)
    view.open_feature(OTHER)
    assert state.model.handle == "model-1"
    assert (state.feature, state.tab) == (OTHER, "unit")
    assert view.feature == UNIT
    view.open_image("dog.png")
    assert (state.image, state.tab, view.image) == ("dog.png", "image", "cat.png")


def test_what_hangs_on_the_window_is_found_from_a_view(view, state):
    names_of(view).set_name(UNIT, "wheels")
    assert names_of(state).name(UNIT) == "wheels"
    assert view.undo is state.undo
    state.undo.undo()
    assert names_of(view).name(UNIT) == ""


def test_notes_of_a_view_are_told_by_the_window(view, state, qtbot):
    with qtbot.waitSignal(state.notified) as told:
        view.notify("info", "Hello", "There")
    assert told.args[0].message == "Hello"


def test_pins_come_back(view, state, second):
    view.set_pins(("model", "feature", "image", "target"))
    saved = msgspec.json.decode(msgspec.json.encode(view.snapshot()))
    again = ViewState(state)
    state.set_model(second)
    again.restore(saved)
    assert again.pins == view.pins
    assert seen(again) == seen(view)
    again.deleteLater()


def test_a_pinned_model_that_is_not_open_yet_is_waited_for(view, state, model, second):
    view.pin_all()
    saved = view.snapshot()
    state.set_models((second,))
    state.set_model(second)
    again = ViewState(state)
    again.restore(saved)
    assert not again.pinned
    opened = OpenModelState("model-9", model.description, model.path)
    state.set_models((second, opened))
    assert again.model == opened
    assert again.feature == UNIT
    again.deleteLater()


@pytest.mark.parametrize(
    "saved",
    [None, 3, [], {"model": {"a": 1}}, {"feature": {"layer": ""}}, {"image": ["a"]},
     {"target": {"kind": "nonsense"}}, {"layer": 4, "unknown": 1}],
)  # fmt: skip
def test_a_snapshot_that_makes_no_sense_pins_nothing(view, state, saved):
    view.restore(saved)
    assert not view.pinned
    assert seen(view) == seen(state)
