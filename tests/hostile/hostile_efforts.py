"""Small files that take long or much memory to read, or whose network does when it first runs."""

import copy
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from hostile_onnx import model, saved
from onnx import helper, numpy_helper

_IMAGE = "x"


def _length(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, content: bytes) -> bytes:
    return _length(number << 3 | 2) + _length(len(content)) + content


def _onnx(folder: Path, graph: bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(b"\x08\x09" + _field(7, graph))
    return path


def make_nothing_but_empty_operations(folder: Path, _plant: Any) -> Path:
    return _onnx(folder, _field(1, b"") * 2_000_000)


def make_operation_of_empty_settings(folder: Path, _plant: Any) -> Path:
    return _onnx(folder, _field(1, _field(5, b"") * 2_000_000))


def make_names_in_no_encoding(folder: Path, _plant: Any) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model().SerializeToString().replace(b"flat", b"fl\xff\xfe"))
    return path


def make_names_that_command_the_terminal(folder: Path, _plant: Any) -> Path:
    bad = "an\x1b[31m\nswer\u202e"
    nodes = [helper.make_node("Relu", ["flat"], [bad]), helper.make_node("Relu", [bad], ["answer"])]
    return saved(folder, model(nodes=nodes))


def make_words_that_command_the_terminal(folder: Path, _plant: Any) -> Path:
    made = model()
    entry = made.metadata_props.add()
    entry.key, entry.value = "names", str({n: f"c\x1b[31m{n}\x9b\u202e" for n in range(4)})
    made.producer_name = made.graph.name = "gr\x1b[31maph\u202e"
    return saved(folder, made)


def make_literals_without_end(folder: Path, _plant: Any) -> Path:
    made = model()
    for key in ("names", "classes", "class_names", "labels", "id2label", "imgsz", "input_size"):
        entry = made.metadata_props.add()
        entry.key, entry.value = key, "0," * 500_000
    return saved(folder, made)


def make_joined_between_slices(folder: Path, _plant: Any) -> Path:
    """Chains of joinings that begin anew behind a part that is the whole."""
    return _joined(folder, "Slice")


def make_joined_between_gatherings(folder: Path, _plant: Any) -> Path:
    return _joined(folder, "Gather")


def _joined(folder: Path, between: str) -> Path:
    given = {"j0": np.arange(256), "first": [0], "last": [1 << 40], "axis": [0]}
    nodes, current = [], "j0"
    for number in range(1, 46):
        made = f"j{number}"
        if number % 15:
            nodes.append(helper.make_node("Concat", [current, current], [made], axis=0))
        elif between == "Slice":
            nodes.append(helper.make_node("Slice", [current, "first", "last", "axis"], [made]))
        else:
            nodes.append(helper.make_node("Gather", [current, current], [made], axis=0))
        current = made
    nodes += [
        helper.make_node("Reshape", ["flat", current], ["odd"]),
        helper.make_node("Relu", ["flat"], ["answer"]),
    ]
    tensors = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in given.items()]
    return saved(folder, model(nodes=nodes, initialisers=tensors))


def make_gigabytes_of_nothing(folder: Path, _plant: Any) -> Path:
    shape = numpy_helper.from_array(np.array([1 << 14, 1 << 14]), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        helper.make_node("Add", ["flat", "most"], ["answer"]),
    ]
    return saved(folder, model(nodes=nodes, initialisers=[shape]))


def _header(folder: Path, raw: bytes) -> Path:
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return path


def make_many_words_in_a_header(folder: Path, _plant: Any) -> Path:
    words = b",".join(b'"%d":""' % number for number in range(1_100_000))
    return _header(folder, b'{"__metadata__":{' + words + b"}}")


def make_many_lists_in_a_header(folder: Path, _plant: Any) -> Path:
    return _header(folder, b'{"a":[' + b"[]," * 2_000_000 + b"[]]}")


def make_half_a_letter_in_a_header(folder: Path, _plant: Any) -> Path:
    return _header(folder, b'{"__metadata__":{"architecture":"\\ud800"}}')


def make_large_numbers_as_keys(folder: Path, _plant: Any) -> Path:
    """Numbers that can be chosen so that a table has to search all those before."""
    keys = (b"\x8a\x08" + struct.pack("<q", number << 32) + b"N" for number in range(1, 20_000))
    path = folder / "weights.pkl"
    path.write_bytes(b"\x80\x02}(" + b"".join(keys) + b"u.")
    return path


