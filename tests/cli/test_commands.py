import json
import sys

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.export import read_recipe
from interp_gui.core.recipe import Recipe

LAYER = "features.3"


def test_inspect(run, run_json, weights):
    code, model = run_json("inspect", weights)
    assert code == 0
    assert model["architecture"] == "squeezenet1_1"
    assert model["library"] == "torchvision"
    assert model["parameters"] == 1_235_496
    assert len(model["weights_sha256"]) == 64
    assert model["input"]["size"] == [224, 224]
    assert len(model["input"]["mean"]) == len(model["input"]["std"]) == 3
    assert model["classes"]["count"] == 1000 == len(model["classes"]["names"])
    layer = next(each for each in model["layers"] if each["name"] == LAYER)
    assert (layer["kind"], layer["axes"]) == ("Fire", ["unit", "y", "x"])
    code, out, _ = run("inspect", weights)
    assert code == 0
    assert "squeezenet1_1" in out
    assert LAYER in out


def test_predict(run, run_json, weights, photographs):
    first, second = photographs / "photo0.png", photographs / "photo1.png"
    code, document = run_json("predict", weights, first, second, "--top", 3)
    assert code == 0
    assert [image["path"] for image in document["images"]] == [str(first), str(second)]
    for image in document["images"]:
        top = image["top"]
        assert len(top) == 3
        assert set(top[0]) == {"index", "name", "probability", "logit"}
        assert [one["logit"] for one in top] == sorted((o["logit"] for o in top), reverse=True)
        ratio = top[0]["probability"] / top[1]["probability"]
        assert ratio == pytest.approx(np.exp(top[0]["logit"] - top[1]["logit"]), rel=1e-4)
    code, out, _ = run("predict", weights, photographs)
    assert code == 0
    assert out.count("%") == 15


def test_predict_goes_on_past_broken_files(run_json, run, weights, photographs):
    (photographs / "broken.png").write_bytes(b"no")
    code, document = run_json("predict", weights, photographs)
    assert code == 0, "a folder may hold anything"
    problems = [image for image in document["images"] if image.get("problem")]
    assert [image["top"] for image in problems] == [[]]
    assert len(document["images"]) == 4
    code, document = run_json(
        "predict", weights, photographs / "photo0.png", photographs / "broken.png"
    )
    assert code == 1, "a file that was named must be an image"
    assert document["images"][0]["top"]


def test_analyses(run, run_json):
    code, document = run_json("analyses")
    assert code == 0
    infos = {info["id"]: info for info in document["analyses"]}
    assert {"predict", "feature-visualization", "activation-maps"} <= set(infos)
    steps = next(p for p in infos["feature-visualization"]["parameters"] if p["name"] == "steps")
    assert steps["help"]
    assert steps["kind"] == "int"
    code, out, _ = run("analyses", "--safe-mode")
    assert code == 0
    assert "steps=" in out


def test_help_of_an_analysis_shows_its_settings(run):
    code, out, _ = run("run", "feature-visualization", "--help")
    assert code == 0
    assert "--recipe" in out
    assert "steps=" in out


@pytest.fixture
def made(run_json, weights, photographs, tmp_path):
    out = tmp_path / "out"
    code, document = run_json(
        "run", "feature-visualization", "--model", weights, "--feature", f"{LAYER}:7",
        "--feature", f"{LAYER}:2", "--feature", f"{LAYER}:11", "--set", "size=64",
        "--set", "steps=4", "--set", "batch=2", "--seed", 5, "--out", out,
    )  # fmt: skip
    assert code == 0
    return out, document


def test_run_gives_one_picture_a_feature_in_the_order_asked(made):
    out, document = made
    names = [f"feature-visualization_{LAYER}-{unit}.png" for unit in (7, 2, 11)]
    assert [result["file"] for result in document["results"]] == names
    assert {result["kind"] for result in document["results"]} == {"picture"}
    assert all(result["numbers"] for result in document["results"])
    assert json.loads((out / "result.json").read_text()) == document
    with Image.open(out / names[0]) as image:
        assert image.size == (64, 64)
    assert document["recipe"]["seed"] == 5
    assert document["recipe"]["parameters"]["steps"] == 4
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


def test_replay_of_a_picture_makes_its_group_and_the_same_bytes(made, run, weights, tmp_path):
    out, _ = made
    name = f"feature-visualization_{LAYER}-2.png"
    again = tmp_path / "again"
    code, _, errors = run("run", "--recipe", out / name, "--model", weights, "--out", again)
    assert code == 0, errors
    assert (again / name).read_bytes() == (out / name).read_bytes()
    pictures = sorted(p.name for p in again.glob("*.png"))
    assert pictures == [name], "only the picture asked for, not its whole group"


def test_an_objective_that_names_all_needs_no_feature(run_json, weights, tmp_path):
    words = ("run", "feature-visualization", "--model", weights, "--set", "size=32", "--set")
    objective = f"objective=logit(3) - channel({LAYER}:1)"
    code, document = run_json(*words, objective, "--set", "steps=2", "--out", tmp_path / "a")
    assert code == 0, document
    (result,) = document["results"]
    recipe = tmp_path / "a" / result["file"]
    code, again = run_json("run", "--recipe", recipe, "--model", weights, "--out", tmp_path / "b")
    assert code == 0, again
    assert again["replay"]["differences"] == []
    assert (tmp_path / "b" / result["file"]).read_bytes() == recipe.read_bytes()


