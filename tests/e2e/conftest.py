"""The real window with its real engine process, offscreen or on whatever display there is."""

import gc
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from interp_gui.engine.client import EngineClient
from interp_gui.gui.collector import MainThreadCollector
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.theme import Theme
from interp_gui.gui.trouble.problems import ProblemCatcher

READY_S = 60
WAIT_S = 40


def wait_for(condition, what, timeout_s=WAIT_S):
    """Run the event loop until a condition holds; fail naming what was waited for."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        QApplication.processEvents()
        if condition():
            return
        time.sleep(0.005)
    pytest.fail(f"after {timeout_s} s: {what}")


@pytest.fixture
def wait():
    """`wait(condition, what, timeout_s)`."""
    return wait_for


@dataclass
class Running:
    """A window, and what is needed to drive and to end it."""

    window: MainWindow
    client: EngineClient
    collector: MainThreadCollector
    problems: ProblemCatcher
    notes: list

    def close(self):
        self.window.ask_on_close = False
        self.window.close()
        self.collector.close()
        self.problems.close()
        self.window.theme.deleteLater()
        self.window.deleteLater()
        for _ in range(3):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QApplication.processEvents()
        self.window = None
        gc.collect()

    def open(self, checkpoint, *images):
        """Open a model and images, and wait until both are there."""
        window = self.window
        before = window.state.model
        window.files.open([str(checkpoint), *map(str, images)])
        wait_for(lambda: window.state.model not in (None, before), "the model opens")
        if images:
            wait_for(lambda: window.state.image is not None, "the images are listed")

    @property
    def errors(self):
        return [note for note in self.notes if note.level == "error"]


def start(folder):
    """Start a window with its engine."""
    app = QApplication.instance() or QApplication([])
    relay = Relay()
    client = EngineClient(on_event=relay, run_folder=folder)
    client.start()
    window = MainWindow(
        client, relay, settings=Settings(folder / "config"), theme=Theme(app), ask_on_close=False
    )
    problems = ProblemCatcher(window.state, window.bridge)
    running = Running(window, client, MainThreadCollector(window), problems, [])
    window.state.notified.connect(running.notes.append)
    window.show()
    for _ in range(2):  # the pool's threads start now, before a test counts threads
        window.background.run(lambda: time.sleep(0.05), lambda _: None)
    return running


@pytest.fixture(scope="module")
def running(qapp, tmp_path_factory):
    """One window for the tests of a module, ready."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERP_GUI_CACHE", str(folder / "cache"))
        patch.setenv("INTERP_GUI_DATA", str(folder / "data"))  # what is remembered of files
        running = start(folder)
    wait_for(lambda: running.window.bridge.is_ready, "the engine is ready", READY_S)
    yield running
    running.close()


@pytest.fixture
def own_window(qapp, tmp_path):
    """A window for one test, which may end it; checked to leave nothing behind."""
    threads = set(threading.enumerate())
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    widgets = set(QApplication.topLevelWidgets())
    collecting = gc.isenabled()
    running = start(tmp_path)
    wait_for(lambda: running.window.bridge.is_ready, "the engine is ready", READY_S)
    yield running
    if running.window is not None:
        running.close()
    wait_for(lambda: not _left(threads), "threads of the window end", 5)
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in children]
    assert [c for c in left if c.status() != psutil.STATUS_ZOMBIE] == [], "processes left"
    gc.collect()
    assert [w for w in QApplication.topLevelWidgets() if w not in widgets] == []
    assert gc.isenabled() == collecting
    assert [p for p in tmp_path.iterdir() if p.name.startswith("run")] == [], "run folder left"


def _left(before):
    return [t for t in threading.enumerate() if t not in before and t.is_alive()]


_MAKE = """
import sys, torch, torchvision
torch.manual_seed(int(sys.argv[2]))
model = torchvision.models.get_model(sys.argv[1], num_classes=int(sys.argv[4]))
for name, tensor in model.state_dict().items():
    if not tensor.is_floating_point():
        continue
    if tensor.ndim > 1:
        fan = tensor[0].numel()
        tensor.normal_(0, (2 / fan) ** 0.5)
    elif name.endswith(("weight", "running_var")):
        tensor.uniform_(0.5, 1.5)
    else:
        tensor.normal_(0, 0.1)
torch.save(model.state_dict(), sys.argv[3])
"""


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small network whose every tensor is random and well scaled."""
    path = tmp_path_factory.mktemp("models") / "small.pth"
    arguments = ["mobilenet_v3_small", "11", str(path), "3"]
    subprocess.run([sys.executable, "-c", _MAKE, *arguments], check=True, timeout=120,
                   env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """Two classes of three pictures, and a file that is none."""
    root = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    for label in ("stripes", "blobs"):
        (root / label).mkdir()
        for i in range(3):
            small = random.integers(0, 256, (6, 1 if label == "stripes" else 8, 3), np.uint8)
            picture = Image.fromarray(small).resize((240, 200), Image.Resampling.BICUBIC)
            picture.save(root / label / f"{i}.png")
    (root / "blobs" / "broken.png").write_bytes(b"\x89PNG, but not really")
    return root
