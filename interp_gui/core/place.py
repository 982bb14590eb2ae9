"""Where in a layer an edit acts."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import EditProblem, InvalidValue
from interp_gui.core.layer import Axis

LONGEST_SIDE = 1024
"""Most rows and columns of a region."""
_ROUNDING = 1e-5


def check_region(region: tuple[tuple[float, ...], ...]) -> None:
    """Raise InvalidValue where rows are no weights in 0..1 on a grid.

    They may be beyond by as much as a mean over areas is rounded.
    """
    if not region or not region[0] or len({len(row) for row in region}) > 1:
        raise InvalidValue("A region needs rows of the same length, with a weight or more in each.")
    if max(len(region), len(region[0])) > LONGEST_SIDE:
        raise InvalidValue(
            f"A region of {len(region):,} × {len(region[0]):,} weights is too fine.",
            hint=f"A region has at most {LONGEST_SIDE:,} rows and columns.",
        )
    weights = np.asarray(region, dtype=np.float64)
    if not ((weights >= -_ROUNDING) & (weights <= 1 + _ROUNDING)).all():
        raise InvalidValue("The weights of a region are numbers from 0 to 1.")


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everywhere, some positions, a brushed region, or some tokens.

    Parameters
    ----------
    kind
        Which of these.
    positions
        `(y, x)` pairs on the layer's grid, for `positions`.
    region
        Rows of weights in 0..1 on a grid of any size over the image, for `region`; resampled
        by area to the layer's grid.
    tokens
        Token indices (negative ones count from the end), for `tokens`; 0 is the class token.
    """

    kind: Literal["everywhere", "positions", "region", "tokens"] = "everywhere"
    positions: tuple[tuple[int, int], ...] = ()
    region: tuple[tuple[float, ...], ...] = ()
    tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        given = {"positions": self.positions, "region": self.region, "tokens": self.tokens}
        for kind, value in given.items():
            if bool(value) != (self.kind == kind):
                raise InvalidValue(f"A place of kind '{self.kind}' does not fit its {kind}.")
        if self.region:
            check_region(self.region)

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read `` (everywhere), `@3,4`, `@t5` or `@cls`; several separated by `;`."""
        body = text.strip().removeprefix("@")
        if not body:
            return cls()
        try:
            parts = [part.strip() for part in body.split(";")]
            if all(part == "cls" or part.startswith("t") for part in parts):
                return cls("tokens", tokens=tuple(0 if p == "cls" else int(p[1:]) for p in parts))
            pairs = [tuple(int(v) for v in part.split(",")) for part in parts]
            return cls("positions", positions=tuple((y, x) for y, x in pairs))
        except ValueError:
            raise InvalidValue(
                f"'{text}' is not a place.", hint="Write @y,x, @t5 or @cls."
            ) from None

    @property
    def text(self) -> str:
        """Short text form; a region is called `@region`."""
        if self.kind == "positions":
            return "@" + ";".join(f"{y},{x}" for y, x in self.positions)
        if self.kind == "tokens":
            return "@" + ";".join("cls" if t == 0 else f"t{t}" for t in self.tokens)
        return "@region" if self.kind == "region" else ""

    def mask(self, axes: tuple[Axis, ...], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Weights M for one image's value of the given axes and shape.

        Returns
        -------
        Array of the rank of `shape` that broadcasts to it: extent 1 along the unit and the head
        axis, and along every other axis too if the place is everywhere. Of two token axes (an
        attention pattern's) the first, that of the queries, is meant.
        """
        full = tuple(
            1 if axis in ("unit", "head") else n for axis, n in zip(axes, shape, strict=True)
        )
        if self.kind == "everywhere":
            return np.ones((1,) * len(shape))
        if self.kind == "tokens":
            return self._token_mask(axes, full)
        if "y" not in axes or "x" not in axes:
            raise EditProblem(
                f"The place {self.text} needs a layer with rows and columns.",
                hint="Choose everywhere or tokens for this layer.",
            )
        height, width = shape[axes.index("y")], shape[axes.index("x")]
        grid = self._grid(height, width)
        order = grid if axes.index("y") < axes.index("x") else grid.T
        return np.broadcast_to(order.reshape(_only(axes, shape, ("y", "x"))), full).copy()

    def _token_mask(self, axes: tuple[Axis, ...], full: tuple[int, ...]) -> NDArray[np.float64]:
        if "token" not in axes:
            raise EditProblem(
                f"The place {self.text} needs a layer with tokens.",
                hint="Choose everywhere or a position for this layer.",
            )
        count = full[axes.index("token")]
        line = np.zeros(count)
        for token in self.tokens:
            if not -count <= token < count:
                raise EditProblem(f"There is no token {token}; the layer has {count}.")
            line[token] = 1.0
        extents = [1] * len(axes)
        extents[axes.index("token")] = count
        return np.broadcast_to(line.reshape(extents), full).copy()

    def _grid(self, height: int, width: int) -> NDArray[np.float64]:
        if self.kind == "region":
            return resample_by_area(np.asarray(self.region, dtype=np.float64), height, width)
        grid = np.zeros((height, width))
        for y, x in self.positions:
            if not (0 <= y < height and 0 <= x < width):
                raise EditProblem(
                    f"Position {y},{x} is outside the layer's grid of {height} × {width}."
                )
            grid[y, x] = 1.0
        return grid


def resample_by_area(grid: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Mean of `grid` over the area of each cell of a (height, width) grid."""
    return _overlap(height, grid.shape[0]) @ grid @ _overlap(width, grid.shape[1]).T


def _overlap(target: int, source: int) -> NDArray[np.float64]:
    edges = np.arange(target + 1) * (source / target)
    low = np.maximum(edges[:-1, None], np.arange(source))
    high = np.minimum(edges[1:, None], np.arange(1, source + 1))
    weights: NDArray[np.float64] = np.clip(high - low, 0.0, None) * (target / source)
    return weights


def _only(axes: tuple[Axis, ...], shape: tuple[int, ...], kept: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(n if axis in kept else 1 for axis, n in zip(axes, shape, strict=True))
