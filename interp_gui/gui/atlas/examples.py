"""The examples of a cell or a selection: real images cut to what the positions see."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QMimeData, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QIcon, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.errors import InterpError
from interp_gui.core.model import Preprocessing
from interp_gui.core.result import Pixels
from interp_gui.gui.background import Background
from interp_gui.gui.widgets.pixels import to_image

SIDE_PX = 56
MOST = 12
PATH = Qt.ItemDataRole.UserRole
_KEPT = 400


@dataclass(frozen=True)
class Example:
    """One position of one image.

    Parameters
    ----------
    field
        Top, left, bottom, right of what the position sees, in pixels of the network's input.
    """

    path: str
    words: str
    field: tuple[int, int, int, int]


def examples_of(atlas: Atlas, points: Sequence[int]) -> list[Example]:
    """What some points of an atlas are positions of."""
    labels = atlas.columns.get("label", ())
    found = []
    for point in points:
        if not 0 <= point < len(atlas.image) or atlas.image[point] >= len(atlas.paths):
            continue
        image = int(atlas.image[point])
        row, column = divmod(int(atlas.place[point]), atlas.grid[1])
        path = atlas.paths[image]
        parts = [path.replace("\\", "/").rpartition("/")[2]]
        if labels and labels[image]:
            parts.append(labels[image])
        parts.append(f"row {row + 1}, column {column + 1}")
        top, left, bottom, right = (int(v) for v in atlas.field[int(atlas.place[point])])
        found.append(Example(path, " · ".join(parts), (top, left, bottom, right)))
    return found


def cut(example: Example, preprocessing: Preprocessing) -> Pixels:
    """The part of an image that a position sees, as the network sees it. Runs in a worker."""
    from interp_gui.core.preprocessing import as_seen, read_for

    pixels = as_seen(read_for(example.path, preprocessing), preprocessing)
    height, width = pixels.shape[:2]
    top, left, bottom, right = example.field
    top, left = max(0, min(top, height - 1)), max(0, min(left, width - 1))
    bottom, right = max(top + 1, min(bottom, height)), max(left + 1, min(right, width))
    return pixels[top:bottom, left:right]


class ExampleStrip(QListWidget):
    """Thumbnails side by side; each can be opened, and dragged as the image that it is cut from.

    Signals
    -------
    opened
        Path of an image that was double-clicked, or chosen by Enter.
    """

    opened = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._pixmaps: dict[Example, QPixmap] = {}
        self._shown: list[Example] = []
        self.setAccessibleName("Examples")
        self.setAccessibleDescription("Enter opens the image; drag one to see its path on the map")
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setIconSize(QSize(SIDE_PX, SIDE_PX))
        self.setGridSize(QSize(SIDE_PX + 6, SIDE_PX + 6))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.itemActivated.connect(lambda item: self.opened.emit(item.data(PATH)))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as its lines: what is around it scrolls."""
        per_line = max(1, (self.width() - 4) // (SIDE_PX + 6))
        lines = max(1, -(-self.count() // per_line))
        self.setFixedHeight(lines * (SIDE_PX + 6) + 6)

    def show_examples(self, examples: Sequence[Example], preprocessing: Preprocessing) -> None:
        """Show these; pictures come as they are read."""
        wanted = list(dict.fromkeys(examples))[:MOST]
        if wanted == self._shown:
            return
        self._shown = wanted
        self.clear()
        for example in wanted:
            item = QListWidgetItem()
            item.setData(PATH, example.path)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, example.words)
            item.setToolTip(example.words)
            item.setIcon(QIcon(self._pixmaps.get(example, self._blank())))
            self.addItem(item)
        self._fit()
        lacking = [example for example in wanted if example not in self._pixmaps]
        if lacking:
            self._read(lacking, preprocessing)

    def _read(self, examples: list[Example], preprocessing: Preprocessing) -> None:
        def read() -> list[tuple[Example, Pixels | None]]:
            found: list[tuple[Example, Pixels | None]] = []
            for example in examples:
                try:
                    found.append((example, cut(example, preprocessing)))
                except (InterpError, OSError, ValueError, MemoryError):
                    found.append((example, None))  # moved or broken since
            return found

        self._background.run(read, self._came, key=f"atlas-examples:{id(self)}")

    def forget(self) -> None:
        """Show nothing, and wait for nothing."""
        self._background.forget(f"atlas-examples:{id(self)}")
        self._shown = []
        self.clear()

    def _came(self, found: list[tuple[Example, Pixels | None]]) -> None:
        ratio = self.devicePixelRatioF()
        for example, pixels in found:
            if pixels is None:
                continue
            side = round(SIDE_PX * ratio)
            image = to_image(pixels).scaled(
                side, side, Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )  # fmt: skip
            pixmap = QPixmap.fromImage(image)
            pixmap.setDevicePixelRatio(ratio)
            self._pixmaps[example] = pixmap
        while len(self._pixmaps) > _KEPT:
            del self._pixmaps[next(iter(self._pixmaps))]
        for at, example in enumerate(self._shown):
            item = self.item(at)
            if item is not None and example in self._pixmaps:
                item.setIcon(QIcon(self._pixmaps[example]))

    def _blank(self) -> QPixmap:
        blank = QPixmap(SIDE_PX, SIDE_PX)
        blank.fill(self.palette().alternateBase().color())
        return blank

    def mimeData(self, items: Sequence[QListWidgetItem]) -> QMimeData:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(item.data(PATH))) for item in items])
        return mime
