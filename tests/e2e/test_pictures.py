"""From the wall to a file and back: real examples, a picture, its export, its recipe."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.engine.messages import Run
from interp_gui.gui.export_ui import Exportable, write

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]


@pytest.fixture
def opened(running, checkpoint, pictures):
    if running.window.state.model is None:
        running.open(checkpoint, pictures)
    running.notes.clear()
    return running


def test_cards_on_the_wall_get_their_real_examples(opened, wait):
    window = opened.window
    window.state.set_tab("wall")
    wall = window.centre.tab("wall")
    wait(lambda: len(wall.list.visible_keys()) > 0, "cards are in view")
    keys = wall.list.visible_keys()[:4]
    wait(lambda: len(wall.exportables(keys)) == len(keys), "their examples come", 90)
    for found in wall.exportables(keys):
        assert found.recipe is not None
        numbers = [item.numbers["activation"] for item in found.result.items]
        assert numbers == sorted(numbers, reverse=True)
    assert opened.errors == []


def test_an_exported_picture_replays_to_the_same_pixels_and_reopens(
    opened, checkpoint, wait, tmp_path
):
    window = opened.window
    state = window.state
    layer = next(x.name for x in state.model.description.layers if x.worthwhile and x.spatial)
    feature = Feature(layer=layer, units=(2,), model=state.model.description.weights_sha256)
    finals, ended = [], []
    window.bridge.run(
        Run(
            analysis="feature-visualization", model=state.model.handle,
            inputs=Inputs(features=(feature,), seed=3), parameters={"steps": 6, "size": 48},
        ),
        on_result=lambda result, recipe: result.final and finals.append((result, recipe)),
        on_end=ended.append,
    )  # fmt: skip
    wait(lambda: bool(ended), "the picture is finished", 90)
    (picture, recipe), *_ = finals[-1:]
    path = tmp_path / "picture.png"
    write(state, [Exportable(picture, recipe)], [path])
    wait(lambda: any(n.level == "success" for n in opened.notes), "the file is written")
    np.testing.assert_array_equal(np.asarray(Image.open(path).convert("RGB")), picture.pixels)

    again = tmp_path / "again"
    words = ["run", "--recipe", str(path), "--model", str(checkpoint), "--out", str(again)]
    done = subprocess.run(
        [sys.executable, "-m", "interp_gui", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Differs" not in done.stderr
    (replayed,) = again.glob("*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(replayed).convert("RGB")), picture.pixels)

    state.set_feature(None)
    window.files.open([str(path)])
    offers = []

    def offered():
        offers[:] = [t for t in window.toasts.shown if t.note.action == "Reopen"]
        return bool(offers)

    wait(offered, "the window offers to reopen it")
    offers[0].note.on_action()
    assert state.feature is not None
    assert state.feature.text == f"{layer}:2"
    assert state.tab == "unit"


def groups(page):
    return list(dict.fromkeys(item.group for item in page.examples.result.items))


def test_a_unit_and_a_direction_have_real_examples_of_every_kind(opened, wait):
    state = opened.window.state
    model = state.model.description
    layer = next(x for x in model.layers if x.worthwhile and x.spatial)
    unit = Feature(layer=layer.name, units=(2,), model=model.weights_sha256)
    vector = np.random.default_rng(2).normal(size=layer.units)
    direction = msgspec.structs.replace(unit, units=(), vectors=as_vectors(vector))
    for feature in (unit, direction):
        state.open_feature(feature)
        page = opened.window.centre.tab("unit")
        for kind in ("strongest", "least", "random", "quantiles", "by:label"):
            page.examples.clear()
            if page.real.box.key == kind:
                page.real.load()
            page.real.box.choose(kind)
            wait(
                lambda page=page, feature=feature: (
                    page.examples.result is not None
                    and page.examples.result.final
                    and page.examples.result.key == feature.text
                ),
                f"{kind} examples of {feature.text}",
                90,
            )
            grid, recipe = page.examples.result, page.examples.recipe
            assert recipe.features == (feature,)
            assert grid.numbers["images"] == 6
            if kind == "by:label":
                assert set(groups(page)) == {"Label: stripes", "Label: blobs"}
                for item in grid.items:
                    assert f"/{item.group.split(': ')[1]}/" in item.image.replace("\\", "/")
            elif kind == "quantiles":
                assert len(groups(page)) == 6
            else:
                assert len(grid.items) == 6
                values = [item.numbers["activation"] for item in grid.items]
                assert values == sorted(values, reverse=kind != "least")
            assert "broken.png" in page.real.caption.text()
    assert opened.errors == []
