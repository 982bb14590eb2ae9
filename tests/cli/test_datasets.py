import json

import numpy as np
import pytest

from interp_gui.core.recipe import Recipe


@pytest.fixture
def table(photographs):
    """A table of the photographs with the model's own classes as labels, and two bad rows."""
    path = photographs / "images.csv"
    path.write_text(
        "datei;label;patient\nphoto0.png;tench;p1\nphoto1.png;n01443537;p1\nphoto2.png;odd;p2\n"
        "gone.png;tench;p2\nphoto0.png;tench;p1\n",
        encoding="utf-16",
    )
    return path


def test_predict_for_a_table(run_json, run, weights, table):
    code, document = run_json("predict", weights, table)
    assert code == 0
    assert [image["path"][-10:] for image in document["images"]] == [
        "photo0.png", "photo1.png", "photo2.png",
    ]  # fmt: skip
    _, _, told = run("predict", weights, table)
    assert "'images.csv': 1 row names a file that is not there: row 5." in told
    assert "'images.csv': 1 row names a file again: row 6." in told


def test_answers_for_all_images_of_a_table_and_again(run_json, run, weights, table, tmp_path):
    words = ("run", "dataset-predictions", "--model", weights, "--images", table)
    out = tmp_path / "out"
    _, _, told = run(*words, "--out", out)
    assert "Labels that stand for no class: 'odd'. Say which with --class" in told
    code, document = run_json(*words, "--class", "odd=goldfish", "--out", out)
    assert code == 0
    summary, images = document["results"]
    assert summary["numbers"]["labelled"] == 3
    lines = (out / images["file"]).read_text("utf-8").splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["0", "photo0.png", "tench"], ["1", "photo1.png", "n01443537"], ["2", "photo2.png", "odd"],
    ]  # fmt: skip
    with np.load(next(out.glob("*summary*.npz"))) as arrays:
        assert arrays["true"].tolist() == [0, 1, 1]
        assert (arrays["predicted"] >= 0).all()
    recipe = Recipe.from_json(json.dumps(document["recipe"]))
    assert str(tmp_path) not in recipe.to_json()

    again = tmp_path / "again"
    (tmp_path / "one.json").write_text(json.dumps(document["recipe"]))
    code, replayed = run_json(
        "run", "--recipe", tmp_path / "one.json", "--model", weights, "--images", table,
        "--out", again,
    )  # fmt: skip
    assert code == 0
    assert replayed["results"][0]["numbers"] == summary["numbers"], "also for the label 'odd'"
    assert replayed["replay"]["differences"] == []
    table.write_text("path,label\nphoto0.png,tench\nphoto1.png,tench\nphoto2.png,odd\n")
    _, replayed = run_json(
        "run", "--recipe", tmp_path / "one.json", "--model", weights, "--images", table,
        "--out", again,
    )  # fmt: skip
    assert "labels of the images are not those" in replayed["replay"]["differences"][0]


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [("none=3", "no label named 'none'"), ("odd=1000", "no class 1000"), ("odd=tenc", "tench")],
)
def test_classes_that_do_not_exist(run, weights, table, tmp_path, pair, sentence):
    code, _, told = run(
        "run", "dataset-predictions", "--model", weights, "--images", table, "--class", pair,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 1
    assert sentence in told


def test_labels_are_needed_to_check_a_preprocessing(run, weights, photographs, tmp_path):
    code, _, told = run(
        "run", "check-preprocessing", "--model", weights, "--images", photographs,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 1
    assert "These images have no labels" in told


def test_a_class_option_is_a_pair(run, weights, tmp_path):
    code, _, told = run(
        "run", "predict", "--model", weights, "--class", "x", "--out", tmp_path / "out"
    )
    assert code == 2
    assert "'x' is not LABEL=CLASS" in told
