import pytest
from PySide6.QtWidgets import QMessageBox, QWidget

from interp_gui.gui.jobs.closing import ask_to_close


@pytest.fixture
def parent(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    for box in widget.findChildren(QMessageBox):
        box.close()


@pytest.fixture
def called():
    return []


def ask(parent, called, jobs=(), unsaved=None):
    return ask_to_close(
        parent, jobs, unsaved=unsaved, on_save=lambda: called.append("save"),
        on_discard=lambda: called.append("discard"), on_close=lambda: called.append("close"),
    )  # fmt: skip


def press(box, title):
    next(button for button in box.buttons() if button.text() == title).click()


def titles(box):
    return {button.text() for button in box.buttons()}


def test_jobs_are_named(parent, called):
    box = ask(parent, called, [f"Job {i}" for i in range(7)])
    assert titles(box) == {"Close", "Keep running"}
    assert "Job 4\nand 2 more" in box.informativeText()
    assert "Job 5" not in box.informativeText()
    assert box.defaultButton().text() == "Keep running", "Enter loses nothing"
    assert box.escapeButton().text() == "Keep running"
    press(box, "Keep running")
    assert called == []
    press(ask(parent, called, ["Job"]), "Close")
    assert called == ["close"]


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Save and close", ["save"]), ("Close without saving", ["discard"]), ("Cancel", [])],
)
@pytest.mark.parametrize("jobs", [(), ("Optimise <b>14</b>",)])
def test_one_dialog_asks_about_the_session_and_the_jobs(parent, called, title, expected, jobs):
    box = ask(parent, called, jobs, unsaved="study <1>.interp")
    assert "'study <1>.interp'" in box.text()
    assert all(job in box.informativeText() for job in jobs)
    assert box.defaultButton().text() == "Save and close"
    press(box, title)
    assert called == expected


def test_escape_keeps_the_window_open(parent, called, qtbot):
    from PySide6.QtCore import Qt

    for unsaved in (None, "study.interp"):
        box = ask(parent, called, ["Job"], unsaved=unsaved)
        qtbot.keyClick(box, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not parent.findChildren(QMessageBox))
    assert called == []
