"""The models that are open: opening, choosing, closing, and what they are fed."""

import os
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.engine.messages import (
    CloseModel,
    Ended,
    OpenModel,
    SetOutputs,
    SetPreprocessing,
)  # fmt: skip
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.row import can_be_asked
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.views.pins import fits_layer

UNASKED = 2
"""Models that are open at a time without asking whether the memory is enough."""
SHARE_OF_FREE = 0.4
"""A further model may take this share of the free memory unasked: running it takes more."""

Then = Callable[[], object]


@dataclass(frozen=True)
class Wish:
    """A model that is to be opened."""

    path: str
    then: Then | None = None
    failed: Then | None = None
    preprocessing: Preprocessing | None = None
    choice: OpenChoice = field(default_factory=OpenChoice)
    """What was decided about the file."""
    outputs: tuple[OutputInfo, ...] = ()
    """Kinds of its outputs in place of those that are guessed."""
    replaces: str = ""
    """Handle of a model that is closed once this one is open."""
    looked_at: bool = False
    """Whether the user has seen what the file is."""


class ModelList(QObject):
    """Opens checkpoints one after another; those that are asked for before the engine is ready
    wait for it.

    Signals
    -------
    opening_changed
        `opening` is another.
    asked
        Something has to be decided before a file opens; carries the `Wish` and the engine's
        `ErrorInfo`. Who listens calls `add` with the answer, or `refuse`.
    look_wanted
        The user wants to see what a file is before it opens; carries the `Wish`.
    """

    opening_changed = Signal()
    asked = Signal(object, object)
    look_wanted = Signal(object)

    def __init__(
        self, state: AppState, bridge: EngineBridge, settings: Settings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._settings = state, bridge, settings
        self._waiting: deque[Wish] = deque()
        self._stamps: dict[str, tuple[int, int] | None] = {}
        self._is_busy = False
        self._job = 0
        self.opening = ""
        """Name of the model that is being opened, or waits for the engine; empty if none is."""
        self.was_refused = False
        """Whether the last one that did not open was given up by the user."""
        self.can_ask = False
        """Whether someone listens to `asked`; without one a question is told as a failure."""
        bridge.ready.connect(self._next)
        bridge.described.connect(self._on_described)

    @property
    def is_waiting(self) -> bool:
        """Whether a model waits for the engine."""
        return bool(self._waiting) and not self._bridge.is_ready

    # --- opening ---------------------------------------------------------------------------------

    def open(
        self,
        path: str,
        *,
        then: Then | None = None,
        failed: Then | None = None,
        preprocessing: Preprocessing | None = None,
        choice: OpenChoice | None = None,
        outputs: tuple[OutputInfo, ...] = (),
        anyway: bool = False,
    ) -> None:
        """Open a checkpoint beside those that are open, and make it current.

        Parameters
        ----------
        then, failed
            Called when it is open, or could not be opened.
        preprocessing
            In place of the checkpoint's own.
        choice
            What is decided about the file already.
        outputs
            Kinds of its outputs, where they are known not to be those that are guessed.
        anyway
            However little memory is left: a session had it open.
        """
        wish = Wish(path, then, failed, preprocessing, choice or OpenChoice(), outputs)
        problem = "" if anyway else self._why_large(path)
        if problem:
            self._state.notify(
                "warning", problem, "Close one in the Model panel, or open it all the same.",
                action="Open it too", on_action=partial(self.add, wish),
            )  # fmt: skip
            return
        self.add(wish)

    def add(self, wish: Wish) -> None:
        """Open a checkpoint as soon as those before it are open."""
        self._waiting.append(wish)
        self._next()

    def cancel(self) -> None:
        """Give up the checkpoint that `opening` names."""
        if self._is_busy:
            self._bridge.cancel(self._job)
        elif self._waiting:
            self.refuse(self._waiting.popleft())

    def refuse(self, wish: Wish) -> None:
        """Give up a checkpoint about which there was a question."""
        self.was_refused = True
        self._done(wish.failed)

    def _next(self, _hello: object = None) -> None:
        if self._is_busy:
            return
        if self._waiting and self._bridge.is_ready:
            wish = self._waiting.popleft()
            known = self._open_already(wish)
            if known is not None:
                self.choose(known.handle)
                self._done(wish.then)
                return
            if self._wants_a_look(wish):
                self._tell("")
                self.look_wanted.emit(wish)
                self._next()
                return
            self._tell(Path(wish.path).name)
            self._start(wish)
        else:
            self._tell(Path(self._waiting[0].path).name if self._waiting else "")

    def _wants_a_look(self, wish: Wish) -> bool:
        asked_for = self._settings.preferences.look_before_opening
        return self.can_ask and asked_for and not wish.looked_at

    def _start(self, wish: Wish) -> None:
        self._is_busy = True
        handle = f"model-{uuid.uuid4().hex[:8]}"
        self._job = self._bridge.run(
            OpenModel(
                model=handle,
                path=wish.path,
                preprocessing=wish.preprocessing,
                choice=wish.choice,
                dataset=self._state.dataset_handle,
                outputs=wish.outputs,
            ),
            title=f"Open {self.opening}",
            on_end=partial(self._on_opened, wish, handle, _stamp(wish.path)),
        )

    def _on_opened(
        self, wish: Wish, handle: str, stamp: tuple[int, int] | None, ended: Ended
    ) -> None:
        self._is_busy = False
        description = ended.description
        if description is None:
            self._tell("")
            if self.can_ask and ended.error is not None and can_be_asked(ended.error, wish.choice):
                self.asked.emit(wish, ended.error)
                self._next()
                return
            self._tell_failure(ended, f"'{Path(wish.path).name}' could not be opened.")
            self.was_refused = ended.outcome == "cancelled"
            self._done(wish.failed)
            return
        state = self._state
        self._stamps[handle] = stamp
        before = state.layer
        model = OpenModelState(handle, description, wish.path)
        state.set_model(model)
        self._settings.add_recent_model(wish.path, description.weights_sha256)
        state.set_layer(before if fits_layer(model, before) else first_layer(description))
        state.set_tab(state.tab or "image")
        if wish.replaces:
            self.close(wish.replaces)
        self._tell("")
        self._done(wish.then)

    def _done(self, call: Then | None) -> None:
        if call is not None:
            call()
        self._next()

    def _open_already(self, wish: Wish) -> OpenModelState | None:
        """The model that was opened from this very file, if nothing changed since."""
        now = _stamp(wish.path)
        for model in self._state.models:
            same = model.path == wish.path and now is not None
            as_wanted = wish.preprocessing in (None, model.description.preprocessing)
            as_wanted = as_wanted and wish.choice in (OpenChoice(), model.description.choice)
            as_wanted = as_wanted and wish.outputs in ((), model.description.outputs)
            if same and self._stamps.get(model.handle) == now and as_wanted:
                return model
        return None

    def _why_large(self, path: str) -> str:
        """Why the user may not want a further model; empty if nothing speaks against it."""
        free, stamp = free_memory_bytes(), _stamp(path)
        if len(self._state.models) < UNASKED or free is None or stamp is None:
            return ""
        if stamp[1] < free * SHARE_OF_FREE:
            return ""
        return (
            f"'{Path(path).name}' ({stamp[1] / 2**30:.1f} GiB) may not fit into the free memory "
            f"({free / 2**30:.1f} GiB) beside the {len(self._state.models)} models that are open."
        )

    def _tell(self, opening: str) -> None:
        if opening != self.opening or self._waiting:
            self.opening = opening
            self.opening_changed.emit()

    def _tell_failure(self, ended: Ended, sentence: str) -> None:
        error = ended.error
        if error is not None:
            self._state.notify("error", error.message, error.hint, error.details)
        elif ended.outcome != "cancelled":
            self._state.notify("error", sentence)

    # --- those that are open ---------------------------------------------------------------------

    def choose(self, handle: str) -> None:
        """Make an open model current; what was looked at in it is looked at again."""
        state = self._state
        model = next((m for m in state.models if m.handle == handle), None)
        if model is None or model == state.model:
            return
        before = state.layer
        state.set_model(model)
        if not state.layer:
            state.set_layer(before if fits_layer(model, before) else first_layer(model.description))

    def close(self, handle: str) -> None:
        """Close a model and free its memory; the one beside it becomes current if it was."""
        state = self._state
        models = state.models
        at = next((i for i, m in enumerate(models) if m.handle == handle), None)
        if at is None:
            return
        left = models[:at] + models[at + 1 :]
        was_current = state.model is not None and state.model.handle == handle
        # First the others, so that a pinned view knows of the end before it asks anything.
        state.set_models(left)
        if was_current:
            if left:
                self.choose(left[min(at, len(left) - 1)].handle)
            else:
                state.set_model(None)
        self._stamps.pop(handle, None)
        self._bridge.run(CloseModel(model=handle))

    def _on_described(self, handle: str, description: ModelDescription) -> None:
        self._state.set_runtime_reason(handle, description.runtime_reason)

    def set_preprocessing(self, preprocessing: Preprocessing, *, handle: str = "") -> None:
        """Change how images become a model's input; the current one's by default."""
        wanted = self._known(handle)
        if wanted:
            request = SetPreprocessing(model=wanted, preprocessing=preprocessing)
            self._change(wanted, request, "preprocessing")

    def set_outputs(self, outputs: tuple[OutputInfo, ...], *, handle: str = "") -> None:
        """Say what a model's outputs are; the current one's by default."""
        wanted = self._known(handle)
        if wanted:
            self._change(wanted, SetOutputs(model=wanted, outputs=outputs, keep=True), "outputs")

    def _known(self, handle: str) -> str:
        state = self._state
        wanted = handle or (state.model.handle if state.model is not None else "")
        return wanted if any(model.handle == wanted for model in state.models) else ""

    def _change(self, handle: str, request: SetPreprocessing | SetOutputs, what: str) -> None:
        state = self._state

        def ended(event: Ended) -> None:
            now = next((m for m in state.models if m.handle == handle), None)
            if event.description is None:
                self._tell_failure(event, f"The {what} could not be changed.")
            elif now is not None:
                new = OpenModelState(handle, event.description, now.path)
                state.set_models(tuple(new if m.handle == handle else m for m in state.models))
                if state.model is not None and state.model.handle == handle:
                    state.set_model(new)

        self._bridge.run(request, view=f"{what}:{handle}", on_end=ended)


def first_layer(model: ModelDescription) -> str:
    """Address of the layer that is shown first: the last one worth looking at that has places."""
    for layer in reversed(model.layers):
        places = layer.grid != (1, 1)  # what is pooled has none to point at
        if layer.worthwhile and layer.spatial and layer.units and places:
            return layer.name
    return ""


def free_memory_bytes() -> int | None:
    """Memory that is free; None where the system does not tell."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _stamp(path: str) -> tuple[int, int] | None:
    """Time and size of a file, by which a changed one is known; None if it cannot be asked."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size
