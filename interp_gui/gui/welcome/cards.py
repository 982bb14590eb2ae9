"""A sample as a card: its picture, its name and a sentence."""

from contextlib import suppress

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.welcome.surface import RADIUS_PX, Surface
from interp_gui.resources import resource_path
from interp_gui.samples.catalog import Sample

NARROWEST_PX = 140
"""A card is never narrower."""


class SamplePicture(QLabel):
    """The shipped picture of a sample, cut to fill its place, with round upper corners.

    It is read when it is first shown: the window's first paint must not wait for it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._image = QImage()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._image.isNull():
            QTimer.singleShot(0, self, self._read)

    def _read(self) -> None:
        with suppress(FileNotFoundError):  # a card without its picture still opens its sample
            self._image = QImage(str(resource_path(self._name)))
        self.update()

    def paintEvent(self, event: object) -> None:
        if self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        filled = self._image.scaled(
            size, Qt.AspectRatioMode.KeepAspectRatioByExpanding,
            Qt.TransformationMode.SmoothTransformation,
        )  # fmt: skip
        left, top = (filled.width() - size.width()) // 2, (filled.height() - size.height()) // 2
        pixels = QPixmap.fromImage(filled.copy(left, top, size.width(), size.height()))
        pixels.setDevicePixelRatio(ratio)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        path = QPainterPath()
        path.addRoundedRect(0, 0, self.width(), self.height() + RADIUS_PX, RADIUS_PX, RADIUS_PX)
        painter.setClipPath(path)
        painter.drawPixmap(0, 0, pixels)
        painter.end()


class SampleCard(Surface):
    """Press it to open the sample."""

    def __init__(self, sample: Sample, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sample = sample
        self.setAccessibleName(f"Open the sample {sample.title}")
        self.setAccessibleDescription(f"{sample.text} {sample.size}")
        self.setToolTip(sample.text)
        self.setMinimumWidth(NARROWEST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._title = parts.label(sample.title)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._text = parts.label(sample.text, dim=True)
        column = parts.column(self, margin=2, spacing=0)
        self._picture = SamplePicture(sample.picture)
        column.addWidget(self._picture)
        words = parts.column(margin=theme.SPACE_M, spacing=theme.SPACE_XS)
        for label in (self._title, self._text):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            words.addWidget(label)
        column.addLayout(words)
        column.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture.setFixedHeight(self.width() // 2)

    def set_compact(self, compact: bool) -> None:
        """Do without the sentence where there is little room; it stays in the tooltip."""
        self._text.setVisible(not compact)
