"""What the window has asked of the engine, kept so that a new process can take over."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
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
    Reopening,
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
        self._reopened = 0
        self._models: dict[str, OpenModel] = {}
        self._datasets: dict[str, RegisterDataset] = {}
        self._last = 0
        self._last_errand = 0

    @property
    def models(self) -> tuple[str, ...]:
        """Handles of open models, the one that was used last at the end."""
        return tuple(self._models)

    def add(self, request: Request, *, priority: Priority, generation: int, title: str) -> Submit:
        """Enter a new job."""
        if isinstance(request, Run) and priority == "interactive" and request.model in self._models:
            self._models[request.model] = self._models.pop(request.model)  # the last one is newest
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
        if isinstance(event, Started) and isinstance(self._errands.get(event.job), OpenModel):
            return self._reopening(event.job)
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

    def _reopening(self, begun: int) -> Reopening:
        """How far the reopening of what was open is, with the errand that has begun."""
        waiting = {
            job: errand for job, errand in self._errands.items() if isinstance(errand, OpenModel)
        }
        now = waiting[begun]
        others = (errand.model for job, errand in waiting.items() if job != begun)
        return Reopening(
            model=now.model, name=Path(now.path).name, waiting=(now.model, *others),
            at=self._reopened + 1, count=self._reopened + len(waiting),
        )  # fmt: skip

    def all_reopened(self, ended: int) -> bool:
        """Whether an errand that has ended was the last model that was opened again."""
        open_still = any(isinstance(each, OpenModel) for each in self._errands.values())
        return ended < 0 and self._reopened > 0 and not open_still

    def opening(self, job: int | None) -> str:
        """Name of the file that a job opens, or opens again; empty if it is another job."""
        entry = self.entries.get(job) if job is not None else None
        request = entry.submit.request if entry is not None else self._errands.get(job or 0)
        return Path(request.path).name if isinstance(request, OpenModel) else ""

    def _end_errand(self, errand: Request, event: Ended) -> LogLine | None:
        if not isinstance(errand, OpenModel):
            return None
        self._reopened += 1
        if event.outcome == "finished":
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
        self._reopened = 0
        messages: list[ToEngine] = []
        models = list(self._models.values())[::-1]  # the one that is looked at comes first
        setup: list[Request] = [*models, *self._datasets.values()]
        for request in setup:
            self._last_errand -= 1
            self._errands[self._last_errand] = request
            # what is asked of a model opens it before: the engine knows what depends on what
            later = isinstance(request, OpenModel) and request is not models[0]
            priority: Priority = "background" if later else "interactive"
            messages.append(Submit(job=self._last_errand, request=request, priority=priority))
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
