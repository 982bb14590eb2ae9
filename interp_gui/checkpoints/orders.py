"""Architectures whose shapes follow each other as a file's do, whatever the names: proposals only.

Tensors of equal shape are exchanged unnoticed that way wherever a network defines its layers in
another order than it lists them, so nothing opens by this alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch

from interp_gui.checkpoints.index import Architecture, Shapes
from interp_gui.checkpoints.index_files import Index
from interp_gui.checkpoints.match import Match, Renaming, Tensors
from interp_gui.checkpoints.matching import match_architecture

_FEWEST_TENSORS = 8  # shorter sequences agree by chance


def find_by_order(own: Shapes, indexes: Iterable[Index]) -> tuple[Match, ...]:
    """Every architecture with the same sequence of shapes, the number of classes aside."""
    numbered = list(own.items())
    if len(numbered) < _FEWEST_TENSORS:
        return ()
    found = []
    for index in indexes:
        kinds = [index.shape_numbers.get(shape, -1) for _, shape in numbered]
        for table in _alike(kinds, index):
            for place in index.members[table]:
                match = _propose(numbered, index.at(place), index.library)
                if match is not None:
                    found.append(match)
    return tuple(found)


def _alike(kinds: list[int], index: Index) -> list[int]:
    """Tables as long as the file, most of whose shapes agree place by place."""
    own = np.array(kinds)
    wanted = np.flatnonzero(index.lengths == len(own))
    return [
        int(table)
        for table in wanted
        if np.count_nonzero(index.kinds[index.table(int(table))] != own) <= max(2, len(own) // 50)
    ]


def _propose(
    numbered: list[tuple[str, tuple[int, ...]]], architecture: Architecture, library: str
) -> Match | None:
    names = dict(zip((key for key, _ in numbered), architecture.tensors, strict=True))
    shapes = {names[key]: shape for key, shape in numbered}
    match = match_architecture(shapes, architecture, library)
    if match is None:
        return None

    def convert(tensors: Mapping[str, torch.Tensor]) -> Tensors:
        return {names[key]: value for key, value in tensors.items() if key in names}

    renaming = Renaming(
        name="the order of its tensors", source="", target=library, shapes=shapes, convert=convert
    )
    return replace(match, renaming=renaming, certain=False)
