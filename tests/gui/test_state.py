import pytest

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo
from interp_gui.core.target import Target
from interp_gui.gui.state import OpenModelState


@pytest.fixture
def signals(state):
    seen = []
    for name in (
        "model", "image", "dataset", "target", "layer", "feature", "tab", "history",
    ):  # fmt: skip
        getattr(state, f"{name}_changed").connect(lambda name=name: seen.append(name))
    return seen


def test_setting_the_same_value_emits_nothing(state, signals):
    feature = Feature(layer="features.14", units=(7,))
    for _ in range(2):
        state.set_image("a.png")
        state.set_target(Target(index=3))
        state.set_feature(feature)
    assert signals == ["image", "target", "layer", "feature"]


def test_a_feature_brings_its_layer(state):
    state.set_feature(Feature(layer="features.14", units=(7,)))
    assert state.layer == "features.14"
    state.set_layer("features.1")
    assert state.feature is not None, "choosing a layer keeps the feature"


def test_another_model_forgets_layer_feature_and_history(state, qtbot, model, describe):
    state.set_model(model)
    state.open_feature(Feature(layer="features.14", units=(7,)))
    qtbot.waitUntil(lambda: state.history.current is not None)
    state.set_target(Target(index=900))
    state.set_model(OpenModelState("model-2", describe(name="other.pth"), "/other.pth"))
    assert (state.layer, state.feature, state.target) == ("", None, Target())
    assert not state.can_back


def test_new_preprocessing_of_the_same_model_keeps_what_is_looked_at(state, model, describe):
    state.set_model(model)
    state.set_layer("features.14")
    state.set_model(OpenModelState(model.handle, describe(notes=("changed",)), model.path))
    assert state.layer == "features.14"


def test_a_model_without_classes_gets_a_scalar_target(state, describe):
    outputs = (OutputInfo(name="age", kind="scalar", size=1),)
    state.set_model(OpenModelState("m", describe(outputs=outputs), "/m.pth"))
    assert state.target == Target(kind="scalar", index=0, output="age")


def test_back_and_forward_over_layer_feature_tab_and_image(state, qtbot, model):
    def settle(count):
        qtbot.waitUntil(lambda: state.history.length == count)

    state.set_model(model)
    state.set_tab("image")
    state.set_image("a.png")
    settle(1)
    first = Feature(layer="features.14", units=(7,))
    state.open_feature(first)
    settle(2)
    state.set_image("b.png")
    settle(3)
    state.back()
    assert (state.image, state.feature, state.tab) == ("a.png", first, "unit")
    state.back()
    assert (state.image, state.feature, state.tab) == ("a.png", None, "image")
    assert not state.can_back
    state.forward()
    assert (state.layer, state.feature, state.tab) == ("features.14", first, "unit")
    state.set_tab("wall")
    qtbot.waitUntil(lambda: not state.can_forward)  # a new visit forgets what lay ahead
    assert state.history.length == 3


def test_an_empty_dataset_is_none(state):
    state.set_dataset(Dataset(images=(ImageEntry(path="a.png"),)), "images-1")
    assert state.dataset_handle == "images-1"
    state.set_dataset(Dataset(), "images-2")
    assert (state.dataset, state.dataset_handle) == (None, "")
