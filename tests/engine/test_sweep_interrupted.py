"""A model closed, or a job cancelled, while a sweep runs on it: a clear end, the engine goes on."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.analysis import Inputs
from interp_gui.engine.messages import (
    Cancel,
    CloseModel,
    Ended,
    ForgetDataset,
    OpenModel,
    Produced,
    Progressed,
    Run,
    StateSaved,
    Submit,
)
from interp_gui.engine.scheduler import Scheduler
from interp_gui.engine.workspace import Workspace
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import build, describe


@pytest.fixture
def runtime():
    network, classes = build("cnn")
    return TorchRuntime(network, describe("cnn", classes))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    pixels = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


class Engine:
    """Workspace and scheduler on the test's own thread; `at` acts when some event comes."""

    def __init__(self, runtime):
        def opened(request, labelled, device, check):
            yield from ()
            return runtime

        self.workspace = Workspace(device="cpu", open_model=opened)
        self.events, self.at = [], {}
        self.scheduler = Scheduler(self.told)

    def told(self, event):
        self.events.append(event)
        act = self.at.pop((type(event), getattr(event, "job", None)), None)
        if act is not None:
            act()

    def submit(self, job, request, priority="visible"):
        self.scheduler.command(Submit(job=job, request=request, priority=priority, generation=job))

    def work(self):
        """Run until nothing is left to do."""

        def execute(request, check):
            if isinstance(request, ForgetDataset):  # the last in the queue
                self.scheduler.stop()
            return self.workspace.execute(request, check)

        self.submit(900 + len(self.events), ForgetDataset(dataset="none"), "background")
        self.scheduler.run(execute)
        self.scheduler = Scheduler(self.told)  # one that was stopped stays so

    def of(self, kind, job):
        return [e for e in self.events if isinstance(e, kind) and e.job == job]


def weights(runtime):
    digest = hashlib.sha256()
    for name, tensor in sorted(runtime.module.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def sweep(picture, **settings):
    return Run(
        analysis="ablation-sweep", model="m", inputs=Inputs(images=(picture,), layer="last"),
        parameters={"batch": 1, "controls": 4, "confirm": 2, **settings},
    )  # fmt: skip


def test_a_model_that_is_closed_lets_its_sweep_end_whole(runtime, picture):
    before = weights(runtime)
    engine = Engine(runtime)
    engine.submit(1, OpenModel(model="m", path="x"))
    engine.submit(2, sweep(picture))
    engine.at[Progressed, 2] = lambda: engine.submit(3, CloseModel(model="m"), "interactive")
    engine.work()
    assert [e.outcome for e in engine.of(Ended, 3)] == ["finished"]
    (ended,) = engine.of(Ended, 2)
    assert ended.outcome == "finished", ended
    table = [e.result for e in engine.of(Produced, 2) if e.result.key == "sweep"][-1]
    assert table.final
    assert table.numbers["measured"] == 12
    engine.submit(4, sweep(picture))
    engine.work()
    (refused,) = engine.of(Ended, 4)
    assert refused.outcome == "failed"
    assert "not open" in refused.error.message
    engine.submit(5, OpenModel(model="m", path="x"))
    engine.submit(6, sweep(picture))
    engine.work()
    assert engine.of(Ended, 6)[0].outcome == "finished"
    assert weights(runtime) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())


def test_a_sweep_that_is_cancelled_leaves_the_model_and_its_state(runtime, picture, monkeypatch):
    from interp_gui.analyses.ablation_sweep import tally

    monkeypatch.setattr(tally, "SAVE_EVERY_S", 0.0)
    before = weights(runtime)
    engine = Engine(runtime)
    engine.submit(1, OpenModel(model="m", path="x"))
    engine.submit(2, sweep(picture))
    engine.at[StateSaved, 2] = lambda: engine.scheduler.command(Cancel(job=2))
    engine.work()
    assert engine.of(Ended, 2)[0].outcome == "cancelled"
    assert engine.of(StateSaved, 2)
    assert weights(runtime) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())
    engine.submit(3, sweep(picture))
    engine.work()
    assert engine.of(Ended, 3)[0].outcome == "finished"
