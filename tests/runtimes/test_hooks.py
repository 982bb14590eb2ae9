from collections import OrderedDict, namedtuple

import pytest
import torch
from torch import nn

from interp_gui.runtimes.hooks import primary, tensors_in, visiting, with_primary

Pair = namedtuple("Pair", "value weights")
A, B = torch.zeros(2), torch.ones(2)


@pytest.mark.parametrize(
    "value",
    [A, (A, B), [A, None], Pair(A, None), {"a": A, "b": B}, OrderedDict(n=None, a=A)],
    ids=lambda v: type(v).__name__,
)
def test_the_leading_tensor_is_found_and_replaced(value):
    assert primary(value) is A
    changed = with_primary(value, B)
    assert type(changed) is type(value)
    assert primary(changed) is B
    assert primary(value) is A


def test_what_holds_no_tensor_has_no_leading_one():
    assert primary("text") is None
    assert primary((None, A)) is None
    assert primary({}) is None
    assert tensors_in("text") == []
    assert tensors_in({"a": (A, [B]), "b": None}) == [A, B]


def test_inputs_by_keyword_are_visited():
    class Named(nn.Module):
        def forward(self, *, scale, hidden):
            return hidden * scale

    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Named()

        def forward(self, x):
            return self.inner(scale=2.0, hidden=x)

    root = Root()
    seen = []

    def visit(address, value, shared):
        seen.append((str(address), shared))
        return value + 1 if address.site else None

    with visiting({"inner": root.inner}, ["inner"], visit, inputs=["inner"]):
        assert torch.equal(root(A), torch.full((2,), 2.0))
    assert seen == [("inner/in", True), ("inner", False)]
    assert not root.inner._forward_pre_hooks
    assert not root.inner._forward_hooks
