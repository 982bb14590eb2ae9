"""Activation grids: each position's icon in its place, as large as its vector is long."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp_gui.analyses.activation_grid import ANALYSIS, BACKGROUND, assembled, pooled
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.result import Grid, Picture
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIDE = 32
QUICK = {"size": 32, "steps": 24, "first": 4, "group": 4}


class Colours(nn.Module):
    """Four positions of 16 pixels; units: more red than blue, and more blue than red."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 16, stride=16, bias=False)
        weight = torch.tensor([[1.0, 0, -1], [-1, 0, 1]])[:, :, None, None]
        self.layer.weight.data = weight.expand(2, 3, 16, 16).contiguous() / 256
        self.last = nn.ReLU()

    def forward(self, x):
        return self.last(self.layer(x)).mean(dim=(2, 3))


@pytest.fixture(scope="module")
def colours():
    """The network that tells red from blue."""
    description = ModelDescription(
        name="colours", format="torch-zip", architecture="colours", library="tests", parameters=1,
        weights_sha256="ef" * 32,
        preprocessing=Preprocessing(
            size=(SIDE, SIDE), resize="exact", resize_px=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3
        ),
        outputs=(OutputInfo(kind="scalar", size=2),),
    )  # fmt: skip
    return TorchRuntime(Colours(), description)


@pytest.fixture
def quarters(tmp_path):
    """Red, faint red; grey, blue."""
    pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    pixels[:16, :16] = (228, 128, 28)
    pixels[:16, 16:] = (178, 128, 78)
    pixels[16:, 16:] = (28, 128, 228)
    path = tmp_path / "quarters.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def test_icons_stand_in_their_places(colours, quarters, run_analysis):
    ran = run_analysis(ANALYSIS, colours, QUICK, images=(quarters,), layer="last")
    picture, grid = ran.last["grid"], ran.last["positions"]
    assert isinstance(picture, Picture)
    assert isinstance(grid, Grid)
    assert picture.final
    assert grid.columns == 2
    assert [item.title for item in grid.items] == ["0,0", "0,1", "1,0", "1,1"]
    norms = [item.numbers["norm"] for item in grid.items]
    assert norms[0] == pytest.approx(2 * norms[1], rel=1e-3)
    assert norms[2] == pytest.approx(0, abs=1e-6)
    redness = [float(item.pixels[..., 0].mean()) - float(item.pixels[..., 2].mean())
               for item in grid.items]  # fmt: skip
    assert redness[0] > 8
    assert redness[1] > 8
    assert redness[3] < -8
    # the picture shows them there, half as large where the vector is half as long
    assert picture.pixels.shape == (64, 64, 3)
    assert np.array_equal(picture.pixels[:32, :32], grid.items[0].pixels)
    faint = picture.pixels[:32, 32:]
    drawn = np.argwhere((faint != BACKGROUND).any(axis=2))
    assert np.ptp(drawn, axis=0).max() + 1 == 16
    assert drawn.min() == 8


def test_positions_can_be_dragged(colours, quarters, run_analysis):
    items = (
        run_analysis(ANALYSIS, colours, QUICK, images=(quarters,), layer="last")
        .last["positions"]
        .items
    )
    x = (np.array(Image.open(quarters)) / 255 - 0.5) / 0.25
    own = colours.forward(x.transpose(2, 0, 1)[None].astype(np.float32), capture=["last"]).captured[
        "last"
    ][0]
    for item in (items[0], items[1], items[3]):
        row, column = item.numbers["row"], item.numbers["column"]
        assert np.allclose(item.feature.matrix()[0], own[:, row, column], atol=1e-5)
        assert item.feature.layer == "last"
        assert "quarters at" in item.feature.name
    assert items[2].feature is None


def test_cheap_first_then_refined(colours, quarters, run_analysis, memory):
    ran = run_analysis(ANALYSIS, colours, QUICK, images=(quarters,), layer="last", cache=memory)
    pictures = [r for r in ran.results if r.key == "grid"]
    assert [(p.numbers["steps"], p.final) for p in pictures] == [(4, False), (24, True)]
    again = run_analysis(ANALYSIS, colours, QUICK, images=(quarters,), layer="last", cache=memory)
    assert np.array_equal(again.last["grid"].pixels, pictures[-1].pixels)
    assert len([r for r in again.results if r.key == "grid"]) == 1


def test_centred_positions_differ_from_the_image(colours, quarters, run_analysis):
    settings = {**QUICK, "direction": "centred"}
    items = (
        run_analysis(ANALYSIS, colours, settings, images=(quarters,), layer="last")
        .last["positions"]
        .items
    )
    total = sum(item.feature.matrix()[0] for item in items)
    assert np.allclose(total, 0, atol=1e-5)


def test_finer_grids_are_averaged_and_it_is_said(runtimes, run_analysis, pictures):
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], {**QUICK, "steps": 2, "most": 2}, images=pictures[:1],
        layer="last",
    )  # fmt: skip
    assert len(ran.last["positions"].items) == 4
    assert any("8 × 8 positions are averaged to 2 × 2" in n for n in ran.last["grid"].notes)
    maps = np.arange(2 * 16, dtype=np.float32).reshape(2, 4, 4)
    assert np.allclose(pooled(maps, 2), maps.reshape(2, 2, 2, 2, 2).mean(axis=(2, 4)))
    assert pooled(maps, 9) is maps


def test_a_transformer_has_a_grid(runtimes, maps_layer, run_analysis, pictures):
    ran = run_analysis(
        ANALYSIS, runtimes["vit"], {**QUICK, "steps": 1}, images=pictures[:1],
        layer=maps_layer["vit"],
    )  # fmt: skip
    assert ran.last["grid"].numbers["rows"] == 4


def test_edits_are_refused(colours, quarters, run_analysis):
    edits = EditStack((Edit(feature=Feature(layer="layer", units=(0,)), kind="ablate"),))
    with pytest.raises(MissingAbility, match="edits"):
        run_analysis(ANALYSIS, colours, QUICK, images=(quarters,), layer="last", edits=edits)


def test_what_is_not_drawn_yet_is_left_empty():
    icon = np.zeros((8, 8, 3), np.uint8)
    canvas = assembled([None, icon], np.array([1.0, 2.0], np.float32), 2, 8)
    assert canvas.shape == (8, 16, 3)
    assert (canvas[:, :8] == BACKGROUND).all()
    assert (canvas[:, 8:] == 0).all()
