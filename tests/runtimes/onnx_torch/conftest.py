"""Models of one node, run by ONNX Runtime and by the builder of that node."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from interp_gui.runtimes.onnx_torch.node import Node
from interp_gui.runtimes.onnx_torch.operators import OPERATORS

IR = {11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}


def reference(op, inputs, *, opset, outputs=1, constants=(), **attributes):
    """What ONNX Runtime makes of a node."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, made, **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for i, (n, x) in enumerate(zip(names, inputs, strict=True))
            if n and i not in constants
        ],
        [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in made],
        [numpy_helper.from_array(inputs[i], names[i]) for i in constants],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR.get(opset, 6)
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = onnx.shape_inference.infer_shapes(model)
    for value in model.graph.output:
        if not value.type.tensor_type.elem_type:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feeds = {n: inputs[i] for i, n in enumerate(names) if n and i not in constants}
    return session.run(None, feeds)


def built(op, inputs, *, opset, outputs=1, constants=(), **attributes):
    """What the builder makes of it, with some of the inputs known beforehand."""
    tensors = [None if x is None else torch.from_numpy(np.array(x)) for x in inputs]
    node = Node(
        op=op,
        opset=opset,
        attributes={
            k: torch.from_numpy(numpy_helper.to_array(v).copy())
            if isinstance(v, onnx.TensorProto)
            else (tuple(v) if isinstance(v, list) else v)
            for k, v in attributes.items()
        },
        constants=tuple(t if i in constants else None for i, t in enumerate(tensors)),
        given=tuple(t is not None for t in tensors),
        shapes=tuple(() if t is None else tuple(t.shape) for t in tensors),
        dtypes=tuple(None if t is None else t.dtype for t in tensors),
        outputs=tuple(f"y{i}" for i in range(outputs)),
    )
    made = OPERATORS[op](node)
    result = made.module.eval()(*[tensors[i] for i in made.takes])
    results = result if isinstance(result, tuple) else (result,)
    return [r.detach().numpy() for r in results[:outputs]]


@pytest.fixture(scope="session")
def same():
    """Compare the two for a node, with its small inputs as constants and as computed values."""

    def check(op, *inputs, opset=17, fixed=None, tolerance=2e-5, only_fixed=False, **options):
        inputs = [None if x is None else np.asarray(x) for x in inputs]
        every = [i for i, x in enumerate(inputs) if i > 0 and x is not None]
        fixed = every if fixed is None else fixed
        expected = reference(op, inputs, opset=opset, **options)
        for constants in [fixed] if only_fixed else [fixed, []]:
            found = built(op, inputs, opset=opset, constants=constants, **options)
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                assert a.shape == b.shape, (op, opset, options, a.shape, b.shape)
                assert a.dtype == b.dtype, (op, opset, options, a.dtype, b.dtype)
                np.testing.assert_allclose(
                    a, b, rtol=tolerance, atol=tolerance, err_msg=f"{op} {opset} {options}"
                )

    return check


@pytest.fixture(scope="session")
def ours():
    """The builder's side alone."""
    return built


@pytest.fixture
def numbers():
    """Distinct numbers of a shape."""
    generator = np.random.default_rng(0)

    def make(*shape, low=-2.0, high=2.0):
        return generator.uniform(low, high, size=shape).astype(np.float32)

    return make
