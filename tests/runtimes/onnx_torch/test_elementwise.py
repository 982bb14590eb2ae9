"""Each elementwise operator and activation against ONNX Runtime."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ANY = ["Neg", "Abs", "Exp", "Erf", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos", "Tan", "Atan",
       "Sinh", "Cosh", "Asinh", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Sigmoid", "Tanh",
       "Softplus", "Softsign", "HardSigmoid", "ThresholdedRelu", "Shrink", "Identity"]  # fmt: skip
POSITIVE = ["Sqrt", "Log", "Reciprocal", "Acosh"]
UNIT = ["Asin", "Acos", "Atanh"]


@pytest.mark.parametrize("op", ANY)
def test_functions_of_one_number(op, same, numbers):
    same(op, numbers(2, 3, 4), opset=13)


@pytest.mark.parametrize("op", POSITIVE)
def test_functions_of_a_positive_number(op, same, numbers):
    same(op, numbers(2, 5, low=1.1, high=4.0), opset=13)


@pytest.mark.parametrize("op", UNIT)
def test_functions_of_a_share(op, same, numbers):
    same(op, numbers(2, 5, low=-0.9, high=0.9), opset=13)


@pytest.mark.parametrize(
    ("op", "options"),
    [
        ("LeakyRelu", {"alpha": 0.3}),
        ("Elu", {"alpha": 0.7}),
        ("Celu", {"alpha": 0.7}),
        ("Selu", {"alpha": 1.5, "gamma": 1.2}),
        ("HardSigmoid", {"alpha": 0.16666667, "beta": 0.5}),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
        ("ThresholdedRelu", {"alpha": 0.2}),
        ("Shrink", {"bias": 0.3, "lambd": 0.8}),
    ],
)
def test_activations_with_numbers_of_their_own(op, options, same, numbers):
    same(op, numbers(3, 7), opset=17, **options)


def test_newer_activations(same, numbers):
    x = numbers(2, 9, low=-5, high=5)
    same("HardSwish", x, opset=14)
    same("Mish", x, opset=18)
    same("Gelu", x, opset=20)
    same("Gelu", x, opset=20, approximate="tanh")


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, None])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_before_and_after_its_change_of_meaning(op, axis, opset, same, numbers):
    same(op, numbers(2, 3, 4), opset=opset, **({} if axis is None else {"axis": axis}))


@pytest.mark.parametrize("low", [None, 0.0, -1.0])
@pytest.mark.parametrize("high", [None, 6.0, 0.5])
@pytest.mark.parametrize("opset", [11, 12, 13])
def test_clip(low, high, opset, same, numbers):
    bounds = [None if b is None else np.float32(b) for b in (low, high)]
    while bounds and bounds[-1] is None:
        bounds.pop()
    same("Clip", numbers(2, 3, 4, low=-9, high=9), *bounds, opset=opset)


def test_clip_with_attributes(same, numbers):
    same("Clip", numbers(2, 9, low=-9, high=9), opset=10, min=0.0, max=6.0)
    same("Clip", numbers(2, 9, low=-9, high=9), opset=7, min=-1.0, max=2.0)


def test_parametric_relu(same, numbers):
    same("PRelu", numbers(2, 3, 4, 4), numbers(3, 1, 1), opset=16)
    same("PRelu", numbers(2, 3, 4, 4), numbers(1), opset=11)


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, data=st.data())
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_arithmetic_broadcasts(same, op, shape, data):
    other = [n if data.draw(st.booleans()) else 1 for n in shape]
    other = other[data.draw(st.integers(0, len(other) - 1)) :]
    generator = np.random.default_rng(1)
    a = generator.uniform(0.5, 2, shape).astype(np.float32)
    b = generator.uniform(0.5, 2, other).astype(np.float32)
    same(op, a, b, opset=14)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_whole_numbers_divide_towards_zero(dtype, same):
    a, b = np.array([7, -7, 8, -9], dtype), np.array([2, 2, -3, -4], dtype)
    same("Div", a, b, opset=14)
    same("Mod", a, b, opset=13)
    same("Mod", a, b, opset=13, fmod=1)


def test_modulo_of_numbers_with_a_point(same, numbers):
    same("Mod", numbers(9), np.float32([0.7]), opset=13, fmod=1)


def test_powers(same, numbers):
    same("Pow", numbers(3, 4, low=0.1), numbers(4), opset=15)
    same("Pow", numbers(3, 4), np.float32(2), opset=13)
    same("Pow", numbers(3, 4), np.float32(3), opset=12)
    same("Pow", numbers(3, 4), np.float32([[2.0]]), opset=12)
    same("Pow", numbers(3), np.int64(2), opset=13)
    same("Pow", np.array([2, 3], np.int64), np.float32([2.0, 0.5]), opset=13)


@pytest.mark.parametrize("op", ["Min", "Max", "Sum", "Mean"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_functions_of_many(op, count, same, numbers):
    same(op, *[numbers(3, 4) for _ in range(count)], opset=13)


def test_choices_and_comparisons(same, numbers):
    a, b = numbers(3, 4), numbers(4)
    b[0] = a[0, 0]
    for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        same(op, a, b, opset=16)
    same("Where", a > 0, a, b, opset=16)
    for op in ("And", "Or", "Xor"):
        same(op, a > 0, b > 0, opset=13)
    same("Not", a > 0, opset=13)


def test_bits(same):
    a, b = np.array([1, 6, 255], np.int32), np.array([3, 1, 2], np.int32)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        same(op, a, b, opset=18)
    same("BitwiseNot", a, opset=18)


def test_what_is_no_number(same):
    x = np.float32([1, np.nan, np.inf, -np.inf])
    same("IsNaN", x, opset=13)
    same("IsInf", x, opset=13)
    same("IsInf", x, opset=13, detect_negative=0)
    same("IsInf", x, opset=13, detect_positive=0)
