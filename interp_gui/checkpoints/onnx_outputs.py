"""What an ONNX graph returns: brought to logits where it has them, and given a kind."""

from dataclasses import dataclass
from typing import Any

import msgspec

from interp_gui.checkpoints.onnx_checks import EXPORT_HINT
from interp_gui.checkpoints.onnx_shapes import Shapes
from interp_gui.checkpoints.outputs import guess_output
from interp_gui.core.errors import FileProblem
from interp_gui.core.model import OutputInfo

_FLOATS = (1, 10, 11, 16)
_PASSING = ("Identity", "Cast")
_LINEAR = ("Gemm", "MatMul", "Conv", "Einsum")
_WHOLE = ("MatMulInteger", "ConvInteger")
_TURNING = ("Flatten", "Squeeze", "Reshape")
_POOLS = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "AveragePool")
_IMAGENET_COUNT = 1000
_DEEPEST = 32
_MOST_POOLED = 64  # numbers; features that are pooled are more


@dataclass
class _Out:
    """One output on its way: the value that is returned, and what is known of it."""

    name: str
    value: str
    hint: str = ""
    note: str = ""


def adapt_outputs(
    model: Any, shapes: Shapes, *, batch: int, chosen: str, hint: str, classes: int
) -> tuple[tuple[OutputInfo, ...], tuple[str, ...]]:
    """Let the graph return numbers of images, before a last softmax or sigmoid, and say their kind.

    Parameters
    ----------
    batch
        How many images `shapes` is about.
    chosen, hint
        Kind that the user chose, or that a config names, for the first output; empty if none.
    classes
        How many names of classes are known.

    Returns
    -------
    Outputs in the graph's order, those of numbers before maps, and notes.
    """
    producer = {name: node for node in model.graph.node for name in node.output}
    floats = [p for p in model.graph.output if p.type.tensor_type.elem_type in _FLOATS]
    if not floats:
        raise FileProblem(
            "This network returns no numbers that could be explained, only choices made of them.",
            hint="Export it without the last step (ArgMax, TopK, …).",
        )
    notes = []
    if len(floats) < len(model.graph.output):
        notes.append("Outputs that are no floating-point numbers are left out.")
    found = [_before_activation(p.name, producer, shapes) for p in floats]
    found.sort(key=lambda out: not _is_row(shapes.get(out.value)))
    infos: list[OutputInfo] = []
    del model.graph.output[:]
    for place, out in enumerate(found):
        row, size, is_map = _as_rows(model, out, shapes, batch)
        embedding = not out.hint and not is_map and (
            _is_embedding(row, producer, size, classes) or _is_called_embedding(out.name)
        )  # fmt: skip
        info, told = guess_output(
            size, embedding=embedding, is_map=is_map, hint=out.hint or ("" if place else hint),
            chosen="" if place else chosen,
        )  # fmt: skip
        name = "output" if len(found) == 1 else _own_name(out.name, infos)
        infos.append(msgspec.structs.replace(info, name=name))
        notes += [note for note in (out.note, *told) if note]
    _drop_dead_nodes(model)
    return tuple(infos), tuple(dict.fromkeys(notes))


def _before_activation(name: str, producer: dict[str, Any], shapes: Shapes) -> _Out:
    value = name
    while value in producer and producer[value].op_type in _PASSING:
        value = producer[value].input[0]
    node = producer.get(value)
    shape = shapes.get(value)
    if node is None or shape is None:
        return _Out(name, name)
    if node.op_type in ("Softmax", "LogSoftmax") and len(shape) == 2 and shape[1] != 1:
        axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
        if axis in (1, -1):
            return _Out(
                name, node.input[0], "softmax",
                "The network ends in a softmax. What is shown as its output are the numbers before "
                "it (logits), from which the same probabilities follow.",
            )  # fmt: skip
    if node.op_type == "Sigmoid" and len(shape) == 2:
        return _Out(
            name, node.input[0], "sigmoid",
            "The network ends in a sigmoid. What is shown as its output are the numbers before it "
            "(logits), from which the same probabilities follow.",
        )  # fmt: skip
    return _Out(name, name)


