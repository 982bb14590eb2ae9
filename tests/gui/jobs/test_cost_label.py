import pytest
from PySide6.QtWidgets import QMessageBox, QWidget

from interp_gui.core.analysis import AnalysisInfo, Inputs
from interp_gui.core.cost import Cost
from interp_gui.engine.messages import Estimate, Estimated, Run
from interp_gui.gui.jobs.cost_label import CostLabel

INFOS = tuple(
    AnalysisInfo(
        id=name, title=name, summary="", needs=(), produces=(), parameters=(), estimates=knows
    )
    for name, knows in (("slow", True), ("silent", False))
)


def run(analysis="slow", **parameters):
    return Run(analysis=analysis, model="m", inputs=Inputs(), parameters=parameters)


@pytest.fixture
def label(qtbot, bridge, relay, greet):
    with qtbot.waitSignal(bridge.ready):
        relay(greet(analyses=INFOS))
    window = QWidget()
    label = CostLabel(bridge, view="tab", parent=window)
    qtbot.addWidget(window)
    window.show()
    yield label
    assert window


def asked(client):
    return [(job, r.run) for job, r in client.requests.items() if isinstance(r, Estimate)]


def answer(client, job, **cost):
    generation = client.options[job]["generation"]
    if cost:
        client.emit(Estimated(job=job, generation=generation, cost=Cost(**cost)))
    client.end(job)


def question(label):
    return label.window().findChild(QMessageBox)


def test_it_says_what_the_run_would_take(label, client, qtbot):
    label.set_request(run(steps=1))
    label.set_request(run(steps=2))
    qtbot.waitUntil(lambda: bool(asked(client)))
    ((job, request),) = asked(client)
    assert request == run(steps=2), "only what is rested on is asked about"
    answer(client, job, seconds=2400, disk_bytes=1_200_000_000, memory_bytes=3 * 10**9, note="N.")
    qtbot.waitUntil(lambda: label.text() == "About 40 min, writes about 1.2 GB")
    assert "3 GB of memory" in label.toolTip()
    assert "N." in label.toolTip()
    label.set_request(run(steps=3))
    assert label.text() == "", "it is not that of another run"


def test_nothing_is_asked_of_who_cannot_tell_or_is_not_seen(label, client, qtbot):
    label.set_request(run("silent"))
    assert not label._later.isActive()
    label.window().hide()
    label.set_request(run())
    assert not label._later.isActive()
    label.window().show()
    qtbot.waitUntil(lambda: len(asked(client)) == 1)


def test_a_short_run_starts_without_a_question(label, client, qtbot):
    started = []
    label.start(run(), lambda: started.append(1))
    assert not started
    answer(client, asked(client)[-1][0], seconds=10)
    qtbot.waitUntil(lambda: started == [1])
    assert question(label) is None
    label.start(run(), lambda: started.append(2))
    assert started == [1, 2], "what is known is not asked again"


def test_a_long_run_is_asked_about(label, client, qtbot):
    started = []
    label.set_request(run())
    qtbot.waitUntil(lambda: bool(asked(client)))
    answer(client, asked(client)[-1][0], seconds=2400, disk_bytes=1_200_000_000)
    qtbot.waitUntil(lambda: label.cost is not None)
    for title, expected in (("Do not start", []), ("Start", [1])):
        label.start(run(), lambda: started.append(1))
        box = question(label)
        assert box.text() == "This takes about 40 min and writes about 1.2 GB. Start?"
        button = next(b for b in box.buttons() if b.text() == title)
        button.click()
        assert started == expected
        qtbot.waitUntil(lambda: question(label) is None)


def test_what_cannot_be_told_starts(label, client, qtbot):
    started = []
    label.start(run("silent"), lambda: started.append("silent"))
    assert started == ["silent"]
    label.start(run(), lambda: started.append("unknown"))
    answer(client, asked(client)[-1][0])
    qtbot.waitUntil(lambda: started == ["silent", "unknown"])


def test_a_busy_engine_holds_no_start_up(label, client, qtbot):
    started = []
    label.start(run(), lambda: started.append(1))
    label._patience.setInterval(0)
    label._patience.start()
    qtbot.waitUntil(lambda: started == [1])
    answer(client, asked(client)[-1][0], seconds=2400)
    qtbot.waitUntil(lambda: label.cost is not None)
    assert started == [1]
    assert question(label) is None


def test_after_a_run_it_is_asked_anew(label, client, qtbot):
    label.set_request(run())
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    answer(client, asked(client)[-1][0], seconds=10)
    qtbot.waitUntil(lambda: label.text() == "About 10 s")
    label.refresh()
    qtbot.waitUntil(lambda: len(asked(client)) == 2)
