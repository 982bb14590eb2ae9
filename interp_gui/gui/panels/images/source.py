"""What the Images panel lists: table and order, made in a worker where there are many images."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.polite import politely
from interp_gui.gui.background import Background
from interp_gui.gui.panels.images.query import Arrangement, Knowledge, arrange
from interp_gui.gui.panels.images.table import ImageTable, Predictions, read_table
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails

AT_ONCE = 1000
"""So many images are sorted and filtered without a worker: sooner than an answer would come."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Answers of a model, by path; arrays in the order of `paths`."""

    paths: tuple[str, ...]
    classes: NDArray[np.int32]
    probability: NDArray[np.float32]
    names: tuple[str, ...]

    def align(self, table: ImageTable, classes: dict[str, int]) -> Predictions:
        """The same in the rows of a table."""
        count = len(table)
        found = np.full(count, -1, np.int32)
        probability = np.full(count, np.nan, np.float32)
        rows = np.array([table.rows.get(path, -1) for path in self.paths], np.int64)
        known = rows >= 0
        found[rows[known]] = self.classes[known]
        probability[rows[known]] = self.probability[known]
        of_label = [classes.get(label, -1) for label in table.label.values]
        wanted = np.array([*of_label, -1], np.int32)[table.label.codes]
        return Predictions(found, probability, self.names, wanted)


@dataclass(frozen=True, eq=False)
class Shown:
    """What is listed: rows `order` of a table.

    Parameters
    ----------
    dataset
        What the table was made of.
    fresh
        Entries that were not listed before.
    """

    dataset: Dataset | None = None
    table: ImageTable = field(default_factory=ImageTable)
    order: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    predictions: Predictions | None = None
    wanted: Arrangement = field(default_factory=Arrangement)
    fresh: tuple[ImageEntry, ...] = ()


class ImageSource(QObject):
    """Follows the dataset, the filter, the sort order, and what is found out of the images.

    Signals
    -------
    changed
        `shown` is another one; carries what was shown before.
    """

    changed = Signal(object)

    def __init__(
        self, state: AppState, background: Background, thumbnails: Thumbnails, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._background = background
        self._thumbnails = thumbnails
        self.shown = Shown()
        self.wanted = Arrangement()
        self.asked: Asked | None = None
        state.dataset_changed.connect(self.refresh)

    @property
    def is_current(self) -> bool:
        """Whether what is listed is all that was asked for."""
        shown = self.shown
        return shown.dataset is self._state.dataset and shown.wanted == self.wanted

    def arrange(
        self, *, text: str | None = None, sort: str | None = None, descending: bool | None = None
    ) -> None:
        """Filter or sort in another way; what is None stays."""
        changes = {"text": text, "sort": sort, "descending": descending}
        given = {name: value for name, value in changes.items() if value is not None}
        wanted = replace(self.wanted, **given)  # type: ignore[arg-type]
        if wanted != self.wanted:
            self.wanted = wanted
            self.refresh()

    def set_asked(self, asked: Asked | None) -> None:
        """Take what a model says of the images; None forgets it."""
        if asked is not self.asked:
            self.asked = asked
            self.refresh()

    def refresh(self) -> None:
        """List anew."""
        dataset, asked, wanted = self._state.dataset, self.asked, self.wanted
        before = self.shown
        broken = frozenset(self._thumbnails.problems)

        def work() -> Shown:
            return show(dataset, before, asked, wanted, broken)

        if dataset is None or len(dataset.images) <= AT_ONCE:
            self._background.forget("images")
            self._take(work())
        else:
            self._background.run(work, self._take, key="images")

    def _take(self, shown: Shown) -> None:
        before, self.shown = self.shown, shown
        if before.table is not shown.table:
            self._thumbnails.keep_only(shown.table.rows)
        self.changed.emit(before)


def show(
    dataset: Dataset | None,
    before: Shown,
    asked: Asked | None,
    wanted: Arrangement,
    broken: frozenset[str],
) -> Shown:
    """Make what is listed out of what was listed before. Runs in a worker for many images."""
    same = before.dataset is dataset
    table = before.table if same else read_table(dataset)
    known = before.table.rows
    fresh = () if same else tuple(e for e in politely(table.entries) if e.path not in known)
    classes = dataset.classes if dataset is not None else {}
    predictions = asked.align(table, classes) if asked is not None else None
    order = arrange(table, wanted, Knowledge(predictions, broken | table.broken))
    return Shown(dataset, table, order, predictions, wanted, fresh)
