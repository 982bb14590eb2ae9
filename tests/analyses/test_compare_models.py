import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.compare_models.analysis import ANALYSIS
from interp_gui.analyses.compare_models.likeness import Sums, all_alike, cka, gram
from interp_gui.core.errors import InvalidValue
from interp_gui.core.model import Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import randomise

RNG = np.random.default_rng(0)


def samples(n=60, units=9, seed=0):
    return np.random.default_rng(seed).normal(size=(n, units)).astype(np.float32)


def sums(*pairs):
    found = Sums()
    for a, b in pairs:
        found.add(a, b)
    return found


def reference_cka(x, y):
    """Unbiased CKA by the definition, with explicit sums over distinct samples (Song 2012)."""
    import itertools

    def hsic(k, m):
        n = len(k)
        first = sum(k[i, j] * m[i, j] for i, j in itertools.permutations(range(n), 2))
        second = sum(k[i, j] * m[q, r] for i, j, q, r in itertools.permutations(range(n), 4))
        third = sum(k[i, j] * m[i, q] for i, j, q in itertools.permutations(range(n), 3))
        pairs, triples = n * (n - 1), n * (n - 1) * (n - 2)
        return first / pairs + second / (triples * (n - 3)) - 2 * third / triples

    k, m = x @ x.T, y @ y.T  # not centred: the estimator sees to that
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


# --- likeness ----------------------------------------------------------------------------------


def test_the_same_samples_are_fully_alike():
    x = samples()
    assert cka(gram(x), gram(x)) == pytest.approx(1.0)
    assert sums((x, x)).relative_difference == 0.0
    assert sums((x, x)).cosine == pytest.approx(1.0)


def test_rotation_and_scale_change_nothing_and_other_maps_do():
    x = samples()
    rotation = np.linalg.qr(RNG.normal(size=(9, 9)))[0].astype(np.float32)
    assert cka(gram(x), gram(3.7 * x @ rotation + 5)) == pytest.approx(1.0, abs=1e-5)
    stretched = x * np.linspace(0.1, 3, 9, dtype=np.float32)
    assert 0.5 < cka(gram(x), gram(stretched)) < 0.99


def test_unrelated_layers_are_near_zero_even_with_more_units_than_samples():
    found = [cka(gram(samples(30, 200, s)), gram(samples(30, 200, 100 + s))) for s in range(20)]
    assert abs(np.mean(found)) < 0.03  # the plain estimate gives about 0.87 here
    biased = []
    for s in range(20):
        x, y = (
            each - each.mean(axis=0) for each in (samples(30, 200, s), samples(30, 200, 100 + s))
        )
        k, other = x @ x.T, y @ y.T
        biased.append((k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()))
    assert np.mean(biased) > 0.8


def test_cka_is_that_of_its_definition():
    x, y = samples(10, 4, 1).astype(np.float64), samples(10, 6, 2).astype(np.float64)
    y[:, :3] += x[:, :3]
    assert cka(gram(x), gram(y)) == pytest.approx(reference_cka(x, y), abs=1e-9)


def test_each_with_each_is_the_same_as_one_by_one():
    first = [samples(12, 5, 1), samples(12, 9, 2), np.ones((12, 3), np.float32)]
    second = [samples(12, 7, 3), first[1] @ samples(9, 9, 4)]
    found = all_alike(first, second)
    for i, x in enumerate(first[:2]):
        for j, y in enumerate(second):
            assert found[i, j] == pytest.approx(cka(gram(x), gram(y)), abs=1e-9)
    assert np.isnan(found[2]).all()


def test_distances_of_parts_are_those_of_the_whole():
    x, y = samples(8, 5, 1), samples(8, 5, 2)
    found = sums((x[:3], y[:3]), (x[3:], y[3:]))
    a, b = x.ravel().astype(np.float64), y.ravel().astype(np.float64)
    assert found.relative_difference == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a))
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_what_does_not_vary_has_no_likeness():
    x = samples()
    assert cka(gram(x), gram(np.ones_like(x))) is None
    assert cka(gram(x[:3]), gram(x[:3])) is None
    assert sums((np.zeros_like(x), x)).relative_difference is None
    assert sums((np.zeros_like(x), x)).cosine is None


