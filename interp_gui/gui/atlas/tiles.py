"""A pyramid of painted tiles: what was painted is used again, what is missing is made by and by.

Each scale that one rests at is a rung of the pyramid, so that tiles at rest are seen pixel by
pixel; on the way between two rungs, those at hand are stretched.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QImage, QPainter

from interp_gui.core.atlas.view import View

TILE_PX = 256
PAD_PX = 16
"""The first tile begins so far outside the map: dots at its edge are not cut."""
_RUNGS_TRIED = 5
_MOST_STRETCHED = 24

Key = tuple[float, int, int]
"""Pixels a side of the map, column and row."""


@dataclass
class Tile:
    """A painted piece; `image` is None where nothing is drawn but the background."""

    image: QImage | None
    stale: bool = False

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return 256 if self.image is None else self.image.sizeInBytes()


class TileLayer:
    """Paints views of one thing out of tiles.

    Parameters
    ----------
    paint
        Gives the picture of a view of `TILE_PX` pixels a side; None if nothing is in it.
    most_bytes
        Memory that tiles may take; those that were not seen for longest go first.
    """

    def __init__(self, paint: Callable[[View], QImage | None], *, most_bytes: int) -> None:
        self._paint = paint
        self._most_bytes = most_bytes
        self._tiles: OrderedDict[Key, Tile] = OrderedDict()
        self._rungs: dict[float, int] = {}
        self.size_bytes = 0
        self.kept_rung = 0.0
        """A rung whose tiles are never dropped: there is always something to stretch."""
        self._usual_s = 0.002
        """Time that a tile takes."""
        self.made = 0
        """Tiles painted so far; for tests and measurements."""

    def __len__(self) -> int:
        return len(self._tiles)

    def clear(self) -> None:
        """Forget everything."""
        self._tiles.clear()
        self._rungs.clear()
        self.size_bytes = 0

    def outdate(self) -> None:
        """Paint everything anew; what was painted is shown until then."""
        for tile in self._tiles.values():
            tile.stale = True

    def outdate_cells(
        self, side: int, changed: NDArray[np.bool_], shows: Callable[[float], int]
    ) -> None:
        """Paint the tiles anew that show changed cells.

        Parameters
        ----------
        changed
            (side, side), row by row.
        shows
            Cells a side of the level that is seen at a rung.
        """
        sums = np.zeros((side + 1, side + 1), np.int64)
        sums[1:, 1:] = changed.cumsum(axis=0).cumsum(axis=1)
        levels = {rung: shows(rung) for rung in self._rungs}
        for (rung, column, row), tile in self._tiles.items():
            if levels[rung] != side:
                continue
            x0, x1 = (_bound((c * TILE_PX - PAD_PX) / rung, side) for c in (column, column + 1))
            y0, y1 = (_bound((r * TILE_PX - PAD_PX) / rung, side) for r in (row, row + 1))
            x1, y1 = min(side, x1 + 1), min(side, y1 + 1)
            if sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]:
                tile.stale = True

    # --- painting ---------------------------------------------------------------------------

    def draw(
        self, painter: QPainter, view: View, rung: float, *, until_s: float,
        focus: tuple[float, float] | None = None, must: bool = True,
    ) -> bool:  # fmt: skip
        """Paint a view in device pixels.

        Parameters
        ----------
        rung
            Scale of the tiles that are to be seen, in device pixels a side of the map.
        until_s
            `time.perf_counter()` until which missing tiles may be made.
        must
            Whether at least one is, however late it is.
        focus
            Pixel nearest to which tiles are made first; the middle of the view if None.

        Returns
        -------
        Whether everything is seen as it should be.
        """
        keys = self._seen(view, rung)
        missing = [k for k in keys if k not in self._tiles or self._tiles[k].stale]
        x, y = focus or (view.width / 2, view.height / 2)
        missing.sort(key=lambda key: -_apart(_rect(key, view), x, y))
        now = time.perf_counter()
        while missing and (must or now + self._usual_s < until_s):
            self._make(missing.pop(), view.ratio)
            must, started = False, now
            now = time.perf_counter()
            self._usual_s += 0.2 * (now - started - self._usual_s)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, rung != view.scale)
        others = self._others(view, rung) if missing else []
        bare: list[QRect] = []
        for key in keys:
            tile, area = self._tiles.get(key), _rect(key, view)
            if tile is None:
                bare.append(area)
                continue
            self._tiles.move_to_end(key)
            if tile.image is not None:
                painter.drawImage(area, tile.image)
        for row in _joined(bare):
            whole = row[0].united(row[-1])
            if not self._draw_instead(painter, view, others, whole) and len(row) > 1:
                for area in row:
                    self._draw_instead(painter, view, others, area)
        self._drop(len(keys))
        return not missing

    def prepare(self, rung: float, ratio: float) -> bool:
        """Make one more tile of a whole rung; whether all of them are there."""
        whole = View(left=0, top=0, scale=rung, width=math.ceil(rung), height=math.ceil(rung))
        for key in self._seen(whole, rung):
            if key not in self._tiles or self._tiles[key].stale:
                self._make(key, ratio)
                return False
        return True

    def _seen(self, view: View, rung: float) -> list[Key]:
        """Tiles of a rung that a view touches, and that can have anything in them."""
        last = math.floor((rung + 2 * PAD_PX - 1e-6) / TILE_PX)
        size = TILE_PX / rung
        pad = PAD_PX / rung

        def run(low: float, high: float) -> range:
            end = min(last, math.floor((high + pad) / size))
            return range(max(0, math.floor((low + pad) / size)), end + 1)

        columns, rows = run(view.left, view.right), run(view.top, view.bottom)
        return [(rung, column, row) for row in rows for column in columns]

    def _make(self, key: Key, ratio: float) -> None:
        rung, column, row = key
        image = self._paint(
            View(
                left=(column * TILE_PX - PAD_PX) / rung, top=(row * TILE_PX - PAD_PX) / rung,
                scale=rung, width=TILE_PX, height=TILE_PX, ratio=ratio,
            )
        )  # fmt: skip
        self.made += 1
        self._forget(key)
        self._tiles[key] = tile = Tile(image)
        self._rungs[rung] = self._rungs.get(rung, 0) + 1
        self.size_bytes += tile.size_bytes

    def _forget(self, key: Key) -> None:
        tile = self._tiles.pop(key, None)
        if tile is None:
            return
        self.size_bytes -= tile.size_bytes
        self._rungs[key[0]] -= 1
        if not self._rungs[key[0]]:
            del self._rungs[key[0]]

    def _drop(self, in_use: int) -> None:
        """Let go of what was not seen for longest, but never of what is seen now."""
        if self.size_bytes <= self._most_bytes:
            return
        for key in list(self._tiles)[: len(self._tiles) - in_use]:
            if key[0] != self.kept_rung:
                self._forget(key)
                if self.size_bytes <= self._most_bytes:
                    return

    def _others(self, view: View, rung: float) -> list[float]:
        """Rungs of which tiles may be stretched, the nearest first."""
        near = sorted(
            (other for other in self._rungs if other != rung),
            key=lambda other: abs(math.log(other / view.scale)),
        )
        return near[:_RUNGS_TRIED] + [self.kept_rung] * (self.kept_rung in self._rungs)

    def _draw_instead(self, painter: QPainter, view: View, rungs: list[float], area: QRect) -> bool:
        """Stretch what the first rung has that has all of an area; False if none has."""
        window = area.intersected(QRect(0, 0, view.width, view.height))
        if window.isEmpty():
            return True
        piece = View(
            left=view.left + window.left() / view.scale, top=view.top + window.top() / view.scale,
            scale=view.scale, width=window.width(), height=window.height(),
        )  # fmt: skip
        for rung in rungs:
            keys = self._seen(piece, rung)
            if len(keys) > _MOST_STRETCHED or any(k not in self._tiles for k in keys):
                continue
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            for other in keys:
                image = self._tiles[other].image
                if image is not None:
                    _draw_part(painter, image, _rect(other, view), window)
            return True
        return False


def _joined(areas: list[QRect]) -> list[list[QRect]]:
    """Areas in runs that stand side by side."""
    rows: list[list[QRect]] = []
    for area in areas:
        last = rows[-1][-1] if rows else QRect()
        if rows and last.top() == area.top() and last.right() + 1 == area.left():
            rows[-1].append(area)
        else:
            rows.append([area])
    return rows


def _bound(place: float, side: int) -> int:
    return min(side, max(0, math.floor(place * side)))


def _rect(key: Key, view: View) -> QRect:
    """Where a tile is seen: on whole pixels, which it shares with its neighbours: no seams."""
    rung, column, row = key
    scale = view.scale
    size, pad = TILE_PX * scale / rung, PAD_PX * scale / rung - 0.5
    x, y = view.left * scale + pad, view.top * scale + pad
    left, top = math.floor(column * size - x), math.floor(row * size - y)
    right, bottom = math.floor((column + 1) * size - x), math.floor((row + 1) * size - y)
    return QRect(left, top, right - left, bottom - top)


def _apart(area: QRect, x: float, y: float) -> float:
    return (area.x() + area.width() / 2 - x) ** 2 + (area.y() + area.height() / 2 - y) ** 2


def _draw_part(painter: QPainter, image: QImage, area: QRect, window: QRect) -> None:
    """Paint what of an image stretched over an area lies in a window."""
    seen = area.intersected(window)
    if seen.isEmpty():
        return
    across, down = image.width() / area.width(), image.height() / area.height()
    source = QRectF(
        (seen.left() - area.left()) * across, (seen.top() - area.top()) * down,
        seen.width() * across, seen.height() * down,
    )  # fmt: skip
    painter.drawImage(QRectF(seen), image, source)
