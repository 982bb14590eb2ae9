"""Networks of interp-gui itself: safetensors files that say in their header what they are.

Everything that belongs to such a network stands in the file: its architecture, class names and
preprocessing. What the header says is checked against the tensors before it is believed.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import nn

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.shapes_cnn import ShapesCNN, widths_of
from interp_gui.checkpoints.tensors import Tensors
from interp_gui.core.errors import FileProblem, InterpError, UnknownArchitecture
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import check_preprocessing

LIBRARY = "interp_gui"
SHAPES_CNN = "shapes_cnn"
VERSION = 1

_LONGEST_NAME = 200
_CHANNELS = 3
_LONGEST_HEADER = 16 << 20  # bytes; these files are small, and may hold edits


@dataclass(frozen=True, kw_only=True)
class OwnModel:
    """What a network of ours says of itself.

    Parameters
    ----------
    training
        How it was made and how well it does, to be read by people.
    """

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    training: Mapping[str, Any]
    architecture: str = SHAPES_CNN

    def as_header(self) -> dict[str, str]:
        """The entries of a safetensors header."""
        return {
            "library": LIBRARY,
            "architecture": self.architecture,
            "version": str(VERSION),
            "class_names": json.dumps(self.class_names),
            "preprocessing": msgspec.json.encode(self.preprocessing).decode(),
            "training": json.dumps(dict(self.training), sort_keys=True),
        }


def own_model(file: CheckpointFile) -> OwnModel | None:
    """What a file says of itself; None if it is no network of ours.

    Raises
    ------
    FileProblem
        It claims to be one and its header cannot be used, or a newer version wrote it.
    """
    entries = _entries(file)
    if entries.get("library") != LIBRARY:
        return None
    name = file.path.name
    version = entries.get("version", "")
    if version.isdecimal() and len(version) < 9 and int(version) > VERSION:
        raise FileProblem(
            f"'{name}' was written by a newer version of interp-gui.", hint="Update interp-gui."
        )
    architecture = entries.get("architecture", "")
    if version != str(VERSION) or architecture != SHAPES_CNN:
        raise _unusable(name, "it names no architecture that is known")
    try:
        names = msgspec.json.decode(entries.get("class_names", ""), type=tuple[str, ...])
        preprocessing = msgspec.json.decode(entries.get("preprocessing", ""), type=Preprocessing)
        training = msgspec.json.decode(entries.get("training", "{}"), type=dict[str, Any])
        check_preprocessing(preprocessing)
    except (msgspec.MsgspecError, InterpError, RecursionError) as problem:
        raise _unusable(name, str(problem).rstrip(".")) from None
    if not names or any(not each.isprintable() or len(each) > _LONGEST_NAME for each in names):
        raise _unusable(name, "its class names are no names")
    if len(preprocessing.mean) != _CHANNELS:
        raise _unusable(name, "its preprocessing does not make colour pictures")
    return OwnModel(
        class_names=names, preprocessing=preprocessing, training=training, architecture=architecture
    )


def build_own(own: OwnModel, tensors: Tensors, file_name: str) -> nn.Module:
    """The network with its weights: eval mode, frozen.

    Raises
    ------
    UnknownArchitecture
        The tensors are not those of the architecture, or not of so many classes.
    """
    try:
        widths = widths_of(tensors)
        if min(widths) < 1:
            raise ValueError("a block has no units")
        # shapes without memory: those in a file may promise more than its tensors hold
        with torch.device("meta"):
            module = ShapesCNN(len(own.class_names), widths)
        module.load_state_dict(tensors, strict=True, assign=True)
    except (KeyError, IndexError, ValueError, RuntimeError) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise UnknownArchitecture(
            f"The weights in '{file_name}' are not those of {own.architecture}: {reason}.",
            hint="Copy or download the file again.",
        ) from None
    return module.eval().requires_grad_(False)


def _entries(file: CheckpointFile) -> dict[str, str]:
    """The header's own entries, which `inspect_file` has found to be well-formed JSON."""
    if file.format != "safetensors":
        return {}
    with open(file.path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _LONGEST_HEADER:
            return {}
        header = json.loads(stream.read(length))
    entries = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(entries, dict):
        return {}
    return {str(key): value for key, value in entries.items() if isinstance(value, str)}


def _unusable(name: str, reason: str) -> FileProblem:
    return FileProblem(
        f"'{name}' says that it is a network of interp-gui, but {reason}.",
        hint="Copy or download the file again.",
    )
