"""Derivatives written down are torch's own."""

import warnings

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional

from interp_gui.runtimes.forward_rules import ForwardRules
from tests.analyses.conftest import randomise


def operations():
    norm = randomise(nn.BatchNorm2d(6), 1).double().eval()
    plain = nn.BatchNorm2d(6, affine=False).double().eval()
    plain.running_var.uniform_(0.5, 2.0)
    training = nn.BatchNorm2d(6, track_running_stats=False).double()
    return {
        "linear": (randomise(nn.Linear(8, 5), 2).double(), (4, 6, 8)),
        "linear without bias": (randomise(nn.Linear(8, 5, bias=False), 3).double(), (4, 8)),
        "linear by name": (lambda x: functional.linear(x, weight=torch.eye(8).double()), (4, 8)),
        "batch norm": (norm, (4, 6, 5, 8)),
        "batch norm without weights": (plain, (4, 6, 5, 8)),
        "batch norm of the batch": (training, (4, 6, 5, 8)),
        "layer norm": (randomise(nn.LayerNorm(8), 4).double(), (4, 6, 8)),
        "layer norm over two axes": (randomise(nn.LayerNorm((6, 8)), 5).double(), (4, 6, 8)),
        "layer norm without weights": (
            nn.LayerNorm(8, elementwise_affine=False, eps=0.1).double(), (4, 6, 8),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", operations())
def test_they_are_torchs_own(name):
    operation, shape = operations()[name]
    generator = torch.Generator().manual_seed(6)
    x, t = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch compiles formulas of its own on first use
        with torch.no_grad(), forward_ad.dual_level():
            expected = forward_ad.unpack_dual(operation(forward_ad.make_dual(x, t)))
            with ForwardRules():
                found = forward_ad.unpack_dual(operation(forward_ad.make_dual(x, t)))
                untouched = operation(x)
    assert expected.tangent.abs().max() > 0.1
    torch.testing.assert_close(found.primal, expected.primal, rtol=0, atol=0)
    torch.testing.assert_close(found.tangent, expected.tangent, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(untouched, expected.primal, rtol=0, atol=0)


def test_a_weight_that_changes_too_is_left_to_torch():
    generator = torch.Generator().manual_seed(7)
    x, t = (torch.randn(4, 8, generator=generator) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.no_grad(), forward_ad.dual_level():
            made = forward_ad.make_dual(x, t)
            with ForwardRules():
                found = forward_ad.unpack_dual(functional.linear(made, made)).tangent.clone()
    torch.testing.assert_close(found, x @ t.T + t @ x.T)
