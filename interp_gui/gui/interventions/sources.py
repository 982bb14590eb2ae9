"""Other images that edits take values from: which can be chosen, and what they are called."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InterpError
from interp_gui.gui.shared import background_of, child_of
from interp_gui.gui.state import AppState

MOST_OFFERED = 30
MOST_LOOKED_AT = 2000
"""Of the images at hand, to find what an image is called that an edit names by its hash."""


class SourceImages(QObject):
    """Paths of images by the SHA-256 that edits name them by; hashed off the event loop.

    Signals
    -------
    changed
        The name of another image is known.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._paths: dict[str, str] = {}
        self._looked: frozenset[tuple[str, ...]] = frozenset()
        state.edits_changed.connect(self._look)
        state.dataset_changed.connect(self._look)
        state.watched_changed.connect(self._look)

    @property
    def offered(self) -> tuple[str, ...]:
        """Images to choose from: the current one, the watched ones, the first of those at hand."""
        state = self._state
        dataset = state.dataset
        first = [entry.path for entry in dataset.images[:MOST_OFFERED]] if dataset else []
        current = [state.image] if state.image else []
        return tuple(dict.fromkeys((*current, *state.watched, *first)))[:MOST_OFFERED]

    @property
    def other(self) -> str:
        """The first of them that is not the current one; empty where there is none."""
        return next((path for path in self.offered if path != self._state.image), "")

    def name_of(self, sha256: str) -> str:
        """What an image is called; by its hash where its file is not known."""
        path = self._paths.get(sha256)
        return Path(path).name if path is not None else f"image {sha256[:8]}"

    def path_of(self, sha256: str) -> str:
        """Path of an image; empty where it is not known."""
        return self._paths.get(sha256, "")

    def paths_for(self, edits: EditStack) -> tuple[str, ...]:
        """Where the images lie that edits in force take values from, as far as that is known."""
        return tuple(filter(None, map(self.path_of, edits.image_sources)))

    def find(self, path: str, then: Callable[[str], object]) -> None:
        """Hash an image and go on with that; one that cannot be read is told."""

        def work() -> str:
            from interp_gui.core.images import image_sha256

            return image_sha256(path)

        def done(sha256: str) -> None:
            self._paths[sha256] = path
            then(sha256)

        background_of(self._state).run(work, done, on_error=self._failed)

    def _failed(self, problem: Exception) -> None:
        if not isinstance(problem, InterpError):
            raise problem
        self._state.notify_problem(problem)

    def _look(self) -> None:
        """Find what the images that edits name are called, among those that are offered."""
        stacks: tuple[EditStack, ...] = (self._state.edits, *self._state.stacks)
        wanted = {edit.image_source for stack in stacks for edit in stack.edits}
        wanted |= {edit.source for stack in stacks for edit in stack.image_edits}
        if not (wanted - {""} - set(self._paths)):
            return
        dataset = self._state.dataset
        every = [entry.path for entry in dataset.images[:MOST_LOOKED_AT]] if dataset else []
        paths = tuple(dict.fromkeys((*self.offered, *every)))
        missing = frozenset(wanted - {""} - set(self._paths))
        look = (*sorted(missing), *paths)
        if look in self._looked:
            return
        self._looked |= {look}
        background_of(self._state).run(
            partial(_hashes, paths, missing), self._on_hashes, key="edit-sources"
        )

    def _on_hashes(self, found: dict[str, str]) -> None:
        self._paths |= found
        self.changed.emit()


def _hashes(paths: tuple[str, ...], wanted: frozenset[str]) -> dict[str, str]:
    """Hashes of images, until all that are wanted are among them."""
    from interp_gui.core.images import image_sha256

    found: dict[str, str] = {}
    for path in paths:
        if wanted <= found.keys():
            break
        try:
            found[image_sha256(path)] = path
        except InterpError:
            continue
    return found


def sources_of(state: AppState) -> SourceImages:
    """The source images of a window."""
    return child_of(state.shared, SourceImages) or SourceImages(state.shared)
