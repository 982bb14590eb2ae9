"""Order, preemption, pause and cancel, on the test's own thread with a clock of its own."""

import threading

import pytest

from interp_gui.core.analysis import Inputs, Progress, Saved
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import Cancelled, InvalidValue, UnsafeCheckpoint
from interp_gui.core.result import Bars
from interp_gui.engine.jobs import Made, ProgressMeter
from interp_gui.engine.messages import (
    Cancel,
    Ended,
    Heartbeat,
    OpenModel,
    Pause,
    Produced,
    Progressed,
    RegisterDataset,
    Reprioritise,
    Resume,
    Run,
    Started,
    StateSaved,
    Submit,
)
from interp_gui.engine.scheduler import DeviceLost, Scheduler


class Bench:
    """A scheduler that runs until nothing is left; `at` does something when a job takes a step."""

    def __init__(self):
        self.events, self.trace = [], []
        self.now = 0.0
        self.scheduler = Scheduler(self.events.append, clock=lambda: self.now)
        self.at = {}
        self.bodies = {}
        self.closed = []

    def submit(self, job, *, priority="interactive", steps=3, request=None, body=None):
        request = request or Run(analysis="a", model="m", inputs=Inputs())
        self.bodies[job] = body or self.steps(job, steps)
        self.jobs = getattr(self, "jobs", {})
        self.jobs[id(request)] = (job, request)
        self.scheduler.command(Submit(job=job, request=request, priority=priority, generation=job))

    def steps(self, job, count):
        def body(check):
            try:
                for i in range(count):
                    self.trace.append(job)
                    if (job, i) in self.at:
                        self.at[job, i]()
                    yield Progress(done=i + 1, total=count)
            finally:
                self.closed.append(job)

        return body

    def execute(self, request, check):
        job = self.jobs[id(request)][0]
        return self.bodies[job](check)

    def run(self):
        def stop(check):
            self.scheduler.stop()
            yield Progress()

        self.submit(999, priority="background", body=stop)
        self.scheduler.run(self.execute)

    def of(self, kind, job):
        return [e for e in self.events if isinstance(e, kind) and e.job == job]

    def outcome(self, job):
        (ended,) = self.of(Ended, job)
        return ended.outcome


@pytest.fixture
def bench():
    return Bench()


def test_urgent_first_and_first_come_within_one_priority(bench):
    bench.submit(1, priority="background", steps=2)
    bench.submit(2, priority="visible", steps=2)
    bench.submit(3, steps=2)
    bench.submit(4, steps=1)
    bench.run()
    assert bench.trace == [3, 3, 4, 2, 2, 1, 1]


def test_a_new_urgent_job_takes_over_at_the_next_yield(bench):
    bench.submit(1, priority="background", steps=3)
    bench.at[1, 0] = lambda: bench.submit(2, steps=2)
    bench.run()
    assert bench.trace == [1, 2, 2, 1, 1]
    beats = [e.job for e in bench.events if isinstance(e, Heartbeat)]
    assert beats[:3] == [1, 2, 1]


def test_an_equally_urgent_job_does_not(bench):
    bench.submit(1, steps=3)
    bench.at[1, 0] = lambda: bench.submit(2, steps=1)
    bench.run()
    assert bench.trace == [1, 1, 1, 2]


def test_priority_can_be_changed_while_it_runs(bench):
    bench.submit(1, priority="visible", steps=3)
    bench.submit(2, priority="background", steps=2)
    bench.at[1, 0] = lambda: bench.scheduler.command(Reprioritise(2, "interactive"))
    bench.run()
    assert bench.trace == [1, 2, 2, 1, 1]


def test_a_paused_job_lets_others_pass_and_goes_on_when_resumed(bench):
    bench.submit(1, steps=3)
    bench.submit(2, priority="background", steps=2)
    bench.at[1, 0] = lambda: bench.scheduler.command(Pause(1))
    bench.at[2, 0] = lambda: bench.scheduler.command(Resume(1))
    bench.run()
    assert bench.trace == [1, 2, 1, 1, 2]


def test_a_run_waits_for_what_it_names_however_urgent_it_is(bench):
    data = RegisterDataset(dataset="d", value=Dataset())
    bench.submit(1, priority="background", request=OpenModel(model="m", path="p"), steps=2)
    bench.submit(2, priority="background", request=data, steps=1)
    bench.submit(3, priority="visible", request=OpenModel(model="other", path="p"), steps=1)
    bench.submit(4, request=Run(analysis="a", model="m", dataset="d", inputs=Inputs()), steps=1)
    bench.run()
    assert bench.trace == [1, 1, 2, 4, 3]


def test_cancel_while_waiting_ends_at_once_without_running(bench):
    bench.submit(1, steps=2)
    bench.submit(2, steps=2)
    bench.at[1, 0] = lambda: bench.scheduler.command(Cancel(2))
    bench.run()
    assert bench.trace == [1, 1]
    assert bench.outcome(2) == "cancelled"
    assert bench.events.index(bench.of(Ended, 2)[0]) < bench.events.index(bench.of(Ended, 1)[0])


def test_cancel_at_a_yield_and_between_yields_runs_the_clean_up(bench):
    bench.submit(1, steps=5)
    bench.submit(2, priority="background", steps=5)
    bench.at[1, 1] = lambda: bench.scheduler.command(Cancel(1))
    bench.at[2, 1] = lambda: bench.submit(3, steps=1)
    bench.at[3, 0] = lambda: bench.scheduler.command(Cancel(2))
    bench.run()
    assert bench.trace == [1, 1, 2, 2, 3]
    assert [bench.outcome(j) for j in (1, 2, 3)] == ["cancelled", "cancelled", "finished"]
    assert sorted(bench.closed) == [1, 2, 3]


