"""Caricatures: a layer sees more of the image in them than in the image."""

import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.analyses.caricature import ANALYSIS, Caricature, compared
from interp_gui.analyses.feature_visualization import transforms
from interp_gui.core.analysis import Context, Inputs, Saved
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.result import Picture

QUICK = {"size": 32, "steps": 60}


def run(runtime, run_analysis, pictures, layer, **settings):
    return run_analysis(ANALYSIS, runtime, {**QUICK, **settings}, images=pictures[:1], layer=layer)


def test_the_layer_sees_twice_the_image(runtimes, run_analysis, pictures, tmp_path):
    """Of a faint picture, from noise, by what the network itself makes of the finished pixels."""
    runtime = runtimes["cnn"]
    faint = 96 + np.array(Image.open(pictures[0])) // 4
    Image.fromarray(faint.astype(np.uint8)).save(tmp_path / "faint.png")
    paths = (str(tmp_path / "faint.png"),)
    ran = run(runtime, run_analysis, paths, "last", steps=150, power=1.0)
    result = ran.last["last"]
    assert result.numbers["times_the_image"] > 2
    assert result.numbers["cosine"] > 0.8
    assert result.numbers["cosine"] > result.numbers["cosine_at_start"]
    p = runtime.preprocessing
    mean, std = (np.reshape(v, (3, 1, 1)) for v in (p.mean, p.std))
    values = []
    for pixels in (result.pixels, ran.last["image"].pixels):
        x = ((pixels.transpose(2, 0, 1) / 255 - mean) / std).astype(np.float32)
        values.append(runtime.forward(x[None], capture=["last"]).captured["last"][0].ravel())
    own, image = values
    cosine = own @ image / np.linalg.norm(own) / np.linalg.norm(image)
    assert result.numbers["cosine"] == pytest.approx(cosine, rel=1e-4)
    wanted = own @ image * max(0.1, cosine) / (image @ image)
    assert result.numbers["times_the_image"] == pytest.approx(wanted, rel=1e-4)


def test_a_layer_whose_values_are_no_numbers_is_said(small_cnn, run_analysis, pictures):
    runtime = small_cnn()
    with torch.no_grad():
        runtime.module.second.weight[1] = float("nan")
    with pytest.raises(InvalidValue, match="Not all values of layer 'last' are numbers") as problem:
        run(runtime, run_analysis, pictures, "last")
    assert "learning rate" not in problem.value.hint


def test_the_image_itself_comes_first(runtimes, run_analysis, pictures):
    ran = run(runtimes["cnn"], run_analysis, pictures, "last", steps=2)
    assert ran.results[0].key == "image"
    assert ran.results[0].pixels.shape == (32, 32, 3)
    assert [r.key for r in ran.results if r.final] == ["image", "last"]


def test_several_layers_in_one_run(runtimes, run_analysis, pictures):
    ran = run(runtimes["cnn"], run_analysis, pictures, "last", layers="act, last", steps=8)
    assert [r.key for r in ran.results if r.final] == ["image", "last", "act"]
    assert not np.array_equal(ran.last["last"].pixels, ran.last["act"].pixels)
    assert ran.progress[-1].done == ran.progress[-1].total == 16
    with pytest.raises(UnknownName):
        run(runtimes["cnn"], run_analysis, pictures, "last", layers="nowhere")


def test_more_power_keeps_closer(runtimes, run_analysis, pictures):
    free, close = (
        run(runtimes["cnn"], run_analysis, pictures, "last", power=power).last["last"].numbers
        for power in (0.0, 8.0)
    )
    assert close["cosine"] > free["cosine"]


def test_an_image_as_start_is_that_image(runtimes, run_analysis, pictures):
    ran = run(
        runtimes["cnn"], run_analysis, pictures, "last", start="image", steps=1, learning_rate=1e-4
    )
    difference = ran.last["last"].pixels.astype(int) - ran.last["image"].pixels
    assert np.abs(difference).mean() < 2
    assert ran.last["last"].numbers["cosine_at_start"] > 0.99


