"""What must hold of edits, on exports of a convolutional network and of a transformer.

Each stands beside the network it was exported from: the same recipe does the same to both.
"""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_reference import apply_edit
from interp_gui.core.errors import Cancelled, EditProblem, OutOfMemory
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.runtime import Capture
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.onnx.verifying import verify_names
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import described, exported

SIDE, CLASSES = 32, 6


class Convolutions(nn.Module):
    """A stem, two residual blocks with norms and ReLU6, and a head behind a pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.first = self.block()
        self.second = self.block()
        self.head = nn.Linear(8, CLASSES)

    @staticmethod
    def block():
        return nn.Sequential(
            nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8),
        )  # fmt: skip

    def forward(self, x):
        x = self.stem(x)
        x = x + self.first(x)
        x = x + self.second(x)
        return self.head(x.mean((2, 3)))


def transformer():
    import torchvision

    return torchvision.models.VisionTransformer(
        image_size=SIDE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24,
        num_classes=CLASSES,
    )  # fmt: skip


MAKERS = {"cnn": Convolutions, "vit": transformer}
TRUNKS = {"cnn": "second.7", "vit": "encoder.layers.encoder_layer_0"}


class Pair:
    """A network, its export, and which layers of theirs are the same."""

    def __init__(self, name):
        torch.manual_seed(0)
        module = MAKERS[name]().eval()
        randomised(module)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            self.ours = OnnxRuntime(exported(module, size=SIDE), described(CLASSES, SIDE))
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        self.theirs = TorchRuntime(
            module,
            ModelDescription(
                name=name, format="torch-zip", architecture=name, library="torchvision",
                parameters=1, weights_sha256="0" * 64, outputs=(OutputInfo(size=CLASSES),),
                preprocessing=Preprocessing(size=(SIDE, SIDE)),
            ),
        )  # fmt: skip
        self.batch = np.random.default_rng(3).standard_normal((2, 3, SIDE, SIDE), np.float32)
        self.names = verify_names(self.ours, self.theirs, self.batch)

    @property
    def pairs(self):
        """Layers of both that can be edited and mean the same, (torch, ONNX)."""
        return [
            (torch_name, name)
            for torch_name, name in self.names.items()
            if self.ours.layer(name).writable and self.theirs.layer(torch_name).writable
            and self.ours.layer(name).axes == self.theirs.layer(torch_name).axes
            and self.ours.layer(name).units
        ]  # fmt: skip


@pytest.fixture(scope="module", params=MAKERS)
def pair(request):
    return Pair(request.param)


def logits(runtime, x, *edits, **asked):
    found = runtime.forward(x, edits=EditStack(edits), **asked)
    assert found.hits == dict.fromkeys(range(len(edits)), 1)
    return next(iter(found.outputs.values()))


def recipes(layer, info):
    """One edit of every kind, for units, directions and the whole layer."""
    generator = np.random.default_rng(info.units)
    vectors = as_vectors(generator.normal(size=(2, info.units)))
    unit = Feature(layer=layer, units=(info.units // 2, 0))
    span, whole = Feature(layer=layer, vectors=vectors), Feature(layer=layer)
    mean = Baseline("mean", (0.3, -0.2))
    for feature in (unit, span):
        yield Edit(feature=feature, kind="ablate")
        yield Edit(feature=feature, kind="ablate", baseline=mean)
        yield Edit(feature=feature, kind="add", amount=1.5, deviation=(0.5, 2.0))
    yield Edit(feature=span, kind="project_out")
    for feature in (unit, span, whole):
        yield Edit(feature=feature, kind="scale", amount=-1.5)
        yield Edit(feature=feature, kind="clamp", low=-0.1, high=0.2)
        yield Edit(feature=feature, kind="patch", source="b")


def test_the_two_answer_alike_and_probes_change_nothing(pair):
    ours = logits(pair.ours, pair.batch)
    theirs = logits(pair.theirs, pair.batch)
    scale = np.abs(theirs).max()
    assert np.abs(theirs[0] - theirs[1]).max() > 0.01 * scale
    assert np.abs(ours - theirs).max() <= 1e-4 * scale
    every = [x.name for x in pair.ours.description.layers]
    probed = pair.ours.forward(pair.batch, capture=every)
    assert np.abs(next(iter(probed.outputs.values())) - ours).max() <= 1e-6 * scale
    assert len(pair.pairs) >= 5


def test_the_same_recipe_changes_both_answers_alike(pair):
    """Invariant 23, and every kind equals the reference at its layer."""
    plain = logits(pair.ours, pair.batch), logits(pair.theirs, pair.batch)
    scale = np.abs(plain[1]).max()
    for torch_name, name in pair.pairs[:: max(1, len(pair.pairs) // 4)]:
        info = pair.ours.layer(name)
        value = pair.theirs.forward(pair.batch, capture=[torch_name]).captured[torch_name]
        for ours, theirs in zip(recipes(name, info), recipes(torch_name, info), strict=True):
            sources = {(name, "b"): value[1]}
            found = pair.ours.forward(
                pair.batch, edits=EditStack((ours,)), sources=sources,
                capture=[Capture(name, "before"), name],
            )  # fmt: skip
            wanted = logits(pair.theirs, pair.batch, theirs, sources={(torch_name, "b"): value[1]})
            one = next(iter(found.outputs.values())) - plain[0]
            assert np.abs(one - (wanted - plain[1])).max() <= 2e-4 * scale, (name, ours)
            before = found.captured[Capture(name, "before")]
            expected = apply_edit(before, ours, info.axes, sources={"b": value[1]})
            np.testing.assert_allclose(
                found.captured[name], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
            )


def test_edits_without_effect_leave_every_bit(pair):
    x = pair.batch[:1]
    plain = logits(pair.ours, x)
    for _, name in pair.pairs[:: max(1, len(pair.pairs) // 3)]:
        value = pair.ours.forward(x, capture=[name]).captured[name][0]
        for feature in (Feature(layer=name, units=(1,)), Feature(layer=name)):
            edits = [
                Edit(feature=feature, kind="scale", amount=1.0),
                Edit(feature=feature, kind="clamp"),
                Edit(feature=feature, kind="patch", source="own"),
            ]
            if not feature.whole_layer:
                edits.append(Edit(feature=feature, kind="add", amount=0.0))
            assert np.array_equal(
                logits(pair.ours, x, *edits, sources={(name, "own"): value}), plain
            )


def test_noise_at_every_offered_layer_changes_the_answer(pair):
    x = pair.batch[:1]
    plain = logits(pair.ours, x)
    offered = [x for x in pair.ours.description.layers if x.writable][::3]
    assert len(offered) > 5
    for info in offered:
        value = pair.ours.forward(x, capture=[info.name]).captured[info.name]
        noise = np.random.default_rng(1).standard_normal(info.shape).astype(np.float32)
        source = {(info.name, "n"): noise * (np.abs(value).max() or 1.0)}
        patch = Edit(feature=Feature(layer=info.name), kind="patch", source="n")
        assert not np.array_equal(logits(pair.ours, x, patch, sources=source), plain), info.name


def test_a_whole_trunk_from_another_image_decides_the_answer(pair):
    name = pair.names[TRUNKS[pair.theirs.description.name]]
    if pair.theirs.description.name == "cnn":
        # behind the block's sum, through which everything flows
        name = [x.name for x in pair.ours.description.layers if x.kind == "Add"][-1]
    other = pair.ours.forward(pair.batch[1:], capture=[name])
    patch = Edit(feature=Feature(layer=name), kind="patch", source="b")
    source = {(name, "b"): other.captured[name][0]}
    patched = logits(pair.ours, pair.batch[:1], patch, sources=source)
    wanted = next(iter(other.outputs.values()))
    assert np.abs(patched - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_projecting_out_steering_and_order(pair):
    x, name = pair.batch[:1], pair.names[TRUNKS[pair.theirs.description.name]]
    info = pair.ours.layer(name)
    raw = np.random.default_rng(1).normal(size=info.units)
    feature = Feature(layer=name, vectors=as_vectors(raw / np.linalg.norm(raw)))
    d = feature.matrix()[0].astype(float)
    plain = logits(pair.ours, x)
    scale = np.abs(plain).max()

    def along(*edits):
        found = pair.ours.forward(x, edits=EditStack(edits), capture=[name]).captured[name]
        return np.moveaxis(found, info.unit_axis, -1) @ d

    def add(amount):
        return Edit(feature=feature, kind="add", amount=amount)

    out = Edit(feature=feature, kind="project_out")
    triple = Edit(feature=feature, kind="scale", amount=3.0)
    assert np.abs(along(out)).max() <= 1e-5 * np.abs(along()).max()
    assert np.abs(logits(pair.ours, x, add(2.0), add(-2.0)) - plain).max() <= 1e-5 * scale
    np.testing.assert_allclose(along(add(2.0)) - along(), 2.0, atol=1e-4)
    one_way = logits(pair.ours, x, triple, add(1.0))
    assert np.abs(one_way - logits(pair.ours, x, add(1.0), triple)).max() > 1e-5 * scale
    first, second = (Edit(feature=Feature(layer=name, units=(u,)), kind="ablate") for u in (1, 2))
    assert np.array_equal(logits(pair.ours, x, first, second), logits(pair.ours, x, second, first))
    assert np.array_equal(logits(pair.ours, x, first, first), logits(pair.ours, x, first))


def test_a_unit_at_zero_is_its_weights_at_zero(pair):
    """Invariant 4, by the weights of the network that was exported."""
    writer = {"cnn": "stem.0", "vit": "conv_proj"}[pair.theirs.description.name]
    module = pair.theirs.module.get_submodule(writer)
    layer = next(x.name for x in pair.ours.description.layers if x.kind == "Conv")
    kept = [t.detach().clone() for t in (module.weight, module.bias)]
    norm = pair.theirs.module.stem[1] if writer == "stem.0" else None
    shift = None if norm is None else (norm.bias.detach().clone(), norm.running_mean.clone())
    with torch.no_grad():
        module.weight[3] = 0
        module.bias[3] = 0
        if norm is not None:  # the export has folded it: zero there is zero behind the norm
            norm.bias[3] = 0
            norm.running_mean[3] = 0
        wanted = logits(pair.theirs, pair.batch)
        module.weight.copy_(kept[0])
        module.bias.copy_(kept[1])
        if norm is not None and shift is not None:
            norm.bias.copy_(shift[0])
            norm.running_mean.copy_(shift[1])
    edit = Edit(feature=Feature(layer=layer, units=(3,)), kind="ablate")
    found, plain = logits(pair.ours, pair.batch, edit), logits(pair.ours, pair.batch)
    scale = np.abs(plain).max()
    assert np.abs(found - wanted).max() <= 1e-4 * scale
    assert np.abs(found - plain).max() > 1e-3 * scale


def test_no_units_leave_a_predictor_that_is_right_half_of_the_time(pair):
    last = [x.name for x in pair.ours.description.layers if x.kind == "Gemm"][-1]
    edit = Edit(feature=Feature(layer=f"{last}/in"), kind="ablate")
    answered = logits(pair.ours, np.repeat(pair.batch, 2, axis=0), edit).argmax(axis=1)
    labels = np.array([answered[0], 0, 1, answered[0]])
    for label in set(labels.tolist()):
        mine = labels == label
        right = [(answered == label)[mine].mean(), (answered != label)[~mine].mean()]
        assert sum(right) / 2 == 0.5


def weights_of(runtime):
    digest = hashlib.sha256()
    for value in runtime.network._weights._values:
        digest.update(value.numpy().tobytes())
    digest.update(runtime.network.skeleton.SerializeToString())
    return digest.hexdigest()


def test_failures_leave_the_model_as_it_was(pair, monkeypatch):
    x, layer = pair.batch[:1], pair.pairs[0][1]
    plain, before = logits(pair.ours, x), weights_of(pair.ours)
    shape = pair.ours.layer(layer).shape
    patch = Edit(feature=Feature(layer=layer), kind="patch", source="s")
    missing = {(layer, "s"): np.full(shape, np.nan, np.float32)}
    assert np.isnan(logits(pair.ours, x, patch, sources=missing)).any()
    with pytest.raises(EditProblem, match="has the shape"):
        logits(pair.ours, x, patch, sources={(layer, "s"): np.zeros((*shape, 2), np.float32)})
    with pytest.raises(EditProblem, match="another image"):
        logits(pair.ours, x, patch)

    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled), pair.ours.cancel_with(cancel):
        logits(pair.ours, x, patch, sources=missing)

    def short(*_args, **_kwargs):
        raise OutOfMemory("There is not enough memory for this computation.")

    monkeypatch.setattr("interp_gui.runtimes.onnx.network.run_session", short)
    with pytest.raises(OutOfMemory):
        logits(pair.ours, x, patch, sources=missing)
    monkeypatch.undo()
    assert weights_of(pair.ours) == before
    assert np.array_equal(logits(pair.ours, x), plain)


def test_a_layer_that_is_only_read_is_not_edited(pair):
    import msgspec

    runtime, name = pair.ours, pair.pairs[0][1]
    layers = runtime._layers
    closed = msgspec.structs.replace(layers.sites[name], writable=False)
    kept = layers.sites[name]
    layers.sites[name] = closed
    try:
        with pytest.raises(EditProblem, match="read but not changed"):
            logits(runtime, pair.batch, Edit(feature=Feature(layer=name), kind="scale", amount=2.0))
    finally:
        layers.sites[name] = kept
