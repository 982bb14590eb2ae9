"""Results: what there is to see. Views belong to these kinds, not to analyses."""

from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas, Sheet
from interp_gui.core.edit import Edit, EditKind
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.core.place import Place
from interp_gui.core.result_base import RESULT_KINDS, Floats, Number, Pixels, Result

__all__ = [
    "RESULT_KINDS", "AnyResult", "Atlas", "Bars", "Curve", "Floats", "Grid", "GridItem", "Heatmap",
    "Intervention", "Matrix", "Number", "Picture", "Pixels", "Result", "Sheet", "Table",
]  # fmt: skip


class Picture(Result, tag="picture"):
    """An image in its own right; `pixels` is (H, W, 3 or 4) uint8.

    Parameters
    ----------
    planes
        (C, h, w), where what was computed has other planes than colours and `pixels` shows them.
    """

    pixels: Pixels
    planes: Pixels | None = None
    kind: ClassVar[str] = "picture"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"pixels": self.pixels, **({} if self.planes is None else {"planes": self.planes})}


class GridItem(msgspec.Struct, kw_only=True, eq=False):
    """One card of a grid: a picture, what it is, and where it comes from."""

    title: str
    pixels: Pixels
    numbers: dict[str, Number] = {}
    feature: Feature | None = None
    image: str = ""
    """Path of the image it was cut from, on this machine; never exported unless asked."""
    group: str = ""
    """Heading under which it stands; items of a group are adjacent."""
    box: tuple[float, float, float, float] | None = None
    """The part of the image that is shown: top, left, bottom, right as shares of what the network
    sees; None for all of it, or where that is not known."""


class Grid(Result, tag="grid"):
    """Cards in rows."""

    items: tuple[GridItem, ...] = ()
    columns: int = 0
    """Cards a row; 0: as many as fit."""
    kind: ClassVar[str] = "grid"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {f"pixels_{i:04d}": item.pixels for i, item in enumerate(self.items)}

    def rows(self) -> list[tuple[Number, ...]]:
        names = list(dict.fromkeys(name for item in self.items for name in item.numbers))
        header: tuple[Number, ...] = ("title", "group", "feature", *names)
        return [
            header,
            *(
                (
                    item.title,
                    item.group,
                    item.feature.text if item.feature else "",
                    *(item.numbers.get(name) for name in names),
                )
                for item in self.items
            ),
        ]


class Heatmap(Result, tag="heatmap"):
    """Numbers over an image: `values` (h, w) cover exactly `image` (H, W, 3)."""

    values: Floats
    image: Pixels
    symmetric: bool = False
    """Whether zero is the middle of the colour map (signed values)."""
    unit: str = ""
    kind: ClassVar[str] = "heatmap"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"values": self.values, "image": self.image}

    def rows(self) -> list[tuple[Number, ...]]:
        h, w = self.values.shape
        cells = [(y, x, float(self.values[y, x])) for y in range(h) for x in range(w)]
        return [("y", "x", "value"), *cells]