def _exported(folder: Path, *, nodes: Any = (), weights: Any = None) -> Path:
    """An honest program with operations in front of its own, or with other weights listed."""

    def tensor(name: str) -> dict[str, Any]:
        return {"as_tensor": {"name": name}}

    mean = {
        "target": "torch.ops.aten.mean.dim", "metadata": {}, "outputs": [tensor("answer")],
        "inputs": [
            {"name": "self", "arg": tensor(_IMAGE), "kind": 1},
            {"name": "dim", "arg": {"as_ints": [2, 3]}, "kind": 1},
        ],
    }  # fmt: skip
    sizes = [{"as_int": extent} for extent in (2, 3, 32, 32)]
    program = {
        "schema_version": {"major": 8, "minor": 0},
        "graph_module": {
            "graph": {"nodes": [*nodes, mean], "tensor_values": {_IMAGE: {"sizes": sizes}}},
            "signature": {
                "input_specs": [{"user_input": {"arg": tensor(_IMAGE)}}],
                "output_specs": [{"user_output": {"arg": tensor("answer")}}],
            },
        },
    }
    meta = {
        "dtype": 7, "sizes": [{"as_int": 4}], "strides": [{"as_int": 1}], "layout": 7,
        "storage_offset": {"as_int": 0},
    }  # fmt: skip
    config = {
        "own": {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": meta}
    }
    if weights is not None:
        weights(config)
    path = folder / "model.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/models/model.json", json.dumps(program))
        archive.writestr("model/data/weights/model_weights_config.json", json.dumps(
            {"config": config}
        ))  # fmt: skip
        raw = bytes(16 if weights is None else 4_000_000)
        archive.writestr("model/data/weights/weight_0", raw)
    return path


def _counted(target: str, first: Any, second: Any, result: str) -> dict[str, Any]:
    inputs = [{"name": "a", "arg": first, "kind": 1}, {"name": "b", "arg": second, "kind": 1}]
    return {
        "target": f"_operator.{target}", "inputs": inputs, "metadata": {},
        "outputs": [{"as_sym_int": {"as_name": result}}],
    }  # fmt: skip


def make_powers_of_powers(folder: Path, _plant: Any) -> Path:
    nine, power = {"as_int": 9}, {"as_sym_int": {"as_name": "p"}}
    nodes = [_counted("pow", nine, nine, "p"), _counted("pow", nine, power, "q")]
    return _exported(folder, nodes=nodes)


def make_text_many_times(folder: Path, _plant: Any) -> Path:
    many = _counted("mul", {"as_string": "a" * 100}, {"as_int": 10**12}, "p")
    return _exported(folder, nodes=[many])


def make_text_of_absurd_width(folder: Path, _plant: Any) -> Path:
    wide = _counted("mod", {"as_string": "%999999999999d"}, {"as_int": 1}, "p")
    return _exported(folder, nodes=[wide])


def make_one_record_under_many_names(folder: Path, _plant: Any) -> Path:
    def many(config: dict[str, Any]) -> None:
        entry = copy.deepcopy(config["own"])
        entry["tensor_meta"].update(sizes=[{"as_int": 1_000_000}], strides=[{"as_int": 1}])
        config.update({f"more{number}": copy.deepcopy(entry) for number in range(2000)})

    return _exported(folder, weights=many)


def make_program_that_grows_vastly(folder: Path, _plant: Any) -> Path:
    sizes = {"output_size": {"as_ints": [300_000, 300_000]}, "scale_factors": {"as_none": True}}
    given = [{"name": "input", "arg": {"as_tensor": {"name": _IMAGE}}, "kind": 1}]
    given += [{"name": name, "arg": value, "kind": 1} for name, value in sizes.items()]
    grown = {
        "target": "torch.ops.aten.upsample_nearest2d.vec", "inputs": given, "metadata": {},
        "outputs": [{"as_tensor": {"name": "grown"}}],
    }  # fmt: skip
    return _exported(folder, nodes=[grown])


def make_pipe_named_as_a_model(folder: Path, _plant: Any) -> Path:
    os.mkfifo(folder / "model.onnx")
    return folder / "model.onnx"


def make_device_named_as_a_model(folder: Path, _plant: Any) -> Path:
    (folder / "model.pth").symlink_to("/dev/zero")
    return folder / "model.pth"
