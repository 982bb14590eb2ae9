"""From what a checkpoint holds to sets of weights under a network's own names.

Weights are found wherever they are in the file: beside an optimiser, under `state_dict` and its
like, in a pickled network, in several copies (an average of the training's steps, a teacher and a
student, two encoders). Every copy is offered; what is left out is told.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from interp_gui.checkpoints.inert import BadPickle, Stub, TensorRef
from interp_gui.checkpoints.inert_calls import as_tensor
from interp_gui.checkpoints.inert_modules import (
    LONGEST_PART,
    Effort,
    checked_name,
    flatten_module,
    is_module,
)
from interp_gui.checkpoints.match import InFile
from interp_gui.checkpoints.prefixes import Part, split_parts

Refs = dict[str, TensorRef]

_DEEPEST = 8
_MOST_NODES = 20_000
_MOST_SETS = 16
_MOST_GROUPS = 2000
_MOST_TENSORS = 20_000  # in one set; the largest networks for images have some thousands
_MOST_LISTED = 64
_SMALL_SHARE = 0.02  # of the largest set's numbers: what is smaller is no network beside it

_WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights",
    "params", "module", "teacher", "student",
)  # fmt: skip
_AVERAGE = re.compile(r"(^|[._])(ema|swa|averaged?|shadow|moving|avg|polyak)([._]|\d|$)|_ema", re.I)
_NO_WEIGHTS = re.compile(
    r"optim|sched|scaler|^amp$|(^|_)lr(_|$)|rng|random|callback|loops|history|loss|criterion|"
    r"metric|momentum|grad|exp_avg|hyper_parameters|hparams|discriminator_opt|dataloader",
    re.I,
)
_COUNTERS = frozenset(("n_averaged",))  # kept by averaging wrappers beside the weights

_RENAMED = (
    # names of older torchvision releases, which the published files still carry
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)


@dataclass(frozen=True, kw_only=True)
class FoundSet:
    """A set of weights that was described and not read yet; as `match.WeightSet`."""

    name: str
    tensors: Refs
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    in_file: InFile = field(default_factory=InFile)


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Named tensors at one place of the file."""

    road: tuple[str, ...]
    tensors: Refs
    kind: str = ""
    """Class of the network, where one was pickled."""

    @cached_property
    def count(self) -> int:
        return sum(tensor.count for tensor in self.tensors.values())

    @property
    def averaged(self) -> bool:
        return any(_AVERAGE.search(each) for each in self.road)


def unwrap(content: Any) -> tuple[FoundSet, ...]:
    """Find the sets of weights in a file's content and give them their plain names.

    Returns
    -------
    The plain weights first, averages of training last; empty where there are no named tensors.
    """
    groups = _ranked(list(islice(_groups(content), _MOST_GROUPS)))
    if not groups:
        return ()
    chosen = [groups[0], *(each for each in groups[1:] if _is_worth(each, groups[0]))]
    chosen = chosen[:_MOST_SETS]
    if any(len(each.tensors) > _MOST_TENSORS for each in chosen):
        raise BadPickle("it holds more tensors than any network known")
    beside = _beside(content, chosen)
    found: list[FoundSet] = []
    for group in chosen:
        for part in split_parts(group.tensors):
            found.append(_as_set(group, part, beside))
    found.sort(key=lambda each: bool(_AVERAGE.search(each.name)))
    found = _without_copies(found[:_MOST_SETS])
    if len(found) == 1:
        only = found[0]
        return (replace(only, name="weights"),)
    return _told_apart(found)


def _as_set(group: _Group, part: Part, beside: tuple[str, ...]) -> FoundSet:
    notes = []
    road = ".".join(group.road)
    if road:
        notes.append(f"The weights were found under '{road}' in the file.")
    if part.prefix:
        notes.append(f"The prefix '{part.prefix}' was taken off all names.")
    if part.note:
        notes.append(part.note)
    tensors = {_current_name(key): value for key, value in part.tensors.items()}
    return FoundSet(
        name=".".join(each for each in (road, part.name) if each) or "weights",
        tensors=tensors,
        notes=tuple(notes),
        ignored=(*beside, *part.ignored)[:_MOST_LISTED],
        in_file=_in_file(tensors, group.tensors),
    )


def _in_file(tensors: Refs, whole: Refs) -> InFile:
    """What tensors are called in the file: the same references stand under both names."""
    known: dict[int, list[str]] = {}
    for name, ref in whole.items():
        known.setdefault(id(ref), []).append(name)
    names = {}
    for key, ref in tensors.items():
        found = known.get(id(ref), [])
        names[key] = next((name for name in found if name.endswith(key)), (*found, key)[0])
    return InFile(names=names, shapes={name: ref.shape for name, ref in whole.items()})


def _told_apart(found: list[FoundSet]) -> tuple[FoundSet, ...]:
    """Names that differ, and with each the note that there are others."""
    names: dict[str, int] = {}
    told = []
    for each in found:
        names[each.name] = names.get(each.name, 0) + 1
        again = names[each.name]
        told.append(each.name if again == 1 else f"{each.name} ({again})")
    sets = []
    for name, each in zip(told, found, strict=True):
        others = [other for other in told if other != name]
        only_averages = all(_AVERAGE.search(other) for other in others)
        what = "averages of the training's steps" if only_averages else "other weights"
        listed = ", ".join(f"'{other}'" for other in others)
        note = (
            f"This is '{name}'. The file holds {what} too, which --weights or the Model panel "
            f"chooses: {listed}."
        )
        notes = (*each.notes, note)
        sets.append(replace(each, name=name, notes=notes))
    return tuple(sets)


