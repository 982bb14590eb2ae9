"""What makes the map: one run at a time, a first look before the map itself, and what is kept."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.atlas.kinds import Atlas, CellPictures
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.target import Target
from interp_gui.engine.messages import Ended, ErrorInfo, Priority, Run
from interp_gui.gui.atlas.waiting import waited_for
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

ANALYSIS = "activation-atlas"
VIEW = "atlas"
MOST_KEPT = 3
"""Maps that are kept while others are looked at; those before are laid out anew from the cache."""

Subject = tuple[str, str, str]
"""Handles of model and images, and the layer."""
LOST = ("EngineLost", "DeviceLost")
"""Causes of failures that are those of the engine: what was computed before is kept."""
Outcome = Literal["", "running", "finished", "cancelled", "failed"]


@dataclass
class Kept:
    """A map and what was made for it.

    Parameters
    ----------
    request
        What was asked for; that it is the same tells a map again.
    fetched
        Values of the points by the key of a colouring.
    steps
        Of the picture of each cell, by side and source; crops have 0.
    """

    request: Run
    atlas: Atlas
    recipe: Recipe | None
    fetched: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    steps: dict[tuple[int, str], dict[int, int]] = field(default_factory=dict)

    @property
    def is_first_look(self) -> bool:
        """Whether the layout that was asked for is yet to come."""
        atlas = self.atlas
        wanted = self.request.parameters.get("layout", atlas.layout)
        return not atlas.final and atlas.layout == "pca" and wanted != "pca"

    def same_map(self, other: "Kept | None") -> bool:
        """Whether points and cells are those of another map, whose pictures fit this one."""
        name = "atlas_sha256"
        if other is None or name not in self.atlas.provenance:
            return False
        mine, its = self.atlas, other.atlas
        same = mine.provenance[name] == its.provenance.get(name) and mine.layout == its.layout
        sides = [level.side for level in mine.levels] == [level.side for level in its.levels]
        return same and sides and _subject(self.request) == _subject(other.request)

    def take_over(self, other: "Kept") -> None:
        """Take pictures and values of the same map, which another labelling does not change."""
        for pictures in other.atlas.pictures:
            self.add(pictures)
        self.fetched = {**other.fetched, **self.fetched}

    def __post_init__(self) -> None:
        for pictures in self.atlas.pictures:
            self._note(pictures)

    def add(self, pictures: CellPictures) -> None:
        """Keep pictures with the map."""
        self.atlas = self.atlas.with_pictures(pictures)
        self._note(pictures)

    def _note(self, pictures: CellPictures) -> None:
        known = self.steps.setdefault((pictures.level, pictures.source), {})
        for cell in pictures.cells.tolist():
            known[cell] = max(pictures.steps, known.get(cell, 0))


class KeptMaps(QObject):
    """The maps of a window, by what was asked for; those used last stand last."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.all: OrderedDict[bytes, Kept] = OrderedDict()

    def keep_models(self, handles: Collection[str]) -> None:
        """Forget the maps of all models but these: what is opened again has another handle."""
        for key, kept in list(self.all.items()):
            if kept.request.model not in handles:
                del self.all[key]

    def keep(self, kept: Kept) -> None:
        """Keep a map, and forget the one that was not used for longest."""
        key = _key(kept.request)
        self.all[key] = kept
        self.all.move_to_end(key)
        while len(self.all) > MOST_KEPT:
            self.all.popitem(last=False)

    def find(self, request: Run) -> Kept | None:
        """The map of a request, or else the last one of the same model, layer and images."""
        found = self.all.get(_key(request))
        same = (k for k in reversed(self.all.values()) if _subject(k.request) == _subject(request))
        return found or next(same, None)


def maps_of(state: AppState) -> KeptMaps:
    """The maps of a window, which all its views share."""
    return child_of(state.shared, KeptMaps) or KeptMaps(state.shared)


