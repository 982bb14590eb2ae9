"""Queries, keys, values, patterns and head outputs against the networks' own weights."""

import numpy as np
import pytest
import torch

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.edit_reference import apply_stack
from interp_gui.core.errors import Cancelled, EditProblem
from interp_gui.core.feature import Feature
from interp_gui.core.layer import Address, layers_of
from interp_gui.core.place import Place
from interp_gui.core.runtime import Capture

from .conftest import NETWORKS, hugging_face, runtime_of, sizes

SITES = ("q", "k", "v", "pattern", "z")
PROJECTIONS = ("proj", "out_proj", "o_proj")


def attentions(runtime):
    return [layer.name.removesuffix("/z") for layer in layers_of(runtime.description.layers, "z")]


def out_projection(runtime, path):
    module = runtime.module.get_submodule(path)
    for name in PROJECTIONS:
        if hasattr(module, name):
            return getattr(module, name)
    raise AssertionError(f"no projection in {module}")


def outputs_of(runtime, batch, **options):
    return next(iter(runtime.forward(batch, **options).outputs.values()))


def stack(feature, kind="scale", **options):
    return EditStack(edits=(Edit(feature=feature, kind=kind, **options),))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_attention_is_opened_up(network, name):
    runtime = network(name)
    assert len(attentions(runtime)) == (4 if "swin" in name else 2)
    assert not runtime.description.notes
    for path in attentions(runtime):
        for site in SITES:
            layer = runtime.layer(f"{path}/{site}")
            assert layer.writable
            assert (layer.heads, layer.head_size) == (2, runtime.layer(f"{path}/z").units)


@pytest.mark.parametrize("name", NETWORKS)
def test_patterns_sum_to_one_and_make_what_the_heads_write(network, batch, name):
    runtime = network(name)
    for path in attentions(runtime):
        names = [f"{path}/{site}" for site in SITES]
        got = runtime.forward(batch, capture=names).captured
        pattern, value, z = (got[f"{path}/{site}"] for site in ("pattern", "v", "z"))
        np.testing.assert_allclose(pattern.sum(-1), 1.0, atol=1e-5)
        mixed = np.einsum("...hqk,...khd->...qhd", pattern, value)
        np.testing.assert_allclose(mixed, z, atol=1e-5 * np.abs(z).max())


def test_norms_of_queries_have_heads_and_tokens(network, batch):
    runtime = network("timm vit")
    path = attentions(runtime)[0]
    for norm, site in (("q_norm", "q"), ("k_norm", "k")):
        layer, own = runtime.layer(f"{path}.{norm}"), runtime.layer(f"{path}/{site}")
        assert layer.axes == ("head", "token", "unit")
        assert layer.units == own.head_size
        got = runtime.forward(batch, capture=[layer.name, own.name]).captured
        wanted = np.moveaxis(got[own.name], [own.axes.index(a) + 1 for a in layer.axes], [1, 2, 3])
        np.testing.assert_allclose(got[layer.name], wanted, atol=1e-5 * np.abs(wanted).max())


def test_attention_that_pools_by_a_learned_query_is_opened_up(batch):
    runtime = runtime_of(hugging_face("SiglipVisionModel", "SiglipVisionConfig", **sizes()))
    path = "head.attention"
    got = runtime.forward(batch, capture=[f"{path}/{site}" for site in SITES]).captured
    pattern, value, z = (got[f"{path}/{site}"] for site in ("pattern", "v", "z"))
    mixed = np.einsum("nhqk,nkhd->nqhd", pattern, value)
    np.testing.assert_allclose(mixed, z, atol=1e-5 * np.abs(z).max())
    pooled = runtime.forward(batch).outputs["pooler_output"]
    edited = runtime.forward(batch, edits=stack(Feature.parse(f"{path}/z:h1"), "ablate"))
    assert np.abs(edited.outputs["pooler_output"] - pooled).max() > 1e-3 * np.abs(pooled).max()


@pytest.mark.parametrize("name", [n for n in NETWORKS if "swin" not in n])
def test_head_outputs_through_the_output_weights_are_the_attention(network, batch, name):
    """Invariant 11: the heads' results and the bias sum to what the module returns."""
    runtime = network(name)
    for path in attentions(runtime):
        got = runtime.forward(batch, capture=[f"{path}/z", path]).captured
        projection = out_projection(runtime, path)
        z = torch.from_numpy(got[f"{path}/z"]).flatten(2)
        own = torch.nn.functional.linear(z, projection.weight, projection.bias).numpy()
        scale = np.abs(got[path]).max()
        np.testing.assert_allclose(own, got[path], atol=1e-5 * scale)


