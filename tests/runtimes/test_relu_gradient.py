import pytest
import torch
from torch import nn
from torch.nn import functional

from interp_gui.runtimes.relu_gradient import PassBlockedGradient

FORMS = [functional.relu, torch.relu, torch.Tensor.relu, nn.ReLU(), functional.relu6, nn.ReLU6()]


def gradient(form, x, upstream):
    x = x.clone().requires_grad_()
    with PassBlockedGradient():
        y = form(x)
    (g,) = torch.autograd.grad(y, x, upstream)
    return y, g


@pytest.mark.parametrize("form", FORMS)
def test_values_are_those_of_the_function(form):
    x = torch.randn(3, 4, 5) * 6
    y, _ = gradient(form, x, torch.ones_like(x))
    assert torch.equal(y, form(x))


@pytest.mark.parametrize("form", FORMS)
def test_a_live_entry_keeps_its_gradient(form):
    x = torch.tensor([[-1.0, 2.0, -3.0], [-1.0, -2.0, -3.0]])
    upstream = torch.tensor([[1.0, 5.0, -2.0], [1.0, -5.0, 2.0]])
    _, g = gradient(form, x, upstream)
    assert g[0].tolist() == [0.0, 5.0, 0.0]
    # The other entry passes nothing, and is let up but not further down.
    assert g[1].tolist() == [1.0, 0.0, 2.0]


def test_an_entry_that_is_alive_without_gradient_counts_as_blocked():
    x = torch.tensor([[-1.0, 2.0]])
    _, g = gradient(functional.relu, x, torch.tensor([[1.0, 0.0]]))
    assert g.tolist() == [[1.0, 0.0]]


def test_above_the_ceiling_only_the_way_down_is_open():
    x = torch.tensor([[7.0, 8.0, -1.0, -2.0]])
    _, g = gradient(functional.relu6, x, torch.tensor([[1.0, -1.0, 1.0, -1.0]]))
    assert g.tolist() == [[0.0, -1.0, 1.0, 0.0]]


def test_climbing_leaves_a_dead_start():
    x = torch.full((1, 8), -2.0)
    for _ in range(40):
        _, g = gradient(functional.relu, x, torch.ones_like(x))
        x = x + 0.1 * g
    assert (x > 0).all()


def test_it_ends_with_its_block():
    x = torch.full((1, 3), -1.0, requires_grad=True)
    with PassBlockedGradient():
        pass
    (g,) = torch.autograd.grad(functional.relu(x).sum(), x)
    assert not g.any()
