"""Colours of an atlas's points and cells by a `Look`; they never follow the theme."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.look import Look
from interp_gui.core.colormaps import apply_colormap, value_range

PLAIN = (92, 130, 178)
"""Points without a colouring: seen on white and on black."""
UNKNOWN = (138, 138, 138)
"""Points whose value is not known."""
FAINTEST = 0.1

_KINDS = (
    (38, 120, 190), (232, 126, 30), (52, 150, 78), (204, 62, 68), (138, 104, 190), (20, 158, 168),
    (214, 108, 168), (150, 118, 40), (108, 140, 32), (122, 90, 78), (84, 96, 206), (176, 60, 128),
)  # fmt: skip

_LIGHTER = (1.0, 0.72, 1.28)


@dataclass(frozen=True, eq=False)
class Shades:
    """Of n points or cells: colours (n, 3), whether each has one (n,), and opacities (n,)."""

    rgb: NDArray[np.uint8]
    coloured: NDArray[np.bool_]
    opacity: NDArray[np.float64]


def kind_colours(count: int) -> NDArray[np.uint8]:
    """Colours of so many kinds, (count, 3): twelve that differ, then darker and lighter ones."""
    each = np.arange(count)
    base = np.array(_KINDS, np.float64)[each % len(_KINDS)]
    factor = np.array(_LIGHTER)[(each // len(_KINDS)) % len(_LIGHTER)]
    found: NDArray[np.uint8] = np.rint(np.clip(base * factor[:, None], 0, 255)).astype(np.uint8)
    return found


def limits(look: Look) -> tuple[float, float]:
    """Values at the ends of the colours: all but the hundredth part at either end lies between."""
    if look.values is None:
        return 0.0, 1.0
    values = look.values if look.shown is None else look.values[look.shown]
    finite = values[np.isfinite(values)]
    if finite.size:
        low, high = np.quantile(finite, (0.01, 0.99))
        finite = np.clip(finite, low, high)
    return value_range(finite, symmetric=look.symmetric)


def point_shades(look: Look, count: int, ends: tuple[float, float]) -> Shades:
    """Of all points."""
    if look.categories is not None:
        known = look.categories >= 0
        return Shades(_of_kinds(look.categories), known, np.ones(count))
    if look.values is not None:
        return of_values(look.values, look, ends)
    rgb = np.empty((count, 3), np.uint8)
    rgb[:] = PLAIN
    return Shades(rgb, np.zeros(count, bool), np.ones(count))


def cell_shades(
    look: Look, cells: NDArray[np.int64], points: NDArray[np.int64], count: int,
    ends: tuple[float, float],
) -> Shades:  # fmt: skip
    """Of `count` cells, by their points: `points` of them lie in the cells `cells`."""
    if look.categories is not None:
        return _common_kind(look, cells, look.categories[points], count)
    if look.values is None:
        empty = np.zeros((count, 3), np.uint8)
        return Shades(empty, np.zeros(count, bool), np.ones(count))
    values = look.values[points].astype(np.float64)
    known = np.isfinite(values)
    sums = np.bincount(cells[known], values[known], minlength=count)
    numbers = np.bincount(cells[known], minlength=count)
    means = np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
    return of_values(means, look, ends)


def of_values(values: NDArray[np.floating], look: Look, ends: tuple[float, float]) -> Shades:
    """Colours of amounts; with `fade`, opacities by how far from nothing they are."""
    low, high = ends
    known = np.isfinite(values)
    rgb = apply_colormap(values, "diverging" if look.symmetric else "sequential", low, high)
    rgb[~known] = UNKNOWN
    opacity = np.ones(len(values))
    if look.fade:
        clean = np.nan_to_num(np.asarray(values, np.float64), posinf=high, neginf=low)
        share = np.abs(clean) / high if look.symmetric else (clean - low) / (high - low)
        share = np.where(known, np.clip(share, 0, 1), 0)
        opacity = FAINTEST + (1 - FAINTEST) * share
        known = np.zeros_like(known)
    return Shades(rgb, known, opacity)


def _common_kind(
    look: Look, cells: NDArray[np.int64], kinds: NDArray[np.int32], count: int
) -> Shades:
    most = int(kinds.max(initial=-1)) + 1
    if most == 0:
        return Shades(
            _of_kinds(np.full(count, -1, np.int32)), np.zeros(count, bool), np.ones(count)
        )
    named = kinds >= 0
    keys, numbers = np.unique(cells[named] * most + kinds[named], return_counts=True)
    order = np.lexsort((-(keys % most), numbers, keys // most))  # the commonest comes last
    common = np.full(count, -1, np.int32)
    share = np.zeros(count)
    common[keys[order] // most] = (keys % most)[order]
    share[keys[order] // most] = numbers[order]
    share /= np.maximum(np.bincount(cells, minlength=count), 1)
    opacity = FAINTEST + (1 - FAINTEST) * share if look.fade else np.ones(count)
    return Shades(_of_kinds(common), common >= 0, opacity)


def _of_kinds(kinds: NDArray[np.int32]) -> NDArray[np.uint8]:
    table = np.concatenate([kind_colours(int(kinds.max(initial=-1)) + 1), [UNKNOWN]])
    return np.asarray(table[kinds], np.uint8)  # −1 takes the last
