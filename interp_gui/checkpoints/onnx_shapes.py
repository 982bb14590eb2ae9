"""Shapes of an ONNX model's values for one image, found without running it or copying weights."""

import math
from collections.abc import Iterable
from typing import Any

from interp_gui.checkpoints.onnx_checks import item_bits
from interp_gui.core.errors import FileProblem

MOST_VALUE_BYTES = 1 << 31
"""One value of one image takes no more than so much in any network worth looking at."""
_MOST_MADE_BYTES = 1 << 28  # one that does not depend on the image
_SMALL_BYTES = 4096
_MOST_JOINED = 1 << 24


class Shapes(dict[str, tuple[int, ...]]):
    """Value name -> shape for one image, where it is known; `kinds` are their element types."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, int] = {}


def skeleton_of(model: Any) -> Any:
    """The model with its large weights as inputs: quick to check, to copy and to infer from."""
    import onnx
    from onnx import helper

    graph = model.graph
    skeleton = onnx.ModelProto()
    skeleton.ir_version = model.ir_version
    skeleton.opset_import.extend(model.opset_import)
    skeleton.functions.extend(model.functions)
    own = skeleton.graph
    own.name = graph.name or "graph"
    own.node.extend(graph.node)
    own.input.extend(graph.input)
    own.output.extend(graph.output)
    for port in own.output:  # what exporters declare is often wrong, and follows from the rest
        for dim in port.type.tensor_type.shape.dim:
            dim.Clear()
    listed = {port.name for port in graph.input}
    for tensor in graph.initializer:
        if _bytes(tensor) <= _SMALL_BYTES:
            own.initializer.append(tensor)
        elif tensor.name not in listed:
            own.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    return skeleton


def check_by_library(skeleton: Any, name: str) -> None:
    """The format's own checker, with the types and shapes of all values."""
    import onnx

    try:
        onnx.checker.check_model(skeleton, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as problem:
        first = next((line for line in str(problem).splitlines() if line.strip()), "")
        raise FileProblem(
            f"'{name}' is no valid ONNX model: {first[:300].rstrip('.')}.",
            hint="Export it again, or make it with a current version of its exporter.",
        ) from None
    except (ValueError, RuntimeError, UnicodeDecodeError) as problem:
        raise FileProblem(f"'{name}' cannot be checked: {str(problem)[:300]}.") from None


def infer_shapes(
    skeleton: Any, image: tuple[str, tuple[int, ...]], name: str, *, declared: Iterable[Any] = ()
) -> Shapes:
    """Shapes for one image.

    Parameters
    ----------
    image
        The input and its shape.
    declared
        The outputs as the file describes them, for those whose shapes cannot be found.

    Raises
    ------
    FileProblem
        Some value would take an absurd amount of memory.
    """
    import onnx

    _check_joined(skeleton, name)
    model = onnx.ModelProto()
    model.CopyFrom(skeleton)
    port, extents = image
    for own in model.graph.input:
        if own.name == port:
            del own.type.tensor_type.shape.dim[:]
            for extent in extents:
                own.type.tensor_type.shape.dim.add().dim_value = extent
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as problem:
        raise FileProblem(
            f"'{name}' contradicts itself: {str(problem).splitlines()[0][:300]}."
        ) from None
    shapes = Shapes()
    seen = _depending(model.graph, image[0])
    weights = (port.type.tensor_type.shape.dim for port in skeleton.graph.input)
    held = max((math.prod(dim.dim_value for dim in dims) for dims in weights), default=0)
    made = max(_MOST_MADE_BYTES, 16 * held)
    for port in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        tensor = port.type.tensor_type
        shapes.kinds[port.name] = tensor.elem_type
        if not tensor.HasField("shape"):
            continue
        shape = _fixed(tensor.shape)
        if shape is not None:
            shapes[port.name] = shape
            most = MOST_VALUE_BYTES if port.name in seen else made
            _check_extent(shape, tensor.elem_type, name, most)
    for port in declared:
        tensor = port.type.tensor_type
        found = _fixed(tensor.shape, batch=extents[0]) if tensor.HasField("shape") else None
        if port.name not in shapes and found is not None:
            shapes[port.name] = found
    return shapes


def _fixed(shape: Any, *, batch: int = 0) -> tuple[int, ...] | None:
    """Extents, if all are known; the first may be the batch where that is given."""
    extents = []
    for place, dim in enumerate(shape.dim):
        if dim.HasField("dim_value"):
            extents.append(int(dim.dim_value))
        elif not place and batch:
            extents.append(batch)
        else:
            return None
    return tuple(extents)


def _depending(graph: Any, image: str) -> set[str]:
    """Values that are computed from the image, and what is given."""
    found = {image, *(port.name for port in graph.input)}
    seen = {image}
    for node in graph.node:
        if not seen.isdisjoint(node.input):
            seen.update(node.output)
    return found | seen


def _check_extent(shape: tuple[int, ...], kind: int, name: str, most: int) -> None:
    try:
        size = math.prod(shape) * item_bits(kind) // 8
    except KeyError:
        return
    if size > most or any(extent < 0 for extent in shape):
        raise FileProblem(
            f"'{name}' would take {size / 2**30:.0f} GiB for a single value of one image; "
            "it is refused."
        )


def _check_joined(model: Any, name: str) -> None:
    """Refuse chains of joinings, in which forty operations grow to a million million numbers.

    What is inferred beside shapes are numbers that are known beforehand. Nothing of the image is,
    nor of weights, but shapes: networks may join as many of their values as they like.
    """
    counts = {t.name: math.prod(t.dims) for t in model.graph.initializer}
    counts |= {port.name: 0 for port in model.graph.input if port.name not in counts}
    for node in model.graph.node:
        known = [counts.get(value, 8) for value in node.input if value]
        if node.op_type in ("Shape", "Size"):
            count = 8
        elif known and not min(known):
            count = 0
        elif node.op_type == "Concat":
            count = sum(known)
        elif node.op_type == "Gather":
            count = known[-1]  # as many as there are places
        else:  # a part may be the whole
            count = max(known, default=8)
        if count > _MOST_JOINED:
            raise FileProblem(f"'{name}' grows without bounds ('{node.name[:60]}'); it is refused.")
        if node.op_type == "Constant":
            count = max((math.prod(a.t.dims) for a in node.attribute if a.HasField("t")), default=8)
        if count != 8:
            counts.update(dict.fromkeys(node.output, count))


def _bytes(tensor: Any) -> int:
    return int(math.prod(tensor.dims) * item_bits(tensor.data_type) // 8)
