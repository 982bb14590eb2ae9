"""Where an image goes into an ONNX graph and what comes out of it, brought to one form.

The model that goes on takes one float32 batch (N, C, H, W) and returns logits where the network
has them: what stands between is written into the graph, so that every runtime sees the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from interp_gui.checkpoints.onnx_checks import EXPORT_HINT
from interp_gui.core.errors import FileProblem

ADAPTER = "interp_gui_input"
"""Scope of the nodes that bring an image to the form that the network was exported with."""

_CHANNELS = (1, 3, 4)
_FLOAT, _UINT8, _FLOAT16, _DOUBLE = 1, 2, 10, 11
_KINDS = {_FLOAT: "float32", _UINT8: "uint8", _FLOAT16: "float16", _DOUBLE: "float64"}
_PASSING = ("Cast", "Identity", "Transpose")


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """How a network takes images.

    Parameters
    ----------
    batch
        How many images it takes at once; 0 where any number.
    size
        Height and width; 0 where any will do.
    layout
        `NCHW` or `NHWC`, as it was exported.
    kind
        Kind of the numbers, as it was exported.
    scale, offset
        The graph's own normalisation of an image in the numbers that it takes: value · scale +
        offset, one each a channel; None where the graph does none.
    """

    name: str
    batch: int
    channels: int
    size: tuple[int, int]
    layout: str
    kind: str
    scale: tuple[float, ...] | None = None
    offset: tuple[float, ...] | None = None


def find_input(model: Any, name: str) -> ImageInput:
    """The graph's one input that takes images; FileProblem where there is none, or several."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [port for port in graph.input if port.name not in constants]
    found = [port for port in inputs if _may_be_image(port)]
    if len(inputs) != 1 or not found:
        told = ", ".join(f"'{port.name[:40]}'" for port in inputs[:6]) or "none"
        raise FileProblem(
            f"'{name}' does not take one batch of images: its inputs are {told}.",
            hint="Export the part that sees the image, with a batch of images as its only input.",
        )
    port = found[0]
    dims = [_extent(d) for d in port.type.tensor_type.shape.dim]
    layout, channels = _layout(model, port.name, dims, name)
    height, width = (dims[2], dims[3]) if layout == "NCHW" else (dims[1], dims[2])
    scale, offset = _normalisation(model, port.name, channels)
    return ImageInput(
        name=port.name,
        batch=dims[0],
        channels=channels,
        size=(height, width),
        layout=layout,
        kind=_KINDS[port.type.tensor_type.elem_type],
        scale=scale,
        offset=offset,
    )


def adapt_input(model: Any, found: ImageInput) -> None:
    """Make the graph take float32 (N, C, H, W), whatever it was exported with."""
    from onnx import TensorProto, helper

    port = next(p for p in model.graph.input if p.name == found.name)
    if (found.layout, found.kind) == ("NCHW", "float32"):
        return
    nodes: list[Any] = []
    current = f"{ADAPTER}/image"
    used = {text for node in model.graph.node for text in (*node.input, *node.output)}
    while current in used:
        current += "_"
    image = current

    def add(op: str, *more: str, **attributes: Any) -> None:
        nonlocal current
        result = f"{ADAPTER}/{op}_{len(nodes)}"
        nodes.append(
            helper.make_node(op, [current, *more], [result], name=result, **attributes)
        )  # fmt: skip
        current = result

    if found.kind == "uint8":
        for name, value in (("low", 0.0), ("high", 255.0)):
            model.graph.initializer.append(
                helper.make_tensor(f"{ADAPTER}/{name}", TensorProto.FLOAT, [1], [value])
            )
        add("Max", f"{ADAPTER}/low")
        add("Min", f"{ADAPTER}/high")
        add("Round")
    if found.kind != "float32":
        add("Cast", to=port.type.tensor_type.elem_type)
    if found.layout == "NHWC":
        add("Transpose", perm=[0, 2, 3, 1])
    nodes[-1].output[0] = found.name
    model.graph.input.remove(port)
    extents: list[Any] = [found.batch or "batch", found.channels]
    extents += [found.size[0] or "height", found.size[1] or "width"]
    model.graph.input.insert(0, helper.make_tensor_value_info(image, TensorProto.FLOAT, extents))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def _may_be_image(port: Any) -> bool:
    tensor = port.type.tensor_type
    if not port.type.HasField("tensor_type") or tensor.elem_type not in _KINDS:
        return False
    return tensor.HasField("shape") and len(tensor.shape.dim) == 4


