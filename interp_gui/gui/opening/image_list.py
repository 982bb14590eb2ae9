"""The images at hand: adding, removing, labels and their classes, and telling the engine of them.

Every change is undoable. An undo step keeps only what it added or took away, because a list of
100,000 images kept once for each of hundreds of steps would fill the memory.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PySide6.QtCore import QObject

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.engine.messages import ForgetDataset, RegisterDataset
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.merging import Merged, inserted, merge, replaced, unlisted, without
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.core.folders import Scan

AT_ENGINE = 2
"""Lists that the engine keeps: the current one, and the one that waiting jobs may still name."""


class ImageList(QObject):
    """Changes the dataset of a window's state and keeps the engine told."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._bridge = bridge
        self._background = background
        self._registered: deque[str] = deque()
        bridge.ready.connect(self._on_ready)

    # --- changing the list ---------------------------------------------------------------------

    def add(self, paths: Iterable[str], *, then: Callable[[], object] | None = None) -> None:
        """List images of files and folders behind those that are listed."""
        wanted = [str(path) for path in paths]

        def scan() -> "Scan":
            from interp_gui.core.folders import scan_all

            return scan_all(wanted)

        def found(what: "Scan") -> None:
            self.add_entries(what.dataset, then=then)
            if what.notes:
                details = "\n".join(what.notes)
                self._state.notify(
                    "warning", "Not all of it could be read.", what.notes[0], details
                )

        if wanted:
            self._background.run(scan, found)

    def add_entries(
        self, found: Dataset, *, then: Callable[[], object] | None = None, take_over: bool = False
    ) -> None:
        """List entries that were read already; those whose path is listed are left out.

        Parameters
        ----------
        take_over
            Listed images get the labels, groups and metadata that the found entries tell.
        """
        old = self._state.dataset
        known = old.images if old is not None else ()

        def compare() -> Merged:
            if take_over:
                return merge(known, found.images)
            return Merged(fresh=unlisted(known, found.images))

        def append(merged: Merged) -> None:
            if self._state.dataset is not old:  # the list changed while it was compared
                self.add_entries(found, then=then, take_over=take_over)
                return
            self._append(found, merged)
            if then is not None:
                then()

        if known:
            self._background.run(compare, append)
        elif found.images:
            append(Merged(fresh=found.images))

    def _append(self, found: Dataset, merged: Merged) -> None:
        old, fresh, told = self._state.dataset, merged.fresh, len(merged.places)
        if not fresh and not told:
            # Dropping a listed image again means: show it.
            self._state.set_image(found.images[0].path)
            return
        listed = len(old.images) if old is not None else 0
        before = _Around(old, self._state.image)
        name = found.name if old is None else f"{listed + len(fresh):,} images"
        classes = {**found.classes, **(old.classes if old is not None else {})}
        if not fresh:
            name = before.name

        def redo() -> None:
            images = replaced(self._images(), merged.places, merged.after)
            self.restore(Dataset(name=name, images=(*images, *fresh), classes=classes))
            if fresh:
                self._state.set_image(first_usable(fresh))

        def undo() -> None:
            images = replaced(self._images()[:listed], merged.places, merged.before)
            if fresh:
                self._go_back(before, images)
            else:
                # the image in front was left alone
                self.restore(Dataset(name=before.name, images=images, classes=before.classes))

        what = "labels" if merged.tells_labels else "columns"
        steps = [f"add {counted(len(fresh))}"] if fresh else []
        steps += [f"take over {what} of {counted(told)}"] if told else []
        self._state.undo.change(" and ".join(steps), redo, undo)
        if told:
            were = f"{what.capitalize()} of {counted(told)} were taken over."
            self._state.notify("success", were)

    def remove(self, paths: set[str], *, current: str | None = None) -> None:
        """Take images off the list; files are left alone.

        Parameters
        ----------
        current
            The image that is shown afterwards, if the current one is among those.
        """
        if paths:
            images = self._images()
            self.remove_rows([i for i, e in enumerate(images) if e.path in paths], current=current)

    def remove_rows(self, rows: Sequence[int], *, current: str | None = None) -> None:
        """Take the images of some rows of the dataset off the list; rows are ascending."""
        old = self._state.dataset
        if old is None or not len(rows):
            return
        image = self._state.image
        before = _Around(old, image)
        places = np.asarray(rows, np.int64)
        gone = tuple(old.images[row] for row in rows)
        leaves = any(entry.path == image for entry in gone)
        classes = old.classes if len(gone) < len(old.images) else {}

        def redo() -> None:
            left = without(self._images(), places)
            if leaves:
                self._state.set_image(current)
            self.restore(Dataset(name=before.name, images=left, classes=classes))

        def undo() -> None:
            self._go_back(before, inserted(self._images(), places, gone))

        self._state.undo.change(f"remove {counted(len(gone))}", redo, undo)

    def clear(self) -> None:
        """Take all images off the list."""
        self.remove_rows(range(len(self._images())))

    def set_classes(self, classes: dict[str, int], *, title: str = "confirm classes") -> None:
        """Say which class of the model each label stands for."""
        old = self._state.dataset
        if old is None or classes == old.classes:
            return
        before = old.classes

        def put(wanted: dict[str, int]) -> None:
            dataset = self._state.dataset
            if dataset is not None:
                self.restore(msgspec.structs.replace(dataset, classes=wanted))

        self._state.undo.change(title, lambda: put(dict(classes)), lambda: put(before))

    def restore_classes(self, classes: dict[str, int]) -> None:
        """Take what was confirmed before for the same labels, without an undo step."""
        dataset = self._state.dataset
        if dataset is not None and classes != dataset.classes:
            self.restore(msgspec.structs.replace(dataset, classes=classes))

    def restore(self, dataset: Dataset | None) -> None:
        """Make another list current, without a way back (a session is opened)."""
        if dataset is not None and not dataset.images:
            dataset = None
        handle = f"images-{uuid.uuid4().hex[:8]}" if dataset is not None else ""
        if dataset is not None and self._bridge.is_ready:
            self._register(dataset, handle)
        self._state.set_dataset(dataset, handle)

    def _go_back(self, before: "_Around", images: tuple[ImageEntry, ...]) -> None:
        self.restore(Dataset(name=before.name, images=images, classes=before.classes))
        self._state.set_image(before.image)

    def _images(self) -> tuple[ImageEntry, ...]:
        dataset = self._state.dataset
        return dataset.images if dataset is not None else ()

    # --- the engine ----------------------------------------------------------------------------

    def _register(self, dataset: Dataset, handle: str) -> None:
        self._bridge.run(RegisterDataset(dataset=handle, value=dataset))
        self._registered.append(handle)
        while len(self._registered) > AT_ENGINE:
            # In the background: jobs that were asked for earlier come first.
            forget = ForgetDataset(dataset=self._registered.popleft())
            self._bridge.run(forget, priority="background")

    def _on_ready(self) -> None:
        dataset, handle = self._state.dataset, self._state.dataset_handle
        if dataset is not None and handle not in self._registered:
            self._register(dataset, handle)


class _Around:
    """What an undo restores beside the images."""

    def __init__(self, dataset: Dataset | None, image: str | None) -> None:
        self.name = dataset.name if dataset is not None else ""
        self.classes = dataset.classes if dataset is not None else {}
        self.image = image


def counted(count: int, thing: str = "image") -> str:
    """A number of things in words: `1 image`, `12,000 images`."""
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"


def first_usable(entries: Sequence[ImageEntry]) -> str | None:
    """Path of the first entry that is not known to be broken."""
    return next((entry.path for entry in entries if not entry.problem), None)
