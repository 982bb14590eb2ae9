"""Slow first times are taken once, and only while nobody waits."""

import threading
import time

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.engine.messages import Run, Submit
from interp_gui.engine.scheduler import Scheduler
from interp_gui.engine.warming import Warming, prepare_layouts


class Engine:
    """Says how long it has been idle, as it is told."""

    def __init__(self):
        self.idle, self.over = 0.0, threading.Event()
        self.looked, self.prepared = threading.Semaphore(0), []

    def idle_s(self):
        self.looked.release()
        return self.idle

    def start(self, prepare=None):
        return Warming(
            prepare or (lambda: self.prepared.append(threading.current_thread().name)),
            idle_s=self.idle_s, over=self.over, after_s=5.0, look_every_s=0.001,
        ).start()  # fmt: skip

    def wait_for_looks(self, count):
        for _ in range(count):
            assert self.looked.acquire(timeout=10)


def test_nothing_is_prepared_before_the_engine_is_idle():
    engine = Engine()
    thread = engine.start()
    engine.idle = 4.9
    engine.wait_for_looks(3)
    assert not engine.prepared
    engine.idle = 5.0
    thread.join(10)
    assert engine.prepared == ["engine-warming"]


def test_an_engine_that_ends_prepares_nothing():
    engine = Engine()
    thread = engine.start()
    engine.wait_for_looks(2)
    engine.over.set()
    thread.join(10)
    assert not thread.is_alive()
    assert not engine.prepared


def test_a_preparation_that_fails_is_passed_over():
    engine = Engine()
    engine.idle = 9.0

    def fail():
        raise ImportError("no compiler")

    engine.start(fail).join(10)


def test_a_scheduler_says_how_long_it_has_been_idle():
    now = [0.0]
    scheduler = Scheduler(lambda _: None, clock=lambda: now[0])
    found = []

    def body(request, check):
        now[0] = 7.0
        found.append(scheduler.idle_s())
        yield Progress()

    assert scheduler.idle_s() == 0
    now[0] = 100.0
    assert scheduler.idle_s() == 0  # nothing has run yet
    now[0] = 1.0
    request = Run(analysis="a", model="m", inputs=Inputs())
    scheduler.command(Submit(job=1, request=request, priority="interactive", generation=1))
    assert scheduler.idle_s() == 0
    thread = threading.Thread(target=scheduler.run, args=(body,))
    thread.start()
    deadline = time.monotonic() + 10
    while not found or scheduler.heartbeat().job is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    now[0] = 10.0
    assert found == [0.0]
    while scheduler.idle_s() != 3.0:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    scheduler.stop()
    thread.join(10)


def test_the_layout_is_what_is_prepared(monkeypatch):
    called = []
    where = "interp_gui.analyses.atlas.umap_epochs.compiled"
    monkeypatch.setattr(where, lambda: called.append(1))
    prepare_layouts()
    assert called == [1]
