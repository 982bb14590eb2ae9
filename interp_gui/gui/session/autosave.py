"""Writes what a window holds as a person works, soon after every change and off the event loop."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.errors import InterpError
from interp_gui.core.session.document import KeptResult, SessionDocument, ShelfItem
from interp_gui.gui.background import Background
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session.owner import Owner
from interp_gui.gui.session.recovery import RecoveryFolder
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import AppState

DELAY_MS = 1000
"""From the first change that is not written to writing it, however many follow."""
RETRY_MS = 15_000
ITEMS_AT_ONCE = 25
BYTES_AT_ONCE = 4 << 20
"""So much is written on the event loop at most, 0.4 ms an item; a worker takes the rest at once."""

Taken = tuple[SessionDocument, str]


class Autosave(QObject):
    """Keeps the recovery folder of a window up to date.

    What is collected or kept is written at once: nothing that was collected is lost, even if the
    program is killed in the next moment. All else follows within a second or two.

    Parameters
    ----------
    take
        Gives the session, and the path of its file, now.
    is_wanted
        Whether the user wants a recovery copy.

    Signals
    -------
    saved
        Everything up to the last change was written.
    """

    saved = Signal()

    def __init__(
        self,
        state: AppState,
        background: Background,
        window_id: str,
        take: Callable[[], Taken],
        is_wanted: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state, self._background = state, background
        self._window_id, self._take, self._is_wanted = window_id, take, is_wanted
        self._folder: RecoveryFolder | None = None
        self._ids: set[str] = set()
        self._is_busy = self._is_paused = self._has_failed = self._is_over = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._save)
        self._shelf, self._kept = shelf_of(state), kept_of(state)
        self._shelf.changed.connect(self._on_items)
        self._kept.changed.connect(self._on_items)
        for signal in (
            state.models_changed, state.model_changed, state.image_changed, state.dataset_changed,
            state.target_changed, state.layer_changed, state.feature_changed, state.edits_changed,
            state.watched_changed, state.stacks_changed,
            state.tab_changed, names_of(state).changed, state.undo.indexChanged,
        ):  # fmt: skip
            signal.connect(self.schedule)

    @property
    def folder(self) -> RecoveryFolder:
        """Where it writes."""
        if self._folder is None:
            self._folder = RecoveryFolder(Owner.this(self._window_id))
        return self._folder

    def prepare(self) -> None:
        """Load what writing needs, in a worker, so that the first collecting is fast too."""

        def load() -> Owner:
            from interp_gui.core.session import files

            return Owner.this(self._window_id) if files else Owner.this("")

        def loaded(owner: Owner) -> None:
            self._folder = self._folder or RecoveryFolder(owner)

        self._background.run(load, loaded)

    def schedule(self, *_: object) -> None:
        """Something changed: write soon."""
        if not self._timer.isActive():
            self._start(RETRY_MS if self._has_failed else DELAY_MS)

    def pause(self) -> None:
        """Write nothing until `resume`: a session is being opened piece by piece."""
        self._is_paused = True

    def resume(self) -> None:
        """Go on, with whatever there is now."""
        self._is_paused = False
        self._ids = {item.id for item in self._items}
        self._start(0)

    def end(self, *, keep: bool) -> None:
        """Write nothing any more; remove what is there unless it is to be kept.

        Call it when the worker has ended.
        """
        self._is_over = True
        self._timer.stop()
        if self._folder is not None and not keep:
            self._folder.discard()

    def flush(self) -> None:
        """Write at once, on this thread: the program is about to end without having been saved."""
        if not self._is_over and self._is_wanted():
            document, path = self._take()
            try:
                self.folder.save(document, path, self.folder.known)
            except InterpError as problem:
                self._failed(problem)

    @property
    def _items(self) -> tuple[ShelfItem | KeptResult, ...]:
        return (*self._shelf.items, *self._kept.items)

    # --- writing -------------------------------------------------------------------------------

    def _start(self, delay_ms: int) -> None:
        if not self._is_over:
            self._timer.start(delay_ms)

    def _on_items(self) -> None:
        items = self._items
        fresh = [item for item in items if item.id not in self._ids]
        self._ids = {item.id for item in items}
        if self._is_paused or self._is_over or not self._is_wanted():
            return
        if not fresh:
            self.schedule()
            return
        now: list[ShelfItem | KeptResult] = []
        size = 0
        for item in fresh[:ITEMS_AT_ONCE]:
            size += _size(item)
            if size > BYTES_AT_ONCE:
                break
            now.append(item)
        folder, later = self.folder, fresh[len(now) :]
        try:
            folder.put_items(now)
        except InterpError as problem:
            self._failed(problem)
            return
        if later:
            self._background.run(
                lambda: folder.put_items(later), lambda _: None, on_error=self._failed
            )
            self._start(0)
        else:
            self.schedule()

    def _save(self) -> None:
        if self._is_busy:
            self._start(DELAY_MS)
            return
        if self._is_paused or not self._is_wanted():
            return
        document, path = self._take()
        folder = self.folder
        known = folder.known
        self._is_busy = True
        self._background.run(
            lambda: folder.save(document, path, known), self._done, on_error=self._failed
        )

    def _done(self, _: object) -> None:
        self._is_busy = self._has_failed = False
        if not self._timer.isActive():
            self.saved.emit()

    def _failed(self, problem: Exception) -> None:
        self._is_busy = False
        if not isinstance(problem, InterpError):
            raise problem
        if self._is_over:
            return
        if not self._has_failed:
            self._state.notify(
                "warning",
                "What you do is not being kept for the case of a crash.",
                f"{problem.message} {problem.hint} It is tried again; save the session meanwhile.",
            )
        self._has_failed = True
        self._start(RETRY_MS)


def _size(item: ShelfItem | KeptResult) -> int:
    """About how many bytes an item has."""
    if isinstance(item, KeptResult):
        results = (item.result, *item.companions)
        return sum(array.nbytes for result in results for array in result.arrays().values())
    return 0 if item.picture is None else item.picture.nbytes
