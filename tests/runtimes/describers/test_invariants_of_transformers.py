"""What must hold of edits, on small transformers of several libraries in double precision."""

import copy

import numpy as np
import pytest
import torch

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import Cancelled, EditProblem, OutOfMemory
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.layer import layers_of
from interp_gui.core.place import Place
from tests.runtimes.describers.conftest import SIDE, runtime_of

NAMES = ["torchvision vit", "torchvision swin", "timm vit", "hugging face vit"]


@pytest.fixture(scope="module")
def doubled(network):
    made = {}

    def get(name):
        if name not in made:
            made[name] = runtime_of(copy.deepcopy(network(name).module).double())
        return made[name]

    return get


def trunk(runtime):
    """Where the first block ends."""
    ends = [x.name for x in layers_of(runtime.description.layers, "residual")]
    return next(name for name in ends if name.endswith("/resid"))


def logits(runtime, x, *edits, **asked):
    found = runtime.forward(x, edits=EditStack(edits), **asked)
    assert all(count >= 1 for count in found.hits.values())
    return next(iter(found.outputs.values()))


@pytest.mark.parametrize("name", NAMES)
def test_edits_without_effect_leave_every_bit(network, batch, name):
    runtime, x = network(name), batch[:1]
    layer = trunk(runtime)
    value = runtime.forward(x, capture=[layer]).captured[layer][0]
    plain = logits(runtime, x)
    vectors = as_vectors(np.random.default_rng(0).normal(size=(2, runtime.layer(layer).units)))
    here = Place("tokens", tokens=(1,)) if "token" in runtime.layer(layer).axes else Place()
    for basis in ({"units": (1, 3)}, {"vectors": vectors}, {}):
        feature = Feature(layer=layer, **basis)
        edits = [
            Edit(feature=feature, kind="scale", amount=1.0),
            Edit(feature=feature, kind="clamp"),
            Edit(feature=feature, kind="patch", source="own"),
            Edit(feature=feature, kind="patch", source="own", place=here),
            Edit(feature=feature, kind="ablate", baseline=Baseline("image", source="own")),
        ]
        if basis:
            edits.append(Edit(feature=feature, kind="add", amount=0.0))
        changed = logits(runtime, x, *edits, sources={(layer, "own"): value})
        assert np.array_equal(changed, plain)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_residual_stream_decides_the_answer(doubled, batch, name):
    runtime = doubled(name)
    layer = trunk(runtime)
    one, other = batch[:1], batch[1:]
    value = runtime.forward(other, capture=[layer]).captured[layer][0]
    patch = Edit(feature=Feature(layer=layer), kind="patch", source="b")
    patched = logits(runtime, one, patch, sources={(layer, "b"): value})
    wanted = logits(runtime, other)
    assert np.abs(patched - wanted).max() <= 1e-9 * np.abs(wanted).max()
    assert np.abs(logits(runtime, one) - wanted).max() > 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NAMES)
def test_steering_there_and_back_and_what_it_moves(doubled, batch, name):
    runtime, x = doubled(name), batch[:1]
    layer = trunk(runtime)
    info = runtime.layer(layer)
    raw = np.random.default_rng(1).normal(size=info.units)
    feature = Feature(layer=layer, vectors=as_vectors(raw / np.linalg.norm(raw)))
    d = feature.matrix()[0].astype(float)

    def add(amount):
        return Edit(feature=feature, kind="add", amount=amount)

    def along(*edits):
        found = runtime.forward(x, edits=EditStack(edits), capture=[layer]).captured[layer]
        return np.moveaxis(found, info.unit_axis, -1) @ d / (d @ d)

    plain = logits(runtime, x)
    assert np.abs(logits(runtime, x, add(2.0), add(-2.0)) - plain).max() < 1e-10
    np.testing.assert_allclose(along(add(2.0)) - along(), 2.0, atol=1e-9)
    out = Edit(feature=feature, kind="project_out")
    assert np.abs(along(out)).max() < 1e-9
    once, twice = logits(runtime, x, out), logits(runtime, x, out, out)
    assert np.abs(once - twice).max() < 1e-10
    scale = Edit(feature=feature, kind="scale", amount=3.0)
    one_way, other_way = logits(runtime, x, scale, add(1.0)), logits(runtime, x, add(1.0), scale)
    assert np.abs(one_way - other_way).max() > 1e-6
    zero, mean = (Edit(feature=Feature(layer=layer, units=(u,)), kind="ablate") for u in (1, 2))
    assert np.array_equal(logits(runtime, x, zero, mean), logits(runtime, x, mean, zero))
    assert np.array_equal(logits(runtime, x, zero, zero), logits(runtime, x, zero))