class AtlasWork(QObject):
    """Runs `activation-atlas` for one view.

    Signals
    -------
    came
        `kept` holds another map, or the map itself after a first look.
    changed
        `outcome`, `text` or `left_s` is another.
    """

    came = Signal()
    changed = Signal()

    def __init__(self, state: AppState, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge = state, bridge
        self._maps = maps_of(state)
        state.models_changed.connect(self._models_changed)
        self._saved: dict[bytes, dict[str, Any]] = {}
        self._request: Run | None = None
        self._subject: Subject | None = None
        self._job: int | None = None
        self._priority: Priority = "visible"
        self._taken_up = False
        self._is_labelling = False
        self.kept: Kept | None = None
        """The map that is shown."""
        self.is_preview = False
        """Whether it is not finished: a first look, or without its labels."""
        self.outcome: Outcome = ""
        self.progress = Progress()
        self.left_s: float | None = None
        self.error: ErrorInfo | None = None

    # --- what would be run -----------------------------------------------------------------------

    def request(self, parameters: Mapping[str, Any], *, seed: int) -> Run | None:
        """The run that makes the map of what is current; None where something is missing."""
        state, model = self._state, self._state.model
        if model is None or not state.layer or not state.dataset_handle:
            return None
        inputs = Inputs(layer=state.layer, target=state.target, seed=seed)
        return Run(
            analysis=ANALYSIS, model=model.handle, inputs=inputs, dataset=state.dataset_handle,
            # the view asks for pictures of what is looked at; see `asking`
            parameters={**parameters, "pictures": "none"},
        )  # fmt: skip

    @property
    def is_running(self) -> bool:
        """Whether a map is being made."""
        return self.outcome == "running"

    @property
    def waits_for(self) -> str:
        """What runs before the map's turn comes; empty where it is its turn or nothing is asked."""
        return waited_for(self._bridge, self._job) if self._job is not None else ""

    @property
    def unfinished(self) -> str:
        """Why what is shown is not the map that was asked for; empty if it is, or none is shown."""
        if self.kept is None or not self.is_preview:
            return ""
        if self.kept.is_first_look:
            return "This is a first look by PCA, not the map that was asked for."
        return "What cells are named after is not known yet."

    @property
    def can_go_on(self) -> bool:
        """Whether a run that was cancelled, or lost its engine, has something to go on from."""
        stopped = self.outcome == "cancelled" or _is_lost(self.error)
        return not self.is_running and stopped and self._request is not None

    def shows(self, request: Run) -> bool:
        """Whether what is shown is just what a request asks for."""
        return self.kept is not None and _key(self.kept.request) == _key(request)

    def asked(self, request: Run) -> bool:
        """Whether what is or was under way last is what a request asks for."""
        return self._request is not None and _key(self._request) == _key(request)

    @property
    def layer(self) -> str:
        """Layer of what is or was under way last."""
        return self._request.inputs.layer if self._request is not None else ""

    @property
    def is_behind(self) -> bool:
        """Whether what is or was under way last is of another layer, model or folder."""
        return self._request is not None and _subject(self._request) != self._subject

    # --- running ---------------------------------------------------------------------------------

    def follow(self, request: Run | None, *, exact: bool = False) -> bool:
        """Show what is kept of a request's layer, model and images; whether there is anything.

        While the layer is the same, another map of it is shown only where `exact` says that just
        the request's is wanted.

        What is under way goes on; its map is kept, and shown when its layer is looked at.
        """
        subject = _subject(request) if request is not None else None
        found = self._maps.find(request) if request is not None else None
        if request is not None and subject == self._subject and self.kept is not None:
            same = found is None or _key(found.request) != _key(request) or self.shows(request)
            if same or not exact:
                return True
        self._subject = subject
        if found is not None:  # each view adds to a copy of its own
            found = replace(found, fetched=dict(found.fetched), steps={})
            self._maps.keep(found)
        self.kept, self.is_preview = found, False
        if not self.is_running and self.is_behind:
            self.outcome, self.error = "", None
        self.came.emit()
        self.changed.emit()
        return found is not None

    def make(self, request: Run) -> None:
        """Make a map; what is shown stays until the first look at it comes."""
        self._taken_up = False
        self._make(request)

    def _make(self, request: Run) -> None:
        self.stop()
        self._request, self._subject = request, _subject(request)
        self._is_labelling = False
        self.outcome, self.error, self.progress, self.left_s = "running", None, Progress(), None
        saved = self._saved.get(_key(request))
        wanted = msgspec.structs.replace(request, state=saved) if saved is not None else request
        self._job = self._bridge.run(
            wanted, title=f"Atlas of {request.inputs.layer}", view=VIEW, priority=self._priority,
            on_result=self._came, on_progress=self._progressed, on_state=self._save,
            on_end=self._ended,
        )  # fmt: skip
        self.changed.emit()

    def wake(self, awake: bool) -> None:
        """Whether the view is in front: what nobody waits for lets other work go first."""
        self._priority = "visible" if awake else "background"
        if self._job is not None and not self._is_labelling:
            self._bridge.reprioritise(self._job, self._priority)

    def go_on(self) -> None:
        """Take up again what was cancelled or lost its engine, from what it has."""
        if self.can_go_on and self._request is not None:
            self.make(self._request)

    def cancel(self) -> None:
        """Stop what is under way; what it has is kept for `go_on`."""
        if self._job is not None:
            self._bridge.cancel(self._job)

    def stop(self) -> None:
        """Forget what is under way: something else is looked at."""
        self._bridge.drop(VIEW)
        self._job = None
        if self.outcome == "running":
            self.outcome = ""
            self.changed.emit()

    def show(self, atlas: Atlas, recipe: Recipe | None) -> None:
        """Show a map that was made elsewhere; nothing more can be asked about it by settings."""
        request = self._request or Run(analysis=ANALYSIS, model="", inputs=Inputs())
        self.stop()
        self._subject = _subject(request)
        self.kept, self.is_preview = Kept(request, atlas, recipe), False
        self.came.emit()
        self.changed.emit()

    def _models_changed(self) -> None:
        """A model was closed: what is under way for it ends with it."""
        request, left = self._request, {model.handle for model in self._state.models}
        self._maps.keep_models(left)
        if request is None or request.model in left:
            return
        self.stop()
        self._request = None
        if self.outcome:
            self.outcome, self.error = "", None
            self.changed.emit()

    def _save(self, state: dict[str, Any]) -> None:
        if self._request is not None:
            self._saved[_key(self._request)] = state

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Atlas) or self._request is None:
            return
        kept = Kept(self._request, result, recipe)
        before = self.kept
        if before is not None and kept.same_map(before):
            kept.take_over(before)
        if not result.final and not kept.is_first_look and self._job is not None:
            # all that is left are labels: what is asked about the map need not wait for them
            self._is_labelling = True
            self._bridge.reprioritise(self._job, "background")
        if result.final:
            self._maps.keep(kept)
        if not self.is_behind:
            self.kept, self.is_preview = kept, not result.final
            self.came.emit()

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        self.progress, self.left_s = progress, left_s
        self.changed.emit()

    def _ended(self, ended: Ended) -> None:
        self._job = None
        self.outcome, self.error = ended.outcome, ended.error
        if self._take_up(ended):
            return
        if ended.outcome == "finished" and self._request is not None:
            self._saved.pop(_key(self._request), None)
            if self.is_behind:
                self._state.notify("success", f"The map of {self.layer} is made.")
        self.changed.emit()

    def _take_up(self, ended: Ended) -> bool:
        """Go on in a new engine, once: what ends that one too waits for a word."""
        hopeless = self._taken_up or self._bridge.stopped is not None
        if hopeless or not _is_lost(ended.error) or self._request is None:
            return False
        self._taken_up = True
        subject = self._subject
        self._make(self._request)
        self._subject = subject  # another layer may be looked at meanwhile
        self._state.notify(
            "info", f"The map of {self.layer} goes on.",
            "The engine ended while it was made; what was recorded is kept.",
        )  # fmt: skip
        return True


def _is_lost(error: ErrorInfo | None) -> bool:
    """Whether a run failed because its engine ended."""
    return error is not None and error.cause in LOST


def _subject(request: Run) -> Subject:
    return request.model, request.dataset, request.inputs.layer


def _key(request: Run) -> bytes:
    """What tells a map again: neither what it goes on from, nor the Target, which only colours."""
    inputs = msgspec.structs.replace(request.inputs, target=Target())
    plain = msgspec.structs.replace(request, state=None, inputs=inputs)
    return msgspec.json.encode(plain, order="sorted")
