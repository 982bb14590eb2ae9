"""A session with the real engine: saved, closed, opened in another window, and after a kill."""

import os
import signal
import subprocess
import sys

import pytest

from interp_gui.gui.session.recovery import abandoned, recover
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of

CHILD = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from interp_gui.core.feature import Feature
from interp_gui.engine.client import EngineClient
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.theme import Theme

folder, checkpoint, pictures = sys.argv[1:]
relay = Relay()
client = EngineClient(on_event=relay, run_folder=Path(folder))
client.start()
app = QApplication([])
window = MainWindow(client, relay, settings=Settings(Path(folder) / "s"), theme=Theme(app))
window.show()
state = window.state

def collect():
    if state.model is None or state.dataset is None:
        QTimer.singleShot(20, collect)
        return
    window.sessions.autosave.saved.connect(lambda: print("saved", flush=True))
    for number in (2, 5):
        shelf_of(state).collect([Feature(layer=state.layer, units=(number,))])

window.painted.connect(lambda: window.files.open([checkpoint, pictures]))
QTimer.singleShot(0, collect)
app.exec()
"""


@pytest.mark.window
def test_a_session_is_saved_and_opened_by_another_window(
    own_window, checkpoint, pictures, wait, tmp_path
):
    window = own_window.window
    own_window.open(checkpoint, pictures)
    state = window.state
    unit = state.model.description.layer(state.layer)
    from interp_gui.core.feature import Feature

    feature = Feature(layer=unit.name, units=(3,), model=state.model.description.weights_sha256)
    shelf_of(state).collect([feature])
    names_of(state).set_name(feature, "three")
    state.set_feature(feature)
    path = tmp_path / "one.interp"
    window.sessions.save_to(str(path))
    wait(lambda: window.sessions.path == str(path), "the session is saved")
    before = window.sessions.take()
    window.sessions.new()
    wait(lambda: state.model is None, "everything is closed")
    window.sessions.open(str(path))
    wait(lambda: state.model is not None, "the model opens")
    wait(lambda: not window.sessions.restorer.is_active, "the session is there")
    after = window.sessions.take()
    for field in ("models", "dataset", "image", "layer", "feature", "tab", "target", "views"):
        assert getattr(after, field) == getattr(before, field), field
    assert names_of(state).name(shelf_of(state).items[0].feature) == "three"
    assert own_window.errors == []


@pytest.mark.window
def test_a_killed_window_with_its_engine_loses_nothing(
    own_window, checkpoint, pictures, wait, tmp_path
):
    folder = tmp_path / "child"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(checkpoint), str(pictures)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    ) as child:  # fmt: skip
        try:
            assert child.stdout.readline().strip() == "saved"
        finally:
            os.kill(child.pid, signal.SIGKILL)
    assert len(recover(abandoned()[0]).document.shelf) == 2
    window, offered = own_window.window, []
    window.sessions.offer_recovery().offered.connect(offered.append)
    wait(lambda: bool(offered), "what was left is offered")
    offered[0].restore_button.click()
    wait(lambda: window.state.model is not None, "the model opens")
    wait(lambda: not window.sessions.restorer.is_active, "everything is restored")
    assert window.state.model.path == str(checkpoint)
    assert [item.feature.units for item in shelf_of(window.state).items] == [(5,), (2,)]
    assert len(window.state.dataset.images) == 7
    wait(lambda: abandoned() == [], "the old folder goes when the new one is written")
