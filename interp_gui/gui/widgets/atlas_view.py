"""Views of atlases and of sheets of their pictures, as they stand among other results."""

import math

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from interp_gui.core.atlas.display import labels, shown_side
from interp_gui.core.atlas.kinds import Atlas, Sheet
from interp_gui.core.atlas.labels import kept_inside
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import View
from interp_gui.core.result import Pixels
from interp_gui.gui.atlas.painting import NamePainter, paint_tile
from interp_gui.gui.widgets.picture import ImageCanvas
from interp_gui.gui.widgets.pixels import to_image
from interp_gui.gui.widgets.view import ResultView

MARGIN_PX = 6


class AtlasView(ResultView[Atlas]):
    """The whole map, still; the Atlas tab is where one moves about in it."""

    accessible_role = "Graphic"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Scene | None = None
        self._painted: tuple[object, QImage] | None = None
        self._names = NamePainter()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 160)

    def result_changed(self) -> None:
        atlas = self._result
        self._scene = Scene(atlas, atlas.look or Look()) if atlas is not None else None
        self._painted = None
        if atlas is not None:
            sides = ", ".join(str(level.side) for level in atlas.levels)
            words = f"{len(atlas.xy):,} points, levels of {sides or 'no'} cells a side"
            self.setAccessibleDescription(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        scene, atlas = self._scene, self._result
        if scene is None or atlas is None:
            return
        ratio = self.devicePixelRatioF()
        palette = self.palette()
        background = palette.color(QPalette.ColorRole.Base)
        painter = QPainter(self)
        painter.fillRect(self.rect(), background)
        image = self._tile(scene, atlas, ratio, background)
        if image is not None:
            painter.drawImage(0, 0, image)
        view = View.fit(self.width(), self.height(), margin=MARGIN_PX, side=atlas.side)
        found = labels(scene, view, shown_side(scene.sides, view))
        found = kept_inside(found, view.width, view.height)
        text = palette.color(QPalette.ColorRole.Text)
        self._names.paint(painter, found, font=self.font(), text=text, halo=background, ratio=ratio)
        painter.end()

    def _tile(self, scene: Scene, atlas: Atlas, ratio: float, background: QColor) -> QImage | None:
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        key = (width, height, background.rgb())
        if self._painted is None or self._painted[0] != key:
            view = View.fit(width, height, margin=MARGIN_PX * ratio, ratio=ratio, side=atlas.side)
            image = paint_tile(scene, view, background)
            if image is None:
                return None
            image.setDevicePixelRatio(ratio)
            self._painted = (key, image)
        return self._painted[1]


class SheetView(ImageCanvas[Sheet]):
    """Pictures of cells side by side, in the order in which they came."""

    def result_changed(self) -> None:
        sheet = self._result
        if sheet is None:
            return
        pictures = sheet.pictures
        what = "real crops" if pictures.source == "crop" else f"icons of {pictures.steps} steps"
        count = len(pictures.cells)
        self.setAccessibleDescription(
            f"{count} {what}, of the level of {pictures.level} cells a side"
        )
        self.set_image(to_image(side_by_side(pictures.pixels)))


def side_by_side(pixels: Pixels) -> Pixels:
    """(n, s, s, 3) pictures as one picture of about as many rows as columns, a pixel apart."""
    count, side = pixels.shape[:2]
    if not count:
        return np.zeros((0, 0, 3), np.uint8)
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    whole = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1, 3), 128, np.uint8)
    for at in range(count):
        top, left = (at // columns) * (side + 1), (at % columns) * (side + 1)
        whole[top : top + side, left : left + side] = pixels[at]
    return whole
