"""What the steps between a file and a network hand to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.index import Architecture
from interp_gui.core.dataset import Dataset
from interp_gui.core.model import ModelDescription, Preprocessing
from interp_gui.core.opening import (
    Candidate,
    HeadQuestion,
    KeyReport,
    OpenChoice,
    Tell,
    quietly,
)

Tensors = dict[str, torch.Tensor]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What whoever opens a file wants.

    Parameters
    ----------
    preprocessing
        In place of the one that belongs to the weights or the architecture; None for that.
    choice
        What was decided about the file.
    labelled
        Images at hand; those with labels help to tell candidates apart.
    tell
        Told what is done now; what it raises ends the opening.
    """

    preprocessing: Preprocessing | None = None
    choice: OpenChoice = field(default_factory=OpenChoice)
    labelled: Dataset | None = None
    tell: Tell = quietly


@dataclass(frozen=True, kw_only=True)
class InFile:
    """The names that a file itself gives its tensors, before wrappers' prefixes are taken off.

    Parameters
    ----------
    names
        By the name without prefixes.
    shapes
        Of all tensors at that place of the file, also of those that are left alone.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    shapes: Shapes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WeightSet:
    """One flat dict of tensors found in a file, under a network's own names.

    Parameters
    ----------
    name
        Where it was found (`model_ema`), `weights` for the only one.
    notes
        Sentences on where it was found and what was taken off the names.
    ignored
        What else the file holds beside it (`optimizer`, `epoch`, `lr_schedulers`).
    in_file
        What its tensors are called in the file.
    """

    name: str
    tensors: Tensors
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    in_file: InFile = field(default_factory=InFile)


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What a file says of itself beside its tensors; nothing of it is believed unchecked.

    Parameters
    ----------
    architecture, library
        Named in a header or a config; empty if not.
    preprocessing
        As a config gives it.
    class_names
        In the order of outputs.
    outputs
        Kind of output that a config names (`softmax`, `sigmoid`), empty if none.
    """

    architecture: str = ""
    library: str = ""
    preprocessing: Preprocessing | None = None
    class_names: tuple[str, ...] = ()
    outputs: str = ""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file holds: its sets of weights, the default one first, and what it says of itself."""

    sets: tuple[WeightSet, ...]
    hints: Hints = Hints()


@dataclass(frozen=True, kw_only=True)
class Renaming:
    """A tested map from one library's names to another's (`checkpoints.keymaps`).

    Parameters
    ----------
    name
        In words, for notes: `Hugging Face ViT to timm`.
    shapes
        Shapes under the names of the target library.
    convert
        Renames, splits and merges tensors; bytes are never reordered but by the map.
    source, target
        Libraries; the target is empty where torchvision and timm use the same names.
    dropped
        Names in the file that the target has no place for (a text tower, a training decoder).
    note
        In what the target computes otherwise than the source, in a sentence; empty if in nothing.
    """

    name: str
    source: str
    target: str
    shapes: Shapes
    convert: Callable[[Mapping[str, torch.Tensor]], Tensors]
    dropped: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class HeadLayer:
    """One layer of a head of its own: `kind` is a class name of torch.nn, `options` its arguments.

    `keys` is the prefix its tensors have in the file; empty for layers without tensors.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnHead:
    """A head that replaces the architecture's: where it goes and what it is made of.

    Parameters
    ----------
    at
        Module path that it replaces (`fc`, `classifier`, `heads.head`).
    gaps
        Indices of `layers` whose kind the keys do not tell; `question` asks for them.
    """

    at: str
    layers: tuple[HeadLayer, ...]
    gaps: tuple[int, ...] = ()
    question: HeadQuestion | None = None


@dataclass(frozen=True, kw_only=True)
class Match:
    """An architecture that takes a set of tensors, and how it has to be built.

    Parameters
    ----------
    classes
        Number of outputs; 0 where the network ends in its features.
    config
        Options of the builder, as far as names and shapes tell them.
    image_px
        Side of the images, where the shapes fix one; 0 where any will do.
    channels
        Channels of the image that the stem takes.
    head
        A head of its own; None for the architecture's.
    renaming
        The map that leads from the file's names to the library's; None where they are the same.
    certain
        False where only order and shapes agree: equal-shaped tensors may be exchanged.
    """

    architecture: Architecture
    library: str
    classes: int
    config: dict[str, Any] = field(default_factory=dict)
    image_px: int = 0
    channels: int = 3
    head: OwnHead | None = None
    renaming: Renaming | None = None
    certain: bool = True

    @property
    def name(self) -> str:
        """`LIBRARY:NAME`."""
        return f"{self.library}:{self.architecture.name}"


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """Every architecture that takes a set of tensors; and those that come nearest if none does."""

    matches: tuple[Match, ...] = ()
    nearest: tuple[KeyReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The one architecture a file is opened as.

    Parameters
    ----------
    preprocessing
        The one that belongs to it.
    class_names
        In the order of outputs; empty where they are not known.
    alternatives
        Others that take the same tensors and answer otherwise.
    notes
        Why it is this one, and what was assumed.
    choice
        What it rests on, to be shown and remembered; empty where nothing had to be decided.
    """

    match: Match
    preprocessing: Preprocessing
    class_names: tuple[str, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    choice: OpenChoice = field(default_factory=OpenChoice)


@dataclass(frozen=True, kw_only=True)
class OpenedCheckpoint:
    """A network in eval mode, float32, frozen, on the CPU; and what is known of it.

    The description has no layers yet: the runtime finds them by running the network.
    """

    module: nn.Module
    description: ModelDescription


@dataclass(frozen=True, kw_only=True)
class OpenedOnnx:
    """A checked ONNX model, its external data within; ONNX Runtime is given these bytes.

    The description has no layers yet.
    """

    onnx: bytes
    description: ModelDescription


Opened = OpenedCheckpoint | OpenedOnnx

__all__ = [
    "Contents", "Decision", "HeadLayer", "Hints", "InFile", "Match", "Opened", "OpenedCheckpoint",
    "OpenedOnnx", "OwnHead", "Recognition", "Renaming", "Shapes", "Tensors", "WeightSet", "Wishes",
]  # fmt: skip
