"""A window's parts over a client that computes nothing."""

import gc
import time

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.engine.messages import Ended, Hello, OpenModel
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState, OpenModelState


class FakeClient:
    """Writes down what it is asked; tests send events through `emit`."""

    def __init__(self, relay):
        self.emit = relay
        self.requests = {}
        self.options = {}
        self.calls = []
        self.closed = False

    def submit(self, request, *, priority, generation, title):
        job = len(self.requests) + 1
        self.requests[job] = request
        self.options[job] = {"priority": priority, "generation": generation, "title": title}
        return job

    def __getattr__(self, name):
        if name in ("cancel", "pause", "resume", "reprioritise", "restart"):
            return lambda *args: self.calls.append((name, *args))
        raise AttributeError(name)

    def close(self):
        self.closed = True

    def last(self, kind):
        """Newest job whose request is of a kind."""
        return [job for job, request in self.requests.items() if isinstance(request, kind)][-1]

    def end(self, job, outcome="finished", **values):
        generation = self.options[job]["generation"]
        self.emit(Ended(job=job, generation=generation, outcome=outcome, **values))


@pytest.fixture
def relay():
    return Relay()


@pytest.fixture
def client(relay):
    return FakeClient(relay)


@pytest.fixture
def bridge(qapp, client, relay):
    bridge = EngineBridge(client, relay)
    yield bridge
    bridge.close()
    bridge.deleteLater()


@pytest.fixture
def state(qapp):
    state = AppState()
    yield state
    state.deleteLater()


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "config")


@pytest.fixture
def background(qapp):
    background = Background()
    yield background
    background.close()
    background.deleteLater()


def hello(**values):
    info = AnalysisInfo(
        id="brightness", title="Brightness", summary="How bright the image is.",
        needs=("image",), produces=("curve",),
        parameters=(
            ParameterInfo(name="steps", title="steps", kind="int", default=3, help="How many."),
        ),
    )  # fmt: skip
    values = {"analyses": (info,), **values}
    return Hello(
        protocol=1, device="cpu", device_reason="no NVIDIA GPU found", versions={"torch": "2.15"},
        pid=7, **values,
    )  # fmt: skip


LAYERS = (
    ("features.0", "Conv2dNormActivation", (32, 112, 112), True),
    ("features.1.conv.0", "Conv2dNormActivation", (32, 112, 112), False),
    ("features.1", "InvertedResidual", (16, 112, 112), True),
    ("features.14", "InvertedResidual", (160, 7, 7), True),
    ("classifier.1", "Linear", (10,), True),
)


def description(**values):
    layers = tuple(
        LayerInfo(
            name=name, kind=kind, axes=("unit", "y", "x")[: len(shape)], shape=shape,
            worthwhile=worthwhile, depth=depth,
        )
        for depth, (name, kind, shape, worthwhile) in enumerate(LAYERS)
    )  # fmt: skip
    given = {
        "name": "small.pth", "format": "torch-zip", "architecture": "mobilenet_v2",
        "library": "torchvision", "parameters": 3_504_872, "weights_sha256": "b0353104" * 8,
        "preprocessing": Preprocessing(), "outputs": (OutputInfo(size=10),),
        "class_names": tuple(f"animal {i}" for i in range(10)), "layers": layers, **values,
    }  # fmt: skip
    return ModelDescription(**given)


@pytest.fixture
def describe():
    """Makes the description of a small model, with some values changed."""
    return description


@pytest.fixture
def greet():
    """Makes the engine's hello, with some values changed."""
    return hello


@pytest.fixture
def model():
    return OpenModelState("model-1", description(), "/models/small.pth")


@pytest.fixture
def pictures(tmp_path):
    """Two classes of small pictures, and a broken one."""
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for i in range(3):
            pixels = random.integers(0, 256, (40, 60, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{label}{i}.png")
    (tmp_path / "pictures" / "dog" / "broken.png").write_bytes(b"\x89PNG not really")
    return tmp_path / "pictures"


@pytest.fixture
def window(qapp, client, relay, settings):
    """The whole window over a client that computes nothing."""
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.theme import Theme

    theme = Theme(qapp)
    window = MainWindow(client, relay, settings=settings, theme=theme, ask_on_close=False)
    window.show()
    yield window
    window.ask_on_close = False
    window.close()
    window.deleteLater()
    theme.deleteLater()


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / "small.pth"
    file.write_bytes(b"weights")
    return str(file)


@pytest.fixture
def ready(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    return window


@pytest.fixture
def opened(ready, client, checkpoint, describe, qtbot):
    ready.files.open([checkpoint])
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: ready.state.model is not None)
    return ready


@pytest.fixture
def drop():
    """Drops files on a window, as another program would."""

    def drop(window, paths):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        window.dropEvent(
            QDropEvent(
                QPoint(5, 5).toPointF(), Qt.DropAction.CopyAction, data,
                Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
            )
        )  # fmt: skip

    return drop


@pytest.fixture
def messages():
    """What the toasts of a window say."""
    return lambda window: [toast.note.message for toast in window.toasts.shown]


@pytest.fixture(autouse=True)
def nothing_of_qt_left(request):
    """A test that leaves a top-level widget, or a timer of ours that ticks, behind fails."""
    app = QApplication.instance()
    before = set(map(id, app.topLevelWidgets())) if app is not None else set()
    ticking = {id(timer) for timer in _ticking()}
    yield
    app = QApplication.instance()
    if app is None:
        return
    widgets, timers = [], []
    for _ in range(20):  # what a test ended may need a few turns of the loop to go
        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        app.processEvents()
        widgets = [w for w in app.topLevelWidgets() if id(w) not in before and _counts(w)]
        timers = [timer for timer in _ticking() if id(timer) not in ticking]
        if not widgets and not timers:
            return
        time.sleep(0.01)
    names = [repr(item) for item in (*widgets, *timers)]
    for item in (*widgets, *timers):
        item.deleteLater()
    pytest.fail(f"left behind: {names}")


def _counts(widget):
    """Qt keeps its tooltip label for the next tooltip."""
    return widget.metaObject().className() != "QTipLabel"


def _ticking():
    found = []
    for item in gc.get_objects():
        if type(item) is QTimer:
            try:
                if item.isActive():
                    found.append(item)
            except RuntimeError:
                continue  # gone on Qt's side
    return found
