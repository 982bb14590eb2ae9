"""The atlas of a layer as a result: points, zoom levels of cells, and pictures of the cells."""

from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.look import Look
from interp_gui.core.result_base import Floats, Number, Pixels, Result

Source = Literal["crop", "icon"]
"""A real image cut to what the position sees, or a picture optimised for the cell's direction."""


def _empty() -> Floats:
    return np.zeros((0,), np.float32)


class CellPictures(msgspec.Struct, kw_only=True, eq=False):
    """Pictures of some of a level's cells, all of one size.

    Parameters
    ----------
    level
        Cells a side of the level that they belong to.
    cells
        (n,) int32 indices into that level's arrays.
    pixels
        (n, s, s, 3) uint8.
    steps
        Of the optimisation, 0 for crops; pictures of more steps replace those of fewer.
    cosine
        (n,) float32: between what an icon makes the layer do and the cell's direction; empty for
        crops.
    """

    level: int
    source: Source
    cells: NDArray[np.int32]
    pixels: Pixels
    steps: int = 0
    cosine: Floats = msgspec.field(default_factory=_empty)


class AtlasLevel(msgspec.Struct, kw_only=True, eq=False):
    """The occupied cells of one grid over the map, M of them, row by row.

    Cells are half-open: a point on a border belongs to the cell right of it or below it, so that
    the counts of a level sum to the points inside the map.

    Parameters
    ----------
    side
        Cells a side of the whole grid.
    x, y
        (M,) int16: column from the left, row from the top.
    count
        (M,) int32 points in the cell.
    vectors
        (M, C) float32: plain mean of the points' vectors.
    spread
        (M,) float32: mean cosine distance of the points to the cell's vector, both without the
        layer's mean; 0 for one point.
    purity
        (M,) float32; NaN in cells without a label. Of labels by a column, the share of the points
        that bear the cell's. Of labels by attribution, agreement: the share of the points looked
        at, weighted as their mean is, whose attribution to the cell's class is above zero.
    label
        (M,) int32 index into `Atlas.names`; −1 where a cell has none.
    attribution
        (M, T) float32: mean attribution of the points to the classes `Atlas.classes`; (M, 0)
        where none was computed, NaN in cells of which no point was looked at.
    examples
        (M, E) int32: points of the cell nearest to its vector first; −1 where it has fewer.
    """

    side: int
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    count: NDArray[np.int32]
    vectors: Floats
    spread: Floats
    purity: Floats
    label: NDArray[np.int32]
    attribution: Floats
    examples: NDArray[np.int32]


