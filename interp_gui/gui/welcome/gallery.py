"""The samples gallery: what they are, how large, and whether they must be downloaded."""

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from interp_gui.gui import parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.welcome.cards import SamplePicture
from interp_gui.samples.catalog import Sample, samples

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.welcome.opening import SampleOpener

ALWAYS_HERE = "Comes with interp-gui"
LOOKING = "Looking whether it is here…"
HERE = "On this computer"
MISSING = "Not on this computer"


class SampleRow(QFrame):
    """One sample: picture, name, sentence, size, and a button that opens it."""

    def __init__(self, sample: Sample, open_: Callable[[Sample, bool], object]) -> None:
        super().__init__()
        self.sample = sample
        self.setProperty("card", True)
        self.setAccessibleName(sample.title)
        self._missing = False
        picture = SamplePicture(sample.picture)
        picture.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        picture.setFixedSize(232, 116)
        title = parts.label(sample.title)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.status = parts.label(dim=True)
        self.button = QPushButton("Open")
        self.button.setAccessibleName(f"Open {sample.title}")
        self.button.setToolTip("Open this network and its pictures")
        self.button.clicked.connect(lambda: open_(sample, self._missing))
        words = parts.column(margin=theme.SPACE_M, spacing=theme.SPACE_S)
        words.addWidget(title)
        words.addWidget(parts.label(sample.text))
        words.addWidget(self.status)
        words.addStretch(1)
        foot = parts.row()
        foot.addStretch(1)
        foot.addWidget(self.button)
        words.addLayout(foot)
        row = parts.row(margin=1, spacing=0)
        self.setLayout(row)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self._say(LOOKING if sample.download_mb else ALWAYS_HERE)

    def show_place(self, is_here: bool) -> None:
        """Say whether it is on this computer; opening it downloads it if it is not."""
        self._missing = not is_here
        if is_here:
            self._say(HERE)
            return
        size = f"{self.sample.download_mb} MB"
        if getattr(sys, "frozen", False):  # no interpreter to download with
            self._say(f"{MISSING}; see its page in the guide for how to get it")
            self.button.setEnabled(False)
            return
        self._say(f"{MISSING}; {size} are downloaded when you say so")
        self.button.setText(f"Download and open ({size})")
        self.button.setAccessibleName(f"Download and open {self.sample.title}, {size}")

    def _say(self, where: str) -> None:
        self.status.setText(f"{self.sample.size}  ·  {where}")
        self.setAccessibleDescription(f"{self.sample.text} {self.status.text()}")


class SamplesGallery(QDialog):
    """All samples, one below the other.

    Parameters
    ----------
    open_
        Called with a sample and whether it is to be downloaded; the dialog closes before.
    """

    def __init__(
        self, background: Background, open_: Callable[[Sample, bool], object], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Samples")
        self._open, self._over = open_, False
        self.rows = [SampleRow(sample, self._choose) for sample in samples()]
        body = QWidget()
        column = parts.column(body, spacing=theme.SPACE_M)
        for row in self.rows:
            column.addWidget(row)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName("All samples")
        area.setWidget(body)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        outer = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        outer.addWidget(parts.label(
            "A network with pictures to begin with. Nothing is downloaded unless you press the "
            "button that says so.", dim=True,
        ))  # fmt: skip
        outer.addWidget(area, 1)
        outer.addWidget(buttons)
        self.rows[0].button.setDefault(True)
        self.rows[0].button.setFocus()
        self.resize(660, min(560, (self.screen().availableGeometry().height() or 560) - 80))
        for row in self.rows:
            if row.sample.download_mb:
                background.run(row.sample.is_here, partial(self._show_place, row.sample.id))

    def done(self, result: int) -> None:
        self._over = True
        super().done(result)

    def _show_place(self, sample_id: str, is_here: bool) -> None:
        if self._over:  # closed while it was looked for
            return
        for row in self.rows:
            if row.sample.id == sample_id:
                row.show_place(is_here)

    def _choose(self, sample: Sample, download: bool) -> None:
        self.close()
        self._open(sample, download)


def show_gallery(window: "MainWindow", opener: "SampleOpener") -> None:
    """Show the gallery over a window."""

    def open_(sample: Sample, download: bool) -> None:
        opener.open(sample.id, download=download)

    SamplesGallery(window.background, open_, window).open()
