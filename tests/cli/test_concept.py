"""Concepts on the command line: examples, boxes, the direction as a file, and the recipe again."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def sides(tmp_path):
    """Six pictures with a red half, six without, in two folders."""
    for side in ("red", "plain"):
        (tmp_path / side).mkdir()
        for i in range(6):
            random = np.random.default_rng(i if side == "red" else 50 + i)
            coarse = random.integers(90, 160, (5, 5, 3), dtype=np.uint8)
            pixels = np.array(Image.fromarray(coarse).resize((80, 80)))
            if side == "red":
                pixels[:, :40] = (250, 0, 0)
            Image.fromarray(pixels).save(tmp_path / side / f"{i}.png")
    return tmp_path / "red", tmp_path / "plain"


def _concept(run_json, weights, sides, out, *more):
    red, plain = sides
    return run_json(
        "run", "concept", "--model", weights, "--with", red, "--without", plain,
        "--controls", 10, "--name", "red", "--out", out, *more,
    )  # fmt: skip


def test_a_direction_is_written_and_can_be_used_as_a_feature(
    run, run_json, weights, sides, tmp_path
):
    code, document = _concept(run_json, weights, sides, tmp_path / "o", "--layer", "features.3")
    assert code == 0
    found = {result["title"]: result for result in document["results"]}
    grid = found["concept: red at features.3"]
    assert grid["numbers"]["auc"] == 1.0
    file = tmp_path / "o" / grid["direction"]["file"]
    vector = np.load(file)
    assert vector.shape[0] == 1
    assert grid["direction"]["feature"] == f"features.3:@{file.name}"
    held = document["recipe"]["examples"]
    assert {side: len(examples) for side, examples in held.items()} == {"with": 6, "without": 6}
    assert str(tmp_path) not in str(document)
    code, document = run_json(
        "run", "concept-sensitivity", "--model", weights, "--images", *sides,
        "--feature", f"features.3:@{file}", "--target", "5", "--set", "images=all",
        "--most", 2, "--controls", 8, "--removed", 1, "--removals", 2, "--out", tmp_path / "s",
    )  # fmt: skip
    assert code == 0
    table = next(each for each in document["results"] if each["kind"] == "table")
    assert 0.0 <= table["numbers"]["share_rising"] <= 1.0
    code, out, _ = run(
        "run", "concept", "--model", weights, "--with", sides[0], "--without", sides[1],
        "--layer", "features.3", "--controls", 0, "--out", tmp_path / "t",
    )  # fmt: skip
    assert code == 0
    assert "--feature features.3:@" in out


def test_the_recipe_makes_the_same_direction_again(run_json, weights, sides, tmp_path):
    _, document = _concept(run_json, weights, sides, tmp_path / "o", "--layer", "features.3")
    grid = next(result for result in document["results"] if result["kind"] == "grid")
    picture = tmp_path / "o" / grid["file"]
    code, again = run_json(
        "run", "--recipe", tmp_path / "o" / picture.name, "--model", weights,
        "--images", *sides, "--out", tmp_path / "again",
    )  # fmt: skip
    assert code == 0
    assert again["replay"]["differences"] == []
    (other,) = (tmp_path / "again").glob("*.npy")
    np.testing.assert_array_equal(np.load(other), np.load(picture.with_suffix(".npy")))
    code, refused = run_json(
        "run", "--recipe", tmp_path / "o" / picture.name, "--model", weights,
        "--images", sides[0], "--out", tmp_path / "less",
    )  # fmt: skip
    assert code != 0
    assert "6 images of the recipe's examples" in str(refused)


def test_boxes_are_typed_behind_the_path(run_json, weights, sides, tmp_path):
    red, _ = sides
    left = [f"{red / f'{i}.png'}@0,0,1,0.5" for i in range(6)]
    right = [f"{red / f'{i}.png'}@0,0.5,1,1" for i in range(6)]
    code, document = run_json(
        "run", "concept", "--model", weights, "--with", *left, "--without", *right,
        "--layer", "features.3", "--controls", 5, "--out", tmp_path / "o",
    )  # fmt: skip
    assert code == 0
    numbers = document["results"][-1]["numbers"]
    assert (numbers["with"], numbers["groups"], numbers["auc"]) == (6, 6, 1.0)
    code, document = run_json(
        "run", "concept", "--model", weights, "--with", f"{red / '0.png'}@0,0,2,1",
        "--without", red, "--layer", "features.3", "--out", tmp_path / "x",
    )  # fmt: skip
    assert code != 0
    assert "no part of an image" in str(document)


def test_all_layers_need_no_layer_and_no_examples_are_refused(run_json, weights, sides, tmp_path):
    code, document = _concept(run_json, weights, sides, tmp_path / "o", "--layers", "all")
    assert code == 0
    assert {result["kind"] for result in document["results"]} == {"table", "curve", "grid"}
    code, document = run_json(
        "run", "concept", "--model", weights, "--layer", "features.3", "--out", tmp_path / "x"
    )
    assert code != 0
    assert "needs examples" in str(document)
