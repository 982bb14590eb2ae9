"""An atlas made ready to be painted piece by piece: cells by place, points by place, colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.colours import Shades, cell_shades, limits, point_shades
from interp_gui.core.atlas.index import PointIndex
from interp_gui.core.atlas.kinds import Atlas, AtlasLevel, CellPictures, Source
from interp_gui.core.atlas.look import Look

_NONE = -1


@dataclass(frozen=True, eq=False)
class Grid:
    """One level's cells by place, whatever is chosen to be seen of them.

    `table` (side, side): index of the cell in that row and column, −1 where there is none; `cell`
    (N,): each point's.
    """

    level: AtlasLevel
    table: NDArray[np.int32]
    cell: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Cells:
    """What is seen of one level's M cells: points that count, colours, and which picture.

    `sheet` and `row` are −1 where there is no picture; `grown` is the share of its place that a
    picture takes.
    """

    grid: Grid
    count: NDArray[np.int64]
    shades: Shades
    grown: NDArray[np.float64]
    sheet: NDArray[np.int32]
    row: NDArray[np.int32]

    @property
    def pictured(self) -> NDArray[np.bool_]:
        """Which cells are drawn as a picture."""
        found: NDArray[np.bool_] = (self.sheet >= 0) & (self.count > 0)
        return found


class Sheets:
    """Which picture each cell has, of each source: the one of most steps, the newest of equals."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._found: dict[tuple[int, Source], NDArray[np.int32]] = {}
        self._count = 0
        for pictures in atlas.pictures:
            self.add(pictures)

    def add(self, pictures: CellPictures) -> NDArray[np.int32]:
        """Take note of more pictures; gives the cells whose picture is another one now."""
        number, self._count = self._count, self._count + 1
        none = np.zeros(0, np.int32)
        try:
            size = len(self._atlas.level(pictures.level).x)
        except KeyError:
            return none
        known = self._found.setdefault(
            (pictures.level, pictures.source), np.full((3, size), _NONE, np.int32)
        )
        rows = np.flatnonzero((pictures.cells >= 0) & (pictures.cells < size))
        cells = pictures.cells[rows]
        better = known[2, cells] <= pictures.steps
        cells = cells[better]
        known[:, cells] = np.stack([
            np.full(len(cells), number), rows[better], np.full(len(cells), pictures.steps)
        ])  # fmt: skip
        changed: NDArray[np.int32] = cells
        return changed

    def of(self, side: int, source: Source) -> NDArray[np.int32] | None:
        """(2, M): sheet and row of each cell's picture; None if there is not one."""
        found = self._found.get((side, source))
        return None if found is None else found[:2]


class Scene:
    """An atlas as it is looked at.

    Parameters
    ----------
    base
        A scene of the same atlas, what is the same of which is used again.
    """

    def __init__(
        self, atlas: Atlas, look: Look | None = None, *, base: "Scene | None" = None
    ) -> None:
        self.atlas = atlas
        self.look = look or Look()
        self.sides = tuple(sorted(level.side for level in atlas.levels if len(level.x)))
        same = base if base is not None and base.atlas is atlas else None
        self._grids: dict[int, Grid] = same._grids if same is not None else {}
        self._sheets: Sheets = same._sheets if same is not None else Sheets(atlas)
        self._cells: dict[int, Cells] = {}
        shown = self.look.shown
        keeps = same is not None and _equal(same.look.shown, shown)
        self.index: PointIndex = (
            same.index if same is not None and keeps else PointIndex(atlas.xy, shown)
        )
        """Points that count, by place."""
        self.ends = limits(self.look)
        """Values at the ends of the colours."""
        self.shades = point_shades(self.look, len(atlas.xy), self.ends)

    def with_look(self, look: Look) -> "Scene":
        """The same atlas looked at otherwise."""
        return Scene(self.atlas, look, base=self)

    def add_pictures(self, pictures: CellPictures) -> NDArray[np.int32]:
        """Show more pictures; gives the cells that are drawn otherwise now."""
        self.atlas = self.atlas.with_pictures(pictures)
        self._cells.pop(pictures.level, None)
        return self._sheets.add(pictures)

    def grid(self, side: int) -> Grid:
        """A level's cells by place."""
        if side not in self._grids:
            level = self.atlas.level(side)
            table = np.full((side, side), _NONE, np.int32)
            table[level.y, level.x] = np.arange(len(level.x), dtype=np.int32)
            self._grids[side] = Grid(level, table, self.atlas.cell_of(side))
        return self._grids[side]

    def cells(self, side: int) -> Cells:
        """What is seen of a level's cells."""
        if side not in self._cells:
            self._cells[side] = self._look_at(self.grid(side))
        return self._cells[side]

    def prepare(self) -> bool:
        """Look at the cells of one more level; whether all of them are ready now."""
        for side in self.sides:
            if side not in self._cells:
                self.cells(side)
                return False
        return True

    def source(self) -> Source:
        """Which pictures cells are to have that have none."""
        return "icon" if self.look.draw == "icons" else "crop"

    def _look_at(self, grid: Grid) -> Cells:
        number, side = len(grid.level.x), grid.level.side
        points = self.index.points
        cell = grid.cell[points].astype(np.int64)
        inside = cell >= 0
        points, cell = points[inside], cell[inside]
        count = np.bincount(cell, minlength=number)
        shades = cell_shades(self.look, cell, points, number, self.ends)
        grown = np.ones(number)
        if self.look.sized and number:
            usual = max(1.0, float(count[count > 0].mean()) if (count > 0).any() else 1.0)
            grown = np.minimum(1.0, np.sqrt(count / usual))
        where = np.full((2, number), _NONE, np.int32)
        wanted: dict[str, tuple[Source, ...]] = {
            "auto": ("crop", "icon"), "crops": ("crop",), "icons": ("icon",), "points": (),
        }  # fmt: skip
        for source in wanted[self.look.draw]:
            found = self._sheets.of(side, source)
            if found is not None:
                where = np.where(found[0] >= 0, found, where)
        return Cells(grid, count, shades, grown, where[0], where[1])


def _equal(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or np.array_equal(a, b)