class Atlas(Result, tag="atlas", kw_only=True, dict=True):
    """A layer's activations laid out on a map: N points of I images, and levels of cells.

    Parameters
    ----------
    layer
        Address.
    layout
        `pca`, `umap` or `tsne`.
    about
        The class, or the two classes, whose atlas it is, in words; empty for a whole layer.
    grid
        Rows and columns of the layer's maps.
    field
        (rows · columns, 4) int32: top, left, bottom, right of what each position sees, in pixels
        of the network's input; may reach beyond it.
    xy
        (N, 2) float32 from the left and from the top; 0 to 1 inside the map. What lies outside is
        counted in `numbers["outside"]` and is in no cell.
    image, place
        (N,) int32: index of the point's image, and position row by row.
    vectors
        (N, C) float32 activations.
    mean, covariance
        (C,) and (C, C) float64 of all recorded activations of the layer, of which the points may
        be a part; the covariance is (0, 0) where the layer has too many units for one.
    weight
        (N,) float32 attribution of points to the class of a class atlas (difference of two);
        empty otherwise.
    paths, sha256
        Of the images: where they are on this machine (never exported), and (I, 32) uint8.
    columns
        What is known of the images, by the name of the column (`label`, `group`, metadata): one
        text an image.
    names
        What cells can be labelled with.
    labelled_by
        `attribution`, a column's name, or empty.
    classes, class_names
        Of the columns of `AtlasLevel.attribution`.
    minimum
        Points that a cell must keep for a picture.
    size
        Height and width of the network's input.
    levels
        Coarsest first.
    pictures
        What was made so far; see `with_pictures`.
    look, seen, side
        What an export draws: how the atlas is looked at, the part of the map (left, top, right,
        bottom), and the level, 0 for the one that suits.
    """

    layer: str
    layout: str
    about: str = ""
    grid: tuple[int, int]
    field: NDArray[np.int32]
    size: tuple[int, int]
    xy: Floats
    image: NDArray[np.int32]
    place: NDArray[np.int32]
    vectors: Floats
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    weight: Floats = msgspec.field(default_factory=_empty)
    paths: tuple[str, ...] = ()
    sha256: NDArray[np.uint8]
    columns: dict[str, tuple[str, ...]] = {}
    names: tuple[str, ...] = ()
    labelled_by: str = ""
    classes: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    minimum: int = 8
    levels: tuple[AtlasLevel, ...] = ()
    pictures: tuple[CellPictures, ...] = ()
    look: Look | None = None
    seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    side: int = 0
    kind: ClassVar[str] = "atlas"

    def level(self, side: int) -> AtlasLevel:
        """The level of so many cells a side; KeyError if it is not offered."""
        for level in self.levels:
            if level.side == side:
                return level
        raise KeyError(side)

    def cell_of(self, side: int) -> NDArray[np.int32]:
        """(N,) index into that level's arrays of each point's cell; −1 outside the map.

        Found once for each level, and not to be written into.
        """
        known = self._cells_found()
        if side not in known:
            found = self._find_cells(self.level(side))
            found.flags.writeable = False
            known[side] = found
        return known[side]

    def _cells_found(self) -> dict[int, NDArray[np.int32]]:
        # beside the fields: neither sent, nor compared, nor taken over when a field is replaced
        found: dict[int, NDArray[np.int32]] = self.__dict__.setdefault("cells_found", {})
        return found

    def _find_cells(self, level: AtlasLevel) -> NDArray[np.int32]:
        side = level.side
        xy = self.xy.astype(np.float64)
        inside = np.asarray(((xy >= 0) & (xy <= 1)).all(axis=1), np.bool_)
        placed = np.where(inside[:, None], xy, 0.0)
        column, row = np.clip(np.floor(placed * side), 0, side - 1).astype(np.int64).T
        table = np.full(side * side, -1, np.int32)
        table[level.y.astype(np.int64) * side + level.x] = np.arange(len(level.x), dtype=np.int32)
        found: NDArray[np.int32] = np.where(inside, table[row * side + column], -1).astype(np.int32)
        return found

    def with_pictures(self, pictures: CellPictures) -> "Atlas":
        """The same atlas with more pictures; a cell keeps the one of most steps of each source."""
        found = msgspec.structs.replace(self, pictures=(*self.pictures, pictures))
        found.__dict__["cells_found"] = self._cells_found()  # the same points, the same cells
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {
            "xy": self.xy, "image": self.image, "place": self.place, "vectors": self.vectors,
            "mean": self.mean, "covariance": self.covariance, "image_sha256": self.sha256,
            "field": self.field, **({"weight": self.weight} if len(self.weight) else {}),
        }  # fmt: skip
        for level in self.levels:
            for name in AtlasLevel.__struct_fields__[1:]:
                found[f"level_{level.side}_{name}"] = getattr(level, name)
        return found

    def rows(self) -> list[tuple[Number, ...]]:
        header: tuple[Number, ...] = ("level", "x", "y", "count", "label", "purity", "spread")
        rows = [header]
        for level in self.levels:
            for i in range(len(level.count)):
                label = self.names[level.label[i]] if level.label[i] >= 0 else ""
                purity = float(level.purity[i])
                rows.append((
                    level.side, int(level.x[i]), int(level.y[i]), int(level.count[i]), label,
                    None if np.isnan(purity) else purity, float(level.spread[i]),
                ))  # fmt: skip
        return rows


class Sheet(Result, tag="sheet", kw_only=True):
    """Pictures for the cells of an atlas that the receiver has already.

    Parameters
    ----------
    layer
        Address.
    atlas
        Hash of the atlas's points and layout (`provenance["atlas_sha256"]` of the Atlas).
    """

    layer: str
    atlas: str
    pictures: CellPictures
    kind: ClassVar[str] = "sheet"

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"cells": self.pictures.cells, "pixels": self.pictures.pixels}
