"""The client with a real (light) engine process: killed, hung, dying, and put to sleep."""

import os
import signal
import time

import numpy as np
import psutil
import pytest

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.dataset import Dataset
from interp_gui.engine.messages import (
    Ended,
    EngineLost,
    Heartbeat,
    Hello,
    OpenModel,
    Produced,
    Progressed,
    RegisterDataset,
    Reopening,
    Run,
    Started,
    StateSaved,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def test_a_job_runs_and_its_large_result_arrives_and_leaves_no_file(harness):
    h = harness()
    h.open()
    job = h.run("count", to=3, side=200)
    assert h.events.wait(Ended, job).outcome == "finished"
    result = h.events.wait(Produced, job).result
    np.testing.assert_array_equal(result.pixels, np.full((200, 200, 3), 7, np.uint8))
    assert [p.name for p in h.client.folder.iterdir()] == ["owner.lock"]


def test_jobs_submitted_before_the_engine_is_ready_are_done(harness):
    h = harness()
    h.client.submit(OpenModel(model="m", path="x"))
    job = h.run("count", to=1)
    h.client.start()
    assert h.events.wait(Ended, job).outcome == "finished"
    kinds = [type(e) for e in h.events]
    assert kinds.index(Hello) < kinds.index(Started)


def test_a_cancelled_job_delivers_nothing_but_one_end(harness):
    h = harness()
    h.open()
    job = h.run("count", to=10_000, sleep_s=0.001)
    h.events.wait(Progressed, job)
    h.client.cancel(job)
    after = len(h.events)
    assert h.events.wait(Ended, job).outcome == "cancelled"
    h.client.cancel(job)
    other = h.run("count", to=1)
    h.events.wait(Ended, other)
    late = [e for e in h.events[after:] if getattr(e, "job", None) == job]
    assert [type(e) for e in late if not isinstance(e, Heartbeat)] == [Ended]


def test_a_step_that_checks_inside_is_cancelled_without_a_kill(harness):
    h = harness()
    h.open()
    pid = h.client.pid
    job = h.run("hooks")
    h.events.wait(Progressed, job)
    h.client.cancel(job)
    assert h.events.wait(Ended, job).outcome == "cancelled"
    assert h.client.pid == pid
    assert not h.events.of(EngineLost)


@pytest.mark.parametrize("how", ["hang", "swallow"])
def test_a_job_that_will_not_stop_is_killed_and_the_others_go_on(harness, how, tmp_path):
    h = harness()
    h.open()
    h.client.submit(RegisterDataset(dataset="d", value=Dataset(name="d")))
    pid = h.client.pid
    background = h.run("count", priority="background", to=60, sleep_s=0.02)
    h.events.wait(StateSaved, background, count=5)
    inside = tmp_path / "inside"
    stuck = h.run(how, inside=str(inside))
    h.events.wait(Progressed, stuck)
    while not inside.exists():
        time.sleep(0.01)
    h.client.cancel(stuck)
    assert h.events.wait(Ended, stuck, timeout_s=10).outcome == "cancelled"
    assert h.events.wait(EngineLost).respawning
    assert h.events.wait(Ended, background, timeout_s=20).outcome == "finished"
    assert h.client.pid != pid
    assert len(h.events.of(Hello)) == 2
    resumed_from = int(h.events.wait(Produced, background).result.title.split()[1])
    assert resumed_from >= 5
    assert len(h.events.of(Ended, stuck)) == len(h.events.of(Ended, background)) == 1


def test_a_process_that_dies_fails_its_job_and_resumes_the_others(harness):
    h = harness()
    h.open()
    background = h.run("count", priority="background", to=30, sleep_s=0.01)
    h.events.wait(StateSaved, background, count=3)
    dying = h.run("die")
    ended = h.events.wait(Ended, dying)
    assert (ended.outcome, ended.error.cause) == ("failed", "EngineLost")
    assert "memory" in ended.error.message
    assert "about to die" in h.events.wait(EngineLost).stderr_tail
    assert h.events.wait(Ended, background, timeout_s=20).outcome == "finished"


def test_a_device_that_asserts_ends_the_engine_which_comes_back_and_goes_on(harness):
    h = harness()
    h.open()
    pid = h.client.pid
    background = h.run("count", priority="background", to=30, sleep_s=0.01)
    h.events.wait(StateSaved, background, count=3)
    failing = h.run("assertion")
    ended = h.events.wait(Ended, failing)
    assert (ended.outcome, ended.error.cause) == ("failed", "DeviceLost")
    assert "GPU" in ended.error.message
    assert "device-side assert" in ended.error.details
    lost = h.events.wait(EngineLost)
    assert lost.respawning
    assert lost.reason == "The GPU reported an error after which the engine had to end."
    h.events.wait(Hello, count=2)
    assert h.client.pid != pid
    assert h.events.wait(Ended, background, timeout_s=20).outcome == "finished"
    assert len(h.events.of(Ended, failing)) == 1
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"


def test_killed_from_outside_while_idle_it_comes_back_with_its_models(harness):
    h = harness()
    h.open()
    os.kill(h.client.pid, signal.SIGKILL)
    h.events.wait(Hello, count=2)
    job = h.run("count", to=1)
    assert h.events.wait(Ended, job).outcome == "finished"


def test_it_stays_down_after_dying_too_often_until_it_is_restarted(harness):
    h = harness()
    h.open()
    for i in range(4):
        h.events.wait(Hello, count=i + 1)
        dying = h.run("die")
        h.events.wait(Ended, dying)
    h.events.wait(EngineLost, count=4)
    last = h.events.of(EngineLost)[-1]
    assert not last.respawning
    refused = h.run("count", to=1)
    assert h.events.wait(Ended, refused).error.cause == "EngineLost"
    h.client.restart()
    h.events.wait(Hello, count=5)
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"


def test_a_model_whose_opening_kills_the_engine_is_not_opened_again(harness):
    h = harness()
    h.open()
    job = h.client.submit(OpenModel(model="big", path="kill"))
    ended = h.events.wait(Ended, job)
    assert ended.outcome == "failed"
    assert ended.error.message.startswith("Opening 'kill' ended the engine: the engine ")
    assert "smaller pictures" not in ended.error.hint
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"
    assert len(h.events.of(EngineLost)) == 1
    again = h.events.of(Reopening)
    assert (again[0].at, again[0].count) == (1, 1)
    h.events.wait(Reopening, count=2)
    assert h.events.of(Reopening)[-1] == Reopening()


def test_an_engine_that_cannot_start_says_why(harness, monkeypatch):
    monkeypatch.setenv("FAKE_DEAD", "1")
    h = harness()
    job = h.run("count", to=1)
    h.client.start()
    ended = h.events.wait(Ended, job)
    assert ended.error.cause == "EngineLost"
    assert "no such library" in h.events.of(EngineLost)[-1].stderr_tail


def test_a_command_that_does_not_exist_is_an_event(harness):
    h = harness()
    h.client._command = ["/nowhere/to/be/found"]
    job = h.run("count", to=1)
    h.client.start()
    assert h.events.wait(Ended, job).outcome == "failed"
    assert not h.events.wait(EngineLost).respawning


def test_no_kill_during_a_long_start_even_if_its_job_is_cancelled(harness, monkeypatch):
    monkeypatch.setenv("FAKE_WARM_UP_S", "3")
    h = harness()
    h.client.start()
    job = h.run("count", to=1)
    h.client.cancel(job)
    assert h.events.wait(Ended, job, timeout_s=2).outcome == "cancelled"
    h.events.wait(Hello)
    assert len(h.events.of(Heartbeat)) > 2
    assert not h.events.of(EngineLost)


def test_a_stopped_process_is_told_and_killed_only_once_a_cancel_waits(harness):
    h = harness(silence_s=0.8)
    h.open()
    job = h.run("count", to=10_000)
    h.events.wait(Started, job)
    os.kill(h.client.pid, signal.SIGSTOP)
    lost = h.events.wait(EngineLost)
    assert "not answering" in lost.reason
    assert not lost.respawning
    stopped = h.client.pid
    time.sleep(0.3)
    assert psutil.pid_exists(stopped)
    h.client.cancel(job)
    assert h.events.wait(Ended, job).outcome == "cancelled"
    h.events.wait(Hello, count=2)


def test_a_stopped_process_that_wakes_up_is_ready_again(harness):
    h = harness(silence_s=0.8)
    h.open()
    job = h.run("count", to=200, sleep_s=0.01)
    h.events.wait(Started, job)
    os.kill(h.client.pid, signal.SIGSTOP)
    h.events.wait(EngineLost)
    os.kill(h.client.pid, signal.SIGCONT)
    h.events.wait(Hello, count=2)
    assert h.events.wait(Ended, job).outcome == "finished"


def test_heartbeats_go_on_and_tell_the_age_while_a_job_hangs(harness):
    h = harness()
    h.open()
    job = h.run("hang")
    h.events.wait(Progressed, job)
    before = len(h.events.of(Heartbeat))
    h.events.wait(Heartbeat, count=before + 6)
    beat = h.events.of(Heartbeat)[-1]
    assert beat.job == job
    assert beat.compute_age_s > 0.5
    assert beat.memory_bytes > 2**20


def test_closing_ends_a_hung_engine_and_leaves_nothing(harness):
    h = harness()
    h.open()
    job = h.run("hang")
    h.events.wait(Progressed, job)
    pid, folder = h.client.pid, h.client.folder
    h.client.close()
    assert not psutil.pid_exists(pid)
    assert not folder.exists()
    assert h.events.of(Ended, job)[0].outcome == "cancelled"
    count = len(h.events)
    h.client.close()
    assert len(h.events) == count


@pytest.mark.parametrize(
    ("analysis", "cause", "words"),
    [
        ("memory", "OutOfMemory", "memory"),
        ("bug", "bug", "of all things"),
        ("refuse", "InvalidValue", "No."),
    ],
)
def test_failures_end_the_job_and_not_the_engine(harness, analysis, cause, words):
    h = harness()
    h.open()
    ended = h.events.wait(Ended, h.run(analysis))
    assert (ended.outcome, ended.error.cause) == ("failed", cause)
    assert words in ended.error.message
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"
    assert not h.events.of(EngineLost)


def test_what_libraries_print_does_not_reach_the_messages(harness):
    h = harness()
    h.open()
    job = h.run("chatter")
    assert h.events.wait(Ended, job).outcome == "finished"
    told = h.events.of(Progressed, job)
    assert told[-1].progress == Progress(done=2000, total=2000)
    assert len(told) < 100


def test_pause_holds_a_job_until_it_is_resumed(harness):
    h = harness()
    h.open()
    job = h.run("count", to=40, sleep_s=0.01)
    h.events.wait(StateSaved, job)
    h.client.pause(job)
    other = h.run("count", priority="background", to=1)
    assert h.events.wait(Ended, other).outcome == "finished"
    assert not h.events.of(Ended, job)
    h.client.resume(job)
    assert h.events.wait(Ended, job).outcome == "finished"


def test_what_cannot_be_sent_fails_its_job_only(harness):
    h = harness()
    h.open()
    request = Run(analysis="count", model="m", inputs=Inputs(), parameters={"to": object()})
    job = h.client.submit(request)
    assert h.events.wait(Ended, job).error.cause == "ProtocolError"
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"


@pytest.mark.expects_log
def test_a_listener_that_raises_does_not_stop_the_others(harness, caplog):
    h = harness()
    h.open()
    real = h.client._delivery.listener

    def broken(event):
        real(event)
        if isinstance(event, Started):
            raise RuntimeError("in the listener")

    h.client._delivery.listener = broken
    assert h.events.wait(Ended, h.run("count", to=1)).outcome == "finished"
    assert "listener" in caplog.text
