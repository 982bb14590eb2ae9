"""Convolutions, poolings, norms and matrix products against ONNX Runtime."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

PADS = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]
NUMBERS = np.random.default_rng(3)


def some(*shape):
    return NUMBERS.uniform(-1, 1, shape).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    groups=st.sampled_from([1, 2, 4]),
    auto=st.sampled_from(PADS),
    size=st.tuples(st.integers(7, 10), st.integers(7, 10)),
    bias=st.booleans(),
)
def test_convolution(same, kernel, strides, dilations, pads, groups, auto, size, bias):
    if auto != "NOTSET" and dilations != (1, 1):
        assume(auto == "VALID")  # ONNX Runtime pads dilated ones by rules of its own
    options = {"strides": strides, "dilations": dilations, "group": groups}
    options |= {"pads": pads} if auto == "NOTSET" else {"auto_pad": auto}
    weights = [some(4, 4 // groups, *kernel)] + ([some(4)] if bias else [])
    same("Conv", some(2, 4, *size), *weights, opset=11, **options)


def test_convolution_in_one_and_three_dimensions(same):
    same("Conv", some(2, 3, 9), some(4, 3, 3), some(4), opset=11, pads=[1, 2], strides=[2])
    same("Conv", some(1, 2, 5, 6, 7), some(3, 2, 2, 2, 2), opset=22, strides=[1, 2, 1])


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    extra=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_transposed_convolution(same, kernel, strides, dilations, pads, extra, groups, bias):
    assume(all(e < s for e, s in zip(extra, strides, strict=True)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    assume(all(pads[i] + pads[i + 2] < 4 * strides[i] + reach[i] for i in range(2)))
    weights = [some(4, 3, *kernel)] + ([some(3 * groups)] if bias else [])
    same("ConvTranspose", some(2, 4, 5, 5), *weights, opset=11, pads=pads, strides=strides,
         dilations=dilations, output_padding=extra, group=groups)  # fmt: skip


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 4])
def test_transposed_convolution_of_the_same_size(auto, stride, kernel, same):
    same("ConvTranspose", some(1, 2, 4, 5), some(2, 3, kernel, kernel), some(3), opset=11,
         auto_pad=auto, strides=[stride, stride])  # fmt: skip


@pytest.mark.parametrize("shape", [[9, 10], [8, 11], [10, 9]])
def test_transposed_convolution_of_a_wanted_size(shape, same):
    same("ConvTranspose", some(1, 2, 4, 4), some(2, 3, 4, 4), opset=11, strides=[2, 2],
         output_shape=shape)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    op=st.sampled_from(["MaxPool", "AveragePool"]),
    opset=st.sampled_from([11, 19, 22]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    auto=st.sampled_from(PADS),
    size=st.tuples(st.integers(8, 11), st.integers(8, 11)),
    ceil=st.booleans(),
    counted=st.booleans(),
)
def test_pooling(same, op, opset, kernel, strides, dilation, pads, auto, size, ceil, counted):
    assume(all(pads[i] < kernel[i % 2] for i in range(4)))
    options = {"kernel_shape": kernel, "strides": strides}
    if op == "MaxPool" or opset > 11:
        options["dilations"] = (dilation, dilation)
    if auto != "NOTSET":
        assume(dilation == 1 or auto == "VALID")
        ceil = False
    if op == "AveragePool":
        options["count_include_pad"] = int(counted)
        # what it counts beyond the padding differs between revisions of ONNX Runtime
        assume(not (counted and ceil) and not (ceil and dilation > 1))
    options |= {"ceil_mode": int(ceil)} | (
        {"pads": pads} if auto == "NOTSET" else {"auto_pad": auto}
    )
    try:
        same(op, some(2, 3, *size), opset=opset, **options)
    except (Fail, InvalidArgument, RuntimeException):
        assume(False)


def test_other_poolings(same):
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        for shape in ((2, 3, 5, 6), (2, 3, 7)):
            same(op, some(*shape), opset=11)
    same("LpPool", some(2, 3, 8, 8), opset=18, kernel_shape=[3, 2], strides=[2, 2], p=3)
    same("MaxPool", some(2, 3, 9), opset=12, kernel_shape=[3], strides=[2], pads=[1, 1])
    same("AveragePool", some(2, 2, 5, 5, 5), opset=11, kernel_shape=[2, 2, 2])


@pytest.mark.parametrize("opset", [9, 14, 15])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 6), (4, 3), (1, 3, 2, 2, 2)])
def test_batch_norm(shape, opset, same):
    rest = [some(3), some(3), some(3), NUMBERS.uniform(0.5, 2, 3).astype(np.float32)]
    same("BatchNormalization", some(*shape), *rest, opset=opset, epsilon=1e-3)


def test_instance_and_group_norm(same):
    same("InstanceNormalization", some(2, 4, 5, 5), some(4), some(4), opset=11, epsilon=1e-3)
    same("InstanceNormalization", some(2, 4, 9), some(4), some(4), opset=22)
    same("GroupNormalization", some(2, 4, 5, 5), some(4), some(4), opset=21, num_groups=2)
    same("GroupNormalization", some(2, 4, 5, 5), some(2), some(2), opset=18, num_groups=2,
         epsilon=1e-3)  # fmt: skip


@pytest.mark.parametrize("axis", [-1, -2, 1, 2])
def test_layer_norm(axis, same):
    shape = (2, 3, 4)[axis if axis < 0 else axis - 3 :]
    same("LayerNormalization", some(2, 3, 4), some(*shape), some(*shape), axis=axis, epsilon=1e-3)
    same("LayerNormalization", some(2, 3, 4), some(*shape), axis=axis)


def test_layer_norm_with_one_number(same):
    same("LayerNormalization", some(2, 3, 4), some(1), some(1))


def test_root_mean_square_norm(same):
    same("RMSNormalization", some(2, 3, 4), some(4), opset=23, epsilon=1e-3)
    same("RMSNormalization", some(2, 3, 4), some(3, 4), opset=23, axis=1)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_norm(size, same):
    same("LRN", some(2, 6, 3, 3), opset=13, size=size, alpha=0.3, beta=0.6, bias=1.5)


def test_local_response_norm_over_an_even_number(ours):
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    x, options = some(6, 6, 3, 3), {"alpha": 0.3, "beta": 0.6, "bias": 1.5, "size": 4}
    node = helper.make_node("LRN", ["x"], ["y"], **options)
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape) for n in "xy"]
    model = helper.make_model(helper.make_graph([node], "one", ports[:1], ports[1:]))
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    np.testing.assert_allclose(ours("LRN", [x], opset=13, **options)[0], expected, rtol=1e-5)


def test_other_norms(same):
    for p in (1, 2):
        for axis in (-1, 1):
            same("LpNormalization", some(2, 3, 4), opset=11, axis=axis, p=p)
    same("MeanVarianceNormalization", some(2, 3, 4, 5), opset=13)
    same("MeanVarianceNormalization", some(2, 3, 4, 5), opset=9, axes=[2, 3])


@pytest.mark.parametrize("turn_a", [0, 1])
@pytest.mark.parametrize("turn_b", [0, 1])
@pytest.mark.parametrize("bias", [None, (5,), (1,), (1, 5), (4, 5), (4, 1), ()])
def test_general_product(turn_a, turn_b, bias, same):
    a = some(*((3, 4) if turn_a else (4, 3)))
    b = some(*((5, 3) if turn_b else (3, 5)))
    rest = [] if bias is None else [some(*bias) if bias else np.float32(0.3)]
    same("Gemm", a, b, *rest, opset=13, transA=turn_a, transB=turn_b, alpha=0.7, beta=1.3)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((4,), (4, 5)),
     ((3, 4), (4,)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (4,))],
)  # fmt: skip
def test_matrix_product(a, b, same):
    same("MatMul", some(*a), some(*b), opset=13)


def test_einsum(same):
    same("Einsum", some(2, 3, 4), some(2, 4, 5), opset=12, equation="bij, bjk -> bik")
    same("Einsum", some(2, 3, 4), some(4, 5), opset=12, equation="...j,jk->...k")
    same("Einsum", some(4, 4), opset=12, equation="ii->i")


def test_attention(same):
    q, k, v = some(2, 4, 5, 8), some(2, 4, 6, 8), some(2, 4, 6, 8)
    same("Attention", q, k, v, opset=23, fixed=[])
    same("Attention", q, k, v, opset=23, fixed=[], scale=0.3)
    same("Attention", q, k, v, some(5, 6), opset=23, fixed=[3])
    same("Attention", q, k, v, NUMBERS.random((5, 6)) > 0.3, opset=23, fixed=[3])
    same("Attention", q, q + 1, q - 1, opset=23, fixed=[], is_causal=1)
    same("Attention", q, k[:, :2], v[:, :2], opset=23, fixed=[])
    flat = some(2, 5, 32)
    same("Attention", flat, flat * 2, flat - 1, opset=23, fixed=[], q_num_heads=4, kv_num_heads=4)
