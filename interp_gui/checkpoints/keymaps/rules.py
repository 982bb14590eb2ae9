"""The language that maps between libraries' names are written in, and its interpreter.

A map is a table from names to names. ``#`` stands for a number between dots, a final ``*`` for the
tensors a layer keeps (weight, bias, running statistics)::

    "layers.#.attention.output.dense.*": "blocks.#.attn.proj.*"

Tensors that are no plain copies are described by `Join`, `Split` and `Made`. What a map does not
take over must be named as dropped; a file with any further name is not read by the map at all, so
that nothing is lost in silence.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from interp_gui.checkpoints.keymaps.reshaping import rows
from interp_gui.checkpoints.match import Renaming, Shapes, Tensors

LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

_NUMBER = re.compile(r"(?:(?<=\.)|(?<=^)|(?<=encoder_layer_))\d+(?=\.|$)")
_MOST_NUMBERS = 5
_KEPT_KEYS = 4096  # names whose spellings are remembered from map to map

Numbers = tuple[int, ...]
Make = Callable[..., torch.Tensor]
Place = str | Callable[[Numbers], str]
"""A name with ``#`` for each number of the source in turn, or what makes one of the numbers."""


@dataclass(frozen=True)
class Join:
    """A tensor that is the rows `slot` of `of` in `target` (query, key and value in one matrix)."""

    target: Place
    slot: int
    of: int = 3


@dataclass(frozen=True)
class Split:
    """A tensor whose rows fill several targets in equal parts."""

    targets: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """A tensor that arrives reshaped or reordered; `make` must work on tensors without values."""

    target: Place
    make: Make


@dataclass(frozen=True)
class Drop:
    """A tensor that the target has no place for."""


DROP = Drop()
Fate = Place | Join | Split | Made | Drop
Rules = Mapping[str, Fate]


