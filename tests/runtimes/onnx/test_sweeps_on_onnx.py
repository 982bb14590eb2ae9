"""Sweeps and patching on an ONNX model without gradients: the same numbers as single passes."""

import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses import ablation_sweep, activation_patching, strength_curve
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.runtimes.onnx.conftest import described

LAYER = "down.Conv"


@pytest.fixture
def runtime(small_bytes):
    return OnnxRuntime(small_bytes, described(6))


@pytest.fixture
def pair(tmp_path):
    paths = []
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return tuple(paths)


def last(analysis, runtime, settings, **inputs):
    context = Context(model=runtime, inputs=Inputs(**inputs))
    found = {}
    for step in analysis.run(context, analysis.settings(settings)):
        if hasattr(step, "key"):
            found[step.key.split()[0]] = step
    return found


def test_each_effect_of_a_sweep_is_that_of_a_pass(runtime, pair):
    table = last(
        ablation_sweep.ANALYSIS, runtime, {"controls": 4, "confirm": 1}, images=pair[:1],
        layer=LAYER, target=Target(index=2),
    )["sweep"]  # fmt: skip
    batch = load_batch(pair[:1], runtime.preprocessing)
    before = runtime.forward(batch).outputs["output"][0, 2]
    assert len(table.cells) == runtime.description.layer(LAYER).units
    for unit, effect, *_ in table.cells:
        edit = Edit(feature=Feature(layer=LAYER, units=(unit,)), kind="ablate")
        after = runtime.forward(batch, edits=EditStack((edit,))).outputs["output"][0, 2]
        assert effect == pytest.approx(float(after - before), abs=3e-5)
    assert max(abs(row[1]) for row in table.cells) > 1e-3


def test_patching_without_gradients_is_exact_everywhere(runtime, pair):
    found = last(
        activation_patching.ANALYSIS, runtime, {"cells": 4, "layers": LAYER, "permutations": 1},
        images=pair, target=Target(index=2),
    )["positions"]  # fmt: skip
    assert found.exact is None
    batch = load_batch(pair, runtime.preprocessing)
    values = runtime.forward(batch[1:], capture=[LAYER]).captured[LAYER][0]
    base, source = runtime.forward(batch).outputs["output"][:, 2].astype(float)
    for column in range(len(found.column_labels)):
        edit = found.edit(0, column)
        out = runtime.forward(
            batch[:1], edits=EditStack((edit,)), sources={(LAYER, edit.source): values}
        ).outputs["output"]  # fmt: skip
        effect = (float(out[0, 2]) - base) / (source - base)
        assert found.values[0, column] == pytest.approx(effect, rel=1e-3, abs=1e-3)


def test_a_strength_curve_is_made_of_single_passes(runtime, pair):
    feature = Feature(layer=LAYER, units=(1,))
    curve = last(
        strength_curve.ANALYSIS, runtime, {"steps": 3, "controls": 2}, images=pair[:1],
        features=(feature,), target=Target(index=2),
    )["target"]  # fmt: skip
    batch = load_batch(pair[:1], runtime.preprocessing)
    for x, y in zip(curve.x, curve.ys[0], strict=True):
        edit = Edit(feature=feature, kind="scale", amount=float(x))
        out = runtime.forward(batch, edits=EditStack((edit,))).outputs["output"][0, 2]
        assert y == pytest.approx(float(out), abs=3e-5)
