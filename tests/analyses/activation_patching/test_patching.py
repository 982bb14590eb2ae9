import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.activation_patching import ANALYSIS
from interp_gui.analyses.activation_patching.cells import cells_of
from interp_gui.analyses.activation_patching.measuring import _exchanged, change_at
from interp_gui.analyses.variants import Variants
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import Cancelled, EditProblem, InvalidValue, MissingAbility
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import describe, randomise

SETTINGS = {"cells": 4, "confirm": 3, "controls": 4, "permutations": 2}


class LinearNet(nn.Module):
    """Convolutions, a sum around them, a mean and a linear layer: no step that bends."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=4, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.third = nn.Conv2d(6, 8, 3, padding=1)
        self.head = nn.Linear(8, 6)

    def forward(self, x):
        x = self.first(x)
        return self.head(self.third(x + self.second(x)).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def linear():
    return TorchRuntime(randomise(LinearNet(), 3), describe("linear", 6))


def matrix(ran, key="positions"):
    return ran.last[key]


@pytest.fixture
def pair(pictures):
    return pictures[0], pictures[5]


def test_in_a_linear_network_the_estimate_is_the_exact_effect(linear, pictures, run_analysis):
    target = Target(index=1, versus=4, kind="logit_difference")
    outputs = linear.forward(load_batch(pictures, linear.preprocessing)).outputs["output"]
    far = int(np.abs(target.evaluate(outputs) - target.evaluate(outputs)[0]).argmax())
    ran = run_analysis(
        ANALYSIS, linear, {**SETTINGS, "layers": "first,second,third", "confirm": 100},
        images=(pictures[0], pictures[far]), target=target,
    )  # fmt: skip
    found = matrix(ran)
    assert found.values.shape == (3, 4)
    assert np.isfinite(found.exact).all()
    np.testing.assert_allclose(found.values, found.exact, atol=2e-4)
    assert np.abs(found.exact).max() > 0.05
    # what all positions of the last layer carry over together is everything
    assert found.exact[2].sum() == pytest.approx(1.0, abs=1e-3)
    assert found.numbers["estimates_correlate"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_a_confirmed_cell_is_what_dragging_it_gives(runtimes, pair, run_analysis, name):
    runtime, target = runtimes[name], Target(index=1)
    ran = run_analysis(ANALYSIS, runtime, SETTINGS, images=pair, target=target)
    batch = load_batch(pair, runtime.preprocessing)
    m_base, m_source = runtime.forward(batch).outputs["output"][:, 1].astype(float)
    keys = ["positions"] if name == "cnn" else ["positions", "heads"]
    for key in keys:
        found = matrix(ran, key)
        assert found.final
        confirmed = np.argwhere(np.isfinite(found.exact))
        assert len(confirmed) >= min(7, found.values.size)
        layers = list(found.row_labels)
        values = runtime.forward(batch[1:], capture=layers).captured
        for row, column in confirmed[:: max(1, len(confirmed) // 6)]:
            edit = found.edit(row, column)
            assert edit.feature.heads == (key == "heads")
            sources = {(edit.feature.layer, edit.source): values[edit.feature.layer][0]}
            out = runtime.forward(batch[:1], edits=EditStack((edit,)), sources=sources)
            effect = (float(out.outputs["output"][0, 1]) - m_base) / (m_source - m_base)
            assert found.exact[row, column] == pytest.approx(effect, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_all_cells_of_a_residual_carry_everything_over(runtimes, pair, name):
    """Patching a whole layer behind which nothing passes it by gives the source's answer."""
    runtime = runtimes[name]
    layer = {"cnn": "act", "vit": "encoder.layers.encoder_layer_0", "swin": "features.1.1"}[name]
    context = Context(model=runtime, inputs=Inputs(images=pair))
    batch = load_batch(pair, runtime.preprocessing)
    info = runtime.description.layer(layer)
    variants = Variants(context, batch[:1], info, rows=3)
    source = runtime.forward(batch[1:], capture=[layer])
    ((_, outputs),) = variants.answers([source.captured[layer]])
    np.testing.assert_allclose(outputs[0, 0], source.outputs["output"][0], atol=2e-5)
    # and one cell after the other, each on top of those before
    parts = cells_of(context, ANALYSIS.settings({**SETTINGS, "layers": layer}))
    (cells,) = [each for each in parts if each.key == "positions"]
    value = variants.value[0]
    for cell in cells.all:
        value = change_at(cells, cell, value, source.captured[layer][0]).onto(value)
    np.testing.assert_allclose(value, source.captured[layer][0], atol=1e-6)


