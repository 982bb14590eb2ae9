import threading

import pytest

from interp_gui.gui.trouble.doctor_dialog import DoctorDialog, run_doctor

REPORT = {
    "version": "0.1", "python": "3.11", "platform": "Linux", "versions": {"torch": None},
    "devices": [{"name": "cpu", "used": True, "reason": "no GPU"}],
    "plugins": [{"name": "cnn", "version": "1", "problem": ""}],
    "cache": {"folder": "/cache"},
    "problems": [{"what": "torch is not installed.", "why": "It runs models.", "hint": "Get it."}],
}  # fmt: skip


def test_what_is_missing_stands_first_and_can_be_copied(window, qtbot, qapp):
    dialog = DoctorDialog(window.state, window, check=lambda: REPORT)
    qtbot.waitUntil(dialog.copy.isEnabled)
    assert dialog.summary.text() == "One thing is worth knowing."
    text = dialog.text.toPlainText()
    assert text.startswith("torch is not installed.\nIt runs models. Get it.")
    assert "device cpu (used): no GPU" in text
    dialog.copy.click()
    assert qapp.clipboard().text() == text
    dialog.close()


def test_a_check_that_fails_says_so(window, qtbot):
    def fail():
        raise RuntimeError("no interpreter")

    dialog = DoctorDialog(window.state, window, check=fail)
    qtbot.waitUntil(lambda: dialog.summary.text() == "The check itself failed.")
    assert "no interpreter" in dialog.text.toPlainText()
    dialog.close()


def test_it_can_be_closed_while_it_looks(window, qtbot):
    go = threading.Event()

    def slow():
        go.wait(10)
        return REPORT

    dialog = DoctorDialog(window.state, window, check=slow)
    dialog.open()
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()
    go.set()
    window.background.close()


@pytest.mark.timeout(180)
def test_the_real_check_answers():
    report = run_doctor()
    assert report["versions"]["torch"]
    assert "problems" in report