def test_queries_keys_and_values_are_those_of_the_input_weights(network, batch):
    for name, given in (("torchvision vit", "ln_1"), ("hugging face vit", "layernorm_before")):
        runtime = network(name)
        path = attentions(runtime)[1]
        normed = f"{path.rpartition('.')[0]}.{given}"
        names = [normed, *(f"{path}/{site}" for site in "qkv")]
        got = runtime.forward(batch, capture=names).captured
        x = torch.from_numpy(got[normed])
        module = runtime.module.get_submodule(path)
        if name == "torchvision vit":
            own = torch.nn.functional.linear(x, module.in_proj_weight, module.in_proj_bias)
            parts = own.chunk(3, -1)
        else:
            parts = [getattr(module, f"{site}_proj")(x) for site in "qkv"]
        for site, part in zip("qkv", parts, strict=True):
            value = got[f"{path}/{site}"]
            expected = part.detach().numpy().reshape(value.shape)
            np.testing.assert_allclose(value, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_ablating_a_head_is_zeroing_its_output_weights(network, batch, name):
    """Invariant 4: head h at z is the columns of the output weights; the bias stays."""
    runtime = network(name)
    path = attentions(runtime)[-1]
    size = runtime.layer(f"{path}/z").head_size
    ablated = outputs_of(runtime, batch, edits=stack(Feature.parse(f"{path}/z:h1"), "ablate"))
    weight = out_projection(runtime, path).weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[:, size : 2 * size] = 0
    try:
        expected = outputs_of(runtime, batch)
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    plain = outputs_of(runtime, batch)
    scale = np.abs(plain).max()
    np.testing.assert_allclose(ablated, expected, atol=1e-5 * scale)
    assert np.abs(ablated - plain).max() > 1e-4 * scale


@pytest.mark.parametrize("name", NETWORKS)
def test_edits_that_change_nothing_leave_every_bit(network, batch, name):
    runtime = network(name)
    plain = outputs_of(runtime, batch)
    sites = [x.name for x in runtime.description.layers if x.virtual]
    np.testing.assert_array_equal(outputs_of(runtime, batch, capture=sites), plain)
    everything = EditStack(
        edits=tuple(Edit(feature=Feature(layer=site), kind="scale", amount=1.0) for site in sites)
    )
    forward = runtime.forward(batch, edits=everything, capture=sites)
    np.testing.assert_array_equal(next(iter(forward.outputs.values())), plain)
    assert set(forward.hits.values()) == {1}
    np.testing.assert_array_equal(outputs_of(runtime, batch), plain)


@pytest.mark.parametrize("name", ["torchvision vit", "torchvision swin", "timm deit"])
@pytest.mark.parametrize("site", SITES)
def test_edits_are_those_of_the_reference(network, batch, name, site):
    runtime = network(name)
    address = f"{attentions(runtime)[0]}/{site}"
    head = Feature.parse(f"{address}:h1")
    edits = [
        Edit(feature=head, kind="scale", amount=0.5, place=Place("tokens", tokens=(0, 2))),
        Edit(feature=Feature(layer=address), kind="clamp", high=0.2),
    ]
    if site != "pattern":
        edits.append(Edit(feature=Feature(layer=address, units=(3,)), kind="add", amount=0.7))
    edited = EditStack(edits=tuple(edits))
    keys = [Capture(address, "before"), Capture(address, "after")]
    got = runtime.forward(batch, capture=keys, edits=edited)
    before, after = (got.captured[key] for key in keys)
    expected = apply_stack(before, edited, address, runtime.layer(address).axes)
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert np.abs(after - before).max() > 1e-2
    assert np.abs(next(iter(got.outputs.values())) - outputs_of(runtime, batch)).max() > 1e-5


@pytest.mark.parametrize("name", ["torchvision vit", "timm swin"])
def test_a_changed_pattern_mixes_the_values_anew(network, batch, name):
    runtime = network(name)
    path = attentions(runtime)[0]
    edits = stack(Feature.parse(f"{path}/pattern:h0"), "scale", amount=0.25)
    names = [f"{path}/{site}" for site in ("pattern", "v", "z")]
    got = runtime.forward(batch, capture=names, edits=edits).captured
    pattern, value, z = (got[n] for n in names)
    mixed = np.einsum("...hqk,...khd->...qhd", pattern, value)
    np.testing.assert_allclose(z, mixed, atol=1e-5 * np.abs(z).max())


@pytest.mark.parametrize("name", ["torchvision vit", "timm eva", "hugging face swin"])
def test_gradients_are_those_of_small_changes(network, name):
    """The gradient at a site is what the outputs do when that site alone is moved."""
    runtime = network(name)
    x = torch.from_numpy(
        np.random.default_rng(1).standard_normal((1, 3, 32, 32)).astype(np.float32)
    ).requires_grad_()
    plain = runtime.forward(x.detach().numpy()).outputs
    key = next(iter(plain))
    path = attentions(runtime)[0]
    for site in SITES:
        address = f"{path}/{site}"
        traced = runtime.trace(x, capture=[address])
        total = traced.outputs[key].square().sum()
        (gradient,) = torch.autograd.grad(total, traced.captured[address])
        scale = 1.0 + 1e-2
        edits = stack(Feature(layer=address), amount=scale)
        moved = np.square(runtime.forward(x.detach().numpy(), edits=edits).outputs[key]).sum()
        edits = stack(Feature(layer=address), amount=2 - scale)
        back = np.square(runtime.forward(x.detach().numpy(), edits=edits).outputs[key]).sum()
        expected = (gradient * traced.captured[address]).sum().item()
        assert (moved - back) / 2e-2 == pytest.approx(
            expected, rel=0.05, abs=2e-3 * abs(total.item())
        )


def hooks_of(module):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


def test_no_hook_and_no_mode_is_left_after_a_failure(network, batch):
    runtime = network("timm vit")
    path = attentions(runtime)[0]
    plain = outputs_of(runtime, batch)
    bad = stack(Feature.parse(f"{path}/z:h1"), "scale", place=Place("tokens", tokens=(99,)))
    with pytest.raises(EditProblem, match="99"):
        runtime.forward(batch, edits=bad)
    assert hooks_of(runtime.module) == 0
    assert torch.overrides._get_current_function_mode_stack() == []
    np.testing.assert_array_equal(outputs_of(runtime, batch), plain)


def test_a_cancelled_pass_leaves_nothing(network, batch):
    runtime = network("torchvision vit")
    calls = [0]

    def check():
        calls[0] += 1
        if calls[0] > 12:
            raise Cancelled

    with pytest.raises(Cancelled), runtime.cancel_with(check):
        runtime.forward(batch, capture=[f"{attentions(runtime)[1]}/pattern"])
    assert hooks_of(runtime.module) == 0
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_pass_can_end_at_a_site(network, batch):
    runtime = network("torchvision vit")
    first, second = attentions(runtime)
    got = runtime.forward(batch, capture=[f"{first}/z"], until=f"{first}/z")
    assert not got.outputs
    assert list(got.captured) == [f"{first}/z"]
    edits = stack(Feature.parse(f"{second}/z:h0"), "ablate")
    with pytest.raises(EditProblem, match="never ran"):
        runtime.forward(batch, edits=edits, until=f"{first}/z")


@pytest.mark.parametrize("name", ["torchvision vit", "timm vit", "hugging face vit"])
def test_the_residual_stream_goes_from_block_to_block(network, batch, name):
    runtime = network(name)
    sums = layers_of(runtime.description.layers, "residual")
    ends = [x.name for x in sums if x.name.endswith("/resid")]
    assert len(ends) == 2
    blocks = [e.removesuffix("/resid") for e in ends]
    attention = next(p for p in attentions(runtime) if p.startswith(f"{blocks[1]}."))
    middle = f"{blocks[1]}/resid_mid"
    got = runtime.forward(batch, capture=[*ends, *blocks, middle]).captured
    for end, block in zip(ends, blocks, strict=True):
        np.testing.assert_array_equal(got[end], got[block])
    heads = (Edit(feature=Feature(layer=attention), kind="ablate"),)
    silent = runtime.forward(batch, capture=[middle, blocks[0]], edits=EditStack(edits=heads))
    if name == "torchvision vit":
        np.testing.assert_allclose(silent.captured[middle], silent.captured[blocks[0]], atol=1e-6)
    assert np.abs(got[middle] - got[blocks[0]]).max() > 1e-2


# values that the answer does not come from: the tokens beside the pooled ones that CLIP projects,
# and the pooled ones beside the tokens that Swin answers with
DEAD_ENDS = {"hugging face clip": ("vision_model",), "hugging face swin": ("pooler", "pooler/in")}


FAST = ("torchvision vit", "torchvision swin", "hugging face vit", "hugging face dinov2")


def poked(runtime, batch, address):
    layer = runtime.layer(address)
    noise = np.random.default_rng(2).standard_normal(layer.shape).astype(np.float32)
    scale = np.abs(runtime.forward(batch, capture=[address]).captured[address]).max() or 1.0
    feature = Feature(layer=address)
    edits = stack(feature, "patch", source="f" * 64)
    return outputs_of(runtime, batch, edits=edits, sources={(address, "f" * 64): scale * noise})


@pytest.mark.parametrize(
    "name",
    [
        *FAST,
        *(pytest.param(n, marks=pytest.mark.thorough) for n in NETWORKS if n not in FAST),
    ],
)  # fmt: skip
def test_noise_at_every_offered_site_changes_the_answer(network, batch, name):
    """Invariant 2, for outputs, inputs and virtual sites alike."""
    runtime = network(name)
    description = runtime.description
    plain = outputs_of(runtime, batch[:1])
    for layer in (*description.layers, *description.inputs):
        assert description.layer(layer.name) == layer
        assert layer.writable == (layer.name not in DEAD_ENDS.get(name, ())), layer.name
        if layer.writable:
            changed = poked(runtime, batch[:1], layer.name)
            assert not np.array_equal(changed, plain), layer.name
        else:
            with pytest.raises(EditProblem, match="read but not changed"):
                poked(runtime, batch[:1], layer.name)


def test_sites_are_addresses_of_modules_that_exist(network):
    for name in NETWORKS:
        runtime = network(name)
        paths = dict(runtime.module.named_modules())
        assert all(Address.parse(x.name).path in paths for x in runtime.description.layers)
