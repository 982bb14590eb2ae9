"""What a new process is told after the old one died."""

import msgspec
import numpy as np

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.dataset import Dataset
from interp_gui.core.model import Preprocessing
from interp_gui.core.result import Bars
from interp_gui.engine.ledger import Ledger
from interp_gui.engine.messages import (
    CloseModel,
    Ended,
    ErrorInfo,
    LogLine,
    OpenModel,
    Pause,
    Produced,
    Progressed,
    RegisterDataset,
    Reopening,
    Run,
    SetPreprocessing,
    Started,
    StateSaved,
    Submit,
)

RUN = Run(analysis="a", model="m", inputs=Inputs())
OTHER = Preprocessing(size=(9, 9))


def add(ledger, request=RUN, *, generation=0):
    return ledger.add(request, priority="visible", generation=generation, title="t").job


def finish(ledger, request):
    job = add(ledger, request)
    assert ledger.accept(Ended(job=job, generation=0, outcome="finished")) is not None


def test_models_come_back_as_they_were_last_and_closed_ones_do_not():
    ledger = Ledger()
    finish(ledger, OpenModel(model="m", path="p"))
    finish(ledger, OpenModel(model="n", path="q"))
    finish(ledger, SetPreprocessing(model="m", preprocessing=OTHER))
    finish(ledger, CloseModel(model="n"))
    finish(ledger, RegisterDataset(dataset="d", value=Dataset(name="x")))
    told = ledger.replay()
    assert [m.request for m in told] == [
        OpenModel(model="m", path="p", preprocessing=OTHER),
        RegisterDataset(dataset="d", value=Dataset(name="x")),
    ]
    assert all(m.job < 0 for m in told)


def test_jobs_come_back_with_state_priority_and_pause():
    ledger = Ledger()
    first, second = add(ledger), add(ledger)
    ledger.accept(StateSaved(job=first, state={"a": np.ones(2)}))
    ledger.entries[first].priority = "background"
    ledger.entries[first].paused = True
    told = ledger.replay()
    assert isinstance(told[0], Submit)
    assert told[0].priority == "background"
    np.testing.assert_array_equal(told[0].request.state["a"], np.ones(2))
    assert told[1] == Pause(first)
    assert told[2].job == second
    assert told[2].request is RUN


def test_results_of_another_generation_or_an_unknown_job_are_dropped():
    ledger = Ledger()
    job = add(ledger, generation=4)
    bars = Bars(key="b", title="B", labels=(), values=())
    progress = Progressed(job=job, generation=4, progress=Progress())
    assert ledger.accept(progress) is progress
    assert ledger.accept(msgspec.structs.replace(progress, generation=3)) is None
    assert ledger.accept(Produced(job=job, generation=3, result=bars)) is None
    assert ledger.accept(Produced(job=job, generation=4, result=bars)) is not None
    assert ledger.accept(Produced(job=99, generation=4, result=bars)) is None


def test_one_end_a_job_and_a_late_finish_of_a_cancelled_run_is_a_cancel():
    ledger = Ledger()
    job = add(ledger)
    assert ledger.cancel(job)
    assert not ledger.cancel(job)
    end = Ended(job=job, generation=0, outcome="finished")
    assert ledger.accept(end).outcome == "cancelled"
    assert ledger.accept(end) is None
    assert ledger.drop([job]) == []
    assert not ledger.cancel(job)


def test_a_model_that_was_open_before_its_cancel_came_is_told_as_open():
    ledger = Ledger()
    job = add(ledger, OpenModel(model="m", path="p"))
    ledger.cancel(job)
    assert ledger.accept(Ended(job=job, generation=0, outcome="finished")).outcome == "finished"
    assert ledger.models == ("m",)


def test_a_model_that_cannot_be_opened_again_is_told_and_forgotten():
    ledger = Ledger()
    finish(ledger, OpenModel(model="m", path="p"))
    (errand,) = ledger.replay()
    error = ErrorInfo(cause="FileProblem", message="It is gone.")
    told = ledger.accept(Ended(job=errand.job, generation=0, outcome="failed", error=error))
    assert isinstance(told, LogLine)
    assert "It is gone." in told.text
    assert ledger.replay() == []


def test_a_model_whose_reopening_killed_the_engine_is_not_tried_again():
    ledger = Ledger()
    finish(ledger, OpenModel(model="m", path="p"))
    finish(ledger, OpenModel(model="n", path="q"))
    first, _ = ledger.replay()
    assert ledger.opening(first.job) == "q"
    ledger.blame(first.job)
    assert [m.request.model for m in ledger.replay()] == ["m"]


def test_the_model_that_is_looked_at_is_opened_again_first_and_the_others_wait_for_questions():
    ledger = Ledger()
    for model in "mno":
        finish(ledger, OpenModel(model=model, path=f"/x/{model}.pth"))
    finish(ledger, RegisterDataset(dataset="d", value=Dataset(name="x")))
    ledger.add(
        msgspec.structs.replace(RUN, model="n"), priority="background", generation=0, title=""
    )
    ledger.add(RUN, priority="interactive", generation=0, title="")
    told = [m for m in ledger.replay() if m.job < 0]
    assert [getattr(m.request, "model", "") for m in told] == ["m", "o", "n", ""]
    assert [m.priority for m in told] == ["interactive", "background", "background", "interactive"]

    now = ledger.accept(Started(told[0].job))
    assert now == Reopening(model="m", name="m.pth", at=1, count=3, waiting=("m", "o", "n"))
    ledger.accept(Ended(job=told[0].job, generation=0, outcome="finished"))
    assert not ledger.all_reopened(told[0].job)
    now = ledger.accept(Started(told[2].job))  # it was asked for
    assert (now.name, now.at, now.count, now.waiting) == ("n.pth", 2, 3, ("n", "o"))
    ledger.accept(Ended(job=told[2].job, generation=0, outcome="failed"))
    ledger.accept(Ended(job=told[1].job, generation=0, outcome="finished"))
    assert ledger.all_reopened(told[1].job)


def test_jobs_that_were_to_be_cancelled_do_not_fail():
    ledger = Ledger()
    one, two = add(ledger), add(ledger)
    ledger.cancel(one)
    ends = ledger.drop([one, two, 99], error=ErrorInfo(cause="EngineLost", message="x"))
    assert [e.outcome for e in ends] == ["cancelled", "failed"]
    assert ends[0].error is None
