"""What must hold of reading and editing on real architectures with random weights."""

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, EditProblem
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import Place
from interp_gui.core.runtime import Capture

# A layer through which everything flows, so that patching it whole decides the answer.
TRUNKS = {
    "mobilenet_v2": "features.7",
    "resnet18": "layer2.1",
    "convnext_tiny": "features.5.3",
    "vit_b_16": "encoder.layers.encoder_layer_5",
    "swin_t": "features.5.2",
}


def trunk(runtime):
    return TRUNKS[runtime.description.name]


def direction(units, *, count=1, seed=3):
    return as_vectors(np.random.default_rng(seed).normal(size=(count, units)))


def run(runtime, x, *edits, sources=None, capture=()):
    return runtime.forward(x, edits=EditStack(edits), sources=sources, capture=capture)


def test_the_random_networks_are_alive(network, batch):
    out = network.forward(batch(network, 3)).outputs["output"]
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 1e3
    assert np.abs(out[0] - out[1]).max() > 1e-3 * np.abs(out).max()
    tensors = [t for t in network.module.state_dict().values() if t.is_floating_point()]
    sums = [(tuple(t.shape), float(t.double().sum())) for t in tensors]
    assert len(set(sums)) == len(sums)


def test_exchanging_two_tensors_of_a_shape_changes_the_answer(network, batch, answers):
    x = batch(network, 1)
    before = answers(network, x)
    by_shape = {}
    for name, tensor in network.module.state_dict().items():
        if tensor.is_floating_point():
            by_shape.setdefault(tuple(tensor.shape), []).append((name, tensor))
    pairs = [(group[0], group[-1]) for group in by_shape.values() if len(group) > 1]
    for (first, a), (last, b) in pairs[:: max(1, len(pairs) // 6)]:
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)
        try:
            assert not np.array_equal(answers(network, x), before), (first, last)
        finally:
            b.copy_(a)
            a.copy_(kept)
    assert np.array_equal(answers(network, x), before)


def test_a_pass_answers_as_the_module_itself(network, batch, answers, untouched):
    x = batch(network)
    with untouched(network):
        got = network.forward(x, capture=[trunk(network)]).outputs["output"]
    assert np.array_equal(got, answers(network, x))


def test_gradients_and_no_gradients_take_the_same_path(network, batch):
    x = batch(network, 1)
    plain = network.forward(x, capture=[trunk(network)])
    traced = network.trace(network.tensor(x).requires_grad_(), capture=[trunk(network)])
    assert np.array_equal(traced.outputs["output"].detach().numpy(), plain.outputs["output"])
    value = traced.captured[trunk(network)]
    assert np.array_equal(value.detach().numpy(), plain.captured[trunk(network)])
    (gradient,) = torch.autograd.grad(traced.outputs["output"][:, 3].sum(), value)
    assert gradient.abs().sum() > 0


def test_edits_without_effect_leave_every_bit(network, batch):
    x = batch(network, 1)
    layer = trunk(network)
    units = network.layer(layer).units
    plain = network.forward(x, capture=[layer])
    own = {(layer, "own"): plain.captured[layer][0]}
    bases = [
        Feature(layer=layer, units=(5, 1, 3)),
        Feature(layer=layer, vectors=direction(units, count=2)),
        Feature(layer=layer),
    ]
    edits = []
    for feature in bases:
        edits += [
            Edit(feature=feature, kind="scale", amount=1.0),
            Edit(feature=feature, kind="clamp"),
            Edit(feature=feature, kind="clamp", low=-float("inf"), high=float("inf")),
            Edit(feature=feature, kind="patch", source="own"),
            Edit(feature=feature, kind="ablate", baseline=Baseline("image", source="own")),
        ]
        if not feature.whole_layer:
            edits.append(Edit(feature=feature, kind="add", amount=0.0))
    changed = run(network, x, *edits, sources=own, capture=[layer])
    assert np.array_equal(changed.outputs["output"], plain.outputs["output"])
    assert np.array_equal(changed.captured[layer], plain.captured[layer])
    assert changed.hits == dict.fromkeys(range(len(edits)), 1)


def test_patching_a_whole_trunk_gives_the_other_images_answer(network, batch):
    x = batch(network, 2)
    layer = trunk(network)
    other = network.forward(x[1:], capture=[layer])
    edit = Edit(feature=Feature(layer=layer), kind="patch", source="b")
    patched = run(network, x[:1], edit, sources={(layer, "b"): other.captured[layer][0]})
    scale = np.abs(other.outputs["output"]).max()
    difference = np.abs(patched.outputs["output"] - other.outputs["output"]).max()
    assert difference <= 1e-5 * scale
    assert difference < np.abs(network.forward(x[:1]).outputs["output"]).max()


def test_a_predictor_without_units_is_right_half_of_the_time(network, batch):
    layer = network.description.layers[-1].name
    last = [info for info in network.description.layers if info.worthwhile][-1].name
    edit = Edit(feature=Feature(layer=last), kind="ablate")
    out = run(network, batch(network, 4), edit).outputs["output"]
    assert layer
    assert np.array_equal(out, np.repeat(out[:1], 4, axis=0))
    answered = out.argmax(axis=1)
    labels = np.array([0, 1, answered[0], answered[0]])
    for label in set(labels.tolist()):
        mine = labels == label
        balanced = ((answered == label)[mine].mean() + (answered != label)[~mine].mean()) / 2
        assert balanced == 0.5


def test_noise_anywhere_changes_the_answer_and_is_read_back(network, batch):
    x = batch(network, 1)
    layers = network.description.layers
    small = network.description.name in ("mobilenet_v2", "resnet18")
    asked = layers if small else layers[:: len(layers) // 6]
    for info in asked:
        generator = np.random.default_rng(info.depth)
        capture = [Capture(info.name, "before"), Capture(info.name)]
        before = network.forward(x, capture=[info.name])
        value = before.captured[info.name]
        scale = np.abs(value).max() or 1.0
        noise = (value[0] + scale * generator.normal(size=value.shape[1:])).astype(np.float32)
        edit = Edit(feature=Feature(layer=info.name), kind="patch", source="noise")
        poked = run(network, x, edit, sources={(info.name, "noise"): noise}, capture=capture)
        assert info.writable, info.name
        assert not np.array_equal(poked.outputs["output"], before.outputs["output"]), info.name
        assert np.array_equal(poked.captured[capture[1]][0], noise), info.name
        assert np.array_equal(poked.captured[capture[0]], value), info.name
        assert value.shape[1:] == info.shape


def test_nothing_is_left_behind_by_failures(network, batch, untouched, answers):
    x = batch(network, 1)
    layer = trunk(network)
    before = answers(network, x)
    calls = 0

    def check():
        nonlocal calls
        calls += 1
        if calls > 20:
            raise Cancelled

    edit = Edit(feature=Feature(layer=layer, units=(0,)), kind="ablate")
    with untouched(network):
        with pytest.raises(Cancelled), network.cancel_with(check):
            network.forward(x, capture=[layer], edits=EditStack((edit,)))
        missing = msgspec.structs.replace(edit, kind="patch", source="nowhere")
        with pytest.raises(EditProblem, match="another image"):
            run(network, x, missing)
        misplaced = msgspec.structs.replace(edit, place=Place("tokens", tokens=(9999,)))
        with pytest.raises(EditProblem):
            run(network, x, misplaced)
        with pytest.raises((RuntimeError, AssertionError)):
            network.forward(np.zeros((1, 5, 8, 8), np.float32), capture=[layer])
    assert np.array_equal(answers(network, x), before)


@pytest.mark.parametrize("name", TRUNKS)
def test_projecting_out_and_steering_in_double_precision(name, doubled, batch):
    network = doubled(name)
    x = batch(network, 1)
    layer = trunk(network)
    info = network.layer(layer)
    unit = np.random.default_rng(1).normal(size=info.units)
    feature = Feature(layer=layer, vectors=as_vectors(unit / np.linalg.norm(unit)))
    d = feature.matrix()[0].astype(float)

    def value(*edits):
        got = run(network, x, *edits, capture=[layer])
        return np.moveaxis(got.captured[layer], info.unit_axis, -1), got.outputs["output"]

    plain, logits = value()
    out = Edit(feature=feature, kind="project_out")
    once, logits_once = value(out)
    twice, _ = value(out, out)
    assert np.abs(once @ d).max() < 1e-10 * np.abs(plain).max()
    assert np.abs(twice - once).max() < 1e-12 * np.abs(plain).max()
    assert np.abs(logits_once - logits).max() > 1e-6
    steer = Edit(feature=feature, kind="add", amount=2.5)
    back = Edit(feature=feature, kind="add", amount=-2.5)
    moved, _ = value(steer)
    assert np.allclose(moved @ d - plain @ d, 2.5 * (d @ d), atol=1e-9)
    returned, logits_back = value(steer, back)
    assert np.abs(returned - plain).max() < 1e-12 * np.abs(plain).max()
    assert np.abs(logits_back - logits).max() < 1e-9 * np.abs(logits).max()


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_the_order_of_edits_matters_and_ablations_commute(name, doubled, batch):
    network = doubled(name)
    x, layer = batch(network, 1), trunk(network)
    feature = Feature(layer=layer, units=(2, 4))
    scale = Edit(feature=feature, kind="scale", amount=3.0)
    add = Edit(feature=feature, kind="add", amount=1.0)
    first = Edit(feature=Feature(layer=layer, units=(1,)), kind="ablate")
    mean = Baseline("mean", (0.7,))
    second = Edit(feature=Feature(layer=layer, units=(2,)), kind="ablate", baseline=mean)
    patch = Edit(feature=feature, kind="patch", source="s")
    other = network.forward(batch(network, 1, seed=8), capture=[layer]).captured[layer][0]

    def logits(*edits):
        return run(network, x, *edits, sources={(layer, "s"): other}).outputs["output"]

    assert np.abs(logits(scale, add) - logits(add, scale)).max() > 1e-6
    assert np.array_equal(logits(first, second), logits(second, first))
    assert np.array_equal(logits(second, second), logits(second))
    assert np.array_equal(logits(patch, patch), logits(patch))
    assert not np.array_equal(logits(patch), logits())


CONVOLUTIONS = {
    # a convolution, and the next one that reads its (normed, activated) channels
    "mobilenet_v2": ("features.0.0", "features.3.conv.2"),
    "resnet18": ("conv1", "layer1.1.conv2"),
    "convnext_tiny": ("features.0.0", "features.2.1"),
    "vit_b_16": ("conv_proj", None),
    "swin_t": ("features.0.0", None),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_ablating_a_channel_is_editing_the_weights(name, doubled, batch, answers):
    network = doubled(name)
    x = batch(network, 1)
    first, reader = CONVOLUTIONS[name]
    convolution = network.module.get_submodule(first)
    weight, bias = convolution.weight, convolution.bias
    ablated = run(network, x, Edit(feature=Feature(layer=first, units=(7,)), kind="ablate"))
    kept = weight.clone(), None if bias is None else bias.clone()
    weight[7] = 0
    if bias is not None:
        bias[7] = 0
    by_weights = answers(network, x)
    weight.copy_(kept[0])
    if bias is not None:
        bias.copy_(kept[1])
    assert np.abs(ablated.outputs["output"] - by_weights).max() < 1e-10
    assert np.abs(by_weights - answers(network, x)).max() > 1e-6
    if reader is None:
        return
    site = f"{reader}/in"
    ablated = run(network, x, Edit(feature=Feature(layer=site, units=(5,)), kind="ablate"))
    weight = network.module.get_submodule(reader).weight
    kept = weight.clone()
    weight[:, 5] = 0
    by_weights = answers(network, x)
    weight.copy_(kept)
    assert np.abs(ablated.outputs["output"] - by_weights).max() < 1e-10
    assert np.abs(by_weights - answers(network, x)).max() > 1e-9


@pytest.mark.parametrize(
    ("name", "writer"),
    [("vit_b_16", "encoder.layers.encoder_layer_4.mlp.3"), ("swin_t", "features.3.1.mlp.3"),
     ("convnext_tiny", "features.5.2.block.5")],
)  # fmt: skip
def test_projecting_out_is_editing_the_writer(name, writer, doubled, batch, answers):
    network = doubled(name)
    x = batch(network, 1)
    info = network.layer(writer)
    raw = np.random.default_rng(5).normal(size=info.units)
    feature = Feature(layer=writer, vectors=as_vectors(raw))
    projected = run(network, x, Edit(feature=feature, kind="project_out"))
    d = torch.from_numpy(feature.matrix()[0].astype(float))
    d = d / d.norm()
    linear = network.module.get_submodule(writer)
    kept = linear.weight.clone(), linear.bias.clone()
    linear.weight.sub_(torch.outer(d, d @ linear.weight))
    linear.bias.sub_(d * (d @ linear.bias))
    by_weights = answers(network, x)
    linear.weight.copy_(kept[0])
    linear.bias.copy_(kept[1])
    assert np.abs(projected.outputs["output"] - by_weights).max() < 1e-9
    assert np.abs(by_weights - answers(network, x)).max() > 1e-6


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny"])
def test_patching_the_input_gives_the_other_images_answer(name, doubled, batch):
    network = doubled(name)
    x = batch(network, 2)
    site = {"resnet18": "conv1/in", "convnext_tiny": "features.0.0/in"}[name]
    edit = Edit(feature=Feature(layer=site), kind="patch", source="b")
    patched = run(network, x[:1], edit, sources={(site, "b"): x[1]})
    assert np.array_equal(patched.outputs["output"], network.forward(x[1:]).outputs["output"])