def test_projecting_out_everywhere_is_editing_all_who_write(doubled, batch):
    """Invariant 6: weights, biases and embeddings, each without its part along the direction."""
    runtime = doubled("torchvision vit")
    module = runtime.module
    blocks = [f"encoder.layers.encoder_layer_{i}" for i in range(2)]
    sites = ["encoder.dropout"]
    for block in blocks:
        sites += [f"{block}/resid_mid", f"{block}/resid"]
    raw = np.random.default_rng(2).normal(size=runtime.layer(sites[0]).units)
    feature = Feature(layer=sites[0], vectors=as_vectors(raw))
    edits = [
        Edit(feature=Feature(layer=site, vectors=feature.vectors), kind="project_out")
        for site in sites
    ]
    projected = logits(runtime, batch, *edits)
    d = torch.from_numpy(feature.matrix()[0].astype(float))
    d = d / d.norm()
    along_first = [module.conv_proj.weight, module.conv_proj.bias]
    for block in blocks:
        own = module.get_submodule(block)
        along_first += [own.self_attention.out_proj.weight, own.self_attention.out_proj.bias]
        along_first += [own.mlp[3].weight, own.mlp[3].bias]
    along_last = [module.class_token, module.encoder.pos_embedding]
    kept = [t.detach().clone() for t in (*along_first, *along_last)]
    plain = logits(runtime, batch)
    with torch.no_grad():
        try:
            for t in along_first:
                t.sub_(torch.tensordot(d, torch.tensordot(d, t, dims=([0], [0])), dims=0))
            for t in along_last:
                t.sub_((t @ d)[..., None] * d)
            by_weights = logits(runtime, batch)
        finally:
            for t, value in zip((*along_first, *along_last), kept, strict=True):
                t.copy_(value)
    assert np.abs(projected - by_weights).max() < 1e-9
    assert np.abs(by_weights - plain).max() > 1e-4
    assert np.array_equal(logits(runtime, batch), plain)


@pytest.mark.parametrize("name", NAMES)
def test_failures_leave_the_model_as_it_was(network, batch, name, monkeypatch):
    from interp_gui.checkpoints.hashing import weights_sha256

    runtime, x = network(name), batch[:1]
    layer = trunk(runtime)
    plain = logits(runtime, x)
    before = weights_sha256(runtime.module.state_dict())
    patch = Edit(feature=Feature(layer=layer), kind="patch", source="s")
    shape = runtime.layer(layer).shape
    missing = np.full(shape, np.nan, np.float32)
    assert np.isnan(logits(runtime, x, patch, sources={(layer, "s"): missing})).any()
    with pytest.raises(EditProblem, match="has the shape"):
        logits(runtime, x, patch, sources={(layer, "s"): missing[..., :-1]})
    calls = 0

    def cancel():
        nonlocal calls
        calls += 1
        if calls > 9:
            raise Cancelled

    with pytest.raises(Cancelled), runtime.cancel_with(cancel):
        logits(runtime, x, patch, sources={(layer, "s"): missing})

    def short(*_args, **_kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr("interp_gui.runtimes.torch_runtime.apply_edit", short)
    with pytest.raises(OutOfMemory):
        logits(runtime, x, patch, sources={(layer, "s"): missing})
    monkeypatch.undo()
    assert weights_sha256(runtime.module.state_dict()) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())
    assert np.array_equal(logits(runtime, x), plain)
    assert x.shape[2] == SIDE