def test_replay_of_a_contact_sheet_makes_each_of_its_pictures(made, run, weights, tmp_path):
    out, _ = made
    names = [f"feature-visualization_{LAYER}-{unit}.png" for unit in (7, 11)]
    sheet = Recipe.of_sheet([read_recipe(out / name) for name in names])
    (tmp_path / "sheet.json").write_text(sheet.to_json())
    again = tmp_path / "again"
    code, _, errors = run(
        "run", "--recipe", tmp_path / "sheet.json", "--model", weights, "--out", again
    )
    assert code == 0, errors
    assert sorted(path.name for path in again.glob("*.png")) == sorted(names)
    for name in names:
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_replay_of_result_json_makes_all(made, run_json, weights, tmp_path):
    out, document = made
    code, again = run_json(
        "run", "--recipe", out / "result.json", "--model", weights, "--out", tmp_path / "again"
    )
    assert code == 0
    assert again["results"] == document["results"]
    assert again["replay"] == {"differences": []}
    for result in document["results"]:
        name = result["file"]
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_replay_says_what_differs(made, run_json, weights, tmp_path):
    out, _ = made
    recipe = json.loads((out / "result.json").read_text())["recipe"]
    recipe["environment"]["versions"]["torch"] = "1.0"
    recipe["environment"]["device"] = "cuda:0"
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    code, again = run_json(
        "run", "--recipe", tmp_path / "r.json", "--model", weights, "--out", tmp_path / "again"
    )
    assert code == 0
    found = " ".join(again["replay"]["differences"])
    assert "instead of 1.0" in found
    assert "instead of cuda:0" in found


def test_heat_maps_tables_and_bars_become_files(run_json, weights, photographs, tmp_path):
    code, document = run_json(
        "run", "activation-maps", "--model", weights, "--images", photographs,
        "--feature", f"{LAYER}:7", "--out", tmp_path / "maps",
    )  # fmt: skip
    assert code == 0
    (result,) = document["results"]
    assert result["kind"] == "heatmap"
    with np.load(tmp_path / "maps" / result["file"].replace(".png", ".npz")) as arrays:
        assert arrays["values"].dtype == np.float32
    code, document = run_json(
        "run", "predict", "--model", weights, "--images", photographs, "--out", tmp_path / "bars"
    )
    assert code == 0
    assert document["results"][0]["kind"] == "bars"
    assert (tmp_path / "bars" / document["results"][0]["file"]).exists()
    code, document = run_json(
        "run", "unit-ranking", "--model", weights, "--images", photographs, "--layer", LAYER,
        "--target", "tabby", "--out", tmp_path / "ranking",
    )  # fmt: skip
    assert code == 0
    assert document["recipe"]["target"]["index"] == 281
    table = next(r for r in document["results"] if r["kind"] == "table")
    assert table["file"].endswith(".csv")


def test_image_results_replay_by_content(run_json, run, weights, photographs, tmp_path):
    code, document = run_json(
        "run", "activation-maps", "--model", weights, "--images", photographs / "photo1.png",
        "--feature", f"{LAYER}:7", "--out", tmp_path / "a",
    )  # fmt: skip
    assert code == 0
    name = document["results"][0]["file"]
    other = tmp_path / "elsewhere"
    other.mkdir()
    for i in (2, 1):
        (other / f"renamed{i}.png").write_bytes((photographs / f"photo{i}.png").read_bytes())
    code, _, errors = run(
        "run", "--recipe", tmp_path / "a" / name, "--model", weights, "--images", other,
        "--out", tmp_path / "b",
    )  # fmt: skip
    assert code == 0, errors
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    code, _, errors = run(
        "run", "--recipe", tmp_path / "a" / name, "--model", weights,
        "--images", photographs / "photo0.png", "--out", tmp_path / "c",
    )  # fmt: skip
    assert code == 1
    assert read_recipe(tmp_path / "a" / name).images[0][:12] in errors


def test_exports_hold_no_path(made, photographs):
    out, _ = made
    for path in out.iterdir():
        assert b"secret-folder" not in path.read_bytes()
        assert str(out.parent).encode() not in path.read_bytes()


def test_what_is_printed_while_running_does_not_reach_the_document(
    run_json, weights, photographs, monkeypatch
):
    from interp_gui.analyses import predict

    original = predict.see

    def noisy(context, path):
        sys.stdout.write("noise\n")
        return original(context, path)

    monkeypatch.setattr(predict, "see", noisy)
    code, document = run_json("predict", weights, photographs)
    assert code == 0
    assert len(document["images"]) == 3


def test_doctor(run, run_json):
    code, report = run_json("doctor")
    assert code == 0
    assert report["versions"]["torch"]
    assert [d for d in report["devices"] if d["used"]]
    assert "CPUExecutionProvider" in report["providers"]
    for problem in report["problems"]:
        assert problem["what"]
        assert problem["why"]
        assert problem["hint"]
    code, out, _ = run("doctor")
    assert code == 0
    assert "python" in out
