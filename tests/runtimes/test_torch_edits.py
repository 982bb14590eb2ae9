import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.core.edit import LEGAL_KINDS, Baseline, Edit
from interp_gui.core.edit_reference import apply_edit as reference
from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import Place
from interp_gui.runtimes.torch_edits import apply_edit

AXES = [("unit", "y", "x"), ("y", "x", "unit"), ("token", "unit"), ("unit",)]
EXTENT = {"unit": 6, "y": 3, "x": 4, "token": 5}
BASES = {
    "unit": Feature(layer="a", units=(4,)),
    "units": Feature(layer="a", units=(1, 4, 0)),
    "repeated units": Feature(layer="a", units=(2, 2, 5)),
    "vector": Feature(layer="a", vectors=as_vectors(np.random.default_rng(0).normal(size=6))),
    "vectors": Feature(layer="a", vectors=as_vectors(np.random.default_rng(1).normal(size=(3, 6)))),
    "layer": Feature(layer="a"),
}


def places(axes):
    found = [Place()]
    if "y" in axes:
        found.append(Place("positions", positions=((0, 1), (2, 3))))
        found.append(Place("region", region=((0.0, 0.5), (1.0, 0.25), (0.0, 1.0))))
    if "token" in axes:
        found.append(Place("tokens", tokens=(0, -1)))
    return found


def edits(feature, place):
    size = len(feature.units) or len(feature.vectors) or EXTENT["unit"]
    numbers = tuple(0.3 * i - 0.4 for i in range(size))
    kind = "units" if feature.units else "vectors" if feature.vectors else "layer"
    made = [
        Edit(feature=feature, kind="ablate", place=place),
        Edit(feature=feature, kind="ablate", place=place, baseline=Baseline("image", source="s")),
        Edit(feature=feature, kind="scale", amount=-1.7, place=place),
        Edit(feature=feature, kind="clamp", low=-0.2, high=0.4, place=place),
        Edit(feature=feature, kind="clamp", low=0.1, place=place),
        Edit(feature=feature, kind="patch", source="s", place=place),
    ]
    if feature.units or feature.vectors:
        mean = Baseline("mean", numbers)
        made.append(Edit(feature=feature, kind="ablate", baseline=mean, place=place))
        made.append(Edit(feature=feature, kind="add", amount=0.8, place=place))
        deviation = tuple(abs(n) + 0.1 for n in numbers)
        made.append(
            Edit(feature=feature, kind="add", amount=-2.0, deviation=deviation, place=place)
        )
    if feature.vectors:
        made.append(Edit(feature=feature, kind="project_out", place=place))
    assert {e.kind for e in made} <= set(LEGAL_KINDS[kind])
    return made


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_every_kind_equals_the_reference(basis, axes, dtype, tolerance):
    generator = np.random.default_rng(7)
    shape = tuple(EXTENT[a] for a in axes)
    value = generator.normal(size=(2, *shape)).astype(dtype)
    source = generator.normal(size=shape).astype(dtype)
    for place in places(axes):
        for edit in edits(BASES[basis], place):
            expected = reference(value, edit, axes, sources={"s": source})
            given_source = torch.from_numpy(source) if edit.image_source else None
            x = torch.from_numpy(value)
            got = apply_edit(x, edit, axes, source=given_source)
            assert got.dtype == x.dtype
            assert np.array_equal(x.numpy(), value)
            np.testing.assert_allclose(got.numpy(), expected, rtol=tolerance, atol=tolerance)
            if not edit.place.text and edit.kind != "clamp":
                assert np.abs(expected - value).max() > 1e-3


def test_a_place_of_weight_a_blends_value_and_replacement():
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    r = torch.randn(3, 2, 2, dtype=torch.float64)
    for feature, a in itertools.product((BASES["layer"], Feature(layer="a", units=(1,))), (0.5, 1)):
        place = Place("region", region=((a, a), (a, a)))
        edit = Edit(feature=feature, kind="patch", source="s", place=place)
        got = apply_edit(x, edit, ("unit", "y", "x"), source=r)
        expected = x[:, 1] * (1 - a) + r[1] * a
        torch.testing.assert_close(got[:, 1], expected, rtol=0, atol=1e-15)
    none = Place("positions", positions=((0, 0),))
    edit = Edit(feature=BASES["layer"], kind="patch", source="s", place=none)
    got = apply_edit(x, edit, ("unit", "y", "x"), source=r)
    assert torch.equal(got[:, :, 1], x[:, :, 1])
    assert torch.equal(got[0, :, 0, 0], r[:, 0, 0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=8, max_size=8),
    st.sampled_from(["unit", "vectors", "layer"]),
)
def test_an_edit_that_changes_nothing_keeps_every_bit(numbers, basis):
    x = torch.tensor(numbers).reshape(2, 2, 2)[:, :, None, :].repeat(1, 3, 1, 1)
    feature = BASES[basis]
    axes = ("unit", "y", "x")
    own = x[0].clone()
    nothing = [
        Edit(feature=feature, kind="scale", amount=1.0),
        Edit(feature=feature, kind="clamp"),
        Edit(feature=feature, kind="patch", source="s"),
        Edit(feature=feature, kind="ablate", baseline=Baseline("image", source="s")),
        Edit(feature=feature, kind="patch", source="s", place=Place("region", region=((0.3, 1),))),
    ]
    if basis != "layer":
        nothing.append(Edit(feature=feature, kind="add", amount=0.0))
    for edit in nothing:
        source = own if edit.image_source else None
        assert torch.equal(apply_edit(x[:1], edit, axes, source=source), x[:1])


def test_gradients_flow_through_edits():
    for basis in ("units", "vectors"):
        x = torch.randn(1, 6, 3, 4, dtype=torch.float64, requires_grad=True)
        edit = Edit(feature=BASES[basis], kind="scale", amount=3.0)
        assert torch.autograd.gradcheck(lambda v, e=edit: apply_edit(v, e, ("unit", "y", "x")), x)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_the_layout_in_memory_is_kept(order):
    x = torch.randn(2, 6, 3, 4).permute(order).contiguous().permute(np.argsort(order).tolist())
    for basis in BASES.values():
        edit = Edit(feature=basis, kind="scale", amount=2.0)
        assert apply_edit(x, edit, ("unit", "y", "x")).stride() == x.stride()


def test_what_does_not_fit_is_refused():
    x = torch.zeros(1, 6, 3, 4)
    axes = ("unit", "y", "x")
    patch = Edit(feature=BASES["unit"], kind="patch", source="s")
    with pytest.raises(EditProblem, match="another image"):
        apply_edit(x, patch, axes)
    with pytest.raises(EditProblem, match="shape"):
        apply_edit(x, patch, axes, source=torch.zeros(6, 3, 3))
    heads = Edit(feature=Feature(layer="a", units=(1,), heads=True), kind="ablate")
    with pytest.raises(EditProblem, match="heads"):
        apply_edit(x, heads, axes)
    tokens = Edit(feature=BASES["unit"], kind="ablate", place=Place("tokens", tokens=(0,)))
    with pytest.raises(EditProblem, match="tokens"):
        apply_edit(x, tokens, axes)
