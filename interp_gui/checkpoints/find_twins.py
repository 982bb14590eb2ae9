"""Architectures that no name or shape tells apart, within a library or across libraries."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from interp_gui.checkpoints.index import Architecture

_Entries = Mapping[str, tuple[Architecture, ...]]


def with_twins(entries: _Entries) -> dict[str, tuple[Architecture, ...]]:
    """The entries of each library with `twins` filled in.

    Twins take the very same files, whatever their number of classes; parts that serve training
    only are left aside. Whether they answer alike is
    not looked into: some differ in padding, epsilon or activation only.
    """
    groups: dict[frozenset[tuple[str, tuple[int, ...]]], list[str]] = defaultdict(list)
    for library, architectures in entries.items():
        for each in architectures:
            groups[_table(each)].append(f"{library}:{each.name}")
    return {
        library: tuple(
            msgspec.structs.replace(
                each, twins=tuple(n for n in groups[_table(each)] if n != f"{library}:{each.name}")
            )
            for each in architectures
        )
        for library, architectures in entries.items()
    }


def _table(architecture: Architecture) -> frozenset[tuple[str, tuple[int, ...]]]:
    optional, auxiliary = frozenset(architecture.optional), architecture.auxiliary
    return frozenset(
        (key, shape)
        for key, shape in architecture.tensors.items()
        if key not in optional and not (auxiliary and key.startswith(auxiliary))
    )
