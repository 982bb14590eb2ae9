"""The Jobs panel over a client that computes nothing."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QMenu, QToolButton

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.feature import Feature
from interp_gui.engine.messages import (
    ErrorInfo,
    LogLine,
    OpenModel,
    Produced,
    Progressed,
    Run,
    Started,
)
from interp_gui.gui.jobs.row import JobRow, total_text
from interp_gui.gui.panels.jobs import JobsPanel
from interp_gui.gui.panels.jobs_model import (
    ELAPSED,
    JOB,
    LEFT,
    PROGRESS,
    STARTED,
    STATE,
    elapsed_text,
    progress_text,
    rate_text,
    time_text,
)
from interp_gui.gui.panels.jobs_report import failure_report
from interp_gui.gui.toast import DetailsDialog

REQUEST = Run(analysis="brightness", model="m", inputs=Inputs())
ERROR = ErrorInfo(cause="bug", message="It broke.", hint="Try less.", details="Traceback …")


def cells(panel, column):
    model = panel.model
    return [model.index(row, column).data() for row in range(model.rowCount())]


@pytest.fixture
def jobs(qtbot, bridge):
    panel = JobsPanel(bridge)
    qtbot.addWidget(panel)
    return panel


def begin(client, job, *, done=0, total=0, left_s=None):
    client.emit(Started(job))
    client.emit(
        Progressed(
            job=job, generation=client.options[job]["generation"],
            progress=Progress(done=done, total=total, text="optimising"), left_s=left_s,
        )
    )  # fmt: skip


def end(qtbot, bridge, client, job, *args, **values):
    client.end(job, *args, **values)
    qtbot.waitUntil(lambda: bridge.jobs[job].over)


def test_jobs_with_a_title_are_listed_newest_first(jobs, bridge):
    bridge.run(REQUEST, title="First")
    bridge.run(REQUEST)
    bridge.run(REQUEST, title="Second")
    assert cells(jobs, JOB) == ["Second", "First"]


def test_commands_act_on_the_only_job_or_the_selected_ones(jobs, bridge, client):
    assert not jobs.cancel.isEnabled()
    first = bridge.run(REQUEST, title="First")
    jobs.pause.trigger()
    assert jobs.pause.text() == "Resume"
    jobs.pause.trigger()
    second = bridge.run(REQUEST, title="Second")
    assert not jobs.cancel.isEnabled(), "which of the two is not said"
    jobs.table.selectRow(0)
    jobs.cancel.trigger()
    assert client.calls == [("pause", first), ("resume", first), ("cancel", second)]


def test_several_are_paused_and_cancelled_at_once(jobs, bridge, client):
    first, second = (bridge.run(REQUEST, title=name) for name in ("First", "Second"))
    bridge.pause(first)
    jobs.table.selectAll()
    jobs.pause.trigger()  # one of them still runs, so this pauses it
    jobs.cancel.trigger()
    assert client.calls[1:] == [("pause", second), ("cancel", second), ("cancel", first)]


def test_the_row_tells_progress_rate_times_and_state(jobs, bridge, client, qtbot):
    job = bridge.run(REQUEST, title="Work")
    assert cells(jobs, STATE) == ["Waiting"]
    assert cells(jobs, ELAPSED) == cells(jobs, STARTED) == [""]
    begin(client, job, done=128, total=512, left_s=200.0)
    qtbot.waitUntil(lambda: cells(jobs, LEFT) == ["about 3 min"])
    assert cells(jobs, PROGRESS) == ["128 of 512 · optimising"]
    assert cells(jobs, STATE) == ["Running"]
    assert cells(jobs, STARTED)[0].count(":") == 2
    assert cells(jobs, ELAPSED) == ["0:00"]
    assert jobs.total.text() == "1 job, 3 min left"
    jobs.show()
    assert jobs.grab().width() > 0


def test_time_passes_only_while_it_is_seen_and_something_runs(jobs, bridge, client, qtbot):
    job = bridge.run(REQUEST, title="Work")
    begin(client, job)
    qtbot.waitUntil(lambda: bridge.jobs[job].state == "running")
    assert not jobs._tick.isActive()
    jobs.show()
    assert jobs._tick.isActive()
    end(qtbot, bridge, client, job)
    assert not jobs._tick.isActive()


def test_the_rate_counts_from_where_a_continued_job_went_on():
    row = JobRow(
        job=1, title="t", state="running", progress=Progress(done=276, total=512),
        counted_from=(256, 100.0),
    )  # fmt: skip
    assert row.rate_per_s(102.0) == pytest.approx(10)
    assert row.rate_per_s(100.1) is None


def test_opening_a_model_can_be_cancelled_and_not_paused(jobs, bridge, client):
    job = bridge.run(OpenModel(model="m", path="/p/net.pt"), title="Open net.pt")
    assert not jobs.pause.isEnabled()
    assert "cannot be paused" in jobs.pause.toolTip()
    jobs.pause.trigger()
    jobs.cancel.trigger()
    assert client.calls == [("cancel", job)]


def test_a_failure_is_a_sentence_in_its_row_and_a_report_on_demand(jobs, bridge, client, qtbot):
    job = bridge.run(REQUEST, title="Work")
    end(qtbot, bridge, client, job, "failed", error=ERROR)
    assert cells(jobs, STATE) == ["Failed"]
    assert cells(jobs, PROGRESS) == ["It broke."]
    jobs.table.selectRow(0)
    jobs.details.trigger()
    dialog = jobs.findChild(DetailsDialog)
    assert dialog is not None
    dialog.close()
    jobs.copy_report.trigger()
    text = QGuiApplication.clipboard().text()
    assert "It broke." in text
    assert "Traceback …" in text


def test_a_report_holds_what_helps_and_no_folder(greet, tmp_path):
    home = tmp_path / "home of zelda" / "scans"
    feature = Feature(layer="features.1", vectors=((0.5,) * 300,))
    inputs = Inputs(images=(str(home / "a.png"),), features=(feature,))
    row = JobRow(
        job=1, title=f"Look at {home}/a.png", state="failed", error=ErrorInfo(
            cause="bug", message=f"'{home}/b c.png' broke.",
            details=f'File "{home}/.venv/lib/site-packages/torch/x.py", line 3\n  in {home}',
        ),
        request=Run(analysis="brightness", model="m", inputs=inputs, parameters={"steps": 7}),
    )  # fmt: skip
    log = [LogLine(level="WARNING", logger="engine", text=f"cannot keep {home}/x")]
    text = failure_report(row, greet(), log)
    for wanted in ("brightness", '"steps": 7', "torch 2.15", "cpu", "'b c.png' broke", "a.png",
                   "site-packages/torch/x.py", "cannot keep", "1 of 300 numbers"):  # fmt: skip
        assert wanted in text
    for secret in ("zelda", str(tmp_path)):
        assert secret not in text


def test_ended_jobs_are_cleared_or_taken_off_one_by_one(jobs, bridge, client, qtbot):
    end(qtbot, bridge, client, bridge.run(REQUEST, title="One"))
    end(qtbot, bridge, client, bridge.run(REQUEST, title="Two"))
    bridge.run(REQUEST, title="Running")
    jobs.table.selectRow(1)
    jobs.remove.trigger()
    assert cells(jobs, JOB) == ["Running", "One"]
    jobs.clear.trigger()
    assert cells(jobs, JOB) == ["Running"]
    jobs.table.selectRow(0)
    jobs.remove.trigger()
    assert cells(jobs, JOB) == ["Running"], "what runs stays listed"


def test_enter_double_click_and_the_menu_show_the_result(jobs, bridge, client, qtbot):
    asked = []
    jobs.result_requested.connect(asked.append)
    job = bridge.run(REQUEST, title="Work", view="analysis:brightness")
    end(qtbot, bridge, client, job)
    with qtbot.waitActive(jobs):
        jobs.show()
        jobs.activateWindow()
    jobs.table.setFocus()
    jobs.table.selectRow(0)
    qtbot.keyClick(jobs.table, Qt.Key.Key_Return)
    jobs.table.doubleClicked.emit(jobs.model.index(0, 0))
    jobs.show_result.trigger()
    assert [row.job for row in asked] == [job] * 3


def test_the_context_menu_holds_every_command(jobs, bridge, client, qtbot):
    end(qtbot, bridge, client, bridge.run(REQUEST, title="Work", view="analysis:brightness"))
    jobs.show()
    jobs.table.selectRow(0)
    at = QPoint(20, 10)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, at, jobs.table.viewport().mapToGlobal(at)
    )
    QGuiApplication.sendEvent(jobs.table.viewport(), event)
    menu = jobs.table.findChild(QMenu)
    titles = [action.text() for action in menu.actions() if action.text()]
    assert titles == [
        "Show result", "Pause", "Cancel", "Run again", "Run again with other parameters…",
        "Show what went wrong…", "Copy the report", "Take off the list", "Clear ended jobs",
    ]  # fmt: skip
    menu.close()


def test_running_again_is_offered_for_what_is_over(jobs, bridge, client, relay, greet, qtbot):
    with qtbot.waitSignal(bridge.ready):
        relay(greet())
    again, changed = [], []
    jobs.again_requested.connect(again.append)
    jobs.change_requested.connect(changed.append)
    job = bridge.run(REQUEST, title="Work")
    jobs.table.selectRow(0)
    assert not jobs.again.isEnabled()
    end(qtbot, bridge, client, job, "cancelled")
    assert jobs.again.isEnabled()
    jobs.again.trigger()
    jobs.change.trigger()
    assert [row.request for row in (*again, *changed)] == [REQUEST, REQUEST]


def test_a_finished_job_tells_how_many_results_came(jobs, bridge, client, qtbot):
    from interp_gui.core.result import Table

    job = bridge.run(REQUEST, title="Work")
    table = Table(key="t", title="T", columns=("a",), cells=())
    client.emit(Produced(job=job, generation=client.options[job]["generation"], result=table))
    end(qtbot, bridge, client, job)
    assert cells(jobs, PROGRESS) == ["1 result"]


def test_every_button_has_a_name(jobs):
    buttons = jobs.findChildren(QToolButton)
    assert len(buttons) == 7
    assert all(button.accessibleName() and button.toolTip() for button in buttons)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "about 1 s"), (80, "about 80 s"), (100, "about 2 min"), (7300, "about 2 h")],
)
def test_time_left_in_words(seconds, text):
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (5, "0:05"), (725, "12:05"), (3723, "1:02:03")]
)
def test_elapsed_time(seconds, text):
    assert elapsed_text(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, ""), (14.2, "14 /s"), (3.21, "3.2 /s"), (0.5, "30 /min"), (0.01, "0.6 /min")],
)
def test_rate_in_words(rate, text):
    assert rate_text(rate) == text


def test_progress_without_a_total_is_its_words():
    assert progress_text(JobRow(job=1, title="t", progress=Progress(text="reading"))) == "reading"


def row(state="running", left_s=None):
    return JobRow(job=1, title="t", state=state, left_s=left_s)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], ""),
        ([row("finished")], ""),
        ([row()], "1 job"),
        ([row(left_s=70.0), row("waiting", left_s=50.0)], "2 jobs, 2 min left"),
        ([row(left_s=70.0), row("waiting"), row("failed")], "2 jobs, more than 70 s left"),
        ([row("paused", left_s=70.0)], "1 job, paused"),
        ([row("paused", left_s=70.0), row(left_s=30.0)], "2 jobs, 30 s left"),
    ],
)
def test_all_jobs_in_a_few_words(rows, text):
    assert total_text(rows) == text


def test_an_empty_panel_says_what_it_is_for(jobs, bridge):
    jobs.show()
    assert jobs._empty.isVisible()
    bridge.run(REQUEST, title="Work")
    assert not jobs._empty.isVisible()
