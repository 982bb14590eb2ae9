"""Concepts: a planted one is found, chance is told from it, and groups are never split."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.concept import ANALYSIS
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature

SIDE = 40
MARK = (slice(0, 16), slice(0, 16))


def _noise(seed):
    random = np.random.default_rng(seed)
    coarse = random.integers(96, 160, (5, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Twelve pictures with a red corner and twelve without, otherwise of one kind."""
    folder = tmp_path_factory.mktemp("marked")
    found = {"with": [], "without": []}
    for i in range(24):
        pixels = _noise(i)
        side = "with" if i % 2 else "without"
        if side == "with":
            pixels[MARK] = (255, 0, 0)
        path = folder / f"{i:02d}.png"
        Image.fromarray(pixels).save(path)
        found[side].append(Example(str(path)))
    return {side: tuple(examples) for side, examples in found.items()}


@pytest.fixture
def found(run_analysis, runtimes):
    """Run it on one of the networks."""

    def run(examples, network="cnn", settings=None, **more):
        defaults = {"controls": 20}
        layer = {"cnn": "last", "vit": "encoder.layers.encoder_layer_0", "swin": "features.1"}
        more = {"layer": layer[network]} | more
        return run_analysis(
            ANALYSIS, runtimes[network], defaults | (settings or {}), examples=examples, **more
        ).last

    return run


def _cosine(one, other):
    one, other = np.ravel(one), np.ravel(other)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("method", ["mean-difference", "probe"])
@pytest.mark.parametrize("network", ["cnn", "vit", "swin"])
def test_a_planted_mark_is_found_at_a_layer_of_every_kind(found, marked, network, method):
    last = found(marked, network, {"method": method})
    grid = last["direction"]
    assert grid.numbers["auc"] > 0.9
    assert grid.numbers["p"] <= 0.05
    assert abs(grid.numbers["random_auc_mean"] - 0.5) < 0.12
    assert last["auc"].labels[0] == "held-out AUC"
    assert len(grid.items) == 24
    assert {item.group for item in grid.items} == {"With", "Without"}
    feature = grid.feature
    assert feature.vectors
    assert last["layers"].features == (feature,)


def test_the_direction_is_that_of_the_means_and_they_lie_one_apart(found, marked, runtimes):
    from interp_gui.core.preprocessing import load_batch

    runtime = runtimes["cnn"]
    means = []
    for side in ("with", "without"):
        batch = load_batch([each.path for each in marked[side]], runtime.preprocessing)
        value = runtime.forward(batch, capture=["last"]).captured["last"]
        means.append(value.mean(axis=(0, 2, 3), dtype=np.float64))
    apart = means[0] - means[1]
    for method in ("mean-difference", "probe"):
        vector = found(marked, settings={"method": method})["direction"].feature.matrix()[0]
        assert float(vector @ apart / (vector @ vector)) == pytest.approx(1.0, abs=1e-3)
        if method == "mean-difference":
            np.testing.assert_allclose(vector, apart, atol=1e-5)


def test_neither_order_nor_names_matter_and_swapping_the_sides_flips_the_direction(
    found, marked, tmp_path
):
    first = found(marked)["direction"]
    turned = {side: tuple(reversed(examples)) for side, examples in marked.items()}
    renamed = {}
    for side, examples in turned.items():
        copies = []
        for i, example in enumerate(examples):
            path = tmp_path / f"{side}-{i}.png"
            path.write_bytes(Path(example.path).read_bytes())
            copies.append(Example(str(path)))
        renamed[side] = tuple(copies)
    again = found(renamed)["direction"]
    assert again.feature.vectors == first.feature.vectors
    assert again.numbers == first.numbers
    swapped = found({"with": marked["without"], "without": marked["with"]})["direction"]
    np.testing.assert_allclose(swapped.feature.matrix(), -first.feature.matrix(), atol=1e-7)
    assert swapped.numbers["auc"] == pytest.approx(first.numbers["auc"])


def test_examples_that_differ_in_nothing_stay_at_chance(found, tmp_path):
    sides = {"with": [], "without": []}
    for i in range(40):
        path = tmp_path / f"{i}.png"
        Image.fromarray(_noise(100 + i)).save(path)
        sides["with" if i < 20 else "without"].append(Example(str(path)))
    numbers = found({k: tuple(v) for k, v in sides.items()}, settings={"controls": 40})[
        "direction"
    ].numbers
    assert 0.15 < numbers["auc"] < 0.85
    assert numbers["p"] > 0.05


def test_boxes_of_one_image_are_told_apart_and_never_split(found, marked):
    box, rest = (0.05, 0.05, 0.3, 0.3), (0.6, 0.6, 0.9, 0.9)
    parts = {
        "with": tuple(Example(each.path, box) for each in marked["with"]),
        "without": tuple(Example(each.path, rest) for each in marked["with"]),
    }
    grid = found(parts)["direction"]
    assert grid.numbers["groups"] == 12
    assert grid.numbers["auc"] > 0.9
    assert any("no group is ever split" in note for note in grid.notes)
    assert all((item.pixels == (255, 210, 0)).all(axis=2).any() for item in grid.items)


