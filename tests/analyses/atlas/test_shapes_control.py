"""An atlas shows what a layer knows: on Shapes, a trained network's differs from a random one's."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def control():
    path = Path(__file__).parents[3] / "docs" / "make_atlas_control.py"
    spec = importlib.util.spec_from_file_location("make_atlas_control", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cells_are_pure_in_what_the_layer_encodes_and_a_random_network_differs(control, tmp_path):
    images = control.scenes(tmp_path, 240)
    shape = {}
    for name, runtime in control.networks():
        atlas = control.atlas_of(runtime, images, "block5", positions=8, layout="pca")
        shape[name] = control.purities(atlas)["shape"]
    pure, dealt = shape["trained"]
    assert pure > dealt + 0.1
    assert pure - dealt > 2 * (shape["random"][0] - shape["random"][1])
