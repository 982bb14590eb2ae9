"""ONNX models that reach for other files, bring foreign operators, or lie about their sizes."""

import os
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

SECRET = "secret.bin"


def model(*, nodes=None, initialisers=(), opsets=(("", 17),), functions=(), outputs=None):
    """A small network for images: a convolution, a pooling, and what is asked for."""
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    own = [
        helper.make_node("Conv", ["image", "weight"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
    ]
    own += nodes if nodes is not None else [helper.make_node("Relu", ["flat"], ["answer"])]
    graph = helper.make_graph(
        own,
        "hostile",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
        outputs or [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(weight, "weight"), *initialisers],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], functions=functions,
        ir_version=9,
    )  # fmt: skip


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def outside(location, *, offset=0, length=16, dims=(4,)):
    """A tensor that says it lies in another file."""
    tensor = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=dims, data_location=1)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def reading(tensor):
    add = helper.make_node("Add", ["flat", "far"], ["answer"])
    return model(nodes=[add], initialisers=[tensor])


def secret(folder: Path) -> Path:
    path = folder / SECRET
    path.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    return path


def make_empty(folder, plant):
    path = folder / "model.onnx"
    path.write_bytes(b"")
    return path


def make_truncated(folder, plant):
    path = saved(folder, model())
    path.write_bytes(path.read_bytes()[:-40])
    return path


def make_data_above_the_folder(folder, plant):
    secret(folder)
    inner = folder / "inner"
    inner.mkdir()
    return saved(inner, reading(outside(f"../{SECRET}")))


def make_data_by_absolute_path(folder, plant):
    return saved(folder, reading(outside(str(secret(folder)))))


def make_data_by_drive_letter(folder, plant):
    return saved(folder, reading(outside("C:\\Windows\\win.ini")))


def make_data_by_backslashes(folder, plant):
    return saved(folder, reading(outside("..\\..\\secret.bin")))


def make_data_through_a_link(folder, plant):
    target = secret(folder)
    inner = folder / "inner"
    inner.mkdir()
    (inner / "weights.bin").symlink_to(target)
    return saved(inner, reading(outside("weights.bin")))


def make_data_through_a_linked_folder(folder, plant):
    secret(folder)
    inner = folder / "inner"
    inner.mkdir()
    (inner / "more").symlink_to(folder)
    return saved(inner, reading(outside(f"more/{SECRET}")))


def make_data_through_a_hard_link(folder, plant):
    target = secret(folder)
    inner = folder / "inner"
    inner.mkdir()
    os.link(target, inner / "weights.bin")
    return saved(inner, reading(outside("weights.bin")))


def make_data_in_a_pipe(folder, plant):
    os.mkfifo(folder / "weights.bin")
    return saved(folder, reading(outside("weights.bin")))


def make_data_beyond_the_end(folder, plant):
    secret(folder)
    return saved(folder, reading(outside(SECRET, offset=8)))


def make_data_before_the_start(folder, plant):
    secret(folder)
    return saved(folder, reading(outside(SECRET, offset=-16)))


def make_data_shorter_than_its_shape(folder, plant):
    secret(folder)
    return saved(folder, reading(outside(SECRET, dims=(1 << 30, 1 << 20))))


def make_data_of_ort_memory(folder, plant):
    return saved(folder, reading(outside("*/_ORT_MEM_ADDR_/*", offset=4096)))


def make_sparse_initialiser(folder, plant):
    made = model(nodes=[helper.make_node("Add", ["flat", "sparse"], ["answer"])])
    sparse = made.graph.sparse_initializer.add()
    sparse.values.CopyFrom(outside(str(secret(folder))))
    sparse.values.name = "sparse"
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(4), "indices"))
    sparse.dims.extend([4])
    return saved(folder, made)


def make_sparse_constant(folder, plant):
    made = model()
    node = made.graph.node.add(op_type="Constant", output=["unused"])
    attribute = node.attribute.add(name="sparse_value", type=11)
    attribute.sparse_tensor.values.CopyFrom(outside(str(secret(folder))))
    attribute.sparse_tensor.dims.extend([4])
    return saved(folder, made)


def make_constant_elsewhere(folder, plant):
    made = model()
    node = made.graph.node.add(op_type="Constant", output=["unused"])
    node.attribute.add(name="value", type=4).t.CopyFrom(outside(f"../{SECRET}"))
    return saved(folder, made)


def make_foreign_operator(folder, plant):
    node = helper.make_node("Shell", ["flat"], ["answer"], domain="evil", command=plant.code)
    return saved(folder, model(nodes=[node], opsets=(("", 17), ("evil", 1))))