# --- the analysis ------------------------------------------------------------------------------


@pytest.fixture
def compare(run_analysis, pictures, dataset):
    """Compare two models over the pictures; gives results by key."""

    def run(first, second, *, images=True, **settings):
        inputs = {"dataset": dataset} if images else {}
        return run_analysis(
            ANALYSIS, first, settings, other=second, images=(pictures[0],), **inputs
        ).last

    return run


def column(table, name):
    at = table.columns.index(name)
    return {row[0]: row[at] for row in table.cells}


def test_a_model_is_fully_like_itself(compare, small_cnn):
    found = compare(small_cnn(), small_cnn(), layers="all")
    layers = found["layers"]
    assert set(column(layers, "CKA")) >= {"first", "act", "second", "last"}
    assert all(v == pytest.approx(1, abs=1e-6) for v in column(layers, "CKA").values() if v)
    assert set(column(layers, "relative difference").values()) == {0.0}
    assert layers.numbers["same_answer_share"] == 1.0
    assert set(column(found["answers"], "B − A, points").values()) == {0.0}


def test_a_change_shows_from_its_layer_on(compare, small_cnn):
    first, second = small_cnn(), small_cnn()
    with torch.no_grad():
        second.module.second.weight.copy_(torch.randn_like(second.module.second.weight))
    difference = column(compare(first, second, layers="all")["layers"], "relative difference")
    assert difference["first"] == difference["act"] == 0.0
    assert difference["second"] > 0.5


def test_answers_are_those_of_both_models(compare, small_cnn, pictures):
    first, second = small_cnn(0), small_cnn(7)
    table = compare(first, second, images=False, top=6)["answers"]
    from interp_gui.core.preprocessing import load_batch

    batch = load_batch(pictures[:1], first.preprocessing)
    a, b = (
        torch.softmax(torch.tensor(each.forward(batch).outputs["output"][0]).double(), 0).numpy()
        for each in (first, second)
    )
    names = [first.description.class_name(i) for i in range(6)]
    for name, p, q in zip(names, a, b, strict=True):
        row = next(row for row in table.cells if row[0] == name)
        assert row[1:] == pytest.approx((100 * p, 100 * q, 100 * (q - p)), abs=0.0051)
    largest = table.numbers["largest_difference_percent"]
    assert largest == pytest.approx(100 * np.abs(a - b).max(), abs=1e-4)
    tops = [names[int(each.argmax())] for each in (a, b)]
    assert table.notes[-1] == (
        f"Both answer {tops[0]}."
        if tops[0] == tops[1]
        else f"A answers {tops[0]}, and B answers {tops[1]}."
    )


def test_each_model_sees_its_own_preprocessing(compare, small_cnn):
    other = Preprocessing(size=(32, 32), resize="exact", resize_px=32, mean=(0.1,) * 3)
    table = compare(small_cnn(), small_cnn(preprocessing=other), layers="all")["layers"]
    assert column(table, "relative difference")["first"] > 0
    assert any("own preprocessing" in note for note in table.notes)


def test_other_classes_are_not_subtracted(compare, small_cnn):
    table = compare(small_cnn(classes=6), small_cnn(classes=4), images=False)["answers"]
    assert table.columns == ("model", "answer", "value")
    assert {row[0] for row in table.cells} == {"A", "B"}