def test_what_belongs_to_one_group_is_not_judged_by_itself(found, marked):
    one = {
        "with": tuple(Example(each.path, group="patient") for each in marked["with"]),
        "without": marked["without"],
    }
    last = found(one)
    assert "auc" not in last
    assert "auc" not in last["direction"].numbers
    assert any("none can be held out" in note for note in last["direction"].notes)
    assert last["direction"].feature.vectors


def test_all_layers_are_judged_and_the_best_is_shown(found, marked, runtimes):
    last = found(marked, settings={"layers": "all", "name": "red corner"}, layer="")
    layers = [layer.name for layer in runtimes["cnn"].description.layers if layer.worthwhile]
    table, curve = last["layers"], last["auc"]
    assert [row[1] for row in table.cells] == layers
    assert curve.kind == "curve"
    assert curve.ys.shape == (2, len(layers))
    low, high = curve.band
    assert (low < curve.ys[1]).all()
    assert (curve.ys[1] < high).all()
    best = max(range(len(layers)), key=lambda i: table.cells[i][2])
    grid = last["direction"]
    assert grid.numbers["auc"] == table.cells[best][2]
    assert grid.numbers["p_of_the_best"] >= grid.numbers["p"]
    assert grid.feature.name == "concept: red corner"
    assert all(feature.name == "concept: red corner" for feature in table.features)
    assert {feature.layer for feature in table.features} == set(layers)


def test_edits_in_force_change_it_and_are_told(found, marked):
    plain = found(marked)["direction"]
    edit = Edit(feature=Feature(layer="first", units=(0, 1, 2)), kind="ablate")
    edited = found(marked, edits=EditStack((edit,)))["direction"]
    assert edited.feature.vectors != plain.feature.vectors
    assert any("Computed with an edit of the network: Switch off" in note for note in edited.notes)


def test_few_and_unbalanced_examples_are_told_of(found, marked):
    few = {side: examples[:2] for side, examples in marked.items()}
    notes = found(few)["direction"].notes
    assert any("are few examples" in note for note in notes)
    assert any("in 6 ways only" in note for note in notes)
    uneven = {"with": marked["with"][:5], "without": marked["without"]}
    assert any("unbalanced" in note for note in found(uneven)["direction"].notes)


def test_bad_examples_are_refused_or_left_out_with_a_sentence(found, marked, tmp_path):
    with pytest.raises(InvalidValue, match="no example without"):
        found({"with": marked["with"]})
    with pytest.raises(InvalidValue, match="with and an example without at once"):
        found({"with": marked["with"], "without": marked["with"]})
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    gone = Example(str(tmp_path / "gone.png"))
    more = {"with": (*marked["with"], Example(str(broken)), gone), "without": marked["without"]}
    grid = found(more)["direction"]
    assert grid.numbers["with"] == 12
    assert any(note.startswith("2 images left out") for note in grid.notes)
    with pytest.raises(InvalidValue, match="that can be read"):
        found({"with": (Example(str(broken)),), "without": marked["without"]})
    twice = {"with": marked["with"] + marked["with"][:1], "without": marked["without"]}
    assert any("more than once" in note for note in found(twice)["direction"].notes)


def test_a_class_token_is_taken_where_there_is_one(found, marked):
    with pytest.raises(MissingAbility, match="no class token"):
        found(marked, settings={"pooling": "class-token"})
    mean = found(marked, "vit")["direction"].feature
    token = found(marked, "vit", {"pooling": "class-token"})["direction"].feature
    assert _cosine(mean.matrix(), token.matrix()) < 0.999
    peak = found(marked, "vit", {"pooling": "maximum"})["direction"].feature
    assert peak.vectors not in (mean.vectors, token.vectors)


def test_vectors_are_kept_by_content(found, marked, memory):
    first = found(marked, cache=memory)["direction"]
    stored = len(memory.held)
    assert stored == 24
    hits = memory.hits
    again = found(marked, cache=memory, settings={"folds": 4})["direction"]
    assert len(memory.held) == stored
    assert memory.hits == hits + 24
    assert again.feature.vectors == first.feature.vectors


def test_what_it_takes_is_estimated_without_running_it(marked, runtimes, memory):
    from interp_gui.core.analysis import Context, Inputs

    context = Context(
        model=runtimes["cnn"], inputs=Inputs(examples=marked, layer="last"), cache=memory
    )
    cost = ANALYSIS.estimate(context, ANALYSIS.settings({}))
    assert cost.seconds > 0
    assert cost.disk_bytes == 24 * 12 * 4
    assert not memory.held
