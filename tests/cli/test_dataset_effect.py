"""Effects over a dataset and studies of unit sets on the command line, and their recipes again."""

import csv
import json
import shutil

import pytest

from interp_gui.core.export import read_recipe
from interp_gui.samples import shapes_model
from interp_gui.samples.shapes.dataset import write_dataset

LAYER = "mean"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Two scenes of each of the eight shapes, in class folders."""
    folder = tmp_path_factory.mktemp("secret-folder")
    write_dataset(folder / "all", 16, 5)
    with open(folder / "all" / "labels.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            into = folder / "by class" / row["label"]
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "all" / row["path"], into)
    return folder / "by class"


def test_effects_over_a_dataset_and_their_recipe_again(run_json, scenes, tmp_path):
    out, again = tmp_path / "o", tmp_path / "again"
    units = [f"{LAYER}:{unit}" for unit in range(88)]
    code, document = run_json(
        "run", "dataset-effect", "--model", shapes_model(), "--images", scenes, "--ablate", *units,
        "--baseline", "zero", "--controls", 2, "--out", out,
    )  # fmt: skip
    assert code == 0, document
    found = {result["file"].split("_")[1].split(".")[0]: result for result in document["results"]}
    assert {"summary", "classes", "confusions", "flips", "images"} <= set(found)
    with (out / found["summary"]["file"]).with_suffix(".csv").open(newline="") as file:
        rows = {row["measure"]: row for row in csv.DictReader(file)}
    assert float(rows["accuracy"]["before"]) == 1.0
    assert float(rows["accuracy"]["after"]) < 1.0
    assert rows["accuracy"]["controls that change as much"].endswith("of 2")
    assert "secret-folder" not in json.dumps(document)
    code, replayed = run_json(
        "run", "--recipe", out / found["flips"]["file"], "--model", shapes_model(), "--images",
        scenes, "--out", again,
    )  # fmt: skip
    assert code == 0, replayed
    assert replayed["replay"]["differences"] == []
    assert (again / found["flips"]["file"]).read_bytes() == (
        out / found["flips"]["file"]
    ).read_bytes()
    code, replayed = run_json(
        "run", "--recipe", out / "result.json", "--model", shapes_model(), "--images", scenes,
        "--out", tmp_path / "whole",
    )  # fmt: skip
    assert code == 0, document
    assert replayed["results"] == document["results"]


def test_a_study_of_unit_sets_and_its_recipe_again(run_json, run, scenes, tmp_path):
    out, again = tmp_path / "o", tmp_path / "again"
    code, document = run_json(
        "run", "unit-set-study", "--model", shapes_model(), "--images", scenes, "--layer", LAYER,
        "--studied", "ring", "--baseline", "zero", "--sizes", "5,20", "--out", out,
    )  # fmt: skip
    assert code == 0, document
    kinds = [result["kind"] for result in document["results"]]
    assert sorted(kinds) == ["curve", "table", "table"]
    curve = next(result for result in document["results"] if result["kind"] == "curve")
    recipe = read_recipe(out / curve["file"])
    assert recipe.parameters["studied"] == "ring"
    assert recipe.provenance["classes"]["ring"] >= 0
    code, replayed = run_json(
        "run", "--recipe", out / "result.json", "--model", shapes_model(), "--images", scenes,
        "--out", again,
    )  # fmt: skip
    assert code == 0, replayed
    assert replayed["replay"]["differences"] == []
    assert replayed["results"] == document["results"]
    for path in out.glob("*.csv"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    code, _, told = run(
        "run", "unit-set-study", "--model", shapes_model(), "--images", scenes, "--layer", LAYER,
        "--studied", "rink", "--out", tmp_path / "x",
    )  # fmt: skip
    assert code == 1
    assert "ring" in told
