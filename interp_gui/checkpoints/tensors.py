"""Reading the tensors of a checkpoint without running anything in it.

``torch.load`` gets ``weights_only=True`` in so many words, so that no environment variable can
unset it, and there is no second try without it.
"""

import pickle
import re
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from interp_gui.checkpoints.formats import SAVE_HINT, CheckpointFile
from interp_gui.checkpoints.pickle_names import foreign, is_cut_short, legacy_names, starts_as_torch
from interp_gui.core.errors import FileProblem, OutOfMemory, UnsafeCheckpoint

Tensors = dict[str, torch.Tensor]

_SHOWN_NAMES = 6
_ASKED = re.compile(r"GLOBAL (\S+)")  # in torch's refusal
_NEWER_PICKLE = "operand 149"  # the frame that every pickle of protocol 4 and up begins with


def read_content(file: CheckpointFile) -> Any:
    """What the file holds: tensors in dicts, lists and plain values, on the CPU.

    Raises
    ------
    UnsafeCheckpoint
        It asks for names beyond those of tensors; they are listed and none was imported.
    FileProblem
        Truncated, damaged, or not written by ``torch.save`` or safetensors.
    OutOfMemory
        The tensors do not fit in memory.
    """
    name = file.path.name
    try:
        if file.format == "safetensors":
            return _read_safetensors(file)
        _refuse_foreign(file)
        with warnings.catch_warnings():
            # what torch finds unusual in a file is not the user's concern if it reads it
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(file.path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        if "legacy .tar format" in str(problem):
            raise FileProblem(
                f"'{name}' is an archive of torch's oldest format, which cannot be read safely.",
                hint=SAVE_HINT,
            ) from None
        if _NEWER_PICKLE in str(problem):
            raise FileProblem(
                f"'{name}' was written in a form of pickle that cannot be read safely.",
                hint=SAVE_HINT,
            ) from None
        asked = _ASKED.search(str(problem))
        # torch asks for half a name where the file ends in one
        if asked is not None and not (file.format == "torch-legacy" and is_cut_short(file.path)):
            raise _unsafe(name, [asked.group(1)]) from None
        raise _damaged(name, problem) from None
    except MemoryError:
        raise _too_large(name) from None
    except RuntimeError as problem:
        if "allocate" in str(problem) or "out of memory" in str(problem):
            raise _too_large(name) from None
        raise _damaged(name, problem) from None
    except (OSError, ValueError, EOFError, KeyError, IndexError, TypeError, AttributeError,
            AssertionError, OverflowError) as problem:  # fmt: skip
        raise _damaged(name, problem) from None


def check_extent(tensors: Mapping[str, torch.Tensor], file: CheckpointFile) -> None:
    """Raise FileProblem for tensors that are no plain arrays, or larger than their file.

    A stride of 0 makes a tensor of any size out of one number; copying it would fill the memory.
    """
    total = 0
    for key, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise FileProblem(
                f"'{file.path.name}' holds sparse or quantised weights ('{key}').",
                hint="Open the network's full-precision weights.",
            )
        total += tensor.numel() * tensor.element_size()
    if total > 2 * file.size_bytes + 1_000_000:
        raise FileProblem(
            f"'{file.path.name}' declares more weights than the file holds.", hint=SAVE_HINT
        )


def _read_safetensors(file: CheckpointFile) -> Tensors:
    import safetensors

    try:
        with safetensors.safe_open(file.path, framework="pt", device="cpu") as archive:
            # cloned: a tensor that maps the file would change or fault when the file does
            return {key: archive.get_tensor(key).clone() for key in archive.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as problem:
        raise _damaged(file.path.name, problem) from None


def _refuse_foreign(file: CheckpointFile) -> None:
    if file.format == "torch-zip":
        names = torch.serialization.get_unsafe_globals_in_checkpoint(file.path)
    else:
        names = list(foreign(legacy_names(file.path)))
    if not names and file.format == "torch-legacy" and not starts_as_torch(file.path):
        raise FileProblem(
            f"'{file.path.name}' is a Python pickle that torch did not write.", hint=SAVE_HINT
        )
    if names:
        raise _unsafe(file.path.name, names)


def _unsafe(name: str, names: list[str]) -> UnsafeCheckpoint:
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return UnsafeCheckpoint(
        f"'{name}' is not opened, because reading it would run code beside the weights: "
        f"{shown}{more}.",
        hint=f"Nothing in it was run. Where you trust it: {SAVE_HINT[0].lower()}{SAVE_HINT[1:]}",
        names=names,
    )


def _damaged(name: str, problem: BaseException) -> FileProblem:
    # torch's own text advises to read the file unsafely before it says what is wrong
    text = str(problem).rpartition("WeightsUnpickler error:")[2]
    reason = " ".join(text.split())[:160].rstrip(". ") or type(problem).__name__
    return FileProblem(
        f"'{name}' cannot be read as a checkpoint: {reason}.",
        hint="It is truncated, damaged or not a checkpoint; copy or download it again.",
    )


def _too_large(name: str) -> OutOfMemory:
    return OutOfMemory(
        f"The weights in '{name}' do not fit in memory.", hint="Close other programs or models."
    )
