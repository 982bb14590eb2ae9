"""From a checkpoint file to an opened model."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from interp_gui.checkpoints.building import build
from interp_gui.checkpoints.formats import CheckpointFile, inspect_file
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.index import imagenet_classes, load_index
from interp_gui.checkpoints.own import LIBRARY, OwnModel, build_own, own_model
from interp_gui.checkpoints.published import Origin, find_origin
from interp_gui.checkpoints.recognition import Match, choose
from interp_gui.checkpoints.tensors import Tensors, check_extent, read_content
from interp_gui.checkpoints.unwrapping import unwrap
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.preprocessing import check_preprocessing

_IMAGENET_CLASSES = 1000
_WITH_INPUT_TRANSFORM = frozenset(("googlenet", "inception_v3"))


@dataclass(frozen=True, kw_only=True)
class OpenedCheckpoint:
    """A network in eval mode, float32, frozen, on the CPU; and what is known of it.

    The description has no layers yet: the runtime finds them by running the network.
    """

    module: torch.nn.Module
    description: ModelDescription


def open_checkpoint(
    path: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | None = None,
    architecture: str | None = None,
) -> OpenedCheckpoint:
    """Open a ``.pt``, ``.pth`` or ``.safetensors`` file of a torchvision classification network.

    Networks of interp-gui itself are known by the header of their file.

    Parameters
    ----------
    preprocessing
        Instead of the one that belongs to the weights or the architecture.
    architecture
        Which one it is, where names and shapes fit several.

    Raises
    ------
    FileProblem
        The file is missing, empty, truncated, of another kind, or cannot be read.
    UnsafeCheckpoint
        It would run code; nothing was run.
    UnknownArchitecture
        Its tensors fit no known architecture, or several.
    OutOfMemory
        It does not fit in memory.
    InvalidValue
        The preprocessing given contradicts itself.
    """
    if preprocessing is not None:
        check_preprocessing(preprocessing)
    file = inspect_file(path)
    own = own_model(file)
    if own is not None:
        return _open_own(file, own, preprocessing)
    tensors, notes = unwrap(read_content(file), file.path.name)
    check_extent(tensors, file)
    index = load_index()
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    match = choose(shapes, index, file_name=file.path.name, architecture=architecture)
    with ThreadPoolExecutor(1) as pool:  # hashing leaves the interpreter lock to the rest
        digest = pool.submit(weights_sha256, tensors)
        origin = find_origin(file, match)
        config, config_notes = _config(match, origin)
        converted, number_notes = _as_float32(tensors)
        module = build(match.architecture.name, config, converted)
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=match.architecture.name,
        library=index.library,
        config=config,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=digest.result(),
        preprocessing=preprocessing or origin.preprocessing,
        outputs=(_output(match),),
        class_names=_class_names(match, origin),
        notes=(*notes, *origin.notes, *config_notes, *number_notes, *_twin_notes(match, origin)),
    )
    return OpenedCheckpoint(module=module, description=description)


def _open_own(
    file: CheckpointFile, own: OwnModel, preprocessing: Preprocessing | None
) -> OpenedCheckpoint:
    """A network of interp-gui itself, which brings its class names and preprocessing."""
    tensors, notes = unwrap(read_content(file), file.path.name)
    check_extent(tensors, file)
    converted, number_notes = _as_float32(tensors)
    module = build_own(own, converted, file.path.name)
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=own.architecture,
        library=LIBRARY,
        config={"num_classes": len(own.class_names)},
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=weights_sha256(tensors),
        preprocessing=preprocessing or own.preprocessing,
        outputs=(OutputInfo(kind="softmax", size=len(own.class_names)),),
        class_names=own.class_names,
        notes=(*notes, *number_notes),
    )
    return OpenedCheckpoint(module=module, description=description)


def _config(match: Match, origin: Origin) -> tuple[dict[str, Any], tuple[str, ...]]:
    config = dict(match.config)
    if match.architecture.name not in _WITH_INPUT_TRANSFORM:
        return config, ()
    # no tensor tells it; published weights need it, and networks tuned from them keep it
    config["transform_input"] = True
    if origin.weights is not None:
        return config, ()
    note = "Its input is assumed to be rescaled inside (transform_input), as in published weights."
    return config, (note,)


def _as_float32(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """Floating tensors as float32, and notes on kinds and values of numbers."""
    notes = []
    kinds = {
        str(value.dtype).removeprefix("torch.")
        for value in tensors.values()
        if value.is_floating_point() and value.dtype != torch.float32
    }
    if kinds:
        notes.append(f"Weights of kind {', '.join(sorted(kinds))} were converted to float32.")
    converted = {
        key: value.float() if value.is_floating_point() else value for key, value in tensors.items()
    }
    broken = [
        key
        for key, value in converted.items()
        if value.is_floating_point() and not _all_finite(value)
    ]
    if broken:
        notes.append(
            f"{len(broken)} of its tensors hold values that are no finite numbers, "
            f"for example '{broken[0]}'."
        )
    return converted, tuple(notes)


def _all_finite(value: torch.Tensor) -> bool:
    # a finite sum has finite terms and costs a twentieth; finite terms may still overflow it
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())


def _output(match: Match) -> OutputInfo:
    # one number is no choice between classes
    return OutputInfo(kind="softmax" if match.classes > 1 else "scalar", size=match.classes)


def _class_names(match: Match, origin: Origin) -> tuple[str, ...]:
    if match.classes != _IMAGENET_CLASSES:
        return ()
    if origin.weights is not None and not origin.weights.classes:
        return ()
    return imagenet_classes()


def _twin_notes(match: Match, origin: Origin) -> tuple[str, ...]:
    twins = match.architecture.twins
    if not twins or origin.weights is not None:
        return ()
    return (
        f"Names and shapes cannot tell it from {' or '.join(twins)}; "
        f"it was opened as torchvision's {match.architecture.name}.",
    )
