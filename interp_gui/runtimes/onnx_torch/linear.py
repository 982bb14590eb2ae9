"""Matrix products and attention."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, computed


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear map of a weight (out, in)."""
    with torch.device("meta"):  # nothing is initialised that is exchanged at once
        module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    module.weight = nn.Parameter(weight.clone().contiguous(), requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return module


def _general(node: Node) -> Built:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    turn_a, turn_b = bool(node.attribute("transA", 0)), bool(node.attribute("transB", 0))
    weight, bias = node.constant(1), node.constant(2)
    out = node.shapes[1][0 if turn_b else 1]
    simple = not turn_a and node.constant(0) is None and weight is not None
    if simple and weight is not None and weight.is_floating_point():
        own = (weight if turn_b else weight.T) * alpha
        if not node.has(2):
            return Built(_linear(own, None))
        if bias is not None and bias.numel() in (1, out) and bias.shape[:-1].numel() == 1:
            return Built(_linear(own, (bias * beta).reshape(-1).expand(out)))

    def multiply(a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        product = (a.T if turn_a else a) @ (b.T if turn_b else b)
        product = product if alpha == 1.0 else product * alpha
        if c is None:
            return product
        return product + (c if beta == 1.0 else c * beta)

    return computed(node, multiply)


def _product(node: Node) -> Built:
    weight = node.constant(1)
    matrix = weight is not None and weight.ndim == 2 and weight.is_floating_point()
    if node.constant(0) is None and matrix and weight is not None:
        return Built(_linear(weight.T, None))
    return computed(node, torch.matmul)


def _einsum(node: Node) -> Built:
    equation = "".join(str(node.attribute("equation")).split())
    return computed(node, lambda *values: torch.einsum(equation, *values))


def _attention(node: Node) -> Built:
    node.only_first_output()
    if any(node.has(i) for i in range(4, len(node.given))):
        raise node.refused("keeps keys and values of earlier calls")
    if node.attribute("softcap", 0.0) or node.attribute("qk_matmul_output_mode", 0):
        raise node.refused("caps or returns its scores")
    scale, causal = node.attribute("scale"), bool(node.attribute("is_causal", 0))
    flat = len(node.shapes[0]) == 3
    q_heads, kv_heads = node.attribute("q_num_heads"), node.attribute("kv_num_heads")

    def split(x: Tensor, heads: int) -> Tensor:
        return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) if flat else x

    def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = split(q, q_heads), split(k, kv_heads), split(v, kv_heads)
        if q.shape[1] != k.shape[1]:
            each = q.shape[1] // k.shape[1]
            k, v = k.repeat_interleave(each, dim=1), v.repeat_interleave(each, dim=1)
        factor = scale if scale is not None else 1 / math.sqrt(q.shape[-1])
        # The root on both sides, as the standard has it: half precision overflows otherwise.
        scores = (q * math.sqrt(factor)) @ (k * math.sqrt(factor)).transpose(-1, -2)
        if mask is not None:
            allowed = mask.dtype == torch.bool
            scores = scores.masked_fill(~mask, -math.inf) if allowed else scores + mask
        if causal:
            seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
            scores = scores.masked_fill(~seen, -math.inf)
        y = functional.softmax(scores, dim=-1) @ v
        return y.transpose(1, 2).flatten(2) if flat else y

    return computed(node, attend)


LINEAR: Mapping[str, Builder] = {
    "Gemm": _general,
    "MatMul": _product,
    "Einsum": _einsum,
    "Attention": _attention,
}
