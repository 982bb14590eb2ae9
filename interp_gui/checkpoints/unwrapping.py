"""From what a checkpoint file holds to one flat dict of tensors with a network's own names."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from interp_gui.checkpoints.tensors import Tensors
from interp_gui.core.errors import FileProblem

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
_AVERAGES = ("model_ema", "ema", "state_dict_ema", "ema_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
_COUNTERS = frozenset(("n_averaged",))  # kept by averaging wrappers beside the weights

_RENAMED = (
    # names of older torchvision releases, which the published files still carry
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)


def unwrap(content: Any, file_name: str) -> tuple[Tensors, tuple[str, ...]]:
    """Find the weights in a file's content and give them their plain names.

    Returns
    -------
    Tensors by name, and notes on where they were found.

    Raises
    ------
    FileProblem
        There are no named tensors.
    """
    notes = []
    road: list[str] = []
    while isinstance(content, Mapping) and not _is_state_dict(content):
        key = _best_wrapper(content)
        if key is None:
            break
        road.append(key)
        content = content[key]
    if not isinstance(content, Mapping) or not _is_state_dict(content):
        raise FileProblem(
            f"'{file_name}' holds no named weights of a network.",
            hint="Save them with torch.save(model.state_dict(), 'weights.pth').",
        )
    if road:
        notes.append(f"The weights were found under '{'.'.join(road)}' in the file.")
    tensors = {
        str(key): value.detach()
        for key, value in content.items()
        if isinstance(value, torch.Tensor) and key not in _COUNTERS
    }
    tensors, prefix = _without_prefix(tensors)
    if prefix:
        notes.append(f"The prefix '{prefix}' was taken off all names.")
    return {_current_name(key): value for key, value in tensors.items()}, tuple(notes)


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    tensors = sum(isinstance(value, torch.Tensor) for value in content.values())
    nested = sum(isinstance(value, Mapping) for value in content.values())
    named = all(isinstance(key, str) for key in content)
    return named and tensors > 0 and (nested == 0 or tensors > 8 * nested)


def _best_wrapper(content: Mapping[Any, Any]) -> str | None:
    inner = {str(k): v for k, v in content.items() if isinstance(v, Mapping) and k in content}
    for key in (*_WRAPPERS, *_AVERAGES):
        if key in inner and _count(inner[key]):
            return key
    counts = {key: _count(value) for key, value in inner.items() if isinstance(key, str)}
    best = max(counts, key=lambda key: counts[key], default=None)
    return best if best is not None and counts[best] and best in content else None


def _count(value: Any, depth: int = 3) -> int:
    """Tensors under string keys: those of an optimiser stand under numbers."""
    if isinstance(value, torch.Tensor):
        return 1
    if not isinstance(value, Mapping) or depth == 0:
        return 0
    return sum(_count(each, depth - 1) for key, each in value.items() if isinstance(key, str))


def _without_prefix(tensors: Tensors) -> tuple[Tensors, str]:
    taken = ""
    while True:
        for prefix in _PREFIXES:
            if all(key.startswith(prefix) for key in tensors):
                tensors = {key[len(prefix) :]: value for key, value in tensors.items()}
                taken += prefix
                break
        else:
            return tensors, taken


def _current_name(key: str) -> str:
    for pattern, replacement in _RENAMED:
        key = pattern.sub(replacement, key)
    return key
