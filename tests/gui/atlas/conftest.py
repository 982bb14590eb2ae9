"""A view of an atlas whose engine is played by the test."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QWidget

from interp_gui.core.analysis import AnalysisInfo, parameter, parameter_infos
from interp_gui.core.atlas.kinds import CellPictures, Sheet
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.engine.messages import ErrorInfo, Estimated, Hello, Produced, Progressed, StateSaved
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import OpenModelState

WEIGHTS = "a" * 64


@dataclass(frozen=True, kw_only=True)
class AtlasSettings:
    """Some of those that the engine's analysis has."""

    layout: Literal["umap", "pca", "tsne"] = parameter("umap", help="How points are laid out.")
    points: int = parameter(20_000, help="Points at most.", minimum=1, maximum=1_000_000)
    labels: str = parameter("auto", help="What cells are named after.")
    about: str = parameter("", help="Whose atlas it is.", title="class")
    batch: int = parameter(0, help="Images a step.", minimum=0, maximum=1024, advanced=True)


@dataclass(frozen=True, kw_only=True)
class PictureSettings(AtlasSettings):
    """Those of pictures."""

    level: int = parameter(0, help="Cells a side.", minimum=0, maximum=10_000)
    cells: str = parameter("", help="Which cells.")
    source: Literal["crop", "icon"] = parameter("crop", help="Which pictures.")
    steps: int = parameter(128, help="Steps.", minimum=1, maximum=10_000)
    first: int = parameter(24, help="Steps of a first look.", minimum=0, maximum=10_000)


def _info(name, needs, parameters=AtlasSettings):
    return AnalysisInfo(
        id=name, title=name.replace("-", " "), summary="What it does.", needs=needs, produces=(),
        parameters=parameter_infos(parameters), estimates=name == "activation-atlas",
    )  # fmt: skip


INFOS = (
    _info("activation-atlas", ("dataset", "layer")),
    _info("atlas-pictures", ("dataset", "layer"), PictureSettings),
    _info("atlas-stability", ("dataset", "layer")),
    _info("atlas-path", ("image", "dataset", "layer")),
)


class Engine:
    """What was asked, and answers."""

    def __init__(self, client):
        self.client = client

    def jobs(self, analysis):
        found = self.client.requests.items()
        return [j for j, r in found if getattr(r, "analysis", "") == analysis]

    def newest(self, analysis):
        return self.jobs(analysis)[-1]

    def request(self, analysis):
        return self.client.requests[self.newest(analysis)]

    @property
    def cancelled(self):
        return [call[1] for call in self.client.calls if call[0] == "cancel"]

    def _generation(self, job):
        return self.client.options[job]["generation"]

    def result(self, job, result, recipe=None):
        generation = self._generation(job)
        self.client.emit(Produced(job=job, generation=generation, result=result, recipe=recipe))

    def progress(self, job, progress, left_s=None):
        generation = self._generation(job)
        event = Progressed(job=job, generation=generation, progress=progress, left_s=left_s)
        self.client.emit(event)

    def save(self, job, state):
        self.client.emit(StateSaved(job=job, state=state))

    def cost(self, job, cost):
        self.client.emit(Estimated(job=job, generation=self._generation(job), cost=cost))

    def end(self, job, outcome="finished", message="", hint=""):
        error = ErrorInfo(cause="Problem", message=message, hint=hint) if message else None
        self.client.end(job, outcome, error=error)


@pytest.fixture
def engine(client):
    return Engine(client)


@pytest.fixture
def infos():
    """The analyses that the played engine has; a test may add some."""
    return list(INFOS)


@pytest.fixture
def atlas_state(state):
    yield state
    background_of(state).close()


@pytest.fixture
def described(atlas_state):
    layers = tuple(
        LayerInfo(
            name=name, kind="ReLU", axes=("unit", "y", "x")[: len(shape)], shape=shape,
            worthwhile=True, depth=depth,
        )
        for depth, (name, shape) in enumerate(
            (("features.14", (6, 4, 4)), ("other", (6, 4, 4)), ("head", (10,)))
        )
    )  # fmt: skip
    description = ModelDescription(
        name="net.pt", format="torch-zip", architecture="net", library="tests", parameters=1,
        weights_sha256=WEIGHTS, preprocessing=Preprocessing(size=(32, 32), resize_px=32),
        outputs=(OutputInfo(size=10),), layers=layers,
        class_names=tuple(f"name {i}" for i in range(10)),
    )  # fmt: skip
    atlas_state.set_model(OpenModelState("m1", description, "/models/net.pt"))
    atlas_state.set_layer("features.14")
    return description


@pytest.fixture
def images(atlas_state, tmp_path):
    """Four images that are open; the atlases of these tests name others beside them."""
    random = np.random.default_rng(0)
    paths = []
    for at in range(4):
        path = tmp_path / f"image {at}.png"
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
        paths.append(str(path))
    entries = tuple(ImageEntry(path=p, label=f"name {i % 2}") for i, p in enumerate(paths))
    atlas_state.set_dataset(Dataset(name="d", images=entries), "d1")
    return paths


@pytest.fixture
def met(bridge, client, infos, qtbot):
    """The engine is ready."""
    with qtbot.waitSignal(bridge.ready):
        client.emit(Hello(protocol=1, device="cpu", device_reason="", analyses=tuple(infos)))


@pytest.fixture
def actions(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    return ActionRegistry(owner)


@pytest.fixture
def sheet():
    """Pictures of some cells of one colour, as the engine sends them."""

    def make(atlas, side, cells, *, source="crop", steps=0, colour=90, size_px=16):
        cells = np.asarray(cells, np.int32)
        pixels = np.full((len(cells), size_px, size_px, 3), colour, np.uint8)
        pictures = CellPictures(
            level=side, source=source, cells=cells, pixels=pixels, steps=steps,
            cosine=np.full(len(cells) if source == "icon" else 0, 0.5, np.float32),
        )  # fmt: skip
        return Sheet(
            key=f"{source}-{side}", title="Pictures", layer=atlas.layer,
            atlas=atlas.provenance["atlas_sha256"], pictures=pictures,
        )  # fmt: skip

    return make
