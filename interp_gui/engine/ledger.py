"""What the window has asked of the engine, kept so that a new process can take over."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from interp_gui.engine.messages import (
    CloseModel,
    Ended,
    ErrorInfo,
    Estimated,
    ForgetDataset,
    FromEngine,
    LogLine,
    OpenModel,
    Pause,
    Priority,
    Produced,
    Progressed,
    RegisterDataset,
    Request,
    Run,
    SetOutputs,
    SetPreprocessing,
    Started,
    StateSaved,
    Submit,
    ToEngine,
)  # fmt: skip


@dataclass
class Entry:
    """A job that has not ended.

    Parameters
    ----------
    state
        What it last saved.
    cancelled_s
        When its cancel was asked; None if it was not.
    """

    submit: Submit
    priority: Priority
    state: dict[str, Any] | None = None
    paused: bool = False
    cancelled_s: float | None = None


class Ledger:
    """Jobs, models and datasets by number and handle. Not locked: its owner does that."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self._errands: dict[int, Request] = {}
        self._models: dict[str, OpenModel] = {}
        self._datasets: dict[str, RegisterDataset] = {}
        self._last = 0
        self._last_errand = 0

    @property
    def models(self) -> tuple[str, ...]:
        """Handles of open models."""
        return tuple(self._models)

    def add(self, request: Request, *, priority: Priority, generation: int, title: str) -> Submit:
        """Enter a new job."""
        self._last += 1
        submit = Submit(
            job=self._last, request=request, priority=priority, generation=generation, title=title
        )
        self.entries[submit.job] = Entry(submit, priority)
        return submit

    def cancel(self, job: int) -> bool:
        """Note that a job is to be cancelled; False if it is over or that is noted already."""
        entry = self.entries.get(job)
        if entry is None or entry.cancelled_s is not None:
            return False
        entry.cancelled_s = time.monotonic()
        return True

    def waiting_cancel_s(self) -> dict[int, float]:
        """Jobs whose cancel was asked, and for how long it has been waited for."""
        now = time.monotonic()
        return {
            job: now - entry.cancelled_s
            for job, entry in self.entries.items()
            if entry.cancelled_s is not None
        }

    def accept(self, event: FromEngine) -> FromEngine | None:
        """Take note of an event; what comes back is to be delivered, if anything.

        Nothing of a job is delivered after its cancel but its end, and nothing after its end.
        """
        if isinstance(event, Ended):
            return self._accept_end(event)
        if not isinstance(event, Started | Progressed | Produced | Estimated | StateSaved):
            return event
        entry = self.entries.get(event.job)
        if entry is None or entry.cancelled_s is not None:
            return None
        if isinstance(event, Progressed | Produced | Estimated):
            return event if event.generation == entry.submit.generation else None
        if isinstance(event, StateSaved):
            entry.state = event.state
        return event

    def _accept_end(self, event: Ended) -> FromEngine | None:
        errand = self._errands.pop(event.job, None)
        if errand is not None:
            return self._end_errand(errand, event)
        entry = self.entries.pop(event.job, None)
        if entry is None:
            return None
        request = entry.submit.request
        if event.outcome == "finished":
            self._settle(request)
            if entry.cancelled_s is not None and isinstance(request, Run):
                return msgspec.structs.replace(event, outcome="cancelled", description=None)
        return event

    def _settle(self, request: Request) -> None:
        if isinstance(request, OpenModel):
            self._models[request.model] = request
        elif isinstance(request, SetPreprocessing):
            opened = self._models.get(request.model)
            if opened is not None:
                self._models[request.model] = msgspec.structs.replace(
                    opened, preprocessing=request.preprocessing
                )
        elif isinstance(request, SetOutputs):
            opened = self._models.get(request.model)
            if opened is not None:
                self._models[request.model] = msgspec.structs.replace(
                    opened, outputs=request.outputs
                )
        elif isinstance(request, CloseModel):
            self._models.pop(request.model, None)
        elif isinstance(request, RegisterDataset):
            self._datasets[request.dataset] = request
        elif isinstance(request, ForgetDataset):
            self._datasets.pop(request.dataset, None)

    def _end_errand(self, errand: Request, event: Ended) -> LogLine | None:
        if event.outcome == "finished" or not isinstance(errand, OpenModel):
            return None
        self._models.pop(errand.model, None)
        reason = event.error.message if event.error is not None else event.outcome
        return LogLine(
            level="ERROR", logger=__name__, text=f"A model could not be opened again: {reason}"
        )

    def drop(self, jobs: Iterable[int], *, error: ErrorInfo | None = None) -> list[Ended]:
        """End jobs without the engine: failed with `error`, or cancelled."""
        ends = []
        for job in jobs:
            entry = self.entries.pop(job, None)
            if entry is None:
                continue
            failed = error is not None and entry.cancelled_s is None
            ends.append(
                Ended(
                    job=job,
                    generation=entry.submit.generation,
                    outcome="failed" if failed else "cancelled",
                    error=error if failed else None,
                )
            )
        return ends

    def blame(self, job: int | None) -> None:
        """Take note of the errand in which an engine died, so that it is not tried again."""
        errand = self._errands.get(job) if job is not None else None
        if isinstance(errand, OpenModel):
            self._models.pop(errand.model, None)

    def replay(self) -> list[ToEngine]:
        """What a new process is told: models and datasets, then jobs from their last state."""
        self._errands.clear()
        messages: list[ToEngine] = []
        setup: list[Request] = [*self._models.values(), *self._datasets.values()]
        for request in setup:
            self._last_errand -= 1
            self._errands[self._last_errand] = request
            messages.append(Submit(job=self._last_errand, request=request))
        for job, entry in self.entries.items():
            submit = msgspec.structs.replace(entry.submit, priority=entry.priority)
            run = submit.request
            if isinstance(run, Run) and entry.state is not None:
                resumed = msgspec.structs.replace(run, state=entry.state)
                submit = msgspec.structs.replace(submit, request=resumed)
            messages.append(submit)
            if entry.paused:
                messages.append(Pause(job))
        return messages
