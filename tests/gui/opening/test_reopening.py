import numpy as np
import pytest
from PIL import Image

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.export import export_result
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Picture
from interp_gui.core.target import Target
from interp_gui.engine.messages import (
    Run,
)
from interp_gui.gui.widgets.region import GRID


@pytest.fixture
def exported(tmp_path, describe):
    def export(**values):
        known = describe()
        recipe = Recipe(
            analysis=values.pop("analysis", "feature-visualization"),
            model=ModelIdentity(
                name="small.pth", weights_sha256=values.pop("weights", known.weights_sha256),
                architecture="mobilenet_v2", library="torchvision",
            ),
            preprocessing=known.preprocessing,
            features=(Feature(layer="features.14", units=(7,)),),
            **values,
        )  # fmt: skip
        picture = Picture(key="k", title="t", pixels=np.full((32, 32, 3), 90, np.uint8))
        return export_result(picture, tmp_path / "exported.png", recipe=recipe)

    return export


def offer(window, qtbot):
    def found():
        return next((t for t in window.toasts.shown if t.note.action == "Reopen"), None)

    qtbot.waitUntil(lambda: found() is not None)
    return found()


def test_an_exported_picture_offers_to_reopen_what_it_shows(opened, exported, qtbot, drop):
    drop(opened, [exported(target=Target(index=3))])
    offer(opened, qtbot).note.on_action()
    assert opened.state.feature.text == "features.14:7"
    assert opened.state.tab == "unit"
    assert opened.state.target == Target(index=3)


def test_reopening_takes_the_settings_of_the_picture(opened, client, greet, exported, qtbot, drop):
    steps = ParameterInfo(name="steps", title="steps", kind="int", default=256, help="How many.")
    info = AnalysisInfo(
        id="feature-visualization", title="Feature visualisation", summary="x.", needs=(),
        produces=("picture",), parameters=(steps,),
    )  # fmt: skip
    client.emit(greet(analyses=(info,)))
    unit = opened.centre.tab("unit")
    qtbot.waitUntil(lambda: unit.panel.form is not None)
    opened.state.open_feature(Feature(layer="features.14", units=(7,)))
    opened.state.set_layer("features.1")
    drop(opened, [exported(parameters={"steps": 24}, seed=5)])
    offer(opened, qtbot).note.on_action()
    assert opened.state.layer == "features.14"
    qtbot.waitUntil(lambda: unit.panel.optimisation.steps == 24)
    request = client.requests[client.last(Run)]
    assert (request.inputs.seed, request.parameters) == (5, {"steps": 24})


def test_reopening_runs_the_analysis_again(opened, client, exported, pictures, qtbot, drop):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    path = str(pictures / "dog" / "dog1.png")
    images = (image_sha256(path),)
    drop(opened, [exported(analysis="brightness", parameters={"steps": 2}, images=images)])
    offer(opened, qtbot).note.on_action()
    qtbot.waitUntil(lambda: opened.state.tab == "analysis:brightness")
    request = client.requests[client.last(Run)]
    assert request.analysis == "brightness"
    assert request.inputs.images == (path,)
    assert request.parameters == {"steps": 2}


def test_reopening_a_map_lays_it_over_its_image(opened, client, exported, pictures, qtbot, drop):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    path = str(pictures / "dog" / "dog1.png")
    drop(opened, [exported(analysis="activation-maps", images=(image_sha256(path),))])
    offer(opened, qtbot).note.on_action()

    def asked():
        return [
            r for r in client.requests.values() if getattr(r, "analysis", "") == "activation-maps"
        ]

    qtbot.waitUntil(lambda: bool(asked()))
    assert opened.state.tab == "image"
    assert asked()[-1].inputs.images == (path,)
    assert asked()[-1].inputs.features[0].text == "features.14:7"


def test_a_picture_of_a_model_that_is_not_at_hand_says_so(opened, exported, qtbot, drop, messages):
    drop(opened, [exported(weights="ff" * 32)])
    offer(opened, qtbot).note.on_action()
    assert any("not at hand" in text for text in messages(opened))
    assert opened.state.feature is None


def test_a_picture_whose_image_is_not_at_hand_says_so(opened, exported, qtbot, drop, messages):
    drop(opened, [exported(images=("ab" * 32,))])
    offer(opened, qtbot).note.on_action()
    qtbot.waitUntil(lambda: any("not among" in text for text in messages(opened)))


def test_a_plain_picture_is_an_image(ready, tmp_path, qtbot, drop):
    Image.new("RGB", (9, 9)).save(tmp_path / "plain.png")
    drop(ready, [tmp_path / "plain.png"])
    qtbot.waitUntil(lambda: ready.state.dataset is not None)
    assert ready.state.image.endswith("plain.png")


def test_reopening_a_ranking_brushes_its_place_again(
    opened, client, greet, exported, pictures, qtbot, drop
):
    info = AnalysisInfo(
        id="unit-ranking", title="Why this answer", summary="x.", needs=("image",),
        produces=("table",), parameters=(),
    )  # fmt: skip
    client.emit(greet(analyses=(info,)))
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    path = str(pictures / "dog" / "dog1.png")
    region = np.zeros((GRID, GRID), np.float32)
    region[3, 5] = 0.5
    rows = tuple(tuple(float(v) for v in row) for row in region)
    picture = exported(
        analysis="unit-ranking", images=(image_sha256(path),), region=rows,
        parameters={"order": "activation"},
    )  # fmt: skip
    drop(opened, [picture])
    offer(opened, qtbot).note.on_action()
    tab = opened.centre.tab("image")
    qtbot.waitUntil(lambda: not tab.canvas.region.empty)
    assert np.array_equal(tab.canvas.region.weights, region)
    assert opened.state.tab == "image"

    def asked():
        found = [r for r in client.requests.values() if getattr(r, "analysis", "") == info.id]
        return [r.parameters for r in found if r.inputs.region == rows]

    qtbot.waitUntil(lambda: bool(asked()))
    assert asked()[-1] == {"order": "activation"}


def test_reopening_a_contact_sheet_shows_its_units(opened, exported, qtbot, drop):
    identity = ModelIdentity(
        name="small.pth", weights_sha256="b0353104" * 8, architecture="m", library="t"
    )
    held = tuple(
        Recipe(
            analysis="real-examples",
            model=identity,
            preprocessing=Preprocessing(),
            features=(Feature(layer="features.14", units=(unit,)),),
        )
        for unit in (3, 4, 9)
    )
    drop(opened, [exported(analysis="real-examples", contents=held)])
    offer(opened, qtbot).note.on_action()
    assert opened.state.tab == "wall"
    wall = opened.centre.tab("wall")
    assert wall.filter.text() == "3-4,9"
    qtbot.waitUntil(lambda: len(wall.list.cards) == 3)
