"""What is known of an opened model."""

from typing import Any, Literal

import msgspec

from interp_gui.core.errors import LONGEST_LINE, InvalidValue, plain_line, unknown_name
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.opening import Candidate, OpenChoice

RuntimeName = Literal["torch", "onnx"]
OutputKind = Literal["softmax", "sigmoid", "scalar", "embedding", "map"]
ResizeRule = Literal["shorter", "exact", "square", "none"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
ChannelOrder = Literal["RGB", "BGR", "L", "planes"]


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How an image becomes the network's input.

    Parameters
    ----------
    size
        Height and width of the input in pixels.
    resize
        `shorter`: the shorter side becomes `resize_px`; `exact`: the picture is stretched to
        `size`; `square`: it is stretched to a square, of which `crop` cuts out the centre; `none`:
        no resizing.
    resize_px
        Length in pixels of the shorter side, for `shorter`, or of all sides, for `square`.
    crop
        Whether the centre of `size` is cut out (padded with the mean colour where too small).
    mean, std
        Per channel, for values in 0..1, in the order of `channels`.
    channels
        Order of channels that the network expects; `planes`: as many as `mean` is long, in the
        order in which a file holds them.
    window
        Lowest and highest value, in the file's own numbers, of images of more than 8 bits: what is
        at or below the first is black, at or above the second white. None for their full range.
    """

    size: tuple[int, int] = (224, 224)
    resize: ResizeRule = "shorter"
    resize_px: int = 256
    crop: bool = True
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    channels: ChannelOrder = "RGB"
    window: tuple[float, float] | None = None

    @property
    def varying(self) -> bool:
        """Whether images keep sizes of their own, so that inputs differ in size."""
        return not self.crop and self.resize in ("none", "shorter")

    @property
    def seen_as(self) -> str:
        """What the network looks at, in words: `RGB`, `BGR`, `grey`, `6 planes`."""
        if self.channels == "planes":
            return f"{len(self.mean)} plane{'' if len(self.mean) == 1 else 's'}"
        return "grey" if self.channels == "L" else self.channels


def channel_order(count: int) -> ChannelOrder:
    """What a network with so many channels is taken to look at: grey, colours, or planes."""
    return {1: "L", 3: "RGB"}.get(count, "planes")  # type: ignore[return-value]


class OutputInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a model: its name, kind and size."""

    name: str = "output"
    kind: OutputKind = "softmax"
    size: int = 0


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """An opened network as both processes know it.

    Parameters
    ----------
    name
        File name without folder.
    format
        `torch-zip`, `torch-legacy`, `safetensors`, `huggingface`, `pt2`, `onnx`, ….
    architecture, library
        Name in its library (`mobilenet_v2`, `torchvision`).
    config
        What else defines the architecture (`{"num_classes": 10}`).
    weights_sha256
        SHA-256 over sorted name, dtype, shape and bytes of all tensors.
    class_names
        One name a class; empty where there are no classes or no names known.
    layers
        In order of execution, sites within attention among them.
    inputs
        What modules are given (`…/in`): can be asked for like layers, and stands in no list.
    notes
        Sentences for the user about how the file was read.
    runtime
        What it runs on; `runtime_reason` says why, and which execution provider is in use.
    gradient_problem
        Why this model cannot be differentiated; empty where it can.
    choice
        What was decided when it was opened, by the user or remembered; empty where nothing had to
        be.
    alternatives
        Other architectures that take the same tensors and answer otherwise.
    ignored
        What else the file holds and was left alone (`optimizer`, `epoch`).
    sets
        Names of the sets of weights in the file, the opened one first; empty where there is one.
    guessed_outputs
        What `outputs` would be, had nobody said what they are; empty where they are just that.
    """

    name: str
    path: str = ""
    format: str
    architecture: str
    library: str
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    parameters: int
    weights_sha256: str
    preprocessing: Preprocessing
    outputs: tuple[OutputInfo, ...]
    class_names: tuple[str, ...] = ()
    layers: tuple[LayerInfo, ...] = ()
    inputs: tuple[LayerInfo, ...] = ()
    notes: tuple[str, ...] = ()
    runtime: RuntimeName = "torch"
    runtime_reason: str = ""
    gradient_problem: str = ""
    choice: OpenChoice = OpenChoice()
    alternatives: tuple[Candidate, ...] = ()
    ignored: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    guessed_outputs: tuple[OutputInfo, ...] = ()

    def __post_init__(self) -> None:
        # words out of files are shown in windows, terminals and reports: they command none of them
        for field in ("name", "architecture", "library"):
            msgspec.structs.force_setattr(self, field, plain_line(getattr(self, field)))
        for field in ("class_names", "notes", "ignored", "sets"):
            texts: tuple[str, ...] = getattr(self, field)
            if any(not text.isprintable() or len(text) > LONGEST_LINE for text in texts):
                msgspec.structs.force_setattr(self, field, tuple(map(plain_line, texts)))

    @property
    def class_count(self) -> int:
        """Number of classes of the first output, 0 if it has none."""
        first = self.outputs[0] if self.outputs else None
        return first.size if first is not None and first.kind in ("softmax", "sigmoid") else 0

    def class_name(self, index: int) -> str:
        """Name of a class, `class 7` where names are unknown."""
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    def layer(self, name: str) -> LayerInfo:
        """Find a layer or an input site by address; an unknown one raises with near names."""
        wanted = str(Address.parse(name))
        for layer in (*self.layers, *self.inputs):
            if layer.name == wanted:
                return layer
        raise unknown_name("layer", wanted, [layer.name for layer in self.layers])


def same_outputs(some: tuple[OutputInfo, ...], others: tuple[OutputInfo, ...]) -> bool:
    """Whether names and sizes of outputs are the same, whatever they are taken for."""
    return [(o.name, o.size) for o in some] == [(o.name, o.size) for o in others]


def check_outputs(known: tuple[OutputInfo, ...], wanted: tuple[OutputInfo, ...]) -> None:
    """Raise InvalidValue unless `wanted` gives the known outputs other kinds and nothing else."""
    if not same_outputs(known, wanted):
        raise InvalidValue(
            "Only the kinds of a model's outputs can be changed.",
            hint="Its outputs are " + ", ".join(f"{o.name} ({o.size})" for o in known) + ".",
        )
    for output in wanted:
        if output.kind == "softmax" and output.size == 1:
            raise InvalidValue("One number is no choice between classes.")