class Bars(Result, tag="bars"):
    """Named values, longest first unless `ordered`."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = ""
    maximum: float | None = None
    features: tuple[Feature | None, ...] = ()
    """One a bar where bars are features; empty otherwise."""
    marked: tuple[bool, ...] = ()
    """Which bars stand out, one a bar; a note says by what. Empty where none are told apart."""
    kind: ClassVar[str] = "bars"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"values": np.asarray(self.values)}

    def rows(self) -> list[tuple[Number, ...]]:
        if self.marked:
            rows = zip(self.labels, self.values, self.marked, strict=True)
            return [("label", "value", "marked"), *rows]
        return [("label", "value"), *zip(self.labels, self.values, strict=True)]


class Table(Result, tag="table"):
    """Rows under named columns."""

    columns: tuple[str, ...]
    cells: tuple[tuple[Number, ...], ...]
    features: tuple[Feature | None, ...] = ()
    """One a row where rows are features; empty otherwise."""
    values: dict[str, NDArray[Any]] = {}
    """What is too long to travel as rows: arrays of equal length, by name; an NPZ holds them."""
    kind: ClassVar[str] = "table"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return dict(self.values)

    def rows(self) -> list[tuple[Number, ...]]:
        return [self.columns, *self.cells]


class Curve(Result, tag="curve"):
    """Lines over a common x axis: `ys` is (lines, points).

    Parameters
    ----------
    band, band_name
        (2, points) lower and upper edge of an area behind the lines, and what it is.
    span
        Between which x all values have been observed; what lies outside is marked.
    logarithmic
        Whether the x axis goes by powers; all x are above 0 then.
    """

    x: Floats
    ys: Floats
    names: tuple[str, ...] = ()
    x_label: str = ""
    y_label: str = ""
    band: Floats | None = None
    band_name: str = ""
    span: tuple[float, float] | None = None
    logarithmic: bool = False
    kind: ClassVar[str] = "curve"

    def arrays(self) -> dict[str, NDArray[Any]]:
        band = {} if self.band is None else {"band": self.band}
        return {"x": self.x, "ys": self.ys, **band}

    def rows(self) -> list[tuple[Number, ...]]:
        names = self.names or tuple(f"line {i + 1}" for i in range(len(self.ys)))
        lines = [self.x, *self.ys]
        if self.band is not None:
            name = self.band_name or "band"
            names, lines = (*names, f"{name}, from", f"{name}, to"), [*lines, *self.band]
        header: tuple[Number, ...] = (self.x_label or "x", *names)
        return [header, *(tuple(float(v) for v in row) for row in np.vstack(lines).T)]


class Matrix(Result, tag="matrix", kw_only=True):
    """Numbers by row and column, as of patching over layers and positions.

    Parameters
    ----------
    values
        (rows, columns); NaN where there is none.
    row_labels, column_labels
        Their names.
    row_title, column_title
        What rows and columns are.
    unit
        What the numbers are, in words.
    symmetric
        Whether zero is the middle of the colour map.
    exact
        (rows, columns): the number as confirmed exactly, NaN where it was only screened; None
        where all are exact.
    row_features, column_places, column_heads
        With `edit_kind` and `edit_source` what a cell is when it is dragged: the row's feature at
        the column's place, or the column's head of the row's layer. Empty where cells cannot be
        dragged.
    """

    values: Floats
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    row_title: str = ""
    column_title: str = ""
    unit: str = ""
    symmetric: bool = True
    exact: Floats | None = None
    row_features: tuple[Feature, ...] = ()
    column_places: tuple[Place, ...] = ()
    column_heads: tuple[int, ...] = ()
    edit_kind: EditKind = "patch"
    edit_source: str = ""
    kind: ClassVar[str] = "matrix"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"values": self.values, **({} if self.exact is None else {"exact": self.exact})}

    @property
    def best(self) -> Floats:
        """The numbers as they are known best: exact where confirmed."""
        if self.exact is None:
            return self.values
        return np.where(np.isfinite(self.exact), self.exact, self.values).astype(np.float32)

    def rows(self) -> list[tuple[Number, ...]]:
        if self.exact is not None:
            return [
                (self.row_title or "row", self.column_title or "column", "estimate", "exact"),
                *(
                    (row, column, float(self.values[i, j]), _known(self.exact[i, j]))
                    for i, row in enumerate(self.row_labels)
                    for j, column in enumerate(self.column_labels)
                ),
            ]
        head: tuple[Number, ...] = (self.row_title or "row", *self.column_labels)
        found = [head]
        for name, row in zip(self.row_labels, self.values, strict=True):
            numbers: list[Number] = [float(value) for value in row]
            found.append((name, *numbers))
        return found

    def edit(self, row: int, column: int) -> Edit | None:
        """The edit that a cell stands for; None where cells are no edits."""
        if not self.row_features:
            return None
        place = self.column_places[column] if self.column_places else Place()
        feature = self.row_features[row]
        if self.column_heads:
            head = self.column_heads[column]
            feature = msgspec.structs.replace(feature, units=(head,), heads=True)
        if not np.isfinite(self.best[row, column]):
            return None
        return Edit(feature=feature, kind=self.edit_kind, place=place, source=self.edit_source)


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


AnyResult = Picture | Grid | Heatmap | Bars | Table | Curve | Matrix | Intervention | Atlas | Sheet
"""Kinds with a view today; graphs come with the analyses that make them."""
