"""What an atlas and its pictures are thought to cost before they are made."""

from dataclasses import replace

import pytest

from interp_gui.analyses.atlas import ANALYSIS, AtlasSettings, costs, make_atlas, stability
from interp_gui.analyses.atlas.costs import cells_of, layout_s, points_of
from interp_gui.analyses.atlas_pictures import costs as picture_costs
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset, ImageEntry

FEW = AtlasSettings(layout="pca", labels="none", positions=2, minimum=2)


@pytest.fixture
def asking(runtimes, pictures):
    """Twelve images at hand, so many times over."""

    def make(times=1, cache=None):
        entries = tuple(ImageEntry(path=path) for path in pictures) * times
        inputs = Inputs(dataset=Dataset(images=entries), layer="last")
        return Context(model=runtimes["cnn"], inputs=inputs, cache=cache)

    return make


def test_cells_follow_from_the_points_and_the_levels_there_will_be(asking, runtimes):
    layer = runtimes["cnn"].description.layer("last")
    assert points_of(asking(), layer, FEW) == 24
    assert cells_of(asking(), layer, FEW) == {5: 10}
    assert cells_of(asking(), layer, replace(FEW, minimum=1)) == {10: 24}
    many = replace(FEW, positions=8, minimum=8)
    assert points_of(asking(100), layer, many) == 9600
    assert cells_of(asking(100), layer, many) == {20: 160, 40: 640, 80: 1200}
    assert cells_of(asking(100), layer, replace(many, points=1000)) == {20: 125}
    about = replace(many, about="name 1", keep=400)
    assert cells_of(asking(100), layer, about) == {10: 40}


def test_cells_of_an_atlas_that_was_made_are_known(asking, runtimes, memory):
    context = asking(cache=memory)
    layer = runtimes["cnn"].description.layer("last")
    *_, atlas = make_atlas(context, FEW)
    found = cells_of(context, layer, FEW)
    assert found == {
        level.side: int((level.count >= atlas.minimum).sum()) for level in atlas.levels
    }
    assert found != cells_of(asking(), layer, FEW)


def test_icons_of_all_levels_are_priced(asking, monkeypatch):
    monkeypatch.setattr(picture_costs, "block_step_s", lambda *_: 1.0)
    asked = {"layout": "pca", "labels": "none", "positions": 8, "minimum": 8, "steps": 10}

    def seconds(pictures, times=100):
        settings = ANALYSIS.settings({**asked, "pictures": pictures})
        return ANALYSIS.estimate(asking(times), settings).seconds

    icons = 10 * (160 + 640 + 1200) / 8  # a second a step of eight
    assert seconds("icons") - seconds("none") == pytest.approx(icons, rel=0.01)
    assert seconds("icons", 1) - seconds("none", 1) == pytest.approx(10 * 2, rel=0.05)


def test_further_layouts_are_of_all_points(asking, runtimes, monkeypatch):
    monkeypatch.setattr(stability, "atlas_cost", lambda *_, **__: Cost(seconds=0.0))
    settings = stability.Parameters(positions=8, seeds=3)
    units = runtimes["cnn"].description.layer("last").units
    found = stability.ANALYSIS.estimate(asking(), settings)
    assert found.seconds == pytest.approx(2 * layout_s(96, units, settings))
    assert costs.points_of(asking(), runtimes["cnn"].description.layer("last"), settings) == 96