def _extent(dim: Any) -> int:
    return max(int(dim.dim_value), 0) if dim.HasField("dim_value") else 0


def _layout(model: Any, port: str, dims: list[int], name: str) -> tuple[str, int]:
    """Where the channels are, and how many: as the first operation says, then as extents do."""
    first = _first_use(model, port)
    if first is not None:
        op, channels = first
        if op == "Conv":
            return "NCHW", channels
        if op == "NHWC":
            return "NHWC", channels or dims[3] or 3
    if dims[1] in _CHANNELS and dims[3] not in _CHANNELS:
        return "NCHW", dims[1]
    if dims[3] in _CHANNELS and dims[1] not in _CHANNELS:
        return "NHWC", dims[3]
    if dims[1]:
        return "NCHW", dims[1]
    raise FileProblem(f"'{name}' does not say how many channels its images have.", hint=EXPORT_HINT)


def _first_use(model: Any, port: str) -> tuple[str, int] | None:
    """`("Conv", channels)` where the image is convolved as it is, NHWC where it is turned first."""
    from onnx import helper

    shapes = {t.name: tuple(t.dims) for t in model.graph.initializer}
    names, turned = {port}, False
    for node in model.graph.node:
        if not any(name in names for name in node.input):
            continue
        if node.op_type == "Conv" and node.input[0] in names:
            weight = shapes.get(node.input[1])
            group = next((a.i for a in node.attribute if a.name == "group"), 1)
            channels = weight[1] * group if weight and len(weight) == 4 else 0
            if turned:
                return "NHWC", channels
            return ("Conv", channels) if channels else None
        if node.op_type == "Transpose":
            perm = [int(v) for a in node.attribute for v in helper.get_attribute_value(a)]
            if perm == [0, 3, 1, 2]:
                turned = True
            elif perm != [0, 1, 2, 3]:
                return None
        elif node.op_type not in ("Cast", "Identity", "Sub", "Add", "Mul", "Div", "Pad", "Clip",
                                  "QuantizeLinear", "DequantizeLinear"):  # fmt: skip
            return ("NHWC", 0) if turned else None
        names.update(node.output)
    return None


def _normalisation(
    model: Any, port: str, channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """What the graph does to every pixel before anything else, as value · scale + offset."""
    scale, offset = np.ones(channels), np.zeros(channels)
    current, seen = port, False
    constants = _constants(model)
    for node in _chain(model, port):
        if node.op_type in _PASSING:
            current = node.output[0]
            continue
        if node.op_type not in ("Sub", "Add", "Mul", "Div") or len(node.input) != 2:
            break
        swapped = node.input[1] == current
        other = constants.get(node.input[0] if swapped else node.input[1])
        if other is None or other.size not in (1, channels):
            break
        value = np.broadcast_to(other.reshape(-1), (channels,)).astype(np.float64)
        if node.op_type == "Mul":
            scale, offset = scale * value, offset * value
        elif node.op_type == "Div" and not swapped:
            scale, offset = scale / value, offset / value
        elif node.op_type == "Add":
            offset = offset + value
        elif node.op_type == "Sub":
            sign = -1 if swapped else 1
            scale, offset = sign * scale, sign * offset - sign * value
        else:
            break
        current, seen = node.output[0], True
    if not seen or not np.isfinite(scale).all() or not np.isfinite(offset).all():
        return None, None
    return tuple(float(v) for v in scale), tuple(float(v) for v in offset)


def _chain(model: Any, port: str) -> Iterator[Any]:
    """Nodes behind the input, as long as each value has one user."""
    users: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    current = port
    while len(users.get(current, ())) == 1:
        node = users[current][0]
        yield node
        current = node.output[0]


def _constants(model: Any) -> dict[str, Any]:
    from onnx import numpy_helper

    small = {
        t.name: numpy_helper.to_array(t) for t in model.graph.initializer if len(t.raw_data) <= 4096
    }
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensor = node.attribute[0].t
            if len(tensor.raw_data) <= 4096:
                small[node.output[0]] = numpy_helper.to_array(tensor)
    return {name: value for name, value in small.items() if value.dtype.kind in "fiu"}