def test_both_pictures_are_moved_alike(runtimes, pictures, monkeypatch):
    """Then the cosine of the image with itself is 1 under any view."""
    from interp_gui.analyses.asked import current_image

    seen_draws = []
    real = transforms.views

    def spy(images, draws, side):
        seen_draws.append(list(draws))
        return real(images, draws, side)

    monkeypatch.setattr("interp_gui.analyses.caricature.views", spy)
    context = Context(model=runtimes["cnn"], inputs=Inputs(images=pictures[:1], layer="last"))
    layer = runtimes["cnn"].description.layer("last")
    work = Caricature(context, ANALYSIS.settings(QUICK), current_image(context), layer)
    ascent = work.start()
    before = work.image.clone()
    for _ in range(4):
        work.step(ascent)
    assert all(len(draws) == 2 and draws[0] == draws[1] for draws in seen_draws)
    assert len({draws[0] for draws in seen_draws}) == 4
    assert torch.equal(before, work.image)


def test_the_measure_in_closed_form():
    image = torch.tensor([3.0, 4.0])
    strength, cosine = compared(2 * image, image, 2.0)
    assert float(cosine) == pytest.approx(1)
    assert float(strength) == pytest.approx(2)
    strength, cosine = compared(torch.tensor([4.0, -3.0]), image, 2.0)
    assert float(cosine) == pytest.approx(0, abs=1e-6)
    assert float(strength) == pytest.approx(0, abs=1e-6)
    half, cosine = compared(torch.tensor([5.0, 0.0]), image, 1.0)
    assert float(cosine) == pytest.approx(0.6)
    assert float(half) == pytest.approx(15 * 0.6 / 25)


@pytest.mark.parametrize("name", ["vit", "swin"])
def test_other_kinds_of_networks(name, runtimes, maps_layer, run_analysis, pictures):
    ran = run(runtimes[name], run_analysis, pictures, maps_layer[name], size=40, steps=3)
    assert ran.last[maps_layer[name]].pixels.shape == (40, 40, 3)


def test_resumed_equals_uninterrupted(runtimes, pictures, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.caricature.SAVE_EVERY_S", 0.0)
    settings = ANALYSIS.settings({"size": 32, "steps": 9})
    inputs = Inputs(images=pictures[:1], layer="last")

    def steps(state=None):
        context = Context(model=runtimes["cnn"], inputs=inputs, state=state)
        return ANALYSIS.run(context, settings)

    def last(made):
        return [s for s in made if isinstance(s, Picture) and s.final][-1]

    whole = last(steps())
    running = steps()
    saved = [next(s for s in running if isinstance(s, Saved)) for _ in range(4)][-1]
    running.close()
    assert np.array_equal(whole.pixels, last(steps(saved.state)).pixels)


def test_known_caricatures_are_not_made_again(runtimes, run_analysis, pictures, memory):
    def ask():
        return run_analysis(
            ANALYSIS,
            runtimes["cnn"],
            {"size": 32, "steps": 3},
            images=pictures[:1],
            layer="last",
            cache=memory,
        )

    first, second = ask(), ask()
    assert np.array_equal(first.last["last"].pixels, second.last["last"].pixels)
    assert first.last["last"].numbers == second.last["last"].numbers
    assert len(second.results) == 2
    context = Context(
        model=runtimes["cnn"], inputs=Inputs(images=pictures[:1], layer="last"), cache=memory
    )
    assert ANALYSIS.estimate(context, ANALYSIS.settings({"size": 32, "steps": 3})).seconds == 0
    assert ANALYSIS.estimate(context, ANALYSIS.settings({"size": 32, "steps": 9})).seconds > 0


def test_edits_are_refused(runtimes, run_analysis, pictures):
    edits = EditStack((Edit(feature=Feature(layer="last", units=(0,)), kind="ablate"),))
    with pytest.raises(MissingAbility, match="edits"):
        run_analysis(
            ANALYSIS, runtimes["cnn"], QUICK, images=pictures[:1], layer="last", edits=edits
        )
