"""What the Python interface asks the engine for."""

import shutil

import msgspec
import pytest

from interp_gui.api import open_model
from interp_gui.core.folders import scan
from interp_gui.samples import shapes_model


@pytest.fixture(scope="module")
def model():
    return open_model(shapes_model(), cached=False, plugins=False)


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    for label in ("circle", "star", "nothing known"):
        (tmp_path / "in" / label).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(tmp_path / "in" / label / "a.png")
    return tmp_path / "in"


def test_labels_named_as_classes_mean_them(model, folder):
    """As on the command line, for there is nobody to confirm it."""
    names = model.description.class_names
    wanted = {label: names.index(label) for label in ("circle", "star")}
    asked = model.request("unit-set-study", images=folder, layer="block3").inputs.dataset
    assert asked.classes == wanted
    by_hand = scan([str(folder)])
    assert model.request("predict", images=by_hand).inputs.dataset.classes == wanted
    said = msgspec.structs.replace(by_hand, classes={"star": 0})
    assert model.request("predict", images=said).inputs.dataset.classes == {"star": 0}


def test_images_without_labels_stay_without(model, folder, tmp_path):
    shutil.copy(folder / "star" / "a.png", tmp_path / "a.png")
    found = model.request("predict", images=tmp_path / "a.png").inputs.dataset
    assert found.classes == {}
    assert model.request("predict").inputs.dataset is None
