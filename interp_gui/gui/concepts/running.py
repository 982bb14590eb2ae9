"""Asks the engine for one analysis at a time, and shows how far it is."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Progress
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState


class Asked(QObject):
    """One kind of run of a view; a new one takes the place of the one before.

    Signals
    -------
    came
        A result and its recipe.
    told
        How far it is: done, total, and words.
    ended
        Words for how it ended; empty if it is all there.
    """

    came = Signal(object, object)
    told = Signal(int, int, str)
    ended = Signal(str)

    def __init__(self, state: AppState, bridge: EngineBridge, view: str, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._view = state, bridge, view
        self._job: int | None = None

    @property
    def running(self) -> bool:
        """Whether something is asked for."""
        return self._job is not None

    def start(self, request: Run, title: str) -> None:
        """Ask."""
        self._job = self._bridge.run(
            request, title=title, view=self._view, on_result=self._came, on_progress=self._told,
            on_end=self._ended,
        )  # fmt: skip

    def starter(self, request: Run, title: str) -> Callable[[], object]:
        """`start`, to be called later."""
        return partial(self.start, request, title)

    def cancel(self) -> None:
        """Stop it; what came stays."""
        if self._job is not None:
            self._bridge.cancel(self._job)

    def drop(self) -> None:
        """Forget it with its view."""
        self._bridge.drop(self._view)
        self._job = None

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        self.came.emit(result, recipe)

    def _told(self, progress: Progress, left_s: float | None) -> None:
        left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
        self.told.emit(progress.done, progress.total, f"{progress.text}{left}")

    def _ended(self, ended: Ended) -> None:
        self._job = None
        words = {"finished": "", "cancelled": "Cancelled.", "failed": "Failed."}[ended.outcome]
        if ended.error is not None:
            words = f"{ended.error.message} {ended.error.hint}".strip()
            error = ended.error
            self._state.notify("error", error.message, error.hint, error.details)
        self.ended.emit(words)
