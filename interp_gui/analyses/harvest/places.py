"""Where in an image the recorded vectors are taken: drawn by the image's content alone.

A draw is a pair (u, v) in [0, 1)² that depends on the seed, the image's hash and the draw's
number, and is then put on each layer's grid: layers with different grids look at the same place,
and neither the order of the images, nor the batch, nor any other image matters.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int32]
Floats = NDArray[np.float32]

SPARE_DRAWS = 8
"""Draws for each position wanted: a later one counts where an earlier one hit a place that is
taken or left out."""

OUTLIER_DEVIATIONS, OUTLIER_RATIO = 10.0, 3.0
"""A patch token is an outlier if its norm exceeds median + 10 · MAD of its image's patch norms, and
3 × their median. Large vision transformers keep notes for themselves in a few patches of little
content (Darcet et al., "Vision Transformers Need Registers", 2024): their norms are several times
those of the others, and they say nothing of their place."""

_BYTES_A_DRAW = 8


def draws(sha256: str, count: int, *, seed: int) -> NDArray[np.float64]:
    """Relative places (count, 2): u down and v to the right, each in [0, 1)."""
    data = hashlib.shake_128(f"{seed}:{sha256}".encode()).digest(count * _BYTES_A_DRAW)
    whole = np.frombuffer(data, "<u4").reshape(count, 2)
    return whole / 2.0**32


def on_grid(
    drawn: NDArray[np.float64], grid: tuple[int, int], *, skip_edges: bool = True
) -> Places:
    """Draws as positions of a grid, counted row by row; edges are left out of three rows on."""
    found = []
    for axis, extent in enumerate(grid):
        edge = 1 if skip_edges and extent >= 3 else 0
        inner = extent - 2 * edge
        at = np.minimum((drawn[..., axis] * inner).astype(np.int64), inner - 1)
        found.append(at + edge)
    return np.asarray(found[0] * grid[1] + found[1], np.int32)


def chosen(tried: Places, count: int, left_out: NDArray[np.bool_]) -> Places:
    """Which of the tried places are recorded, by index: the first ones that are not left out.

    Parameters
    ----------
    tried
        Distinct places, and −1 behind them.
    left_out
        For each tried place whether it must not be taken.

    Returns
    -------
    (count,) indices into `tried`, −1 where no more are found.
    """
    kept = np.flatnonzero((tried >= 0) & ~left_out)[:count]
    found = np.full(count, -1, np.int32)
    found[: len(kept)] = kept
    return found


def outliers(norms: Floats) -> NDArray[np.bool_]:
    """Which patch tokens have outlying norms: (n, tokens) from norms (n, tokens)."""
    with np.errstate(invalid="ignore"):
        median = np.median(norms, axis=1, keepdims=True)
        deviation = np.median(np.abs(norms - median), axis=1, keepdims=True)
        found: NDArray[np.bool_] = norms > np.maximum(
            median + OUTLIER_DEVIATIONS * deviation, OUTLIER_RATIO * median
        )
    return found


def recorded_positions(grid: tuple[int, int], positions: int) -> int:
    """How many vectors an image may give: one where a layer has no positions."""
    return min(positions, grid[0] * grid[1])
