"""Every analysis on an ONNX model: it works, or says in a sentence what the model lacks."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.builtin import builtin_analyses
from interp_gui.core.analysis import Context, Inputs, Progress, Saved
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import MissingAbility
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.engine.needs import check_needs
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.runtimes.onnx.conftest import described

UNEDITED = {"activation-grid", "caricature"}
"""Refuse edits: their pictures are those of the network as it is."""
FORWARD_ONLY = {"predict", "activation-maps", "layer-summary", "dataset-predictions"}


@pytest.fixture
def images(tmp_path):
    entries = []
    for index in range(6):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        path = Path(tmp_path) / f"{index}.png"
        Image.fromarray(pixels).save(path)
        entries.append(ImageEntry(path=str(path), label=f"class {index % 3}"))
    classes = {f"class {index}": index for index in range(3)}
    return Dataset(name="six", images=tuple(entries), classes=classes)


def examples(images, first):
    """Every second of the images."""
    return tuple(Example(path) for path in images.paths[first::2])


@pytest.mark.parametrize("gradients", [False, True], ids=["alone", "with its twin"])
@pytest.mark.parametrize("analysis", builtin_analyses(), ids=lambda analysis: analysis.id)
def test_it_works_or_is_refused_with_a_sentence(analysis, gradients, small_bytes, images):
    runtime = OnnxRuntime(small_bytes, described(6))
    if gradients:
        runtime.seek_gradients()
        assert runtime.description.gradient_problem == ""
    elif "gradient" not in analysis.needs:
        pytest.skip("its forward passes are held with the twin")
    layer = "down.Conv"
    edit = Edit(feature=Feature(layer=layer, units=(1,)), kind="ablate")
    edits = EditStack(()) if analysis.id in UNEDITED else EditStack((edit,))
    inputs = Inputs(
        images=images.paths[: 2 if "source" in analysis.needs else 1], dataset=images,
        layer=layer, edits=edits, features=(Feature(layer=layer, units=(2,)),),
        examples={"with": examples(images, 0), "without": examples(images, 1)},
    )  # fmt: skip
    fields = {field.name for field in dataclasses.fields(analysis.parameters)}
    few = {"steps": 2, "studied": "class 0"}
    settings = analysis.settings({name: few[name] for name in fields & set(few)})
    context = Context(model=runtime, inputs=inputs)
    if analysis.id == "compare-models":
        pytest.skip("it takes a second model")
    if analysis.id == "rank-one-edit":
        pytest.skip("it rewrites the weights of PyTorch models")

    def results():
        check_needs(analysis, runtime, inputs, settings)
        steps = analysis.run(context, settings)
        return [step for step in steps if not isinstance(step, Progress | Saved)]

    if "gradient" in {*analysis.needs} - {*analysis.spares(settings)} and not gradients:
        assert analysis.id not in FORWARD_ONLY
        with pytest.raises(MissingAbility, match="needs gradients"):
            results()
        return
    found = results()
    assert found
    assert all(msgspec.json.encode(result.numbers) for result in found)


def test_units_are_ranked_by_activation_without_gradients(small_bytes, images):
    from interp_gui.analyses.unit_ranking import ANALYSIS

    runtime = OnnxRuntime(small_bytes, described(6))
    inputs = Inputs(images=images.paths[:1], dataset=images, layer="down.Conv")
    settings = ANALYSIS.settings({"order": "activation", "count": 12, "confirm": 3, "controls": 2})
    check_needs(ANALYSIS, runtime, inputs, settings)
    steps = list(ANALYSIS.run(Context(model=runtime, inputs=inputs), settings))
    table = [step for step in steps if getattr(step, "key", "") == "ranking"][-1]
    assert table.final
    at = table.columns.index
    ranked = [row for row in table.cells if row[at("role")] == "ranked"]
    values = [row[at("activation")] for row in ranked]
    assert values == sorted(values, reverse=True)
    assert {row[at("activation × gradient")] for row in table.cells} == {None}
    assert [row[at("fall of target")] is not None for row in ranked] == [True] * 3 + [False] * 9
    assert any("No activation × gradient" in note for note in table.notes)
    with pytest.raises(MissingAbility, match="needs gradients") as refused:
        check_needs(ANALYSIS, runtime, inputs, ANALYSIS.settings({}))
    assert "order=activation" in refused.value.hint
