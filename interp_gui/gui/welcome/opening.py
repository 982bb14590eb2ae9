"""Opening a sample: its pictures are found or drawn and its network found, off the event loop."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
from PySide6.QtCore import QObject, Signal

from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import InterpError
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.state import AppState

FIRST = "shapes"
"""The sample to begin with."""
USUAL = "mobilenet"


@dataclass(frozen=True)
class _Pictures:
    """Pictures of a sample, and which pictures may give way to them: those of all samples."""

    dataset: Dataset | None
    replaceable: Callable[[str], bool]


class SampleOpener(QObject):
    """Opens samples, and downloads one only when the user says so.

    Signals
    -------
    busy_changed
        `busy` changed.
    """

    busy_changed = Signal()

    def __init__(
        self, state: AppState, documents: Documents, background: Background, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state, self._documents, self._background = state, documents, background
        self.busy = ("", "")
        """What is being done, as a heading and a sentence; empty if nothing is."""

    def open(self, sample_id: str = USUAL, *, download: bool = False) -> None:
        """Open a sample's network and pictures.

        Parameters
        ----------
        download
            Get the network if it is not on this computer; without it the user is asked.
        """
        self._background.run(lambda: find_pictures(sample_id), self._add, key="sample pictures")
        self._find(sample_id, download=download)

    def _find(self, sample_id: str, *, download: bool) -> None:
        if download:
            self._say("Downloading the sample…", "Once it is here, it opens without a connection.")
        else:
            self._say("Opening the sample…", "Its pictures are drawn the first time.")
        self._background.run(
            lambda: find_model(sample_id, download=download),
            self._open_model,
            on_error=partial(self._failed, sample_id, download),
            key="sample model",
        )

    def _open_model(self, path: str) -> None:
        self._say("", "")
        self._documents.open_model(path)

    def _add(self, pictures: _Pictures) -> None:
        listed, found = self._state.dataset, pictures.dataset
        if listed is not None and all(map(pictures.replaceable, listed.paths)):
            if found is not None and listed.paths == found.paths:
                return
            self._documents.clear_images()  # pictures of two samples are no set
        if found is not None:
            self._documents.images.add_entries(found)

    def _failed(self, sample_id: str, downloaded: bool, error: Exception) -> None:
        self._say("", "")
        if not isinstance(error, InterpError):
            raise error
        if downloaded:
            self._state.notify_problem(error)
            return
        size = download_mb(sample_id)
        # A frozen program has no interpreter to download with.
        offered = size and not getattr(sys, "frozen", False)
        self._state.notify(
            "error", error.message, error.hint,
            action=f"Download it ({size} MB)" if offered else "",
            on_action=lambda: self._find(sample_id, download=True),
        )  # fmt: skip

    def _say(self, heading: str, text: str) -> None:
        if self.busy != (heading, text):
            self.busy = (heading, text)
            self.busy_changed.emit()


def find_model(sample_id: str, *, download: bool) -> str:
    """Path of a sample's network; reads files, so not for the Qt thread."""
    from interp_gui.samples import find_sample

    return str(find_sample(sample_id).model(download))


def find_pictures(sample_id: str) -> _Pictures:
    """Pictures of a sample, drawn if they are missing; not for the Qt thread."""
    from interp_gui.core.folders import scan
    from interp_gui.samples import find_sample, photographs
    from interp_gui.samples.places import samples_folder

    sample = find_sample(sample_id)
    drawn = f"{samples_folder().absolute()}{os.sep}"
    taken = {str(path) for path in photographs()}
    paths = sample.images()
    dataset = scan(paths) if paths else None
    if dataset is not None:
        classes = {name: index for index, name in enumerate(sample.classes)}
        dataset = msgspec.structs.replace(dataset, name=sample.title, classes=classes)
    return _Pictures(dataset, lambda path: path.startswith(drawn) or path in taken)


def download_mb(sample_id: str) -> int:
    """What has to be downloaded for a sample, in MB; 0 for nothing."""
    from interp_gui.samples import find_sample

    return find_sample(sample_id).download_mb
