"""The images at hand as columns, so that sorting and filtering are work on arrays.

Made and asked in a worker: 100,000 entries take a good part of a second in Python.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.natural import natural_order
from interp_gui.core.polite import politely

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Column:
    """One text for each image, as indices into its distinct values.

    Parameters
    ----------
    codes
        int32 (n,): index into `values`; −1 where there is none.
    values
        Distinct texts in their order: by number where all are numbers, else naturally.
    """

    codes: Codes
    values: tuple[str, ...]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many images have each value."""
        known = self.codes[self.codes >= 0]
        return np.bincount(known, minlength=len(self.values)).astype(np.int64)

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The values without regard to case."""
        return tuple(value.casefold() for value in self.values)

    def matching(self, text: str) -> NDArray[np.bool_]:
        """Images with this value whatever its case, or where none has it, with it as a part.

        An empty text means: those without any.
        """
        if not text:
            return self.codes < 0
        wanted = text.casefold()
        hits = [value == wanted for value in self.folded]
        if not any(hits):
            hits = [wanted in value for value in self.folded]
        return np.append(np.array(hits, np.bool_), False)[self.codes]  # −1 is the last one


@dataclass(frozen=True)
class Predictions:
    """What a model says of each image, in the rows of a table.

    Parameters
    ----------
    classes
        int32 (n,): index of the most probable class; −1 where it was not asked.
    probability
        float32 (n,): of that class.
    names
        Name of each class index.
    wanted
        int32 (n,): index of the class that the image's label stands for; −1 if none.
    """

    classes: Codes
    probability: NDArray[np.float32]
    names: tuple[str, ...]
    wanted: Codes

    @property
    def known(self) -> NDArray[np.bool_]:
        """Images that were asked."""
        return self.classes >= 0

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Images whose label stands for another class than the predicted one."""
        found: NDArray[np.bool_] = self.known & (self.wanted >= 0) & (self.classes != self.wanted)
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """Images whose label stands for the predicted class."""
        found: NDArray[np.bool_] = self.known & (self.classes == self.wanted)
        return found

    @cached_property
    def column(self) -> Column:
        """Names of the predicted classes."""
        used = np.unique(self.classes[self.known])
        names = [self.names[i] if i < len(self.names) else f"class {i}" for i in used]
        ranks = np.full(int(used[-1]) + 2 if len(used) else 1, -1, np.int32)
        ranks[used] = np.arange(len(used), dtype=np.int32)
        return _ordered(ranks[self.classes], names)


@dataclass(frozen=True)
class ImageTable:
    """Columns over the entries of a dataset; row i is its i-th image."""

    entries: tuple[ImageEntry, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    label: Column = field(default_factory=lambda: Column(np.zeros(0, np.int32), ()))
    group: Column = field(default_factory=lambda: Column(np.zeros(0, np.int32), ()))
    metadata: dict[str, Column] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    """Paths of entries that were found broken when they were listed."""

    def __len__(self) -> int:
        return len(self.entries)

    def column(self, name: str) -> Column | None:
        """`label`, `group` or a metadata column, whatever its case; None if there is none."""
        wanted = name.casefold()
        if wanted in ("label", "group"):
            return self.label if wanted == "label" else self.group
        return next((c for n, c in self.metadata.items() if n.casefold() == wanted), None)

    @cached_property
    def names(self) -> list[str]:
        """File names without regard to case."""
        return [file_name(entry.path).casefold() for entry in politely(self.entries)]

    @cached_property
    def name_ranks(self) -> Codes:
        """Place of each image in the natural order of file names."""
        return ranks(natural_order(self.names))


def read_table(dataset: Dataset | None) -> ImageTable:
    """Columns of a dataset. Runs in a worker where there are many images."""
    entries = dataset.images if dataset is not None else ()
    metadata: dict[str, _Coder] = {}
    label, group = _Coder(len(entries)), _Coder(len(entries))
    rows: dict[str, int] = {}
    broken: set[str] = set()
    for row, entry in enumerate(politely(entries)):
        rows[entry.path] = row
        if entry.problem:
            broken.add(entry.path)
        label.put(row, entry.label)
        group.put(row, entry.group)
        for name, value in entry.metadata.items():
            if name not in metadata:
                metadata[name] = _Coder(len(entries))
            metadata[name].put(row, value)
    return ImageTable(
        entries=entries, rows=rows, label=label.column, group=group.column,
        metadata={name: coder.column for name, coder in metadata.items()},
        broken=frozenset(broken),
    )  # fmt: skip


class _Coder:
    def __init__(self, count: int) -> None:
        self._codes = np.full(count, -1, np.int32)
        self._values: dict[str, int] = {}

    def put(self, row: int, value: str) -> None:
        if value:
            self._codes[row] = self._values.setdefault(value, len(self._values))

    @property
    def column(self) -> Column:
        return _ordered(self._codes, list(self._values))


def _ordered(codes: Codes, values: Sequence[str]) -> Column:
    """A column whose values stand in their order."""
    order = value_order(values)
    place = np.append(ranks(order), np.int32(-1)).astype(np.int32)
    return Column(place[codes], tuple(values[i] for i in order))


def value_order(values: Sequence[str]) -> NDArray[np.int64]:
    """Order of texts: by number where all are numbers, else naturally."""
    try:
        return np.argsort(np.array([float(value) for value in values]), kind="stable")
    except ValueError:
        return natural_order([value.casefold() for value in values])


def ranks(order: NDArray[np.int64]) -> Codes:
    """The inverse of an order: at which place each stands."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place


def file_name(path: str) -> str:
    """File name of a path, without the cost of a Path object."""
    return os.path.basename(path)
