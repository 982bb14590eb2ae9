"""Figures of answers before and after: accuracies, confusions and groups, in numpy alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """How one class fares against all the others.

    Parameters
    ----------
    images
        That should get the class.
    recall
        Share of them that do (true positive rate); None where there are none.
    specificity
        Share of the others that do not (true negative rate); None where there are none.
    answered
        Images that get the class.
    """

    images: int
    recall: float | None
    specificity: float | None
    answered: int

    @property
    def balanced(self) -> float | None:
        """Mean of both rates: one half for an answer that does not look at the image.

        As Bau, D. et al. (2020). Understanding the role of individual units in a deep neural
        network. PNAS 117.
        """
        if self.recall is None or self.specificity is None:
            return None
        return (self.recall + self.specificity) / 2


def class_figures(predicted: Ints, true: Ints, index: int) -> ClassFigures:
    """Of one class among images whose class is known and that have an answer.

    Parameters
    ----------
    predicted, true
        (N,) class indices, −1 where there is none.
    """
    known = (predicted >= 0) & (true >= 0)
    own, said = known & (true == index), known & (predicted == index)
    others = known & (true != index)
    return ClassFigures(
        images=int(own.sum()),
        recall=float(said[own].mean()) if own.any() else None,
        specificity=float(1.0 - said[others].mean()) if others.any() else None,
        answered=int(said.sum()),
    )


def accuracy(predicted: Ints, true: Ints) -> float | None:
    """Share of right answers among images whose class is known; None without any."""
    known = (predicted >= 0) & (true >= 0)
    return float((predicted == true)[known].mean()) if known.any() else None


def mean_balanced(predicted: Ints, true: Ints) -> float | None:
    """Mean balanced accuracy over the classes that occur."""
    found = [class_figures(predicted, true, int(c)).balanced for c in np.unique(true[true >= 0])]
    values = [value for value in found if value is not None]
    return float(np.mean(values)) if values else None


def mean_recall(predicted: Ints, true: Ints) -> float | None:
    """Mean recall over the classes that occur."""
    found = [class_figures(predicted, true, int(c)).recall for c in np.unique(true[true >= 0])]
    values = [value for value in found if value is not None]
    return float(np.mean(values)) if values else None


def changed_confusions(before: Ints, after: Ints, true: Ints) -> list[tuple[int, int, int, int]]:
    """`(true, answer, images before, images after)` where the two differ, largest change first."""
    known = (before >= 0) & (after >= 0) & (true >= 0)

    def counted(predicted: Ints) -> Counter[tuple[int, int]]:
        return Counter(zip(true[known].tolist(), predicted[known].tolist(), strict=True))

    old, new = counted(before), counted(after)
    rows = [(*pair, old[pair], new[pair]) for pair in set(old) | set(new) if old[pair] != new[pair]]
    return sorted(rows, key=lambda row: (-abs(row[3] - row[2]), row[0], row[1]))


def grouped(values: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Indices of the images of each value, values in order; empty values are left out."""
    array = np.asarray(values)
    return {str(value): np.flatnonzero(array == value) for value in np.unique(array) if str(value)}


def flips(before: Ints, after: Ints) -> NDArray[np.bool_]:
    """(N,) whether the first answer is another one."""
    found: NDArray[np.bool_] = (before >= 0) & (after >= 0) & (before != after)
    return found


def mean_of(values: NDArray[np.floating[Any]]) -> float | None:
    """Mean of what is a number; None without any."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else None
