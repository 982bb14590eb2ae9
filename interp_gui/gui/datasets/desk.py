"""Everything that is done with the images at hand as a set."""

from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.datasets.answers import DatasetAnswers
from interp_gui.gui.datasets.classes import LabelClasses
from interp_gui.gui.datasets.preprocessing_check import PreprocessingCheck
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.opening.files import Files
from interp_gui.gui.opening.pasting import Pasting
from interp_gui.gui.panels.images.filter_bar import written
from interp_gui.gui.panels.images.handing_out import copy_image, copy_paths, show_in_folder
from interp_gui.gui.panels.images.panel import ImagesPanel
from interp_gui.gui.state import AppState


class DatasetDesk(QObject):
    """What the commands on images do."""

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        bridge: EngineBridge,
        documents: Documents,
        background: Background,
        files: Files,
        panel: ImagesPanel,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._documents = documents
        self._background = background
        self.panel = panel
        self.answers = DatasetAnswers(state, bridge, documents, panel)
        self.check = PreprocessingCheck(state, bridge, documents, self)
        self.classes = LabelClasses(window, state, documents.images, background, self.check)
        self.pasting = Pasting(state, background, files.open, self)
        files.table_wanted.connect(self.import_table)

    def import_table(self, path: str) -> None:
        """Show a table of images and ask which column is what."""
        from interp_gui.gui.datasets.csv_dialog import CsvDialog

        add = partial(self._documents.images.add_entries, take_over=True)
        CsvDialog(path, self._background, add, self._window).open()

    def paste(self) -> None:
        """Take what the clipboard holds."""
        self.pasting.paste(QGuiApplication.clipboard().mimeData())

    def show(self) -> None:
        """Bring the current image to the front."""
        if self.panel.current is not None:
            self._state.set_image(self.panel.current.path)
            self._state.set_tab("image")

    def copy(self) -> None:
        """Copy the current image."""
        if self.panel.current is not None:
            copy_image(self.panel.current, self._background)

    def copy_paths(self) -> None:
        """Copy the paths of the selected images."""
        copy_paths(self.panel.selected)

    def show_in_folder(self) -> None:
        """Open the folder of the current image."""
        if self.panel.current is not None:
            show_in_folder(self.panel.current)

    @property
    def label(self) -> str:
        """Label of the image that the keyboard is on."""
        return self.panel.current.label if self.panel.current is not None else ""

    def filter_label(self) -> None:
        """Show only images with the current one's label."""
        if self.label:
            self.panel.filter.toggle(written("label", self.label))