def test_networks_of_other_names_are_compared_layer_by_layer(compare, small_cnn):
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3)
            self.turn = nn.ReLU()
            self.out = nn.Linear(4, 6)

        def forward(self, x):
            return self.out(self.turn(self.stem(x)).mean(dim=(2, 3)))

    other = TorchRuntime(randomise(Other(), 3), small_cnn().description)
    found = compare(small_cnn(), other)
    layers, alike = found["layers"], found["alike"]
    assert set(column(layers, "paired by").values()) == {"most alike"}
    for row in alike.cells:
        at = layers.columns.index
        own = next(each for each in layers.cells if each[0] == row[0])
        assert own[at("CKA")] == max(row[1:])
        assert own[at("layer of B")] == alike.columns[row.index(max(row[1:]))]
    assert any("No layer of A" in note for note in layers.notes)
    assert "first_different_layer" not in layers.numbers


def test_the_same_input_shows_that_two_files_compute_the_same(compare, small_cnn):
    other = Preprocessing(size=(32, 32), resize="exact", resize_px=32, mean=(0.1,) * 3)
    first, second = small_cnn(), small_cnn(preprocessing=other)
    found = compare(first, second, layers="all", same_input=True)
    assert set(column(found["layers"], "relative difference").values()) == {0.0}
    assert set(column(found["answers"], "B − A, points").values()) == {0.0}
    assert compare(first, second)["layers"].numbers["first_different_layer"]


def test_a_second_model_is_needed(compare, small_cnn):
    with pytest.raises(InvalidValue, match="second model"):
        compare(small_cnn(), None)


class Flat(nn.Module):
    """Its last layer takes every position, so images of one size only."""

    def __init__(self, side):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.out = nn.Linear(8 * (side // 2) ** 2, 6)

    def forward(self, x):
        return self.out(self.body(x).flatten(1))


def at(side):
    return Preprocessing(size=(side, side), resize="exact", resize_px=side)


def renamed(runtime):
    """The same network, its layers under other names."""
    inner = nn.Sequential()
    for name in ("first", "act", "second", "last"):
        inner.add_module(f"x_{name}", getattr(runtime.module, name))
    inner.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten()).append(runtime.module.head)
    return inner


@pytest.mark.parametrize("swapped", [False, True])
def test_models_of_two_sizes_are_paired_by_value_at_one(compare, small_cnn, swapped):
    first = small_cnn(preprocessing=at(64))
    module = renamed(small_cnn())
    second = TorchRuntime(module, small_cnn(name="other.pt", preprocessing=at(32)).description)
    pair = (second, first) if swapped else (first, second)
    found = compare(*pair, layers="all", same_input=True)["layers"]
    own = {name.rpartition("x_")[2]: by for name, by in column(found, "paired by").items()}
    assert all(own[name] == "value" for name in ("first", "act", "second", "last"))
    differences = [v for v in column(found, "relative difference").values() if v is not None]
    assert len(differences) >= 4
    assert max(differences) < 1e-5
    side = 32 if swapped else 64
    assert any(f"both at {side} × {side}" in note for note in found.notes)
    apart = compare(*pair, layers="all")["layers"]
    assert "value" not in column(apart, "paired by").values()


def test_the_size_is_that_of_the_model_that_takes_no_other(compare, small_cnn):
    free = small_cnn(preprocessing=at(64))
    fixed = TorchRuntime(
        randomise(Flat(32), 3), small_cnn(name="flat.pt", preprocessing=at(32)).description
    )
    for pair in ((free, fixed), (fixed, free)):
        found = compare(*pair, layers="all", same_input=True)
        assert any("flat.pt, both at 32 × 32" in note for note in found["layers"].notes)


def test_two_models_of_fixed_sizes_are_not_given_the_same_input(compare, small_cnn):
    pair = [
        TorchRuntime(
            randomise(Flat(side), 3),
            small_cnn(name=f"flat{side}.pt", preprocessing=at(side)).description,
        )
        for side in (32, 48)
    ]
    with pytest.raises(InvalidValue, match=r"flat32\.pt takes images of 32 × 32 only, and flat48"):
        compare(*pair, same_input=True)
    assert compare(*pair)["layers"].cells
