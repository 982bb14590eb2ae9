"""Weights whose names, shapes or places were changed are never opened as a network they are not."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.match import Contents, WeightSet, Wishes
from interp_gui.checkpoints.weights import open_set
from interp_gui.core.errors import UnknownArchitecture

NETWORKS = {
    "squeezenet1_1": ("features.0.", "classifier.1."),
    "shufflenet_v2_x0_5": ("conv1.0.", "fc."),
    "mobilenet_v3_small": ("features.0.0.", "classifier."),
    "resnet18": ("conv1.", "fc."),
}
"""Names of the stem, whose channels may differ, and of the head, whose outputs may."""

COUNTER = "num_batches_tracked"
MANY = settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def states(reference):
    return {name: reference(name, num_classes=5).state_dict() for name in NETWORKS}


def opened(tmp_path, tensors):
    path = tmp_path / "changed.pth"
    path.write_bytes(b"x")
    file = CheckpointFile(path=path, format="torch-zip", size_bytes=1)
    contents = Contents(sets=(WeightSet(name="weights", tensors=tensors),))
    return open_set(file, contents, Wishes())


def inner(name, state):
    """Keys whose shape nothing lets differ."""
    return [k for k in state if not k.startswith(NETWORKS[name]) and not k.endswith(COUNTER)]


def renamed(draw, state, keys):
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True)):
        state[draw(st.sampled_from(["x.", "a.b."])) + key] = state.pop(key)


def dropped(draw, state, keys):
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True)):
        del state[key]


def exchanged(draw, state, keys):
    a = draw(st.sampled_from(keys))
    others = [key for key in keys if state[key].shape != state[a].shape]
    b = draw(st.sampled_from(others))
    state[a], state[b] = state[b], state[a]


def reshaped(draw, state, keys):
    key = draw(st.sampled_from(keys))
    value = state[key]
    state[key] = draw(
        st.sampled_from(
            [value[:-1], value.unsqueeze(0), value.reshape(-1, 1), value.repeat_interleave(2, 0)]
        )
    )


def added(draw, state, keys):
    key = draw(st.sampled_from(keys))
    state[f"{key}_v"] = state[key] * 2


@pytest.mark.parametrize("change", [renamed, dropped, exchanged, reshaped, added])
@MANY
@given(data=st.data())
def test_a_changed_network_is_asked_about(tmp_path, states, change, data):
    name = data.draw(st.sampled_from(sorted(NETWORKS)))
    state = dict(states[name])
    change(data.draw, state, inner(name, states[name]))
    with pytest.raises(UnknownArchitecture) as caught:
        opened(tmp_path, state)
    question = caught.value.question
    assert question is not None
    assert not any(each.certain for each in question.candidates)


@MANY
@given(data=st.data())
def test_what_opens_has_every_tensor_where_the_file_has_it(tmp_path, states, data):
    name = data.draw(st.sampled_from(sorted(NETWORKS)))
    state = dict(states[name])
    change = data.draw(st.sampled_from([dropped, exchanged, reshaped]))
    change(data.draw, state, [key for key in state if not key.endswith(COUNTER)])
    try:
        found = opened(tmp_path, dict(state))
    except UnknownArchitecture:
        return
    own = {k: v for k, v in found.module.state_dict().items() if not k.endswith(COUNTER)}
    assert own.keys() == {key for key in state if not key.endswith(COUNTER)}
    assert all(torch.equal(value, state[key]) for key, value in own.items())


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_order_and_shapes_only_propose(tmp_path, states, name):
    state = {f"w{i}": value for i, value in enumerate(states[name].values())}
    with pytest.raises(UnknownArchitecture) as caught:
        opened(tmp_path, state)
    assert not any(each.certain for each in caught.value.question.candidates)
