import pytest

from interp_gui.engine.messages import LogLine
from interp_gui.gui.panels.log import LogPanel


@pytest.fixture
def panel(state, bridge):
    panel = LogPanel(state, bridge)
    bridge.log.emit(LogLine(level="INFO", logger="engine", text="it began"))
    bridge.log.emit(LogLine(level="WARNING", logger="engine", text="it is slow"))
    state.notify("error", "It broke.", "Try again.")
    panel.flush()
    yield panel
    panel.deleteLater()


def lines(panel):
    return [line.split("  ", 2)[2].strip() for line in panel.text.toPlainText().splitlines()]


def test_levels_are_chosen(panel):
    assert lines(panel) == ["engine: it began", "engine: it is slow", "It broke. Try again."]
    panel.level.setCurrentText("Warnings and errors")
    assert lines(panel) == ["engine: it is slow", "It broke. Try again."]
    panel.level.setCurrentText("Errors")
    assert lines(panel) == ["It broke. Try again."]


def test_messages_are_filtered_and_new_ones_too(panel, state):
    panel.filter.setText("SLOW")
    assert lines(panel) == ["engine: it is slow"]
    state.notify("info", "Something else.")
    state.notify("info", "Slowly but surely.")
    panel.flush()
    assert lines(panel) == ["engine: it is slow", "Slowly but surely."]
    panel.filter.clear()
    assert len(lines(panel)) == 5


def test_what_is_cleared_does_not_come_back(panel):
    panel.clear()
    panel.filter.setText("it")
    panel.filter.clear()
    assert panel.text.toPlainText() == ""
