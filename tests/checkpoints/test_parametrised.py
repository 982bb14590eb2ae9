"""Weights that files keep in parts come out as the layers compute them."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from interp_gui.checkpoints.parametrised import whole_weights


def old(function):
    def put(module):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            function(module)

    return put


def pruned(module):
    prune.random_unstructured(module, "weight", 0.4)
    prune.random_unstructured(module, "bias", 0.4)


KINDS = {
    "pruned": pruned,
    "weight norm": old(nn.utils.weight_norm),
    "one length": old(lambda module: nn.utils.weight_norm(module, dim=None)),
    "second axis": lambda module: parametrizations.weight_norm(module, dim=1),
    "new weight norm": parametrizations.weight_norm,
    "spectral norm": old(nn.utils.spectral_norm),
    "new spectral norm": parametrizations.spectral_norm,
}
LAYERS = {
    "linear": lambda: nn.Linear(6, 4), "one row": lambda: nn.Linear(6, 1),
    "convolution": lambda: nn.Conv2d(3, 4, 3), "transposed": lambda: nn.ConvTranspose2d(3, 5, 2),
}  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_as_the_layer_computes_it(kind, layer):
    torch.manual_seed(1)
    module = nn.Sequential(nn.BatchNorm2d(3), LAYERS[layer]())
    KINDS[kind](module[1])
    for value in module.state_dict().values():
        if value.is_floating_point() and value.max() != 1:  # a mask stays one
            value.normal_()
    module.eval()
    whole, notes = whole_weights(module.state_dict())
    plain = nn.Sequential(nn.BatchNorm2d(3), LAYERS[layer]()).eval()
    plain.load_state_dict(whole)
    flat = isinstance(module[1], nn.Linear)
    x = torch.randn(2, 6) if flat else torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(plain[1](x), module[1](x))
        assert not torch.equal(plain[1](x), LAYERS[layer]()(x))
    assert len(notes) == 1


def test_everything_else_stays(state):
    whole, notes = whole_weights(state)
    assert list(whole) == list(state)
    assert not notes


@pytest.mark.parametrize(
    "parts",
    [
        {"a.weight_orig": torch.ones(2, 3), "a.weight_mask": torch.ones(3, 2)},
        {"a.weight_orig": torch.ones(2, 3)},
        {"a.weight_g": torch.ones(2, 3), "a.weight_v": torch.ones(2, 3)},
        {"a.weight_g": torch.ones(2, 1), "a.weight_v": torch.ones(2)},
        {
            "a.weight_orig": torch.ones(2, 3), "a.weight_u": torch.ones(4),
            "a.weight_v": torch.ones(3),
        },
        {"a.weight": torch.ones(1), "a.weight_g": torch.ones(2, 1), "a.weight_v": torch.ones(2, 3)},
        {"a.weight_g": torch.ones(2, 1).int(), "a.weight_v": torch.ones(2, 3)},
    ],
)  # fmt: skip
def test_parts_that_do_not_belong_together_stay(parts):
    given = copy.copy(parts)
    whole, notes = whole_weights(parts)
    assert list(whole) == list(given)
    assert not notes
