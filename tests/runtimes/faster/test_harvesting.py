"""What a store keeps, reduced within the graph, against numpy on the same values."""

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.runtimes.faster import choosing
from interp_gui.runtimes.faster.choosing import AGREEMENT, Work, decide, disagreement, network_of
from interp_gui.runtimes.faster.exporting import export
from interp_gui.runtimes.faster.harvesting import Harvested, harvested_of
from interp_gui.runtimes.faster.network import ExportedNetwork
from interp_gui.runtimes.faster.reducing import Reduction, flattened


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")


class Saturated(nn.Module):
    """Many equal values: cut off at both ends, a dead unit, grids with few and many positions."""

    def __init__(self, units=7):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.wide = nn.Conv2d(3, 2 * units, 3, padding=1)
        self.cut = nn.ReLU6()
        self.narrow = nn.Conv2d(2 * units, units, 3, stride=4)
        self.act = nn.ReLU()
        self.head = nn.Linear(units, 5)
        for parameter in self.parameters():
            parameter.data = 3.0 * torch.randn(parameter.shape, generator=generator)
        self.wide.bias.data[1] = -1e6
        self.wide.bias.data[2] = 1e6

    def forward(self, x):
        x = self.act(self.narrow(self.cut(self.wide(x))))
        return self.head(x.mean((2, 3)))


def reductions_of(runtime, *, everything=False):
    from interp_gui.analyses.passes import work_of
    from interp_gui.core.analysis import Context, Inputs

    known = [layer for layer in runtime.description.layers if layer.units]
    layers = [layer for layer in known if layer.worthwhile or everything]
    return work_of(Context(model=runtime, inputs=Inputs()), layers, harvest=True)


def noise(count, side, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 3, side, side)).astype(np.float32)


def exported(runtime, work, side):
    made = export(runtime, runtime.tensor(noise(2, side)), work.layers)
    return ExportedNetwork(made, device="cpu", threads=1)


def harvest(network, work, batch, count=5):
    """Values of the exported network, places, and what it makes of them itself."""
    values = network.run(batch, capture=work.layers).captured
    random = np.random.default_rng(3)
    flats = {r.layer: flattened(values[r.layer], r) for r in work.reductions}
    places = {
        name: random.integers(0, flat.shape[2], (len(batch), count)) for name, flat in flats.items()
    }
    return flats, places, network.run(batch, harvests=work.reductions, places=places).harvested


