"""Shapes, indices, reductions and resizing against ONNX Runtime."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

NUMBERS = np.random.default_rng(4)


def some(*shape):
    return NUMBERS.uniform(-1, 1, shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def test_reshape(same):
    x = some(2, 3, 4)
    for shape in ((6, 4), (-1, 2), (0, -1), (0, 0, 2, 2), (24,)):
        same("Reshape", x, ints(*shape), opset=14)
    same("Reshape", some(0, 3), ints(3, 0), opset=14, allowzero=1)
    for axis in (0, 1, 2, 3, -1):
        same("Flatten", x, opset=13, axis=axis)


def test_transpose(same):
    same("Transpose", some(2, 3, 4), opset=13)
    same("Transpose", some(2, 3, 4), opset=13, perm=[1, 0, 2])


def test_squeeze_and_unsqueeze_by_attribute_and_by_input(same):
    x = some(2, 1, 3, 1)
    same("Squeeze", x, opset=11, axes=[1])
    same("Squeeze", x, opset=11)
    same("Squeeze", x, ints(1, -1), opset=13, only_fixed=True)
    same("Squeeze", x, opset=13)
    same("Unsqueeze", x, opset=11, axes=[0, 3])
    same("Unsqueeze", x, ints(-1, 0, 2), opset=13, only_fixed=True)


def test_expand_and_tile(same):
    same("Expand", some(3, 1), ints(2, 1, 6), opset=13)
    same("Expand", some(3, 4), ints(1, 1), opset=8)
    same("Tile", some(2, 3), ints(2, 1), opset=13)


def test_concat(same):
    for axis in (0, 1, -1):
        same("Concat", some(2, 3), some(2, 3), some(2, 3), opset=13, axis=axis)


def test_split_in_every_revision(same):
    x = some(6, 4)
    same("Split", x, opset=11, outputs=3)
    same("Split", x, opset=11, outputs=2, split=[2, 4])
    same("Split", x, ints(1, 5), opset=13, outputs=2, only_fixed=True)
    same("Split", x, opset=13, outputs=2, axis=-1)
    same("Split", some(7, 2), opset=18, outputs=3, num_outputs=3)
    same("Split", some(7, 2), ints(3, 4), opset=18, outputs=2, only_fixed=True)


def test_what_tells_shapes(same):
    x = some(2, 3, 4)
    same("Shape", x, opset=13)
    same("Shape", x, opset=15, start=1)
    same("Shape", x, opset=15, start=-2, end=-1)
    same("Size", x, opset=13)


def test_what_makes_values(same):
    same("ConstantOfShape", ints(2, 3), opset=9)
    same("ConstantOfShape", ints(), opset=9)
    value = numpy_helper.from_array(np.array([7], np.int64))
    same("ConstantOfShape", ints(2), opset=9, value=value)
    same("Range", np.int64(1), np.int64(9), np.int64(3), opset=11)
    same("Range", np.float32(1), np.float32(-1), np.float32(-0.5), opset=11)
    same("Range", np.int64(5), np.int64(1), np.int64(1), opset=11)
    same("EyeLike", some(3, 4), opset=9, k=1)
    same("CastLike", some(3), ints(1), opset=15)
    for kind in (1, 6, 7, 9, 10, 11):
        same("Cast", some(5) * 4, opset=13, to=kind)


def test_depth_and_space(same):
    for mode in ("DCR", "CRD"):
        same("DepthToSpace", some(2, 8, 2, 3), opset=13, blocksize=2, mode=mode)
    same("SpaceToDepth", some(2, 2, 4, 6), opset=13, blocksize=2)


def test_dropout_at_inference(same):
    same("Dropout", some(3, 4), opset=10, ratio=0.4)
    same("Dropout", some(3, 4), np.float32(0.4), opset=13)
    same("Dropout", some(3, 4), np.float32(0.4), np.array(False), opset=13, only_fixed=True)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_slice(same, data):
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    starts = [data.draw(st.integers(-8, 8)) for _ in axes]
    ends = [data.draw(st.sampled_from([-9, -3, -1, 0, 2, 5, 2**31, -(2**31)])) for _ in axes]
    steps = [data.draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in axes]
    same("Slice", some(*shape), ints(*starts), ints(*ends), ints(*axes), ints(*steps), opset=13)


def test_slice_without_axes_and_by_attributes(same):
    same("Slice", some(4, 5), ints(1, 2), ints(3, 5), opset=13)
    same("Slice", some(4, 5), opset=9, starts=[1], ends=[-1], axes=[1])
    same("Slice", some(4, 5), opset=9, starts=[1, 0], ends=[1000, 2])


def test_gather(same):
    x = some(3, 4, 5)
    for axis in (0, 1, -1):
        same("Gather", x, np.array([[0, -1], [2, 1]], np.int64), opset=13, axis=axis)
        same("Gather", x, np.array(-1, np.int64), opset=13, axis=axis)
        same("Gather", x, ints(1), opset=11, axis=axis)
        same("GatherElements", x, NUMBERS.integers(-3, 3, (3, 4, 5)), opset=13, axis=axis)
    same("GatherND", x, np.array([[0, 1], [-1, -2]], np.int64), opset=13)
    same("GatherND", x, np.array([[[1]], [[0]], [[-1]]], np.int64), opset=12, batch_dims=1)


def test_scatter(same):
    x, places = some(3, 4), np.array([[1, 0, 2, -1]], np.int64)
    same("ScatterElements", x, places, some(1, 4), opset=13, axis=1)
    same("ScatterElements", x, places % 3, some(1, 4), opset=11)
    for reduction in ("none", "add", "mul", "max", "min"):
        same("ScatterElements", x, places, some(1, 4), opset=18, axis=1, reduction=reduction)
        where = np.array([[0], [2], [-2]], np.int64)
        same("ScatterND", x, where, some(3, 4), opset=18, reduction=reduction)
        where = np.array([[0, 1], [2, 3]], np.int64)
        same("ScatterND", x, where, some(2), opset=18, reduction=reduction)


def test_order(same):
    x = some(3, 5)
    for axis in (0, 1, -1):
        for kept in (0, 1):
            same("ArgMax", x, opset=13, axis=axis, keepdims=kept)
            same("ArgMin", x, opset=13, axis=axis, keepdims=kept)
    tied = np.float32([[1, 3, 3, 2]])
    same("ArgMax", tied, opset=13, axis=1)
    same("ArgMax", tied, opset=13, axis=1, select_last_index=1)
    same("TopK", x, ints(2), opset=11, outputs=2)
    same("TopK", x, ints(2), opset=11, outputs=2, largest=0, axis=0)
    same("NonZero", tied - 3, opset=13)


def test_running_sums_triangles_and_flags(same):
    x = some(3, 4)
    for options in ({}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}):
        same("CumSum", x, np.array(1, np.int64), opset=14, **options)
    for upper in (0, 1):
        same("Trilu", x, opset=14, upper=upper)
        same("Trilu", x, np.array(-1, np.int64), opset=14, upper=upper)
    for axis in (-1, 0, 1):
        same("OneHot", ints(0, 2, -1), np.array(3, np.int64), np.float32([0.5, 2]), opset=11,
             axis=axis)  # fmt: skip


REDUCTIONS = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
              "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]  # fmt: skip


@pytest.mark.parametrize("op", REDUCTIONS)
def test_reductions_by_attribute_and_by_input(op, same):
    x = NUMBERS.uniform(0.2, 2, (2, 3, 4)).astype(np.float32)
    for kept in (0, 1):
        if op == "ReduceSum":  # whose axes are an input since revision 13
            same(op, x, ints(-1), opset=13, keepdims=kept)
        same(op, x, opset=11, keepdims=kept)
        same(op, x, opset=11, keepdims=kept, axes=[1])
        same(op, x, opset=11, keepdims=kept, axes=[-1, 0])
        same(op, x, ints(1), opset=18, keepdims=kept)
        same(op, x, ints(-1, 0), opset=18, keepdims=kept)
        same(op, x, opset=18, keepdims=kept)


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax"])
def test_a_reduction_over_nothing(op, same):
    same(op, some(2, 3), opset=18, noop_with_empty_axes=1)
    same(op, some(2, 3), ints(), opset=18, noop_with_empty_axes=1)


def test_pad_in_every_mode_and_revision(same):
    x = some(2, 3, 4, 5)
    same("Pad", x, opset=10, pads=[0, 0, 1, 2, 0, 0, 3, 0], value=0.5)
    for mode in ("constant", "reflect", "edge"):
        same("Pad", x, ints(0, 0, 1, 2, 0, 0, 2, 1), opset=13, mode=mode)
    same("Pad", x, ints(0, 1, 1, 2, 0, 0, 2, 1), np.float32(0.7), opset=13)
    same("Pad", x, ints(0, 0, -1, 2, 0, 0, 2, -1), np.float32(0.7), opset=13)
    same("Pad", x, ints(1, 2, 0, 1), np.float32(0.7), ints(-1, 1), opset=18)
    same("Pad", x, ints(0, 0, 1, 2, 0, 0, 2, 1), opset=19, mode="wrap")
    same("Pad", np.array([[1, 2]], np.int64), ints(0, 1, 0, 0), np.array(9, np.int64), opset=13)


MODES = ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]


@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    coordinates=st.sampled_from(MODES),
    rounding=st.sampled_from(ROUNDINGS),
    size=st.tuples(st.integers(2, 7), st.integers(2, 7)),
    wanted=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    by_sizes=st.booleans(),
    opset=st.sampled_from([11, 13, 18, 19]),
    a=st.sampled_from([-0.75, -0.5]),
    exclude=st.booleans(),
)
def test_resize(same, mode, coordinates, rounding, size, wanted, by_sizes, opset, a, exclude):
    options = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        options["nearest_mode"] = rounding
    if mode == "cubic":
        # with corners aligned a single number lies nowhere; runtimes differ
        options |= {"cubic_coeff_a": a, "exclude_outside": int(exclude)}
    if coordinates == "align_corners":
        assume(1 not in wanted)
    scales = np.float32([1, 1, wanted[0] / size[0], wanted[1] / size[1]])
    assume([int(s * n) for s, n in zip(scales[2:], size, strict=True)] == list(wanted))
    if by_sizes:
        nothing = np.float32([]) if opset == 11 else None
        rest = [nothing, nothing, ints(2, 3, *wanted)]
    else:
        rest = [np.float32([]) if opset == 11 else None, scales]
    if mode == "nearest":
        places = [_boundary(coordinates, n, w) for n, w in zip(size, wanted, strict=True)]
        assume(not any(places))
    fixed = [i + 1 for i, r in enumerate(rest) if r is not None]
    same("Resize", some(2, 3, *size), *rest, opset=opset, fixed=fixed, tolerance=1e-4, **options)


def _boundary(coordinates, extent, wanted):
    """Whether a place falls on the line between two numbers, where roundings of floats decide."""
    x = np.arange(wanted, dtype=np.float64)
    scale = wanted / extent
    if coordinates == "align_corners":
        places = x * (extent - 1) / max(wanted - 1, 1)
    elif coordinates == "asymmetric":
        places = x / scale
    else:
        places = (x + 0.5) / scale - 0.5
    near = np.abs(places * 2 - np.round(places * 2)) < 1e-4
    exact = float(scale).is_integer()
    return bool(near.any()) and not exact


def test_resize_as_torch_exports_it(same):
    for mode, coordinates in (
        ("linear", "align_corners"),
        ("linear", "pytorch_half_pixel"),
        ("nearest", "asymmetric"),
        ("cubic", "pytorch_half_pixel"),
    ):
        options = {"mode": mode, "coordinate_transformation_mode": coordinates}
        if mode == "nearest":
            options["nearest_mode"] = "floor"
        same("Resize", some(1, 2, 4, 5), np.float32([]), np.float32([1, 1, 2, 2]), opset=11,
             **options)  # fmt: skip
        same("Resize", some(1, 2, 4, 5), None, None, ints(1, 2, 8, 11), opset=17, **options)


def test_resize_of_some_axes_with_antialias_and_aspect(same):
    x = some(1, 2, 8, 9)
    same("Resize", x, None, None, ints(4, 5), opset=18, axes=[2, 3], mode="linear")
    same("Resize", x, None, None, ints(4, 5), opset=18, axes=[2, 3], mode="linear",
         keep_aspect_ratio_policy="not_larger")  # fmt: skip
    for mode in ("linear", "cubic"):
        same("Resize", x, None, None, ints(1, 2, 4, 5), opset=18, mode=mode, antialias=1)


def test_upsample(same):
    for mode in ("nearest", "linear"):
        same("Upsample", some(1, 2, 3, 3), np.float32([1, 1, 2, 3]), opset=9, mode=mode)
        same("Upsample", some(1, 2, 3, 3), opset=7, mode=mode, scales=[1.0, 1.0, 2.0, 2.0])
        same("Resize", some(1, 2, 3, 3), np.float32([1, 1, 2, 3]), opset=10, mode=mode)
