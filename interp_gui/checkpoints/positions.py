"""Image sizes told by shapes: position embeddings and tables of relative positions.

With a grid of `height // step` by `width // step` places (rounded up for rules that end in `-up`),
an axis is as long as one of the rules says, plus a constant (class tokens, registers, the three
extra distances of BEiT).
"""

import math
from collections.abc import Callable, Mapping

from interp_gui.checkpoints.index import Architecture, Grown

Size = tuple[int, int]

_RULES: Mapping[str, Callable[[int, int], int]] = {
    "places": lambda rows, columns: rows * columns,
    "distances": lambda rows, columns: (2 * rows - 1) * (2 * columns - 1),
    "rows": lambda rows, columns: rows,
    "columns": lambda rows, columns: columns,
    "row-distances": lambda rows, columns: 2 * rows - 1,
    "column-distances": lambda rows, columns: 2 * columns - 1,
}
_UP = "-up"
_LARGEST_PLUS = 64
_LARGEST_PX = 4096


def length(axis: Grown, size: Size) -> int:
    """How long an axis is for an image of this height and width (pixels)."""
    rule = axis.rule.removesuffix(_UP)
    if rule != axis.rule:
        return _RULES[rule](-(-size[0] // axis.step), -(-size[1] // axis.step)) + axis.plus
    return _RULES[rule](size[0] // axis.step, size[1] // axis.step) + axis.plus


def fit(key: str, axis: int, seen: Mapping[Size, int]) -> Grown | None:
    """The rule that gives the lengths seen at two or more sizes; None if no single one does."""
    fitting = []
    for rule in _RULES:
        for name in (rule, rule + _UP):
            for step in range(1, min(min(size) for size in seen) + 1):
                bare = Grown(key, axis, name, step)
                plus = {found - length(bare, size) for size, found in seen.items()}
                if len(plus) == 1 and 0 <= min(plus) <= _LARGEST_PLUS:
                    fitting.append(Grown(key, axis, name, step, plus.pop()))

    def rank(each: Grown) -> tuple[bool, int]:
        # a step that divides the image explains more than one that needs rounding
        rounds = any(side % each.step for size in seen for side in size)
        return rounds, each.plus

    return min(fitting, key=rank, default=None)


def find_size(
    architecture: Architecture,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    wanted: Size | None = None,
) -> Size | None:
    """Height and width (pixels) for which all grown axes are as long as in `shapes`.

    Where only the number of places is told, the grid is square, or that of `wanted` if it fits.
    None where no size fits.
    """
    axes = [axis for axis in architecture.grown if axis.key in shapes]
    usual = architecture.size
    if all(_agrees(axis, shapes, usual) for axis in axes):
        return usual
    sizes = [wanted] if wanted is not None else []
    sizes.extend(_solve(axes, shapes))
    for size in sizes:
        if all(_agrees(axis, shapes, size) for axis in axes):
            return size
    return None


def _agrees(axis: Grown, shapes: Mapping[str, tuple[int, ...]], size: Size) -> bool:
    shape = shapes[axis.key]
    return len(shape) > axis.axis and shape[axis.axis] == length(axis, size)


def _solve(axes: list[Grown], shapes: Mapping[str, tuple[int, ...]]) -> list[Size]:
    """Sizes that the first axes allow: two known sides, or a square where one is told."""
    rows = columns = 0
    found: list[Size] = []
    for axis in axes:
        shape = shapes[axis.key]
        number = (shape[axis.axis] if len(shape) > axis.axis else 0) - axis.plus
        if number <= 0:
            return []
        rule = axis.rule.removesuffix(_UP)
        if rule in ("rows", "row-distances"):
            rows = rows or _side(rule, number) * axis.step
        elif rule in ("columns", "column-distances"):
            columns = columns or _side(rule, number) * axis.step
        elif not found:
            root = math.isqrt(number)
            side = root if rule == "places" else (root + 1) // 2
            found.append((side * axis.step, side * axis.step))
    if rows or columns:
        found.insert(0, (rows or columns, columns or rows))
    return [size for size in found if min(size) > 0 and max(size) <= _LARGEST_PX]


def _side(rule: str, number: int) -> int:
    return number if rule in ("rows", "columns") else (number + 1) // 2
