"""The map of an atlas, painted: tiles, marks, names, minimap. What the hand does is in `canvas`."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.atlas.display import shown_side
from interp_gui.core.atlas.kinds import Atlas, CellPictures
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.gui.atlas.camera import device_view
from interp_gui.gui.atlas.marks import LINKED, MarkPainter, Points, mark_of, paint_path
from interp_gui.gui.atlas.minimap import Minimap
from interp_gui.gui.atlas.painting import KeptLabels, NamePainter, paint_tile
from interp_gui.gui.atlas.picking import Wanted, wanted
from interp_gui.gui.atlas.tiles import TileLayer
from interp_gui.gui.atlas.travelling import FRAME_MS, TravellingWidget

MOVING_BUDGET_S, RESTING_BUDGET_S = 0.004, 0.008
"""How long a frame may make tiles."""
_MAP_BYTES, _MARK_BYTES = 96 * 2**20, 48 * 2**20
_WANTED_MS = 150


class MapWidget(TravellingWidget):
    """Paints an atlas at any zoom at the same cost, whatever there is of it.

    Signals
    -------
    pictures_wanted
        `Wanted`: cells that are seen and have no picture; sent when the view comes to rest, and
        again when that changes.
    """

    pictures_wanted = Signal(object)
    scene: Scene | None = None
    """What is painted; of the class, because Qt sends events before a widget is complete."""

    def __init__(self, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hint = hint
        self.minimap = Minimap()
        self._selection: Points = np.zeros(0, np.int64)
        self._linked: Points = np.zeros(0, np.int64)
        self._path: NDArray[np.float64] = np.zeros((0, 2))
        self._names = NamePainter()
        self._written = KeptLabels()
        self._mark_painter = MarkPainter()
        self._map = TileLayer(self._map_tile, most_bytes=_MAP_BYTES)
        self._marks = TileLayer(self._mark_tile, most_bytes=_MARK_BYTES)
        self._ratio = 0.0
        self._asked: tuple[int, str, bytes] | None = None
        self._asking = self._timer(_WANTED_MS, self._ask)
        self._again = self._timer(0, self.update)
        self.view_changed.connect(self._asking.start)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    # --- what is shown ----------------------------------------------------------------------

    @property
    def atlas(self) -> Atlas | None:
        """With the pictures that were added; None while there is none."""
        return None if self.scene is None else self.scene.atlas

    @property
    def look(self) -> Look:
        """How it is looked at."""
        return Look() if self.scene is None else self.scene.look

    @property
    def selection(self) -> Points:
        """The chosen points, in ascending order."""
        return self._selection

    @property
    def side(self) -> int:
        """Cells a side of the level that is seen; 0 if none is."""
        return 0 if self.scene is None else shown_side(self.scene.sides, self.camera.view())

    @property
    def tile_bytes(self) -> int:
        """Memory that painted tiles take."""
        return self._map.size_bytes + self._marks.size_bytes

    def set_atlas(self, atlas: Atlas | None) -> None:
        """Show another one, all of it; or none, and the hint."""
        look = self.look if atlas is None or _fits(self.look, len(atlas.xy)) else Look()
        self.scene = None if atlas is None else Scene(atlas, look)
        self.camera.finest_side = self.scene.sides[-1] if self.scene and self.scene.sides else 0
        self.camera.go_home()
        self.camera.arrive()
        self._selection = self._linked = np.zeros(0, np.int64)
        self._path = np.zeros((0, 2))
        self._mark_painter.set_marks()
        self._asked = None
        self._forget_tiles()
        self._moved()

    def set_look(self, look: Look) -> None:
        """Colour, filter and draw it otherwise."""
        if self.scene is None:
            return
        self.scene = self.scene.with_look(look)
        self._mark_painter.scene_changed()
        self._map.outdate()
        self._marks.outdate()
        self._asking.start()
        self.update()

    def add_pictures(self, pictures: CellPictures) -> None:
        """Show more pictures of cells."""
        if self.scene is None:
            return
        cells = self.scene.add_pictures(pictures)
        if not len(cells):
            return
        grid = self.scene.grid(pictures.level)
        changed = np.zeros((pictures.level, pictures.level), bool)
        changed[grid.level.y[cells], grid.level.x[cells]] = True
        for layer in (self._map, self._marks):
            layer.outdate_cells(pictures.level, changed, self._side_at)
        self._asking.start()
        self.update()

    def set_selection(self, points: Points) -> None:
        """Mark points as chosen; no signal is sent."""
        self._selection = np.unique(np.asarray(points, np.int64))
        self._mark()

    def set_linked(self, points: Points) -> None:
        """Mark points that are chosen elsewhere."""
        self._linked = np.unique(np.asarray(points, np.int64))
        self._mark()

    def set_path(self, xy: NDArray[np.floating]) -> None:
        """Draw a line through (n, 2) places of the map; places that are no numbers are left out."""
        places = np.asarray(xy, np.float64).reshape(-1, 2)
        self._path = places[np.isfinite(places).all(axis=1)]
        self.update()

    def _mark(self, preview: Points | None = None) -> None:
        """Mark what is chosen, or what would be."""
        count = 0 if self.scene is None else len(self.scene.atlas.xy)
        chosen = self._selection if preview is None else preview
        highlight = self.palette().color(QPalette.ColorRole.Highlight)
        self._mark_painter.set_marks(
            mark_of(self._linked, count, LINKED), mark_of(chosen, count, highlight)
        )
        self._marks.outdate()
        self.update()

    def centre_on(self, points: Points) -> None:
        """Go to where points are, as close as shows them all."""
        if self.scene is None:
            return
        xy = self.scene.atlas.xy[np.asarray(points, np.int64)].astype(np.float64)
        xy = np.clip(xy[np.isfinite(xy).all(axis=1)], 0, 1)
        if len(xy):
            self.look_at(*xy.min(axis=0).tolist(), *xy.max(axis=0).tolist())

    def _ask(self) -> None:
        """Say which pictures are wanted, if they are others than the last time."""
        if self.scene is None or self.camera.is_moving or not self.isVisible():
            return
        found = wanted(self.scene, self.camera.view())
        if found is None:
            found = Wanted(0, self.scene.source())
        asked = (found.side, found.source, np.sort(found.cells).tobytes())
        if asked != self._asked and (len(found.cells) or self._asked is not None):
            self._asked = asked
            self.pictures_wanted.emit(found)

    # --- painting ---------------------------------------------------------------------------

    def finish(self) -> None:
        """Make everything that is to be seen now; for pictures of the window."""
        self.camera.arrive()
        self._settling.stop()
        image = QImage(1, 1, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        while not self._paint_tiles(painter, math.inf, resting=True):
            continue
        if self.scene is not None:
            self._paint_over(painter, self.scene, math.inf)
        painter.end()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        if self.scene is None:
            self._paint_hint(painter)
        else:
            resting = self.is_resting
            until_s = started + (RESTING_BUDGET_S if resting else MOVING_BUDGET_S)
            done = self._paint_tiles(painter, until_s, resting=resting)
            if not self._paint_over(painter, self.scene, until_s) or not done:
                self._again.start(0 if resting else FRAME_MS)
        painter.end()

    def _paint_tiles(self, painter: QPainter, until_s: float, *, resting: bool) -> bool:
        ratio = self.devicePixelRatioF()
        if ratio != self._ratio:
            self._ratio = ratio
            self._forget_tiles()
        rung = self._rung() * ratio
        self._map.kept_rung = self.camera.fit_scale * ratio
        view = device_view(self.camera.view(), ratio)
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        before = self._map.made
        looked_at = self.looked_at()
        focus = None if looked_at is None else (looked_at[0] * ratio, looked_at[1] * ratio)
        done = self._map.draw(painter, view, rung, until_s=until_s, focus=focus)
        if self._mark_painter.any:
            must = self._map.made == before
            marked = self._marks.draw(painter, view, rung, until_s=until_s, focus=focus, must=must)
            done = marked and done
        painter.restore()
        if done and resting and self.scene is not None:  # what may be needed next
            done = self._map.prepare(self._map.kept_rung, ratio) and self.scene.prepare()
            if done:
                self.minimap.prepare(self.scene, self.palette(), ratio)
        return done

    def _rung(self) -> float:
        """Scale of the tiles to be painted."""
        here, goal = self.camera.here.scale, self.camera.goal.scale
        if self.is_settled:
            return here
        if self.camera.is_moving and 0.66 < here / goal < 1.6:
            return goal
        fit = self.camera.fit_scale
        half_octaves = round(2 * math.log2(here / fit))
        return fit * math.exp2(half_octaves / 2)

    def _paint_over(self, painter: QPainter, scene: Scene, until_s: float) -> bool:
        view, ratio, palette = self.camera.view(), self.devicePixelRatioF(), self.palette()
        roles = QPalette.ColorRole
        done = self._names.paint(
            painter, self._written.labels(scene, view), font=self.font(), until_s=until_s,
            text=palette.color(roles.Text), halo=palette.color(roles.Base), ratio=ratio,
        )  # fmt: skip
        paint_path(painter, view.to_pixels(self._path), palette)
        self.paint_marks(painter, scene, view)
        self.minimap.paint(painter, scene, self.camera, palette, ratio=ratio)
        return done

    def looked_at(self) -> tuple[float, float] | None:
        """The pixel around which tiles are made first; None for the middle."""
        return None

    def paint_marks(self, painter: QPainter, scene: Scene, view: View) -> None:
        """Draw what the hand and the keyboard are on."""

    def _paint_hint(self, painter: QPainter) -> None:
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            self.rect().adjusted(24, 16, -24, -16),
            int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
            self.hint,
        )

    def _map_tile(self, view: View) -> QImage | None:
        if self.scene is None:
            return None
        return paint_tile(self.scene, view, self.palette().color(QPalette.ColorRole.Base))

    def _mark_tile(self, view: View) -> QImage | None:
        return None if self.scene is None else self._mark_painter.paint_tile(self.scene, view)

    def _side_at(self, rung: float) -> int:
        """Cells a side of the level of tiles of a scale."""
        sides = () if self.scene is None else self.scene.sides
        ratio = self._ratio or 1.0
        return shown_side(sides, View(left=0, top=0, scale=rung, width=1, height=1, ratio=ratio))

    def cell_area(self, cell: int, side: int) -> QRectF:
        """Where a cell's place is in the window."""
        if self.scene is None or side not in self.scene.sides or cell < 0:
            return QRectF()
        level = self.scene.grid(side).level
        size = self.camera.here.scale / side
        x, y = self.camera.to_pixel(level.x[cell] / side, level.y[cell] / side)
        return QRectF(x, y, size, size)

    def _forget_tiles(self) -> None:
        self._map.clear()
        self._marks.clear()
        self._names.clear()
        self.minimap.clear()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange)
        if event.type() in kinds:
            self._forget_tiles()
            self._mark()


def _fits(look: Look, count: int) -> bool:
    """Whether a look can be one of so many points."""
    arrays = (look.values, look.categories, look.shown)
    return all(array is None or len(array) == count for array in arrays)