def _without_copies(found: list[FoundSet]) -> list[FoundSet]:
    """Leave out what is the very same tensors under another road."""
    kept: list[FoundSet] = []
    for each in found:
        same = any(
            each.tensors.keys() == other.tensors.keys()
            and all(
                tensor.storage is other.tensors[key].storage and tensor.storage is not None
                for key, tensor in each.tensors.items()
            )
            for other in kept
        )
        if not same:
            kept.append(each)
    return kept


def _groups(content: Any) -> Iterator[_Group]:
    """Every place of the file that holds named tensors, in order; each object once."""
    seen: set[int] = set()
    effort = Effort()
    waiting: deque[tuple[tuple[str, ...], Any]] = deque([((), content)])
    while waiting and len(seen) < _MOST_NODES:
        road, value = waiting.popleft()
        if len(road) > _DEEPEST or id(value) in seen:
            continue
        seen.add(id(value))
        if is_module(value):
            tensors = flatten_module(value, effort)
            if tensors:
                yield _Group(road=road, tensors=tensors, kind=value.kind)
                continue
        table = _as_table(value)
        effort.take(len(table))
        own = {key: each for key, each in _tensors(table) if key not in _COUNTERS}
        nested = [
            (key, each) for key, each in table.items()
            if isinstance(key, str) and isinstance(each, dict | list | tuple | Stub)
            and as_tensor(each) is None and len(key) <= LONGEST_PART and key.isprintable()
            and not (key and _NO_WEIGHTS.search(key))
        ]  # fmt: skip
        if own and (not nested or len(own) > 8 * len(nested)):
            yield _Group(road=road, tensors=own)
            continue
        waiting.extend(((*road, key), each) for key, each in nested)
        if own:
            yield _Group(road=road, tensors=own)


def _as_table(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, dict):
        return value
    if type(value) is Stub:
        return value.fields()
    if isinstance(value, list | tuple):
        if value and all(_is_named(each) for each in value[: _MOST_TENSORS + 1]):
            return dict(value[: _MOST_TENSORS + 1])
        return {str(number): each for number, each in enumerate(value[:_MOST_LISTED])}
    return {}


def _is_named(value: Any) -> bool:
    """Whether it is a name and a tensor, as `list(state.items())` has them."""
    pair = type(value) is tuple and len(value) == 2 and type(value[0]) is str
    return pair and as_tensor(value[1]) is not None


def _tensors(table: Mapping[Any, Any]) -> Iterator[tuple[str, TensorRef]]:
    for key, value in table.items():
        tensor = as_tensor(value) if isinstance(key, str) else None
        if tensor is not None:
            yield checked_name(key), tensor


def _ranked(groups: list[_Group]) -> list[_Group]:
    """Plain before averaged, then by the usual names, then the largest."""
    largest = max((each.count for each in groups), default=0)

    def rank(group: _Group) -> tuple[bool, bool, int, int]:
        places = [_WRAPPERS.index(each) for each in group.road if each in _WRAPPERS]
        small = group.count < _SMALL_SHARE * largest
        return small, group.averaged, min(places, default=len(_WRAPPERS)), -group.count

    # single tensors in lists and the like are no network beside a real one
    named = [each for each in groups if len(each.tensors) > 1 or len(groups) == 1]
    groups = [each for each in named or groups if not _numbered(each)]
    return sorted(groups, key=rank)


def _numbered(group: _Group) -> bool:
    """Whether tensors stand in a list: without names they are of no use."""
    return all(key.isdecimal() for key in group.tensors)


def _is_worth(group: _Group, first: _Group) -> bool:
    return len(group.tensors) > 1 and group.count >= _SMALL_SHARE * first.count


def _beside(content: Any, chosen: list[_Group]) -> tuple[str, ...]:
    """What else stands at the places on the way to the sets."""
    roads = [group.road for group in chosen]
    found: dict[str, None] = {}
    levels = {road[:depth] for road in roads for depth in range(len(road))}
    for level in sorted(levels, key=lambda each: (len(each), each)):
        value = content
        for step in level:
            value = _as_table(value).get(step)
        for key in list(_as_table(value))[:_MOST_LISTED]:
            here = (*level, _shown(key))
            if not any(road[: len(here)] == here for road in roads):
                found[".".join(here)] = None
    for group in chosen:
        value = content
        for step in group.road:
            value = _as_table(value).get(step)
        if not is_module(value):
            for key in list(_as_table(value)):
                if key not in group.tensors and len(found) < _MOST_LISTED:
                    found[".".join((*group.road, _shown(key)))] = None
    return tuple(found)


def _shown(key: Any) -> str:
    text = key if isinstance(key, str) else str(key) if isinstance(key, int | float) else "?"
    clean = "".join(letter if letter.isprintable() else "�" for letter in text[:80])
    return clean


def _current_name(key: str) -> str:
    for pattern, replacement in _RENAMED:
        key = pattern.sub(replacement, key)
    return key