def test_check_raises_once_cancelled_and_is_a_sign_of_life_before(bench):
    def body(check):
        bench.now += 5
        assert bench.scheduler.heartbeat().compute_age_s == 5
        check()
        assert bench.scheduler.heartbeat().compute_age_s == 0
        bench.scheduler.command(Cancel(1))
        bench.now += 3
        with pytest.raises(Cancelled):
            check()
        assert bench.scheduler.heartbeat() == Heartbeat(compute_age_s=3, job=1)
        check()
        yield Progress()

    bench.submit(1, body=body)
    bench.run()
    assert bench.outcome(1) == "cancelled"


def test_a_generator_that_refuses_to_close_is_over_all_the_same(bench):
    def body(check):
        while True:
            try:
                yield Progress()
            except GeneratorExit:
                yield Progress()

    bench.submit(1, body=body)
    bench.submit(2, steps=1)
    bench.scheduler.command(Pause(1))
    bench.at[2, 0] = lambda: bench.scheduler.command(Cancel(1))
    bench.run()
    assert bench.outcome(1) == "cancelled"
    assert bench.outcome(2) == "finished"


def test_progress_is_thinned_and_the_last_one_always_told(bench):
    def body(check):
        for i in range(1000):
            bench.now += 0.001
            yield Progress(done=i + 1, total=1000)

    bench.submit(1, body=body)
    bench.run()
    told = bench.of(Progressed, 1)
    assert 15 <= len(told) <= 22
    assert told[-1].progress.done == 1000
    assert told[len(told) // 2].left_s == pytest.approx(
        1 - told[len(told) // 2].progress.done / 1000, rel=0.01
    )


def test_time_left_counts_only_the_jobs_own_work_and_restarts_with_a_new_phase():
    meter = ProgressMeter()
    meter.offer(Progress(done=10, total=20), now_s=0, worked_s=0.0)
    assert meter.left_s is None
    meter.offer(Progress(done=12, total=20), now_s=100, worked_s=1.0)
    assert meter.left_s == pytest.approx(4.0)
    meter.offer(Progress(done=1, total=5), now_s=101, worked_s=1.5)
    assert meter.left_s is None
    meter.offer(Progress(text="who knows"), now_s=102, worked_s=2)
    assert meter.left_s is None


def test_results_and_states_carry_job_and_generation(bench):
    bars = Bars(key="b", title="B", labels=(), values=())

    def body(check):
        yield Saved(state={"i": 1})
        yield Made(bars, None)

    bench.submit(7, body=body)
    bench.run()
    assert bench.of(Produced, 7) == [Produced(job=7, generation=7, result=bars)]
    assert bench.of(StateSaved, 7)[0].state == {"i": 1}
    kinds = [type(e) for e in bench.events if getattr(e, "job", None) == 7]
    assert kinds == [Heartbeat, Started, StateSaved, Produced, Ended]


@pytest.mark.parametrize(
    ("problem", "cause", "detail"),
    [
        (InvalidValue("No.", hint="Yes."), "InvalidValue", ""),
        (UnsafeCheckpoint("No.", names=("os.system",)), "UnsafeCheckpoint", "os.system"),
        (MemoryError(), "OutOfMemory", "MemoryError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "OutOfMemory", "Runtime"),
        (KeyError("x"), "bug", "Traceback"),
        (OSError(28, "No space left"), "OutputProblem", "No space"),
    ],
)
def test_whatever_a_job_raises_ends_it_alone(bench, problem, cause, detail):
    def body(check):
        yield Progress()
        raise problem

    bench.submit(1, body=body)
    bench.submit(2, steps=1)
    bench.run()
    (ended,) = bench.of(Ended, 1)
    assert (ended.outcome, ended.error.cause) == ("failed", cause)
    assert detail in ended.error.details
    assert "\n" not in ended.error.message
    assert bench.outcome(2) == "finished"


def test_a_lost_device_fails_the_job_and_ends_the_engine(bench):
    def body(check):
        yield Progress()
        raise RuntimeError("CUDA error: device-side assert triggered")

    bench.submit(1, body=body)
    with pytest.raises(DeviceLost):
        bench.run()
    assert bench.outcome(1) == "failed"


def test_an_idle_scheduler_wakes_for_work_and_counts_as_alive(bench):
    thread = threading.Thread(target=bench.scheduler.run, args=(bench.execute,))
    thread.start()
    bench.now += 100
    assert bench.scheduler.heartbeat() == Heartbeat(compute_age_s=0, job=None)
    done = threading.Event()

    def body(check):
        done.set()
        yield Progress()

    bench.submit(1, body=body)
    assert done.wait(5)
    bench.scheduler.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_who_was_just_answered_asks_again_before_less_urgent_work_goes_on():
    bench = Bench()

    def answered(event):
        bench.events.append(event)
        if isinstance(event, Ended) and event.job == 1:  # as a window does, from its own thread
            timer = threading.Timer(0.001, lambda: bench.submit(2, steps=1))
            timer.start()
            timers.append(timer)

    timers = []
    bench.scheduler = Scheduler(answered, clock=lambda: bench.now)
    bench.submit(1, steps=1)
    bench.submit(3, priority="background", steps=2)
    bench.run()
    for timer in timers:
        timer.join()
    assert bench.trace == [1, 2, 3, 3]
