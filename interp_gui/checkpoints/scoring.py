"""Labelled images at hand tell candidates apart: who answers more of them right, and for sure."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from interp_gui.checkpoints.probing import output_of
from interp_gui.core.class_mapping import confirmed, propose
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import ImageProblem
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import preprocess, read_for
from interp_gui.core.proportions import holm, mcnemar_exact

FEWEST_IMAGES = 20
MOST_IMAGES = 64
SIGNIFICANT = 0.05

_BATCH = 8

Hits = NDArray[np.bool_]
Input = NDArray[np.float32]
Labelled = tuple[tuple[str, int], ...]
"""Path and class index of each image."""


def labelled_images(
    dataset: Dataset | None, class_names: Sequence[str], *, classes: int
) -> Labelled:
    """Images whose label stands for a class, at most `MOST_IMAGES`, the classes in turn.

    Where nobody said what the labels stand for, what their names say counts; folders that are as
    many as the classes are taken in sorted order, as training from folders does.
    """
    if dataset is None or classes < 2:
        return ()
    meaning = dataset.classes
    if not meaning or max(meaning.values()) >= classes:  # confirmed for another model
        proposals = propose(dataset.labels, class_names, class_count=classes)
        meaning = confirmed(proposals, uncertain=not class_names)
    by_class: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for entry in dataset.images:
        index = meaning.get(entry.label) if entry.label and not entry.problem else None
        if index is not None and 0 <= index < classes:
            by_class[index].append((entry.path, index))
    rows = zip_longest(*by_class.values())
    return tuple([one for row in rows for one in row if one is not None][:MOST_IMAGES])


def hits(module: nn.Module, preprocessing: Preprocessing, images: Labelled) -> Hits | None:
    """Which of the images a network answers right; None where it cannot be asked about them.

    An image that cannot be read counts as a wrong answer of every network.

    Raises
    ------
    Cancelled
        From hooks of the caller, before any module runs.
    """
    found = np.zeros(len(images), bool)
    pending: list[tuple[int, Input]] = []
    try:
        for i, (path, _) in enumerate(images):
            try:
                pending.append((i, preprocess(read_for(path, preprocessing), preprocessing)))
            except (ImageProblem, OSError):
                continue
            if len(pending) == _BATCH:
                _answer(module, pending, images, found)
                pending = []
        _answer(module, pending, images, found)
    except (RuntimeError, AssertionError, ValueError, IndexError):
        return None  # takes no such images
    return found


def _answer(
    module: nn.Module, pending: list[tuple[int, Input]], images: Labelled, found: Hits
) -> None:
    by_shape: dict[tuple[int, ...], list[tuple[int, Input]]] = defaultdict(list)
    for each in pending:
        by_shape[each[1].shape].append(each)
    for group in by_shape.values():
        batch = torch.from_numpy(np.stack([x for _, x in group]))
        with torch.inference_mode():
            outputs = output_of(module(batch)).float().numpy()
        for (i, _), row in zip(group, outputs, strict=True):
            found[i] = bool(np.isfinite(row).all()) and int(row.argmax()) == images[i][1]


def clear_winner(scores: Sequence[Hits | None]) -> int | None:
    """Index of the one that is right more often than each other by more than chance.

    Paired exact McNemar tests of the best against every other, corrected by Holm's procedure.
    """
    known = [(i, each) for i, each in enumerate(scores) if each is not None]
    if len(known) < 2 or len(known[0][1]) < FEWEST_IMAGES:
        return None
    best, mine = max(known, key=lambda each: int(each[1].sum()))
    others = [each for i, each in known if i != best]
    p_values = holm([
        mcnemar_exact(int((mine & ~each).sum()), int((each & ~mine).sum())) for each in others
    ])  # fmt: skip
    sure = all(p < SIGNIFICANT for p in p_values)
    ahead = all(mine.sum() > each.sum() for each in others)
    return best if sure and ahead else None