def _is_row(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and (len(shape) <= 2 or all(n == 1 for n in shape[2:]))


def _as_rows(model: Any, out: _Out, shapes: Shapes, batch: int) -> tuple[str, int, bool]:
    """Return a value (N, C), or a map as it is: its name, C, and whether it is a map."""
    from onnx import TensorProto, helper

    shape = shapes.get(out.value)
    if shape is None or not shape or shape[0] != batch:
        raise FileProblem(
            f"What the network returns as '{out.name[:60]}' is not one answer an image.",
            hint=EXPORT_HINT,
        )
    value, size = out.value, shape[1] if len(shape) > 1 else 1
    is_map = not _is_row(shape)
    if not is_map and len(shape) != 2:
        row = f"{value}/row"
        if len(shape) > 2:
            model.graph.node.append(helper.make_node("Flatten", [value], [row], axis=1, name=row))
        else:
            model.graph.initializer.append(
                helper.make_tensor(f"{row}/shape", TensorProto.INT64, [2], [-1, 1])
            )
            model.graph.node.append(
                helper.make_node("Reshape", [value, f"{row}/shape"], [row], name=row)
            )
        value = row
    kept = {port.name for port in model.graph.output}
    if value in kept:  # a graph names each output once
        model.graph.node.append(helper.make_node("Identity", [value], [f"{value}/again"]))
        value = f"{value}/again"
    kind = shapes.kinds.get(out.value, TensorProto.FLOAT)
    extents: list[Any] = ["batch", *shape[1:]] if is_map else ["batch", size]
    port = helper.make_tensor_value_info(value, kind, extents)
    model.graph.output.append(port)
    return out.value, size, is_map


def _is_embedding(value: str, producer: dict[str, Any], size: int, classes: int) -> bool:
    """Whether a row of numbers comes from no head: a norm or a pooling, not a linear map, ends.

    The fully convolutional heads of SqueezeNet and NiN end in a pooling as well; their classes are
    few, or those of ImageNet.
    """
    if size in (1, _IMAGENET_COUNT) or (classes and size == classes):
        return False
    return not _is_head(value, producer, size)


def _is_head(value: str, producer: dict[str, Any], size: int, depth: int = 0) -> bool:
    """Whether a linear map makes a value, up to sums and factors."""
    node = _maker(value, producer, ("DequantizeLinear", "QuantizeLinear", *_PASSING, *_TURNING))
    if node is None or depth > _DEEPEST:
        return False
    if node.op_type in _LINEAR:
        return True
    if node.op_type in _POOLS and size < _MOST_POOLED:
        before = _maker(node.input[0], producer, ("Relu", *_PASSING))
        return before is not None and before.op_type == "Conv"
    others = [name for name in node.input if name and not _is_constant(name, producer)]
    # a norm that is written out ends in a sum as well; what it adds to is no linear map
    if node.op_type == "Mul":  # the scale of a product of whole numbers
        makers = [_maker(name, producer, _PASSING) for name in others]
        if any(maker is not None and maker.op_type in _WHOLE for maker in makers):
            return True
    summed = node.op_type == "Add" or (node.op_type in ("Mul", "Div", "Sub") and len(others) == 1)
    return summed and bool(others) and all(
        _is_head(name, producer, size, depth + 1) for name in others
    )  # fmt: skip


def _maker(value: str, producer: dict[str, Any], passing: tuple[str, ...]) -> Any | None:
    """The node that makes a value, before those that only pass it on."""
    node = producer.get(value)
    while node is not None and node.op_type in passing:
        node = producer.get(node.input[0])
    return node


def _is_constant(name: str, producer: dict[str, Any]) -> bool:
    return name not in producer or producer[name].op_type == "Constant"


def _is_called_embedding(name: str) -> bool:
    """Whether an output is named as exporters name embeddings (`image_embeds`)."""
    own = name.lower()
    return "embed" in own or own in ("features", "feature", "pooler_output", "pooled_output")


def _own_name(name: str, taken: list[OutputInfo]) -> str:
    own = base = name.strip("/").replace("/", ".")[:60] or "output"
    count = 1
    while any(info.name == own for info in taken):
        count += 1
        own = f"{base}_{count}"
    return own


def _drop_dead_nodes(model: Any) -> None:
    needed = {port.name for port in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    if len(kept) < len(model.graph.node):
        kept.reverse()
        del model.graph.node[:]
        model.graph.node.extend(kept)
    unused = [t for t in model.graph.initializer if t.name not in needed]
    for tensor in unused:
        model.graph.initializer.remove(tensor)
