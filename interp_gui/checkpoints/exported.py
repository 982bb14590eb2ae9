"""Opening programs that torch.export saved, without torch.export.load, which unpickles."""

import hashlib
import json
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.exported_archive import Archive, read_archive
from interp_gui.checkpoints.exported_graph import ExportedNetwork, Refused
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.match import OpenedCheckpoint, Wishes
from interp_gui.checkpoints.weights import as_float32
from interp_gui.core.errors import FileProblem, OutOfMemory, UnsafeCheckpoint
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing, channel_order

LIBRARY = "torch.export"

_IMAGE = (3, 224, 224)
_ASSUMED = (
    "An exported program does not say how images are prepared: ImageNet's mean and deviation are "
    "assumed. Change that in the Model panel if it was trained otherwise."
)
_BATCH_HINT = (
    "Export it for any number: torch.export.export(model, (images,), "
    "dynamic_shapes=({0: torch.export.Dim('batch')},))."
)


def open_exported(file: CheckpointFile, wishes: Wishes) -> OpenedCheckpoint:
    """Open a `.pt2` file.

    Its graph is run by an interpreter of our own: operators of a list that compute and do no
    more, on numbers read from raw records. Sample inputs, guards and expressions are not read.

    Raises
    ------
    UnsafeCheckpoint
        Something in it is pickled or compiled, or it asks for an operator that is not listed.
    FileProblem
        It is damaged, of another version, or takes something else than any number of images.
    """
    name = file.path.name
    archive = read_archive(file)
    tensors, number_notes = as_float32(archive.tensors)
    digest = weights_sha256(archive.tensors)
    archive = Archive(program=archive.program, tensors=tensors, parameters=archive.parameters)
    try:
        image, graph_sha256 = _image(archive), _graph_sha256(archive)
        network = ExportedNetwork(archive).eval().requires_grad_(False)
    except Refused as problem:
        raise UnsafeCheckpoint(
            f"'{name}' is not opened: {problem}.",
            hint="Nothing in it was run. Open the network's weights instead.",
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError,
            RuntimeError) as problem:  # fmt: skip
        reason = " ".join(str(problem).split())[:120].rstrip(". ") or type(problem).__name__
        raise FileProblem(
            f"'{name}' cannot be read as an exported program: {reason}.",
            hint="It is damaged or was written by another version; export it again.",
        ) from None
    outputs = _outputs(network, image, name)
    preprocessing = wishes.preprocessing or _preprocessing(image)
    description = ModelDescription(
        name=name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=_architecture(archive),
        library=LIBRARY,
        config={"graph_sha256": graph_sha256},
        parameters=sum(p.numel() for p in network.parameters()),
        weights_sha256=digest,
        preprocessing=preprocessing,
        outputs=outputs,
        notes=(*(() if wishes.preprocessing else (_ASSUMED,)), *number_notes),
        choice=wishes.choice,
    )
    return OpenedCheckpoint(module=network, description=description)


def _graph_sha256(archive: Archive) -> str:
    """Hash of what the network is beside its weights: the same weights fit many programs."""
    module = archive.program["graph_module"]
    nodes = [
        [node["target"], node.get("inputs"), node.get("outputs")]
        for node in module["graph"]["nodes"]
    ]
    specs = module["signature"]
    what = json.dumps([nodes, specs["input_specs"], specs["output_specs"]], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()


def _image(archive: Archive) -> tuple[int, int, int]:
    """Channels, height and width of the images that it was exported with."""
    module = archive.program["graph_module"]
    feeds = [s["user_input"]["arg"] for s in module["signature"]["input_specs"]
             if "user_input" in s]  # fmt: skip
    if len(feeds) != 1 or "as_tensor" not in feeds[0]:
        raise Refused(f"it takes {len(feeds)} inputs, and images are one")
    meta = module["graph"]["tensor_values"][feeds[0]["as_tensor"]["name"]]
    sizes = [_size(s, usual) for s, usual in zip(meta["sizes"], (1, *_IMAGE), strict=False)]
    if len(meta["sizes"]) != 4 or not all(0 < n <= 4096 for n in sizes[1:]):
        raise Refused("its input is no image")
    return sizes[1], sizes[2], sizes[3]


def _size(size: Any, usual: int) -> int:
    """An extent; where any will do, that of the images it was exported with."""
    if "as_int" in size:
        return int(size["as_int"])
    hint = (size.get("as_expr") or {}).get("hint") or {}
    return int(hint.get("as_int", usual))


def _outputs(network: nn.Module, image: tuple[int, int, int], name: str) -> tuple[OutputInfo, ...]:
    """Kinds and sizes of its outputs, found by running it on two images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((2, *image), generator=generator)
    try:
        with torch.no_grad():
            one, two = _tensors(network(images[:1])), _tensors(network(images))
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, MemoryError,
            ZeroDivisionError, OverflowError, AssertionError) as problem:  # fmt: skip
        if isinstance(problem, MemoryError) or "allocate" in str(problem):
            raise OutOfMemory(f"'{name}' takes more memory to run than is free.") from None
        raise FileProblem(
            f"'{name}' cannot be run on one image and on two: it was exported for a number of its "
            "own.",
            hint=_BATCH_HINT,
        ) from None
    grown = all(len(t) == 2 and len(o) == 1 for o, t in zip(one, two, strict=True) if t.ndim)
    if not two or not grown or not torch.allclose(one[0][0], two[0][0], rtol=1e-2, atol=1e-3):
        raise FileProblem(
            f"'{name}' was exported for a number of images of its own.", hint=_BATCH_HINT
        )
    names = ["output"] if len(two) == 1 else [f"output_{i}" for i in range(len(two))]
    return tuple(_kind(n, t) for n, t in zip(names, two, strict=True))


def _kind(name: str, value: torch.Tensor) -> OutputInfo:
    if value.ndim == 2:
        size = value.shape[1]
        return OutputInfo(name=name, kind="softmax" if size > 1 else "scalar", size=size)
    if value.ndim < 2:
        return OutputInfo(name=name, kind="scalar", size=1)
    return OutputInfo(name=name, kind="map", size=value.shape[1])


def _tensors(result: Any) -> list[torch.Tensor]:
    found = list(result) if isinstance(result, tuple) else [result]
    return [v for v in found if isinstance(v, torch.Tensor)]


def _preprocessing(image: tuple[int, int, int]) -> Preprocessing:
    channels, height, width = image
    shorter = round(min(height, width) * 256 / 224)
    if channels == 3:
        return Preprocessing(size=(height, width), resize_px=shorter)
    middle = (0.5,) * channels
    return Preprocessing(
        size=(height, width), resize_px=shorter, mean=middle, std=middle,
        channels=channel_order(channels),
    )  # fmt: skip


def _architecture(archive: Archive) -> str:
    """Class name of the network that was exported, as the file says."""
    for node in archive.program["graph_module"]["graph"]["nodes"]:
        stack = node.get("metadata", {}).get("nn_module_stack", "")
        first = stack.split(";")[0].split(",") if isinstance(stack, str) else []
        if len(first) == 3 and first[2].replace(".", "").isidentifier() and not first[1]:
            return str(first[2].rpartition(".")[2])[:80]
    return "exported program"
