"""From an ONNX file to a checked model, its weights within, that is safe to run."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import imagenet_classes
from interp_gui.checkpoints.match import OpenedOnnx, Wishes
from interp_gui.checkpoints.onnx_checks import (
    EXPORT_HINT,
    MOST_NODES,
    check_structure,
    expanded_nodes,
)
from interp_gui.checkpoints.onnx_external import external_bytes, external_files, read_external
from interp_gui.checkpoints.onnx_metadata import preprocessing_of, read_metadata
from interp_gui.checkpoints.onnx_outputs import adapt_outputs
from interp_gui.checkpoints.onnx_parsing import (
    MOST_BYTES,
    check_memory,
    parsed_model,
    too_large,
)
from interp_gui.checkpoints.onnx_ports import adapt_input, find_input
from interp_gui.checkpoints.onnx_shapes import check_by_library, infer_shapes, skeleton_of
from interp_gui.core.errors import FileProblem
from interp_gui.core.model import ModelDescription

LIBRARY = "onnx"
_IMAGENET_COUNT = 1000
_SMALL = 64  # numbers of a constant that belongs to the graph rather than to its weights


def open_onnx(file: CheckpointFile, wishes: Wishes) -> OpenedOnnx:
    """Open an ONNX model.

    Before any library but the parser sees it, it is walked: operators of ONNX only, no subgraphs,
    no sparse tensors, weights in plain files of its own folder. Then the format's checker runs, on
    the model without its weights. What goes on is bytes with all weights within, without metadata
    that ONNX Runtime could take settings from.

    Raises
    ------
    FileProblem
        It is damaged, or not a network that takes images.
    UnsafeCheckpoint
        It reaches for other files, or uses operators that are not part of ONNX.
    OutOfMemory
        It does not fit in memory.
    """
    name = file.path.name
    folder = file.path.absolute().parent
    model = parsed_model(file.path)
    wishes.tell("Checking the graph")
    check_structure(model, name)
    if expanded_nodes(model) > MOST_NODES:  # the library's checker would write them all out
        raise FileProblem(f"'{name}' has functions that grow without bounds; it is refused.")
    beside = external_files(model, name)
    check_memory(file.size_bytes + external_bytes(model), name)
    if beside:
        wishes.tell("Reading the weights")
        read_external(model, folder, name)
    wishes.tell("")
    graph_sha256 = _graph_sha256(model)
    skeleton = skeleton_of(model)
    check_by_library(skeleton, name)
    _write_out_functions(model, skeleton, name)
    wishes.tell("")
    image = find_input(model, name)
    said = read_metadata(model, folder)
    preprocessing, input_notes = preprocessing_of(image, said)
    size = preprocessing.size
    extents = (
        (image.channels, *size) if image.layout == "NCHW" else (*size, image.channels)
    )  # fmt: skip
    batch = image.batch or 1
    shapes = infer_shapes(
        skeleton_of(model), (image.name, (batch, *extents)), name, declared=model.graph.output
    )
    digest, parameters = weights_sha256(model, check=lambda: wishes.tell(""))
    adapt_input(model, image)
    outputs, output_notes = adapt_outputs(
        model, shapes, batch=batch, chosen=wishes.choice.output, hint=said.hint,
        classes=len(said.class_names),
    )  # fmt: skip
    exporter = " ".join(part for part in (model.producer_name, model.producer_version) if part)
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    architecture = _architecture(model)
    names, class_notes = _classes(said.class_names, outputs[0].kind, outputs[0].size)
    _strip(model)
    wishes.tell("")
    if model.ByteSize() > MOST_BYTES:
        raise too_large(name)
    description = ModelDescription(
        name=name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=architecture,
        library=LIBRARY,
        config={"opset": opset, "exporter": exporter[:80], "graph_sha256": graph_sha256},
        parameters=parameters,
        weights_sha256=digest,
        preprocessing=wishes.preprocessing or preprocessing,
        outputs=outputs,
        class_names=names,
        notes=(
            *_batch_notes(image.batch), *(input_notes if wishes.preprocessing is None else ()),
            *output_notes, *class_notes, *said.notes,
            *((f"Its weights lie in {', '.join(beside[:4])}.",) if beside else ()),
        ),
        runtime="onnx",
        choice=wishes.choice,
    )  # fmt: skip
    return OpenedOnnx(onnx=model.SerializeToString(), description=description)


def weights_sha256(model: Any, *, check: Callable[[], None] = lambda: None) -> tuple[str, int]:
    """SHA-256 over name, dtype, shape and bytes of all weights, as `hashing` does, and their count.

    Weights are initialisers, and constants of more than one dimension in the graph itself.
    """
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t") and attribute.t.dims:
                tensors[node.output[0]] = attribute.t
    digest, count = hashlib.sha256(), 0
    for name in sorted(tensors):
        check()
        array = np.ascontiguousarray(numpy_helper.to_array(tensors[name]))
        shape = ",".join(str(length) for length in array.shape)
        digest.update(f"{len(name)}:{name} {array.dtype} {shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
        if array.dtype.kind not in "iub" or array.ndim > 1:
            count += array.size
    return digest.hexdigest(), count


def _write_out_functions(model: Any, skeleton: Any, name: str) -> None:
    """Put the bodies of a model's own functions in the place of their calls."""
    if not model.functions:
        return
    from onnx import inliner

    try:
        plain = inliner.inline_local_functions(skeleton)
    except (ValueError, RuntimeError) as problem:
        raise FileProblem(
            f"'{name}' has functions that cannot be written out: {str(problem)[:200]}.",
            hint=EXPORT_HINT,
        ) from None
    del model.graph.node[:]
    model.graph.node.extend(plain.graph.node)
    del model.functions[:]
    del model.opset_import[:]
    model.opset_import.extend(plain.opset_import)
    check_structure(model, name)


