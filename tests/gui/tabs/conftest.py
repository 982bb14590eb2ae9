"""A bridge whose engine is played by the test."""

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.engine.messages import (
    Ended,
    ErrorInfo,
    Estimated,
    Hello,
    Produced,
    Progressed,
    StateSaved,
)
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.relay import Relay
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState, OpenModelState


class PlayedEngine:
    """Takes requests and gives the events that a test dictates."""

    def __init__(self, relay):
        self.relay = relay
        self.submitted = {}
        self.generation = {}
        self.priority = {}
        self.cancelled, self.paused, self.resumed = [], [], []

    def submit(self, request, *, priority, generation, title):
        job = len(self.submitted) + 1
        self.submitted[job] = request
        self.generation[job] = generation
        self.priority[job] = priority
        return job

    def cancel(self, job):
        self.cancelled.append(job)

    def pause(self, job):
        self.paused.append(job)

    def resume(self, job):
        self.resumed.append(job)

    def reprioritise(self, job, priority):
        self.priority[job] = priority

    def restart(self):
        pass

    def close(self):
        pass

    # --- what a test plays -------------------------------------------------------------------

    def jobs(self, analysis):
        return [j for j, r in self.submitted.items() if getattr(r, "analysis", "") == analysis]

    def newest(self, analysis):
        return self.jobs(analysis)[-1]

    def request(self, analysis):
        return self.submitted[self.newest(analysis)]

    def result(self, job, result, recipe=None):
        generation = self.generation[job]
        self.relay(Produced(job=job, generation=generation, result=result, recipe=recipe))

    def progress(self, job, progress, left_s=None):
        generation = self.generation[job]
        self.relay(Progressed(job=job, generation=generation, progress=progress, left_s=left_s))

    def cost(self, job, cost):
        self.relay(Estimated(job=job, generation=self.generation[job], cost=cost))

    def save(self, job, state):
        self.relay(StateSaved(job=job, state=state))

    def end(self, job, outcome="finished", message=""):
        error = ErrorInfo(cause="Problem", message=message) if message else None
        generation = self.generation[job]
        self.relay(Ended(job=job, generation=generation, outcome=outcome, error=error))


def _info(name, needs, parameters=()):
    return AnalysisInfo(
        id=name, title=name.replace("-", " "), summary="What it does.", needs=needs,
        produces=(), parameters=parameters,
    )  # fmt: skip


STEPS = ParameterInfo(
    name="steps", title="steps", kind="int", default=512, help="How long.", minimum=1, maximum=9999
)
EXAMPLES = (
    ParameterInfo(name="kinds", title="kinds", kind="text", default="strongest", help="Which."),
    ParameterInfo(name="k", title="k", kind="int", default=9, help="How many.", minimum=1),
    ParameterInfo(name="by", title="by", kind="text", default="none", help="A column."),
)
INFOS = (
    _info("unit-ranking", ("image", "layer", "target")),
    _info("activation-maps", ("image", "layer", "spatial")),
    _info("real-examples", ("dataset", "layer")),
    _info("top-examples", ("dataset", "features"), EXAMPLES),
    _info("layer-summary", ("layer",)),
    _info("feature-visualization", ("features",), (STEPS,)),
    _info("grad-cam", ("image", "layer", "target", "spatial"), (STEPS,)),
)


@pytest.fixture
def state(qapp):
    found = AppState()
    yield found
    background_of(found).close()
    found.deleteLater()


@pytest.fixture
def engine():
    return PlayedEngine(Relay())


@pytest.fixture
def bridge(qapp, engine):
    found = EngineBridge(engine, engine.relay)
    yield found
    found.close()
    found.deleteLater()


@pytest.fixture
def ready(bridge, engine, qtbot):
    with qtbot.waitSignal(bridge.ready):
        engine.relay(Hello(protocol=1, device="cpu", device_reason="", analyses=INFOS))


@pytest.fixture
def actions(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    return ActionRegistry(owner)


def layer(name, units, grid=(7, 7), depth=0):
    return LayerInfo(
        name=name, kind="ReLU", axes=("unit", "y", "x"), shape=(units, *grid), worthwhile=True,
        depth=depth,
    )  # fmt: skip


@pytest.fixture
def model(state):
    description = ModelDescription(
        name="net.pt", format="torch-zip", architecture="net", library="tests", parameters=1,
        weights_sha256="a" * 64, preprocessing=Preprocessing(size=(64, 64), resize_px=64),
        outputs=(OutputInfo(size=10),), layers=(layer("early", 12), layer("late", 100, depth=1)),
    )  # fmt: skip
    state.set_model(OpenModelState("m1", description, "/models/net.pt"))
    return description


@pytest.fixture
def image(state, tmp_path):
    from PIL import Image

    path = tmp_path / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    state.set_image(str(path))
    return path


@pytest.fixture
def dataset(state, image):
    state.set_dataset(Dataset(name="d", images=(ImageEntry(path=str(image)),)), "d1")


@pytest.fixture
def unit():
    def make(index, layer="late"):
        return Feature(layer=layer, units=(index,), model="a" * 64)

    return make


@pytest.fixture
def noise():
    def make(seed=0, side=24):
        return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)

    return make
