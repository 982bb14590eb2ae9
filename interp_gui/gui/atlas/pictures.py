"""Pictures for the cells in view: those nearest the middle first, cheap ones before refined."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Progress
from interp_gui.core.atlas.kinds import Sheet, Source
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.messages import Ended, Priority, Run
from interp_gui.gui.atlas.waiting import waited_for
from interp_gui.gui.atlas.work import Kept
from interp_gui.gui.bridge import EngineBridge, JobRow
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.wall_order import ranges

ANALYSIS = "atlas-pictures"
VIEW = "atlas-pictures"
CHUNK: dict[Source, int] = {"crop": 64, "icon": 16}
"""Cells a request; what is looked at then may be others."""
_NAMES: dict[Source, str] = {"crop": "Crops", "icon": "Icons"}
STAGES: dict[Source, tuple[int, ...]] = {"crop": (0,), "icon": (24, 128)}
"""Steps of a first look and of a refined icon."""


class AtlasPictures(QObject):
    """Asks for the pictures of one view's map, newest wish first.

    Signals
    -------
    came
        `CellPictures` of the map that is shown.
    changed
        `text` or `problem` is another.
    """

    came = Signal(object)
    changed = Signal()

    def __init__(self, state: AppState, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge = state, bridge
        self._kept: Kept | None = None
        self._side: int = 0
        self._source: Source = "crop"
        self._wanted: tuple[int, ...] = ()
        self._made: dict[tuple[int, str], dict[int, None]] = {}
        self._asked: tuple[int, Source, frozenset[int]] | None = None
        self._job = 0
        self._waits = False
        self._steps = 0
        self._declined: set[tuple[int, str, int]] = set()
        self._is_awake = True
        self.text = ""
        """What is being made; empty for nothing."""
        self.problem = ""
        """Why there are no pictures; empty if there is no need to say."""
        bridge.job_changed.connect(self._job_changed)

    def begin(self, kept: Kept | None) -> None:
        """Work for another map; what was under way is dropped unless the map is but relabelled."""
        if kept is not None and kept.same_map(self._kept):
            self._kept = kept
            return
        self.stop()
        self._kept, self._wanted = kept, ()
        self._made.clear()
        self._declined.clear()
        self.problem = ""

    def stop(self) -> None:
        """Cancel what is under way."""
        self._bridge.drop(VIEW)
        self._asked = None
        self._say("")

    def wake(self, awake: bool) -> None:
        """Whether the map is in front: nothing is made for one that nobody sees."""
        self._is_awake = awake
        if awake:
            self._next()
        else:
            self.stop()

    def want(self, side: int, source: Source, cells: Sequence[int]) -> None:
        """These cells are in view without a picture, those nearest the middle first."""
        if (side, source) != (self._side, self._source):
            self._side, self._source = side, source
        self._wanted = tuple(int(cell) for cell in cells)
        if self._asked is not None and self._is_out_of_view():
            self.stop()
        self._next()

    def _is_out_of_view(self) -> bool:
        """Whether what is under way is for nothing that is looked at now."""
        assert self._asked is not None
        side, source, cells = self._asked
        return (side, source) != (self._side, self._source) or (
            bool(self._wanted) and not cells & set(self._wanted)
        )

    # --- one request after the other -------------------------------------------------------------

    def _next(self) -> None:
        kept = self._kept
        ready = self._is_awake and kept is not None and self._asked is None
        if not ready or kept is None or ANALYSIS not in self._bridge.analyses:
            return
        source = self._source
        if kept.is_first_look:  # its cells are not those of the map
            self._say(f"{_NAMES[source]} wait for the map" if self._wanted else "")
            return
        if source == "icon" and self._state.gradient_problem:
            self.problem = f"Icons need gradients: {self._state.gradient_problem}"
            self.changed.emit()
            return
        for steps in STAGES[source]:
            cells = self._lacking(kept, source, steps)
            if cells:
                self._ask(kept, source, steps, cells)
                return
        self._say("")

    def _lacking(self, kept: Kept, source: Source, steps: int) -> list[int]:
        have = kept.steps.get((self._side, source), {})
        made = self._made.get((self._side, source), {})
        places = [*self._wanted, *(cell for cell in made if cell not in self._wanted)]
        return [
            cell
            for cell in places
            if have.get(cell, -1) < steps and (self._side, source, cell) not in self._declined
        ][: CHUNK[source]]

    def _ask(self, kept: Kept, source: Source, steps: int, cells: list[int]) -> None:
        settings = {**kept.request.parameters, "level": self._side, "source": source,
                    "cells": ranges(cells)}  # fmt: skip
        if source == "icon":
            settings |= {"steps": steps, "first": 0}  # the first look is a run of its own
        known = {info.name for info in self._bridge.analyses[ANALYSIS].parameters}
        settings = {name: value for name, value in settings.items() if name in known}
        request = Run(
            analysis=ANALYSIS, model=kept.request.model, inputs=kept.request.inputs,
            dataset=kept.request.dataset, parameters=settings,
        )  # fmt: skip
        self._asked, self._steps = (self._side, source, frozenset(cells)), steps
        self._waits = False
        first = steps == STAGES[source][0]
        priority: Priority = "visible" if first else "background"
        self._job = self._bridge.run(
            request, priority=priority, view=VIEW,
            title=f"Icons of the atlas of {kept.request.inputs.layer}" if source == "icon" else "",
            on_result=self._came, on_progress=self._progressed, on_end=self._ended,
        )  # fmt: skip
        self._tell()

    def _tell(self) -> None:
        """Say what is being made, or what that waits for."""
        row = self._bridge.jobs.get(self._job)
        self._waits = self._asked is not None and row is not None and row.state == "waiting"
        if self._asked is None:
            return
        name, count = _NAMES[self._asked[1]], len(self._asked[2])
        before = waited_for(self._bridge, self._job)
        if before:
            self._say(f"{name} are waiting for: {before}…")
        else:
            self._say(f"{name} are being made: {'1 cell' if count == 1 else f'{count} cells'}")

    def _came(self, result: AnyResult, _recipe: Recipe | None) -> None:
        kept = self._kept
        if kept is None or not isinstance(result, Sheet):
            return
        if result.atlas != kept.atlas.provenance.get("atlas_sha256"):
            return  # pictures for another layout
        pictures = result.pictures
        kept.add(pictures)
        made = self._made.setdefault((pictures.level, pictures.source), {})
        made.update(dict.fromkeys(pictures.cells.tolist()))
        self.came.emit(pictures)

    def _progressed(self, progress: Progress, left_s: float | None) -> None:
        if self._asked is not None and self._asked[1] == "icon" and progress.total:
            left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
            self._say(f"{progress.text or 'Making icons'}{left}")

    def _ended(self, ended: Ended) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and self._kept is not None:
            side, source, cells = asked
            have = self._kept.steps.get((side, source), {})
            if ended.outcome != "finished":
                self._declined.update((side, source, cell) for cell in cells)
            else:  # what did not come although it was asked for is not asked for again
                short = (c for c in cells if have.get(c, -1) < self._steps)
                self._declined.update((side, source, c) for c in short)
        self.problem = ended.error.message if ended.error is not None else ""
        if ended.outcome == "cancelled":  # who cancels icons does not want the next ones to begin
            self._wanted = ()
            self._say("")
            return
        self._say("")
        self._next()

    def _job_changed(self, _row: JobRow) -> None:
        """Some job began or ended: this one, or what it waits for."""
        if self._waits:
            self._tell()

    def _say(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self.changed.emit()
