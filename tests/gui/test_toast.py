"""Toasts are counted and merged, and survive the end of their window."""

import pytest
from PySide6.QtWidgets import QWidget

from interp_gui.gui.state import Notification
from interp_gui.gui.toast import Toast, Toasts


@pytest.fixture
def owner(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(600, 400)
    widget.show()
    return widget


def test_the_same_message_is_counted(owner):
    toasts = Toasts(owner)
    first = toasts.show(Notification("info", "Copied."))
    assert toasts.show(Notification("info", "Copied.")) is first
    assert first.count == 2


@pytest.mark.parametrize("levels", [("warning", "error"), ("error", "warning")])
def test_one_event_told_at_two_levels_is_one_toast_with_both_hints(owner, levels):
    toasts = Toasts(owner)
    toasts.show(Notification(levels[0], "The engine was killed.", "It starts again.", "boom"))
    toasts.show(Notification(levels[1], "The engine was killed.", "Try less.", "boom"))
    (toast,) = toasts.shown
    assert toast.note.level == "error"
    assert toast.note.hint == "It starts again. Try less."
    assert toast.note.details == "boom"


def test_a_toast_without_its_python_side_paints_nothing(owner):
    toast = Toast(Notification("info", "Copied."), owner)
    toast.show()
    toast.__dict__.clear()  # what the garbage collector leaves of a cycle it takes apart
    toast.repaint()


def test_an_offer_stays_and_a_newer_one_takes_its_place(owner):
    toasts = Toasts(owner)
    done = []
    for what in ("old", "new"):
        toasts.show(
            Notification(
                "info", "Made here.", action="Reopen", on_action=lambda w=what: done.append(w)
            )
        )
    (toast,) = toasts.shown
    assert not toast._timer.isActive()
    toast.note.on_action()
    assert done == ["new"]


def test_a_success_goes_whatever_it_offers_and_a_warning_stays_longer(owner):
    offer = Notification("success", "Added.", action="Show", on_action=lambda: None)
    done, lost = Toast(offer, owner), Toast(Notification("warning", "It was lost."), owner)
    assert done._timer.isActive()
    assert lost._timer.isActive()
    assert lost._timer.interval() >= 2 * done._timer.interval()
    assert not Toast(Notification("error", "It failed."), owner)._timer.isActive()