def make_python_operator(folder, plant):
    node = helper.make_node("PyOp", ["flat"], ["answer"], domain="pyopadd", module="os")
    return saved(folder, model(nodes=[node], opsets=(("", 17), ("pyopadd", 1))))


def make_remote_operator(folder, plant):
    node = helper.make_node(
        "OpenAIAudioToText", ["flat"], ["answer"], domain="com.microsoft.extensions",
        model_uri="http://127.0.0.1:9/",
    )  # fmt: skip
    return saved(folder, model(nodes=[node], opsets=(("", 17), ("com.microsoft.extensions", 1))))


def make_foreign_operator_within_a_function(folder, plant):
    body = helper.make_node("Shell", ["x"], ["y"], domain="evil")
    function = helper.make_function(
        "own", "Hidden", ["x"], ["y"], [body], [helper.make_opsetid("evil", 1)]
    )
    node = helper.make_node("Hidden", ["flat"], ["answer"], domain="own")
    opsets = (("", 17), ("own", 1), ("evil", 1))
    return saved(folder, model(nodes=[node], opsets=opsets, functions=[function]))


def make_functions_that_double(folder, plant):
    """Fifty functions, each calling the next one twice."""
    functions = []
    for level in range(50):
        inner = f"F{level + 1}" if level < 49 else "Relu"
        domain = "own" if level < 49 else ""
        body = [
            helper.make_node(inner, ["x"], ["m"], domain=domain),
            helper.make_node(inner, ["m"], ["y"], domain=domain),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        functions.append(helper.make_function("own", f"F{level}", ["x"], ["y"], body, opsets))
    node = helper.make_node("F0", ["flat"], ["answer"], domain="own")
    return saved(folder, model(nodes=[node], opsets=(("", 17), ("own", 1)), functions=functions))


def make_loop_without_end(folder, plant):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["", "true"], [], body=body),
        helper.make_node("Relu", ["flat"], ["answer"]),
    ]
    true = numpy_helper.from_array(np.array(True), "true")
    return saved(folder, model(nodes=nodes, initialisers=[true]))


def make_huge_constant(folder, plant):
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        helper.make_node("Add", ["flat", "most"], ["answer"]),
    ]
    return saved(folder, model(nodes=nodes, initialisers=[shape]))


def make_joined_without_end(folder, plant):
    first = numpy_helper.from_array(np.arange(8), "j0")
    nodes = [helper.make_node("Concat", [f"j{i}"] * 2, [f"j{i + 1}"], axis=0) for i in range(40)]
    nodes += [
        helper.make_node("Reshape", ["flat", "j40"], ["odd"]),
        helper.make_node("Relu", ["flat"], ["answer"]),
    ]
    return saved(folder, model(nodes=nodes, initialisers=[first]))


def make_tensor_longer_than_its_bytes(folder, plant):
    made = model()
    made.graph.initializer[0].dims[0] = 1 << 40
    return saved(folder, made)


def make_negative_extent(folder, plant):
    made = model()
    made.graph.initializer[0].dims[0] = -4
    return saved(folder, made)


def make_strings(folder, plant):
    made = model()
    text = TensorProto(name="text", data_type=TensorProto.STRING, dims=[1])
    text.string_data.append(b"/etc/passwd")
    made.graph.initializer.append(text)
    return saved(folder, made)


def make_training_run(folder, plant):
    made = model()
    made.training_info.add()
    return saved(folder, made)


def make_cycle(folder, plant):
    nodes = [
        helper.make_node("Add", ["flat", "second"], ["first"]),
        helper.make_node("Relu", ["first"], ["second"]),
        helper.make_node("Relu", ["second"], ["answer"]),
    ]
    return saved(folder, model(nodes=nodes))


def make_nested_without_end(folder, plant):
    """Graphs within graphs, a thousand deep."""
    inner = b""
    for _ in range(300):
        attribute = b"\x32" + _length(inner) + inner  # AttributeProto.g
        node = b"\x2a" + _length(attribute) + attribute  # NodeProto.attribute
        inner = b"\x0a" + _length(node) + node  # GraphProto.node
    path = folder / "model.onnx"
    path.write_bytes(b"\x08\x09\x3a" + _length(inner) + inner)
    return path


def _length(data: bytes) -> bytes:
    count, out = len(data), bytearray()
    while True:
        out.append((count & 0x7F) | (0x80 if count > 0x7F else 0))
        count >>= 7
        if not count:
            return bytes(out)
