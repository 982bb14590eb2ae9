"""A client with a light engine process behind it."""

import sys
import threading
import time
from pathlib import Path

import pytest

from interp_gui.core.analysis import Inputs
from interp_gui.engine.client import EngineClient
from interp_gui.engine.messages import Ended, Hello, OpenModel, Run

FAKE = Path(__file__).with_name("fake_engine.py")


class Events(list):
    """What the client told, with waiting."""

    def __init__(self):
        super().__init__()
        self.changed = threading.Condition()

    def __call__(self, event):
        with self.changed:
            self.append(event)
            self.changed.notify_all()

    def of(self, kind, job=None):
        found = [e for e in list(self) if isinstance(e, kind)]
        return found if job is None else [e for e in found if e.job == job]

    def wait(self, kind, job=None, *, count=1, timeout_s=15):
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while len(self.of(kind, job)) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} of job {job}; came: {list(self)[-12:]}"
                self.changed.wait(left)
        return self.of(kind, job)[count - 1]


class Harness:
    def __init__(self, folder, **options):
        self.events = Events()
        self.client = EngineClient(
            on_event=self.events, run_folder=folder, command=[sys.executable, str(FAKE)], **options
        )

    def open(self):
        self.client.start()
        self.events.wait(Hello)
        job = self.client.submit(OpenModel(model="m", path="x"))
        assert self.events.wait(Ended, job).outcome == "finished"

    def run(self, analysis, *, priority="interactive", generation=0, **parameters):
        request = Run(analysis=analysis, model="m", inputs=Inputs(), parameters=parameters)
        return self.client.submit(request, priority=priority, generation=generation)


@pytest.fixture
def harness(tmp_path):
    made = []

    def make(**options):
        made.append(Harness(tmp_path / "runs", **options))
        return made[-1]

    yield make
    for each in made:
        each.client.close()


@pytest.fixture
def events():
    return Events()
