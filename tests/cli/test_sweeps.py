"""Sweeps, strength curves and patching on the command line, and their recipes again."""

import csv

import numpy as np


def _table(folder, name):
    (path,) = folder.glob(name)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_is_written_and_made_again(run_json, weights, photographs, tmp_path):
    out = tmp_path / "o"
    code, document = run_json(
        "run", "ablation-sweep", "--model", weights, "--images", photographs, "--layer",
        "features.12", "--feature", "features.12:3", "--feature", "features.12:7", "--target", "5",
        "--baseline", "zero", "--controls", 3, "--confirm", 1, "--out", out,
    )  # fmt: skip
    assert code == 0
    assert [result["kind"] for result in document["results"]] == ["bars", "table"]
    rows = _table(out, "*sweep.csv")
    assert {row["unit"] for row in rows} == {"3", "7"}
    assert "Ablated to zero" in document["results"][0]["notes"][0]
    assert "secret-folder" not in str(document)
    again = tmp_path / "again"
    code, second = run_json(
        "run", "--recipe", out / "ablation-sweep_effects.png", "--model", weights, "--images",
        photographs, "--out", again,
    )  # fmt: skip
    assert code == 0
    assert second["replay"]["differences"] == []
    for name in ("ablation-sweep_effects.png", "ablation-sweep_effects.csv"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_a_source_is_put_into_a_base(run, run_json, weights, photographs, tmp_path):
    first, second, third = sorted(photographs.glob("*.png"))
    out = tmp_path / "o"
    common = (
        "run", "activation-patching", "--model", weights, "--layers", "features.9,features.12",
        "--cells", 4, "--target", "5", "--confirm", 2, "--controls", 1, "--permutations", 1,
    )  # fmt: skip
    code, document = run_json(*common, "--images", first, second, "--out", out)
    assert code == 0
    title = document["results"][0]["title"]
    assert title.startswith("photo1.png → photo0.png")
    rows = _table(out, "*positions.csv")
    assert {row["layer"] for row in rows} == {"features.9", "features.12"}
    assert len(rows) == 8
    assert len(document["recipe"]["images"]) == 2
    # the same pair, the base named apart
    code, other = run_json(
        *common, "--image", first, "--image", second, "--out", tmp_path / "named"
    )
    assert code == 0
    assert other["results"][0]["numbers"] == document["results"][0]["numbers"]
    # and again from its picture, the images in another order under other names
    again = tmp_path / "again"
    code, replayed = run_json(
        "run", "--recipe", out / "activation-patching_positions.png", "--model", weights,
        "--images", second, third, first, "--out", again,
    )  # fmt: skip
    assert code == 0
    assert replayed["replay"]["differences"] == []
    np.testing.assert_equal(
        (again / "activation-patching_positions.csv").read_bytes(),
        (out / "activation-patching_positions.csv").read_bytes(),
    )
    code, _, told = run(*common, "--images", first, "--out", tmp_path / "x")
    assert code != 0
    assert "needs two images" in told
    assert "--images BASE SOURCE" in told


def test_a_curve_over_strengths(run_json, weights, photographs, tmp_path):
    out = tmp_path / "o"
    code, document = run_json(
        "run", "strength-curve", "--model", weights, "--images", photographs, "--feature",
        "features.12:3", "--target", "5", "--kind", "steer", "--low", "-2", "--high", "2",
        "--steps", 3, "--controls", 2, "--top", 2, "--out", out,
    )  # fmt: skip
    assert code == 0
    kinds = [result["kind"] for result in document["results"]]
    assert kinds == ["curve", "curve", "table"]
    names = [result["file"] for result in document["results"]]
    assert len({*names}) == 3
    rows = _table(out, "*strengths*.csv")
    assert [float(row["strength"]) for row in rows] == [-2.0, 0.0, 2.0]
    assert float(rows[1]["effect"]) == 0.0