def _architecture(model: Any) -> str:
    """The class of the network where the exporter tells it, else the graph's own name."""
    for node in model.graph.node:
        for entry in node.metadata_props:
            if entry.key == "pkg.torch.onnx.class_hierarchy":
                first = entry.value[:500].strip("[]").split(",")[0].strip(" '\"")
                last = first.rpartition(".")[2]
                if last.isidentifier() and not last.startswith("_"):
                    return str(last)
    own = " ".join(str(model.graph.name).split())[:80]
    return own if own and own not in ("main_graph", "torch_jit", "torch-jit-export") else "graph"


def _classes(
    names: tuple[str, ...], kind: str, size: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:  # fmt: skip
    if kind not in ("softmax", "sigmoid"):
        return (), ()
    if len(names) == size:
        return names, ()
    if size == _IMAGENET_COUNT and kind == "softmax":
        return imagenet_classes(), (
            "It has 1,000 classes: those of ImageNet are assumed, in their usual order.",
        )
    return (), ()


def _batch_notes(batch: int) -> tuple[str, ...]:
    if not batch:
        return ()
    what = "one image" if batch == 1 else f"{batch} images"
    return (f"It was exported for {what} at a time, so more are shown to it one after the other.",)


def _graph_sha256(model: Any) -> str:
    """Hash of what the network is beside its weights: names, operations, attributes."""
    digest = hashlib.sha256()
    for opset in model.opset_import:
        digest.update(f"{opset.domain} {opset.version}\n".encode())
    ports = [[port.name for port in ports] for ports in (model.graph.input, model.graph.output)]
    digest.update(repr(ports).encode())
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in nodes:
            digest.update(repr((node.op_type, *node.input, "", *node.output)).encode())
            for attribute in node.attribute:
                if not attribute.HasField("t") or math.prod(attribute.t.dims) <= _SMALL:
                    digest.update(attribute.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _strip(model: Any) -> None:
    """Take off what ONNX Runtime does not need: it can read settings from metadata."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.quantization_annotation[:]
    kept = [o for o in model.opset_import if o.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    for node in model.graph.node:
        node.doc_string = ""
