"""What a run would cost, asked of the workspace, through the scheduler, and in this process."""

import pytest

from interp_gui.core.analysis import Inputs
from interp_gui.core.cost import Cost
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.engine.cache import Cache
from interp_gui.engine.jobs import depends
from interp_gui.engine.ledger import Ledger
from interp_gui.engine.local import LocalEngine
from interp_gui.engine.messages import Ended, Estimate, Estimated, OpenModel, Run, Submit
from interp_gui.engine.scheduler import Scheduler
from tests.engine.test_workspace import analysis, drain, make


def asked(**fields):
    return Run(analysis="demo", model="m", inputs=Inputs(), **fields)


def estimates(workspace, request, check=lambda: None):
    return drain(workspace.execute(Estimate(run=request), check))[0]


def test_an_estimate_knows_settings_and_inputs_and_starts_nothing():
    def estimate(context, settings):
        return Cost(seconds=settings.count * 2, note=context.inputs.layer)

    def run(context, settings):
        raise AssertionError("it was started")
        yield

    workspace = make(analysis(run=run, estimate=estimate))
    (cost,) = estimates(workspace, asked(parameters={"count": 4}))
    assert cost == Cost(seconds=8)


def test_where_nothing_is_known_nothing_is_told():
    assert estimates(make(), asked()) == []
    assert estimates(make(analysis(estimate=lambda context, settings: None)), asked()) == []


def test_what_a_run_would_refuse_an_estimate_refuses():
    workspace = make(analysis(needs=("image",), estimate=lambda c, s: Cost(seconds=1)))
    with pytest.raises(InvalidValue, match="needs an image"):
        estimates(workspace, asked())


def test_probes_are_remembered_by_the_engine():
    calls = []

    def estimate(context, settings):
        if "step" not in context.probes:
            calls.append(1)
            context.probes["step"] = 3.0
        return Cost(seconds=context.probes["step"])

    workspace = make(analysis(estimate=estimate))
    for _ in range(3):
        assert estimates(workspace, asked()) == [Cost(seconds=3)]
    assert calls == [1]


def test_probing_passes_can_be_cancelled():
    def estimate(context, settings):
        import numpy as np

        context.model.forward(np.zeros((1, 3, 8, 8), "f4"))
        return Cost(seconds=1)

    def check():
        raise Cancelled

    with pytest.raises(Cancelled):
        estimates(make(analysis(estimate=estimate)), asked(), check)


def test_the_engine_in_this_process_answers(tmp_path):
    workspace = make(analysis(estimate=lambda c, s: Cost(seconds=5)), analysis("other"))
    workspace.cache = Cache(tmp_path / "cache")
    engine = LocalEngine(workspace)
    assert engine.estimate(asked()) == Cost(seconds=5)
    assert engine.estimate(Run(analysis="other", model="m", inputs=Inputs())) is None


def test_the_scheduler_tells_the_cost_and_the_end():
    events = []
    scheduler = Scheduler(events.append)

    def execute(request, check):
        yield Cost(seconds=7)
        scheduler.stop()

    scheduler.command(Submit(job=1, request=Estimate(run=asked()), generation=4))
    scheduler.run(execute)
    (told,) = (event for event in events if isinstance(event, Estimated))
    assert told == Estimated(job=1, generation=4, cost=Cost(seconds=7))
    assert any(isinstance(event, Ended) for event in events)


def test_it_waits_for_the_model_that_is_being_opened():
    opening = OpenModel(model="m", path="p")
    assert set(depends(opening)) <= set(depends(Estimate(run=asked(dataset="d"))))
    assert "dataset:d" in depends(Estimate(run=asked(dataset="d")))


def test_nothing_is_told_after_a_cancel():
    ledger = Ledger()
    job = ledger.add(Estimate(run=asked()), priority="interactive", generation=1, title="").job
    told = Estimated(job=job, generation=1, cost=Cost(seconds=1))
    assert ledger.accept(told) == told
    ledger.cancel(job)
    assert ledger.accept(told) is None