def test_a_cell_patched_from_the_image_itself_is_zero(runtimes, pair):
    runtime = runtimes["vit"]
    context = Context(model=runtime, inputs=Inputs(images=pair))
    batch = load_batch(pair[:1], runtime.preprocessing)
    for cells in cells_of(context, ANALYSIS.settings(SETTINGS)):
        for cell in cells.all[::5]:
            variants = Variants(context, batch, cells.layers[cell[0]], rows=2)
            own = variants.value[0]
            change = change_at(cells, cell, own, own)
            assert change.moved == 0.0
            ((_, outputs),) = variants.answers([change.onto(own)[None]])
            assert np.array_equal(outputs[0], variants.base()[0])


def test_without_gradients_every_cell_is_exact(runtimes, pair, run_analysis, monkeypatch):
    from interp_gui.analyses.activation_patching import analysis

    settings = {**SETTINGS, "parts": "positions", "cells": 16}
    screened = run_analysis(
        ANALYSIS, runtimes["vit"], settings, images=pair, target=Target(index=1)
    )
    monkeypatch.setattr(analysis, "differentiable", lambda runtime: None)
    ran = run_analysis(ANALYSIS, runtimes["vit"], settings, images=pair, target=Target(index=1))
    found, before = matrix(ran), matrix(screened)
    assert found.exact is None
    assert np.isfinite(found.values).all()
    known = np.isfinite(before.exact)
    assert 0 < known.sum() < known.size
    np.testing.assert_allclose(found.values[known], before.exact[known], atol=2e-3)


def test_random_cells_and_exchanged_sources_stand_beside_the_strongest(
    runtimes, pair, run_analysis
):
    ran = run_analysis(
        ANALYSIS, runtimes["vit"], {**SETTINGS, "parts": "positions", "cells": 16}, images=pair,
        target=Target(index=1),
    )  # fmt: skip
    found, table = matrix(ran), ran.last["positions-strongest"]
    assert found.numbers["random_cells"] == 4
    assert found.numbers["confirmed"] == 7
    listed = [dict(zip(table.columns, row, strict=True)) for row in table.cells]
    assert [row["chosen by"] for row in listed].count("chance") == 4
    effects = [abs(row["effect"]) for row in listed]
    assert effects == sorted(effects, reverse=True)
    estimated = [row for row in listed if row["chosen by"] == "estimate"]
    assert len(estimated) == 3
    for row in estimated:
        at = found.row_labels.index(row["layer"]), found.column_labels.index(row["place"])
        assert row["effect"] == pytest.approx(float(found.exact[at]))
        assert row["estimate"] == pytest.approx(float(found.values[at]))
        assert row["random source, largest"] >= row["random source, mean"] > 0


def test_both_directions_are_named_source_to_base(runtimes, pair, run_analysis):
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], {**SETTINGS, "direction": "both"}, images=pair,
        target=Target(index=1),
    )  # fmt: skip
    there, back = matrix(ran), matrix(ran, "positions-back")
    assert there.title.startswith("picture_05.png → picture_00.png")
    assert back.title.startswith("picture_00.png → picture_05.png")
    assert there.edit_source != back.edit_source
    assert there.numbers["target_base"] == back.numbers["target_source"]
    only = run_analysis(
        ANALYSIS, runtimes["cnn"], {**SETTINGS, "direction": "base to source"}, images=pair,
        target=Target(index=1),
    )  # fmt: skip
    np.testing.assert_array_equal(only.last["positions-back"].values, back.values)
    assert "positions" not in only.last


def test_the_metric_is_the_source_s_answer_against_the_base_s(linear, pictures, run_analysis):
    batch = load_batch(pictures, linear.preprocessing)
    answers = linear.forward(batch).outputs["output"]
    classes = answers.argmax(axis=1)
    other = next(i for i in range(1, len(pictures)) if classes[i] != classes[0])
    settings = {**SETTINGS, "layers": "third"}
    found = matrix(run_analysis(ANALYSIS, linear, settings, images=(pictures[0], pictures[other])))
    difference = answers[:, classes[other]] - answers[:, classes[0]]
    assert found.numbers["target_base"] == pytest.approx(float(difference[0]), abs=1e-4)
    assert found.numbers["target_source"] == pytest.approx(float(difference[other]), abs=1e-4)
    assert found.numbers["target_base"] < 0 < found.numbers["target_source"]


