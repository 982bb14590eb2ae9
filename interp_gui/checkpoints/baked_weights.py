"""New weights under the names, and in the kinds of numbers, of the file they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from interp_gui.checkpoints.beside import described_beside
from interp_gui.checkpoints.contents import read_as_named, read_contents
from interp_gui.checkpoints.formats import CheckpointFile, inspect_file
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.match import Tensors
from interp_gui.checkpoints.safe_header import read_header
from interp_gui.core.errors import FileProblem, MissingAbility
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import Tell, quietly

TRANSFORMERS = "transformers"
_ONNX_HINT = "Write an ONNX file instead (--format onnx)."


@dataclass(frozen=True)
class OriginalWeights:
    """The tensors that a model was opened from.

    Parameters
    ----------
    tensors
        Under the names of the file, in its kinds of numbers.
    metadata
        The header's own entries of a safetensors file.
    """

    file: CheckpointFile
    tensors: Tensors
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether it can only be opened together with the files beside it."""
        return self.file.format == "huggingface" or described_beside(self.file)


def read_original(description: ModelDescription, *, tell: Tell = quietly) -> OriginalWeights:
    """Read the tensors of an opened model again.

    Raises
    ------
    FileProblem
        The file is gone or holds other weights than when it was opened.
    MissingAbility
        Its weights cannot be changed without its graph.
    """
    file = inspect_file(description.path)
    if file.format in ("pt2", "onnx"):
        raise MissingAbility(
            "An exported program keeps its weights within its graph.", hint=_ONNX_HINT
        )
    if description.library == TRANSFORMERS:
        held = read_as_named(file, stubs=description.choice.stubs, tell=tell)
    else:
        sets = read_contents(file, stubs=True, tell=tell).sets
        wanted = description.sets[0] if description.sets else sets[0].name
        held = next((each for each in sets if each.name == wanted), sets[0])
    digest = weights_sha256(held.tensors, check=lambda: tell(""))
    if digest != description.weights_sha256:
        raise FileProblem(
            f"'{file.path.name}' holds other weights than when it was opened.",
            hint="Open it again.",
        )
    metadata = read_header(file.path).metadata if file.format == "safetensors" else {}
    return OriginalWeights(file, held.tensors, metadata)


def with_changes(
    original: OriginalWeights, module: nn.Module, changes: Mapping[str, Tensor], *, widen: bool
) -> tuple[Tensors, bool]:
    """All tensors of a file with some of the network's changed.

    Parameters
    ----------
    module
        The network with its old weights: which tensor of the file a weight is, is found by its
        values, as names may have been translated.
    widen
        Whether changed tensors of half precision become float32.

    Returns
    -------
    The tensors, and whether they bear the network's own names because some of those in the file
    were split, joined or turned when it was opened.
    """
    state = module.state_dict()
    places = _places(original.tensors, state, changes)
    if places is None:
        kinds = {value.dtype for value in original.tensors.values() if value.is_floating_point()}
        kind = kinds.pop() if len(kinds) == 1 and not widen else torch.float32
        return {
            name: _as_kind(changes.get(name, value), kind) for name, value in state.items()
        }, True
    found = dict(original.tensors)
    for name, key in places.items():
        old = found[key]
        found[key] = _as_kind(changes[name], torch.float32 if widen else old.dtype).reshape(
            old.shape
        )
    return found, False


def _as_kind(value: Tensor, kind: torch.dtype) -> Tensor:
    value = value.detach().cpu()
    return value.to(kind) if value.is_floating_point() else value


def _places(
    tensors: Tensors, state: Mapping[str, Tensor], changes: Mapping[str, Tensor]
) -> dict[str, str] | None:
    """For each changed weight its name in the file; None where one is nowhere as it is.

    Where several tensors of a file are equal, and none has the weight's own name, they are told
    apart by their order among their equals, in the file and in the network.
    """
    found: dict[str, str] = {}
    for name in changes:
        own = state[name].detach().cpu()
        if name in tensors and _same(tensors[name], own):
            found[name] = name
            continue
        equal = [key for key, value in tensors.items() if _same(value, own)]
        alike = [each for each, value in state.items() if _same(value.cpu(), own)]
        if len(equal) != len(alike):
            ending = [key for key in equal if key.endswith(f".{name}") or name.endswith(f".{key}")]
            if len(ending) != 1:
                return None
            found[name] = ending[0]
            continue
        found[name] = equal[alike.index(name)]
    return found if len(set(found.values())) == len(found) else None


def _same(one: Tensor, other: Tensor) -> bool:
    if one.numel() != other.numel() or one.shape != other.shape:
        return False
    return torch.equal(one.to(other.dtype), other)
