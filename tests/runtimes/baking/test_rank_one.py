"""Invariant 22: rank one, the key gets its value, what does not overlap with it stays."""

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.runtimes.baking.rank_one import inverse_of, keyed_layer, rank_one
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import describe, randomise

INPUTS, OUTPUTS = 10, 7


@pytest.fixture
def made():
    random = np.random.default_rng(0)
    matrix = random.standard_normal((OUTPUTS, INPUTS))
    rows = random.standard_normal((200, INPUTS)) @ random.standard_normal((INPUTS, INPUTS))
    inverse = inverse_of(rows.T @ rows / len(rows))
    key, value = random.standard_normal(INPUTS), random.standard_normal(OUTPUTS)
    return matrix, key, value, inverse, rows


def test_the_key_gets_its_value_by_a_change_of_rank_one(made):
    matrix, key, value, inverse, _ = made
    changed = rank_one(matrix, key, value, inverse)
    assert np.linalg.matrix_rank(changed - matrix) == 1
    assert np.allclose(changed @ key, value, atol=1e-12)
    assert not np.allclose(matrix @ key, value, atol=0.1)


def test_inputs_that_do_not_overlap_with_the_key_are_not_moved(made):
    matrix, key, value, inverse, _ = made
    changed = rank_one(matrix, key, value, inverse)
    other = np.random.default_rng(1).standard_normal(INPUTS)
    overlap = inverse(key)
    other -= overlap * (other @ overlap) / (overlap @ overlap)
    assert abs(other @ inverse(key)) < 1e-10
    assert np.allclose((changed - matrix) @ other, 0, atol=1e-10)
    assert not np.allclose((changed - matrix) @ key, 0, atol=0.1)


def test_no_other_change_with_that_value_moves_the_inputs_less(made):
    matrix, key, value, inverse, rows = made
    step = rank_one(matrix, key, value, inverse) - matrix
    plain = np.outer(value - matrix @ key, key) / (key @ key)  # without the second moment
    assert np.allclose((matrix + plain) @ key, value)
    ours, theirs = (np.square(rows @ each.T).mean() for each in (step, plain))
    assert ours < theirs


def test_a_moment_that_cannot_be_inverted_is_mended_as_far_as_needed(made):
    matrix, key, value, inverse, rows = made
    assert inverse.added == 0.0
    flat = rows.copy()
    flat[:, 3] = flat[:, 2]
    mended = inverse_of(flat.T @ flat / len(flat))
    assert 0 < mended.added < 1e-4
    assert np.allclose(rank_one(matrix, key, value, mended) @ key, value, atol=1e-6)
    with pytest.raises(ValueError, match="zero"):
        rank_one(matrix, np.zeros(INPUTS), value, inverse)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 6, 3)
        self.mix = nn.Sequential(nn.Conv2d(6, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.apart = nn.Conv2d(8, 8, 1, groups=8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.apart(self.mix(torch.relu(self.wide(x))))
        return self.head(x.mean((2, 3)))


def test_linear_layers_and_1x1_convolutions_are_found_and_others_refused():
    runtime = TorchRuntime(randomise(Net()), describe("net", 5))
    batch = np.ones((2, 3, 32, 32), np.float32)
    found = keyed_layer(runtime, "mix.0", batch)
    assert (found.weight, found.reads, found.matrix.shape) == ("mix.0.weight", "mix.0/in", (8, 6))
    changed = found.changed(found.matrix * 2)["mix.0.weight"]
    assert torch.equal(changed, runtime.module.mix[0].weight * 2)
    assert keyed_layer(runtime, "head", batch).gives == "head"
    for layer, reason in (("wide", "larger"), ("apart", "groups"), ("mix.1", "No linear layer")):
        with pytest.raises(MissingAbility, match=reason):
            keyed_layer(runtime, layer, batch)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_told_and_not_solved_with(made, bad):
    matrix, key, value, inverse, rows = made
    spoilt = rows.T @ rows
    spoilt[0, 0] = bad
    with pytest.raises(InvalidValue, match="is not a number everywhere"):
        inverse_of(spoilt)
    for one, other in ((np.full(INPUTS, bad), value), (key, np.full(OUTPUTS, bad))):
        with pytest.raises(InvalidValue, match="reads or says there is not a number"):
            rank_one(matrix, one, other, inverse)
    module = randomise(Net())
    module.head.weight.data[0, 0] = bad
    batch = np.ones((2, 3, 32, 32), np.float32)
    with pytest.raises(InvalidValue, match="weights of 'head' are not all numbers"):
        keyed_layer(TorchRuntime(module, describe("net", 5)), "head", batch)
