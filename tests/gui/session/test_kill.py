"""A window in a process of its own that is killed as a person would not be asked."""

import os
import signal
import subprocess
import sys

import pytest

from interp_gui.gui.session.recovery import abandoned, recover, recovery_root
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of

# A whole window over an engine that computes nothing; what it is told to do comes on its input.
CHILD = """
import sys
from pathlib import Path
import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from interp_gui.core.feature import Feature
from interp_gui.core.result import Picture
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.theme import Theme

class Client:
    def submit(self, request, **options): return 1
    def __getattr__(self, name): return lambda *args: None

app = QApplication([])
window = MainWindow(Client(), Relay(), settings=Settings(Path(sys.argv[1])), theme=Theme(app))
window.show()
state, shelf = window.state, shelf_of(window.state)

def unit(number):
    return Feature(layer="features.14", units=(number,), model="ab" * 32)

def say(word):
    print(word, flush=True)

def collect():
    for number in range(3):
        shelf.collect([unit(number)], [np.full((64, 64, 3), number, np.uint8)])
    if sys.argv[2] == "at-once":
        say("collected")
        return
    picture = Picture(key="p", title="a picture", pixels=np.zeros((4, 4, 3), np.uint8))
    kept_of(state).keep(picture, None)
    names_of(state).set_name(unit(1), "whiskers")
    window.documents.add_images([sys.argv[3]], then=lambda: listed())

def listed():
    window.sessions.autosave.saved.connect(lambda: say("saved"))

window.painted.connect(lambda: QTimer.singleShot(0, collect))
app.exec()
"""


@pytest.fixture
def killed(tmp_path):
    """Starts a window, waits for a word from it, and kills it that moment."""

    def run(what, word, *arguments):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "settings"), what, *arguments],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        ) as child:  # fmt: skip
            try:
                assert child.stdout.readline().strip() == word
                # its folder is not offered to others while it runs
                assert abandoned() == []
            finally:
                os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL

    return run


def test_nothing_is_lost_that_was_collected_in_the_last_moment(killed):
    killed("at-once", "collected")
    (folder,) = abandoned()
    items = recover(folder).document.shelf
    assert sorted(item.feature.units[0] for item in items) == [0, 1, 2]
    assert all((item.picture == item.feature.units[0]).all() for item in items)


def test_the_next_window_gives_everything_back(killed, pictures, window, qtbot):
    killed("soon", "saved", str(pictures))
    found = []
    window.sessions.offer_recovery().offered.connect(found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert "3 features collected, 1 result kept, 7 images" in found[0].list.item(0).text()
    found[0].restore_button.click()
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    items = shelf_of(window.state).items
    assert [item.feature.units[0] for item in items] == [2, 1, 0]
    assert names_of(window.state).name(items[1].feature) == "whiskers"
    assert len(window.state.dataset.images) == 7
    own = window.sessions.autosave.folder.path
    qtbot.waitUntil(lambda: list(recovery_root().iterdir()) == [own])