@dataclass(frozen=True)
class Piece:
    """How one tensor of the target comes about; `make` is None for a plain copy."""

    sources: tuple[str, ...]
    make: Make | None = None

    def of(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The tensor itself."""
        parts = [tensors[key] for key in self.sources]
        return parts[0] if self.make is None else self.make(*parts)


Pieces = dict[str, Piece]


@dataclass(frozen=True, kw_only=True)
class KeyMap:
    """One way to read a family's names under another library's.

    Parameters
    ----------
    name
        In words: `Hugging Face ViT to timm`.
    source, target
        Libraries; the target is empty where torchvision and timm use the same names.
    marks
        Pieces of names that must all occur in a file, for a quick no.
    without
        Pieces of names that may not occur in it.
    rules
        The table, or what makes it of a file's shapes (None: the map does not apply).
    prefixes
        Taken off names; the first one that occurs.
    drops
        Beginnings of names that the target has no place for.
    outside
        The same for names that lack the prefix, where a file has one.
    finish
        Adds or changes pieces after all names were read.
    note
        In what the target computes otherwise, in a sentence; empty if in nothing.
    """

    name: str
    source: str
    target: str
    marks: tuple[str, ...]
    rules: Rules | Callable[[Shapes], Rules | None]
    without: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    finish: Callable[[Pieces, Shapes], None] | None = None
    note: str = ""


@dataclass(frozen=True)
class View:
    """A file's names after a wrapper was taken off: plain name to name in the file."""

    origin: Mapping[str, str]
    shapes: Shapes
    text: str = field(repr=False)
    name: str = ""
    dropped: tuple[str, ...] = ()


def view_of(
    shapes: Shapes, origin: Mapping[str, str], *, name: str = "", dropped: Sequence[str] = ()
) -> View:
    """A view on a file under names of which `origin` says the file's."""
    plain = {key: tuple(shapes[own]) for key, own in origin.items()}
    return View(origin, plain, "\n" + "\n".join(plain) + "\n", name, tuple(dropped))


def apply(keymap: KeyMap, view: View) -> Renaming | None:
    """Read a file by a map; None where the map does not cover every name in it."""
    if not all(mark in view.text for mark in keymap.marks):
        return None
    if any(mark in view.text for mark in keymap.without):
        return None
    stripped = _without_prefix(view, keymap)
    if stripped is None:
        return None
    names, outside = stripped
    shapes = {plain: view.shapes[own] for plain, own in names.items()}
    try:
        rules = keymap.rules(shapes) if callable(keymap.rules) else keymap.rules
    except (IndexError, KeyError):
        return None  # shapes that no network of the family has
    if rules is None:
        return None
    read = _read(names, rules, keymap.drops)
    if read is None:
        return None
    pieces, dropped = read
    own_shapes = {own: view.shapes[own] for own in names.values()}
    try:
        if keymap.finish is not None:
            keymap.finish(pieces, own_shapes)
    except (IndexError, KeyError):
        return None
    return renaming(
        pieces, view, name=keymap.name, source=keymap.source, target=keymap.target,
        dropped=(*outside, *dropped), note=keymap.note,
    )  # fmt: skip


def renaming(
    pieces: Pieces, view: View, *, name: str, source: str, target: str,
    dropped: Sequence[str] = (), note: str = "",
) -> Renaming | None:  # fmt: skip
    """What a table of pieces amounts to for a file; None where its shapes contradict it."""
    promised = _shapes(pieces, view.shapes)
    if promised is None or not pieces:
        return None
    own = {
        target_key: Piece(tuple(view.origin[key] for key in piece.sources), piece.make)
        for target_key, piece in pieces.items()
    }
    lost = (*view.dropped, *(view.origin[key] for key in dropped))
    return Renaming(
        name=f"{name}, {view.name}" if view.name else name,
        source=source, target=target, shapes=promised, convert=Converter(own),
        dropped=lost, note=note,
    )  # fmt: skip


@dataclass(frozen=True)
class Converter:
    """Turns a file's tensors into those of the target."""

    pieces: Mapping[str, Piece]

    def __call__(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Tensors under the target's names; plain copies share the memory of the file's."""
        return {target: piece.of(tensors) for target, piece in self.pieces.items()}


def _without_prefix(view: View, keymap: KeyMap) -> tuple[dict[str, str], list[str]] | None:
    """Plain names to names in the view, and what is dropped for lacking the prefix."""
    for prefix in keymap.prefixes:
        if f"\n{prefix}" not in view.text:
            continue
        names: dict[str, str] = {}
        outside = []
        for key in view.shapes:
            if not key.startswith(prefix) and keymap.outside and key.startswith(keymap.outside):
                outside.append(key)
            elif key.removeprefix(prefix) in names:
                return None
            else:
                names[key.removeprefix(prefix)] = key
        return names, outside
    return {key: key for key in view.shapes}, []


def _read(
    names: Mapping[str, str], rules: Rules, drops: tuple[str, ...]
) -> tuple[Pieces, list[str]] | None:
    """Pieces by target and the names without one; None if a name is not in the table."""
    pieces: Pieces = {}
    joined: dict[str, dict[int, str]] = {}
    sizes: dict[str, int] = {}
    dropped = []
    for plain, own in names.items():
        if drops and plain.startswith(drops):
            dropped.append(own)
            continue
        found = _look_up(plain, rules)
        if found is None:
            return None
        fate, numbers, leaf = found
        if isinstance(fate, Drop):
            dropped.append(own)
            continue
        if isinstance(fate, Join):
            target = _place(fate.target, numbers, leaf)
            slots = joined.setdefault(target, {})
            if fate.slot in slots or sizes.setdefault(target, fate.of) != fate.of:
                return None
            slots[fate.slot] = own
            continue
        for target, piece in _plain(fate, own, numbers, leaf):
            if target in pieces:
                return None
            pieces[target] = piece
    for target, slots in joined.items():
        if len(slots) != sizes[target] or target in pieces:
            return None
        pieces[target] = Piece(tuple(slots[slot] for slot in sorted(slots)), rows)
    return pieces, dropped


def _plain(
    fate: Place | Split | Made, own: str, numbers: Numbers, leaf: str
) -> list[tuple[str, Piece]]:
    if isinstance(fate, Split):
        return [
            (_place(target, numbers, leaf), Piece((own,), _Part(slot, len(fate.targets))))
            for slot, target in enumerate(fate.targets)
        ]
    if isinstance(fate, Made):
        return [(_place(fate.target, numbers, leaf), Piece((own,), fate.make))]
    return [(_place(fate, numbers, leaf), Piece((own,)))]


@lru_cache(maxsize=_KEPT_KEYS)
def _spellings(key: str) -> tuple[tuple[str, Numbers, str], ...]:
    """Ways to write a name in a table, the most literal first: name, numbers left out, leaf."""
    spans = list(_NUMBER.finditer(key))
    if len(spans) > _MOST_NUMBERS:
        return ()
    found = []
    for chosen in sorted(itertools.product((False, True), repeat=len(spans)), key=sum):
        text, end = "", 0
        for span, left_out in zip(spans, chosen, strict=True):
            text += key[end : span.start()] + ("#" if left_out else span.group())
            end = span.end()
        text += key[end:]
        numbers = tuple(
            int(span.group()) for span, left_out in zip(spans, chosen, strict=True) if left_out
        )
        stem, _, leaf = text.rpartition(".")
        found.append((text, numbers, ""))
        if stem and leaf in LEAVES:
            found.append((f"{stem}.*", numbers, leaf))
    return tuple(found)


def _look_up(key: str, rules: Rules) -> tuple[Fate, Numbers, str] | None:
    for text, numbers, leaf in _spellings(key):
        fate = rules.get(text)
        if fate is not None:
            return fate, numbers, leaf
    return None


def _place(place: Place, numbers: Numbers, leaf: str) -> str:
    if callable(place):
        text = place(numbers)
    else:
        first, *rest = place.split("#")
        # a literal target has no place for numbers; each # takes the next one
        text = first + "".join(
            f"{number}{part}" for number, part in zip(numbers, rest, strict=True)
        )
    return text.removesuffix("*") + leaf if leaf and text.endswith(".*") else text


def _shapes(pieces: Pieces, shapes: Shapes) -> dict[str, tuple[int, ...]] | None:
    promised = {}
    try:
        for target, piece in pieces.items():
            if piece.make is None:
                promised[target] = shapes[piece.sources[0]]
            else:
                promised[target] = tuple(piece.of(_Hollow(shapes)).shape)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None  # shapes that cannot be joined or cut so: not the family of the map
    return promised


class _Hollow(Mapping[str, torch.Tensor]):
    """Tensors of given shapes without values, made as they are asked for."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def __getitem__(self, key: str) -> torch.Tensor:
        return torch.empty(self._shapes[key], device="meta")

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


@dataclass(frozen=True)
class _Part:
    slot: int
    of: int

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape[0] % self.of:
            raise ValueError("rows do not divide into equal parts")
        # cloned: a part that shares memory would keep the whole alive
        return tensor.chunk(self.of)[self.slot].clone()