def test_large_maps_are_patched_block_by_block(runtimes, pair):
    context = Context(model=runtimes["cnn"], inputs=Inputs(images=pair))
    (cells,) = cells_of(context, ANALYSIS.settings({"cells": 16, "layers": "act,last"}))
    assert len(cells.labels) == 16
    for layer in cells.layers:  # 16 × 16 and 8 × 8: every position is in one block
        total = sum(place.mask(layer.axes, layer.shape) for place in cells.places)
        np.testing.assert_allclose(total, 1.0)
    context = Context(model=runtimes["vit"], inputs=Inputs(images=pair))
    tokens, heads = cells_of(context, ANALYSIS.settings({"cells": 9}))
    assert tokens.labels[0] == "class"
    assert sorted(t for place in tokens.places for t in place.tokens) == list(range(17))
    assert heads.labels == ("0", "1")


def test_what_does_not_fit_is_refused(runtimes, linear, pair, run_analysis):
    runtime = runtimes["cnn"]
    with pytest.raises(InvalidValue, match="two images"):
        run_analysis(ANALYSIS, runtime, SETTINGS, images=pair[:1])
    with pytest.raises(InvalidValue, match="same value of the Target"):
        run_analysis(ANALYSIS, runtime, SETTINGS, images=(pair[0], pair[0]))
    with pytest.raises(MissingAbility, match="no heads"):
        run_analysis(ANALYSIS, runtime, {**SETTINGS, "parts": "heads"}, images=pair)
    layers = tuple(
        msgspec.structs.replace(one, writable=False) for one in linear.description.layers
    )
    reading = object.__new__(TorchRuntime)
    reading.__dict__.update(linear.__dict__)
    reading._description = msgspec.structs.replace(linear.description, layers=layers)
    with pytest.raises(EditProblem, match="can be read but not changed"):
        run_analysis(ANALYSIS, reading, {**SETTINGS, "layers": "first"}, images=pair)


def test_it_ends_when_it_is_told_to(runtimes, pair, run_analysis):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, images=pair, check=check)


def test_gradients_leave_the_weights_without_any(runtimes, pair, run_analysis):
    run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, images=pair, target=Target(index=1))
    assert all(p.grad is None for p in runtimes["cnn"].module.parameters())
    assert torch.is_grad_enabled()


def test_estimates_come_first_and_its_cost_is_known(runtimes, pair):
    context = Context(model=runtimes["vit"], inputs=Inputs(images=pair, target=Target(index=1)))
    settings = ANALYSIS.settings({**SETTINGS, "cells": 16})
    steps = [s for s in ANALYSIS.run(context, settings) if not isinstance(s, Progress)]
    assert not steps[0].final
    assert not np.isfinite(steps[0].exact).any()
    assert np.isfinite(steps[0].values).all()
    assert ANALYSIS.estimate(context, settings).seconds > 0


@pytest.mark.parametrize("key", ["positions", "heads"])
def test_exchanged_sources_change_as_much_of_other_units(runtimes, pair, key):
    context = Context(model=runtimes["vit"], inputs=Inputs(images=pair))
    cells = next(c for c in cells_of(context, ANALYSIS.settings(SETTINGS)) if c.key == key)
    cell = cells.all[0]
    layer = cells.layers[cell[0]]
    batch = load_batch(pair, runtimes["vit"].preprocessing)
    base, source = runtimes["vit"].forward(batch, capture=[layer.name]).captured[layer.name]
    change = change_at(cells, cell, base, source)
    random = np.random.default_rng(0)
    found = [_exchanged(change, layer, random).delta for _ in range(3)]
    rest = [axis for i, axis in enumerate(layer.axes) if i != change.axis]
    units = rest.index("unit") if change.picked else -1
    for delta in found:
        np.testing.assert_array_equal(np.sort(delta, axis=units), np.sort(change.delta, axis=units))
        assert np.abs(delta - change.delta).max() > 1e-3
    assert not np.array_equal(found[0], found[1])
