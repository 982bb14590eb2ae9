"""Edits in weights against the edited network, on networks small enough to see every case."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.place import Place
from interp_gui.runtimes.baking.outcome import AGREEMENT
from interp_gui.runtimes.baking.planning import bake_weights, compare, with_weights
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import build, describe, randomise


class Plain(nn.Module):
    """Norm behind a convolution, a block in groups, a 1×1 convolution, a skip, a pooled head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU()
        self.deep = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.wide = nn.Conv2d(8, 12, 1)
        self.bend = nn.ReLU6()
        self.lean = nn.Conv2d(12, 8, 1, bias=False)
        self.after = nn.BatchNorm2d(8)
        self.mirror = nn.Conv2d(8, 6, 3, 1, 1, padding_mode="reflect")
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(6 * 4, 5)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        inner = self.bend(self.wide(self.deep(x)))
        x = torch.relu(x + self.after(self.lean(inner)))
        return self.head(self.pool(self.mirror(x)).flatten(1))


class Sharing(nn.Module):
    """One layer used twice, one whose weights are computed, two branches side by side."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.twice = nn.Conv2d(6, 6, 1)
        self.left, self.right = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 3, 1)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(7, 6, 1))
        self.join = nn.BatchNorm2d(7)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.twice(torch.tanh(self.twice(torch.tanh(self.stem(x)))))
        x = self.join(torch.cat([torch.sigmoid(self.left(x)), self.right(x)], 1))
        return self.head(self.normed(x).mean((2, 3)))


def runtime_of(module):
    return TorchRuntime(randomise(module), describe("net", 5))


@pytest.fixture(scope="module")
def plain():
    return runtime_of(Plain())


@pytest.fixture(scope="module")
def sharing():
    return runtime_of(Sharing())


@pytest.fixture(scope="module")
def vit():
    module, classes = build("vit")
    return TorchRuntime(module, describe("vit", classes))


@pytest.fixture(scope="module")
def swin():
    module, classes = build("swin")
    return TorchRuntime(module, describe("swin", classes))


def batch(side=32):
    return np.random.default_rng(0).standard_normal((3, 3, side, side)).astype(np.float32)


def units(layer, *which, heads=False):
    return Feature(layer=layer, units=which, heads=heads)


def direction(runtime, layer, count=1, seed=3):
    rows = np.random.default_rng(seed).standard_normal((count, runtime.layer(layer).units))
    return Feature(layer=layer, vectors=tuple(map(tuple, rows.astype(np.float32).tolist())))


def mean(*values):
    return Baseline(kind="mean", values=values)


def bake(runtime, *edits):
    """Bake, and hold what everything baked is held to."""
    stack = EditStack(edits=edits)
    before = weights_sha256(runtime.module.state_dict())
    found = bake_weights(runtime, stack, batch())
    assert weights_sha256(runtime.module.state_dict()) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())
    assert found.difference <= AGREEMENT
    return found


def changes_the_answer(runtime, stack):
    answers = runtime.forward(batch(), edits=stack).outputs["output"]
    return np.abs(answers - runtime.forward(batch()).outputs["output"]).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda r: Edit(feature=units("stem", 3), kind="ablate"), {"stem.weight"}),
        (lambda r: Edit(feature=units("stem", 3), kind="ablate", baseline=mean(0.4)),
         {"norm.weight", "norm.bias"}),
        (lambda r: Edit(feature=units("stem", 3), kind="add", amount=0.5), {"norm.running_mean"}),
        (lambda r: Edit(feature=units("norm", 2, 5), kind="scale", amount=-1.5),
         {"norm.weight", "norm.bias"}),
        (lambda r: Edit(feature=direction(r, "norm", 2), kind="project_out"),
         {"stem.weight", "norm.bias"}),
        (lambda r: Edit(feature=direction(r, "after"), kind="add", amount=2.0, deviation=(0.7,)),
         {"lean.weight", "after.bias"}),
        (lambda r: Edit(feature=units("deep", 1), kind="ablate", baseline=mean(0.3)),
         {"deep.weight", "deep.bias"}),
        (lambda r: Edit(feature=units("deep/in", 1), kind="scale", amount=0.25), {"deep.weight"}),
        (lambda r: Edit(feature=direction(r, "deep"), kind="project_out"),
         {"wide.weight"}),
        (lambda r: Edit(feature=units("bend", 4), kind="ablate", baseline=mean(0.3)),
         {"lean.weight", "after.running_mean"}),
        (lambda r: Edit(feature=direction(r, "bend", 2), kind="scale", amount=0.5),
         {"lean.weight"}),
        (lambda r: Edit(feature=direction(r, "mirror"), kind="ablate", baseline=mean(0.8)),
         {"mirror.weight", "mirror.bias"}),
        (lambda r: Edit(feature=units("mirror/in", 2), kind="add", amount=0.5), {"mirror.bias"}),
        (lambda r: Edit(feature=direction(r, "pool"), kind="project_out"), {"head.weight"}),
        (lambda r: Edit(feature=units("head", 2), kind="add", amount=3.0), {"head.bias"}),
        (lambda r: Edit(feature=Feature(layer="wide"), kind="scale", amount=0.5),
         {"wide.weight", "wide.bias"}),
        (lambda r: Edit(feature=units("wide", 2), kind="clamp", low=0.5, high=0.5),
         {"wide.weight", "wide.bias"}),
    ],
)  # fmt: skip
def test_an_edit_goes_into_the_weights_around_its_layer(plain, make, where):
    edit = make(plain)
    found = bake(plain, edit)
    assert [each.baked for each in found.outcomes] == [True]
    assert all(name in found.outcomes[0].how for name in where)
    # a mean shift of zero may leave one of them as it was
    assert set(found.changes) <= where | {"head.bias"}
    assert found.changes
    assert changes_the_answer(plain, EditStack(edits=(edit,)))


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (Edit(feature=units("act", 3), kind="scale", amount=0.5), "skip connection"),
        (Edit(feature=units("deep/in", 1), kind="add"), "zeros around it"),
        (Edit(feature=units("wide", 1), kind="clamp", low=0.0), "limit is not linear"),
        (Edit(feature=units("wide", 1), kind="ablate", place=Place.parse("@1,1")), "at a place"),
        (Edit(feature=units("wide", 1), kind="patch", source="ab" * 32), "one image"),
    ],
)
def test_what_cannot_be_baked_is_named_with_the_reason(plain, edit, why):
    good = Edit(feature=units("head", 1), kind="scale", amount=2.0)
    found = bake_weights(plain, EditStack(edits=(edit, good)), batch())
    assert [each.baked for each in found.outcomes] == [False, True]
    assert why in found.outcomes[0].why
    assert found.difference <= AGREEMENT
    assert set(found.changes) == {"head.weight", "head.bias"}


def test_directions_in_front_of_a_nonlinearity_and_of_groups_are_refused(plain):
    mixed = Edit(feature=direction(plain, "deep/in"), kind="project_out")
    found = bake_weights(plain, EditStack(edits=(mixed,)), batch())
    assert "each unit apart" in found.outcomes[0].why


def test_weights_used_twice_or_computed_are_refused(sharing):
    found = bake_weights(
        sharing,
        EditStack(edits=(
            Edit(feature=units("twice#1", 1), kind="scale", amount=2.0),
            Edit(feature=units("normed", 1), kind="scale", amount=2.0),
            Edit(feature=units("right", 1), kind="scale", amount=2.0),
            Edit(feature=units("right", 0), kind="ablate", baseline=mean(0.2)),
        )),
        batch(),
    )  # fmt: skip
    twice, normed, *rest = found.outcomes
    # twice#1 is read by two branches, which take it by their columns instead
    assert "left.weight" in twice.how
    assert "right.weight" in twice.how
    assert "head.weight" in normed.how
    assert all(each.baked for each in rest)
    assert found.difference <= AGREEMENT
    again = bake_weights(
        sharing, EditStack(edits=(Edit(feature=units("twice", 1), kind="scale"),)), batch()
    )
    assert again.outcomes[0].how == "it changes nothing"
    first = Edit(feature=units("twice", 1), kind="scale", amount=2.0)
    refused = bake_weights(sharing, EditStack(edits=(first,)), batch()).outcomes[0]
    assert "used more than once" in refused.why
    assert "nonlinearity (tanh)" in refused.why


def test_joined_branches_read_only_their_part(sharing):
    sigmoid = Edit(feature=units("join/in", 2), kind="add", amount=0.4)
    found = bake(sharing, sigmoid)
    assert set(found.changes) == {"join.running_mean"}
    moved = found.changes["join.running_mean"] - sharing.module.join.running_mean
    assert torch.equal((moved != 0).nonzero().flatten(), torch.tensor([2]))


def test_several_edits_hold_together_in_their_order(plain):
    layers = ("stem", "norm", "deep", "bend", "after", "mirror", "pool", "head")
    edits = []
    for layer in layers:
        edits.append(Edit(feature=units(layer, 1), kind="scale", amount=0.5))
        edits.append(Edit(feature=units(layer, 1), kind="add", amount=0.25))
    found = bake(plain, *edits)
    refused = [each.text for each in found.outcomes if not each.baked]
    assert refused == []
    turned = bake(plain, *[edits[i + 1 - 2 * (i % 2)] for i in range(len(edits))])
    name = "head.bias"
    assert not torch.equal(found.changes[name], turned.changes[name])


def test_a_muted_edit_is_no_part_and_a_changed_image_is_named(plain):
    stack = EditStack(
        edits=(
            Edit(feature=units("head", 1), kind="scale", amount=2.0),
            Edit(feature=units("head", 2), kind="scale", amount=2.0, enabled=False),
        ),
        image_edits=(ImageEdit(image="ab" * 32, kind="occlude", region=((1.0,),)),),
    )
    found = bake_weights(plain, stack, batch())
    assert [each.index for each in found.outcomes] == [0, -1]
    assert "picture" in found.outcomes[1].why
    assert bool((found.changes["head.weight"][2] == plain.module.head.weight[2]).all())


def test_the_comparison_finds_a_wrong_weight(plain):
    edit = Edit(feature=units("stem", 3), kind="ablate")
    stack = EditStack(edits=(edit,))
    found = bake_weights(plain, stack, batch())
    wrong = dict(found.changes)
    wrong["stem.weight"] = wrong["stem.weight"].clone()
    wrong["stem.weight"][4] *= 1.001
    off = compare(plain, with_weights(plain.module, wrong), stack, batch())
    assert off > AGREEMENT
    nothing = compare(plain, with_weights(plain.module, {}), stack, batch())
    assert nothing > AGREEMENT


@pytest.mark.parametrize("site", ["q", "k", "v", "z"])
@pytest.mark.parametrize("name", ["vit", "swin"])
def test_heads_are_rows_and_columns_around_attention(vit, swin, name, site):
    runtime = {"vit": vit, "swin": swin}[name]
    layer = next(x.name for x in runtime.description.layers if x.name.endswith(f"/{site}"))
    edits = (
        Edit(feature=units(layer, 1, heads=True), kind="ablate"),
        Edit(feature=units(layer, 2), kind="scale", amount=1.5),
        Edit(feature=direction(runtime, layer), kind="add", amount=0.5),
    )
    for stack in (edits[:1], edits):
        found = bake(runtime, *stack)
        assert all(each.baked for each in found.outcomes)
    if site == "z":  # the bias of the projection stays where a head is ablated to zero
        changed = bake(runtime, edits[0]).changes
        assert [key.rpartition(".")[2] for key in changed] == ["weight"]
    assert changes_the_answer(runtime, EditStack(edits=edits))


def test_tokens_behind_a_norm_are_columns_of_the_head(vit):
    found = bake(vit, Edit(feature=direction(vit, "encoder.ln"), kind="project_out"))
    assert set(found.changes) == {"heads.head.weight"}
    stream = next(x.name for x in vit.description.layers if x.role == "block")
    edit = Edit(feature=units(stream, 2), kind="ablate")
    pattern = next(x.name for x in vit.description.layers if x.name.endswith("/pattern"))
    other = Edit(feature=units(pattern, 1, heads=True), kind="ablate")
    refused = bake_weights(vit, EditStack(edits=(edit, other)), batch()).outcomes
    assert "not linear" in refused[0].why
    assert "pattern" in refused[1].why


def test_outcomes_can_be_sent(plain):
    found = bake_weights(
        plain, EditStack(edits=(Edit(feature=units("head", 1), kind="ablate"),)), batch()
    )
    assert msgspec.json.encode([each.text for each in found.outcomes])
