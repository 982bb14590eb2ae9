import threading

import pytest

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.result import Curve
from interp_gui.engine.messages import (
    Ended,
    EngineLost,
    ErrorInfo,
    Produced,
    Progressed,
    Run,
    Started,
    StateSaved,
)
from interp_gui.gui.bridge import KEPT_ROWS

REQUEST = Run(analysis="brightness", model="m", inputs=Inputs())


@pytest.fixture
def seen():
    return []


def curve(key="k"):
    import numpy as np

    return Curve(key=key, title="t", x=np.zeros(1, "f4"), ys=np.zeros((1, 1), "f4"))


def test_events_before_the_bridge_are_not_lost(qtbot, client, relay, greet):
    from interp_gui.gui.bridge import EngineBridge

    relay(greet())
    bridge = EngineBridge(client, relay)
    with qtbot.waitSignal(bridge.ready):
        pass
    assert bridge.is_ready
    assert list(bridge.analyses) == ["brightness"]
    bridge.close()
    bridge.deleteLater()


def test_callbacks_come_on_the_qt_thread(qtbot, bridge, client, seen):
    main = threading.get_ident()

    def note(name):
        return lambda *args: seen.append((name, threading.get_ident() == main))

    job = bridge.run(
        REQUEST, title="Work", on_result=note("result"), on_progress=note("progress"),
        on_state=note("state"), on_end=note("end"),
    )  # fmt: skip
    generation = client.options[job]["generation"]

    def work():
        client.emit(Started(job))
        client.emit(Progressed(job=job, generation=generation, progress=Progress(done=1, total=2)))
        client.emit(Produced(job=job, generation=generation, result=curve()))
        client.emit(StateSaved(job=job, state={"step": 1}))
        client.end(job)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [], "nothing is called from the other thread"
    qtbot.waitUntil(lambda: bridge.jobs[job].over)
    assert seen == [("progress", True), ("result", True), ("state", True), ("end", True)]


def test_what_a_model_runs_on_is_told_once_a_run_found_out(qtbot, bridge, client):
    from interp_gui.core.model import ModelDescription, Preprocessing

    model = ModelDescription(
        name="m.pt", format="torch-zip", architecture="a", library="l", parameters=1,
        weights_sha256="0" * 64, preprocessing=Preprocessing(), outputs=(),
        runtime_reason="ONNX Runtime, 3.1 times faster here",
    )  # fmt: skip
    job = bridge.run(REQUEST)
    generation = client.options[job]["generation"]
    with qtbot.waitSignal(bridge.described) as told:
        client.emit(
            Ended(job=job, generation=generation, outcome="finished", description=model)
        )  # fmt: skip
    assert told.args == ["m", model]


def test_the_newest_request_of_a_view_wins(qtbot, bridge, client, seen):
    first = bridge.run(REQUEST, view="wall", on_result=lambda r, _: seen.append(r.key))
    second = bridge.run(
        REQUEST, view="wall", on_result=lambda r, _: seen.append(r.key),
        on_end=lambda _: seen.append("end"),
    )  # fmt: skip
    assert ("cancel", first) in client.calls
    for job, key in ((first, "late"), (second, "new")):
        client.emit(
            Produced(job=job, generation=client.options[job]["generation"], result=curve(key))
        )
    client.end(first, "cancelled")
    client.end(second)
    qtbot.waitUntil(lambda: bridge.jobs[second].over)
    assert seen == ["new", "end"]


def test_results_of_an_older_generation_are_dropped(qtbot, bridge, client, seen):
    job = bridge.run(REQUEST, on_result=lambda r, _: seen.append(r.key))
    generation = client.options[job]["generation"]
    client.emit(Produced(job=job, generation=generation - 1, result=curve("old")))
    client.emit(Produced(job=job, generation=generation, result=curve("new")))
    client.end(job)
    qtbot.waitUntil(lambda: bridge.jobs[job].over)
    assert seen == ["new"]


def test_other_views_are_left_alone(bridge, client):
    bridge.run(REQUEST, view="a")
    bridge.run(REQUEST, view="b")
    bridge.run(REQUEST)
    bridge.run(REQUEST)
    assert client.calls == []


def test_rows_follow_a_job(qtbot, bridge, client):
    job = bridge.run(REQUEST, title="Work")
    states = [bridge.jobs[job].state]
    bridge.job_changed.connect(lambda row: states.append(row.state))
    client.emit(Started(job))
    qtbot.waitUntil(lambda: bridge.jobs[job].state == "running")
    bridge.pause(job)
    bridge.resume(job)
    error = ErrorInfo(cause="OutOfMemory", message="Too large.", hint="Smaller.")
    client.end(job, "failed", error=error)
    qtbot.waitUntil(lambda: bridge.jobs[job].over)
    assert states == ["waiting", "running", "paused", "running", "failed"]
    assert bridge.jobs[job].error == error
    bridge.cancel(job)
    assert client.calls == [("pause", job), ("resume", job)], "what is over is not cancelled"


def test_dropping_a_view_cancels_and_silences(qtbot, bridge, client, seen):
    job = bridge.run(REQUEST, view="tab", on_end=lambda _: seen.append("end"))
    bridge.drop("tab")
    client.end(job, "cancelled")
    qtbot.waitUntil(lambda: bridge.jobs[job].over)
    assert client.calls == [("cancel", job)]
    assert seen == []


def test_ended_rows_do_not_pile_up(qtbot, bridge, client):
    for _ in range(KEPT_ROWS + 30):
        client.end(bridge.run(REQUEST, title="Work"))
    running = bridge.run(REQUEST, title="Last")
    qtbot.waitUntil(lambda: len(bridge.active) == 1)
    assert len(bridge.jobs) == KEPT_ROWS + 1
    assert bridge.active[0].job == running


def test_a_lost_engine_is_not_ready(qtbot, bridge, client, greet):
    client.emit(greet())
    qtbot.waitUntil(lambda: bridge.is_ready)
    client.emit(EngineLost(reason="killed", respawning=True))
    qtbot.waitUntil(lambda: not bridge.is_ready)


def test_nothing_comes_after_close(qtbot, bridge, client, seen):
    job = bridge.run(REQUEST, on_end=seen.append)
    client.emit(Ended(job=job, generation=1, outcome="finished"))
    bridge.close()
    client.emit(Ended(job=job, generation=1, outcome="finished"))
    qtbot.wait(20)
    assert seen == []
    assert client.closed