def agree(flat, places, reduction, found):
    true = harvested_of(flat, places, norms=reduction.tokens)
    for part in ("peak", "position", "low", "vectors"):
        np.testing.assert_array_equal(getattr(found, part), getattr(true, part), err_msg=part)
    scale = np.abs(flat).max()
    np.testing.assert_allclose(found.mean, true.mean, atol=1e-5 * scale, rtol=1e-5)
    np.testing.assert_allclose(found.mean_square, true.mean_square, rtol=1e-4, atol=1e-6 * scale**2)
    assert (found.norms is not None) == reduction.tokens
    if reduction.tokens:
        np.testing.assert_allclose(found.norms, true.norms, rtol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_convolutional_networks(name, built):
    runtime = built(name)
    side = runtime.preprocessing.size[0]
    work = reductions_of(runtime)
    flats, places, found = harvest(exported(runtime, work, side), work, noise(3, side, 1))
    for reduction in work.reductions:
        agree(flats[reduction.layer], places[reduction.layer], reduction, found[reduction.layer])


@pytest.mark.parametrize("name", ["vit", "swin"])
def test_transformers_with_norms_of_their_tokens(name, small):
    runtime = small(name)
    work = reductions_of(runtime)
    assert any(reduction.tokens for reduction in work.reductions) == (name == "vit")
    flats, places, found = harvest(exported(runtime, work, 32), work, noise(3, 32, 1))
    for reduction in work.reductions:
        agree(flats[reduction.layer], places[reduction.layer], reduction, found[reduction.layer])
    if name == "vit":
        block = next(r for r in work.reductions if r.tokens)
        assert found[block.layer].norms.shape == (3, 16)  # the class token is none of them


@pytest.mark.parametrize("units", [7, 8, 5])
def test_of_equal_values_the_first_counts(units, tiny):
    runtime = tiny(Saturated(units), size=24)
    work = reductions_of(runtime, everything=True)
    flats, places, found = harvest(exported(runtime, work, 24), work, noise(4, 24, 2))
    ties = 0
    for reduction in work.reductions:
        flat = flats[reduction.layer]
        ties += int(((flat == flat.max(2, keepdims=True)).sum(2) > 1).sum())
        agree(flat, places[reduction.layer], reduction, found[reduction.layer])
    assert ties > 10
    assert (found["cut"].peak[:, 2] == 6).all()
    assert (found["cut"].position[:, 2] == 0).all()
    assert (found["cut"].peak[:, 1] == 0).all()


def test_a_choice_compares_all_that_is_kept(built, monkeypatch):
    runtime = built("mobilenet_v2")
    side = runtime.preprocessing.size[0]
    work = reductions_of(runtime)
    choice = decide(runtime, work, noise(3, side), images=3)
    assert choice.onnx, choice.sentence
    network = network_of(runtime, work)
    assert disagreement(runtime, network, work, noise(3, side)) <= AGREEMENT
    lied = work.layers[3]
    for part in ("mean_square", "vectors", "peak"):

        class Liar:
            def run(self, batch, **options):
                found = network.run(batch, **options)
                for name, told in found.harvested.items():
                    if name == lied:
                        wrong = getattr(told, part) * np.float32(1.01)  # noqa: B023
                        found.harvested[name] = told._replace(**{part: wrong})  # noqa: B023
                return found

        assert disagreement(runtime, Liar(), work, noise(3, side)) > AGREEMENT, part
    monkeypatch.setattr(choosing, "_ROUNDS", 1)
    assert choosing._times(runtime, network, work, noise(3, side), lambda: None) > 0


def test_a_harvest_is_another_work_than_its_extremes(built):
    runtime = built("resnet18")
    work = reductions_of(runtime)
    extremes = Work(reductions=work.reductions, outputs=work.outputs, until=work.until)
    assert choosing.scope(work) != choosing.scope(extremes)


def test_missing_numbers_are_passed_on_but_are_no_peaks():
    flat = np.array([[[1, np.nan, 3, 3], [np.nan] * 4, [0, 0, -1, 0]]], np.float32)
    found = harvested_of(flat, np.array([[2, 1]]), norms=True)
    assert isinstance(found, Harvested)
    assert found.position.tolist() == [[2, 0, 0]]
    np.testing.assert_array_equal(found.peak, [[3, np.nan, 0]])
    np.testing.assert_array_equal(found.mean, np.array([[np.nan, np.nan, -0.25]], np.float32))
    np.testing.assert_array_equal(found.vectors, [[[3, np.nan, -1], [np.nan, np.nan, 0]]])
    assert np.isnan(found.norms).all()


def test_a_batch_gives_what_its_images_give_alone():
    random = np.random.default_rng(0)
    flat = random.normal(size=(4, 5, 200)).astype(np.float32)
    places = random.integers(0, 200, (4, 2))
    whole = harvested_of(flat, places, norms=True)
    for i in range(4):
        alone = harvested_of(flat[i : i + 1], places[i : i + 1], norms=True)
        for a, b in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(a[i], b[0])


def test_a_reduction_of_tokens_knows_itself():
    assert Reduction(layer="l", axes=("token", "unit"), units=2).tokens
    assert not Reduction(layer="l", axes=("token", "unit"), units=2, spatial=False).tokens
    assert not Reduction(layer="l", axes=("unit", "y", "x"), units=2).tokens
