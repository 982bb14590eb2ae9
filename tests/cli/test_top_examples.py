"""`run top-examples` on a sample that opens at once, with settings typed as options."""

import json

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.export import read_recipe
from interp_gui.samples import shapes_model

LAYER = "block4"


@pytest.fixture
def pictures(tmp_path):
    """Two class folders of small pictures."""
    random = np.random.default_rng(4)
    for label in ("cat", "dog"):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for i in range(4):
            coarse = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((64, 64)).save(folder / f"{label}{i}.png")
    return tmp_path / "pictures"


@pytest.fixture
def made(run_json, pictures, tmp_path):
    """Examples of a unit and of a direction; gives the folder and the document."""
    direction = tmp_path / "a direction.npy"
    np.save(direction, np.random.default_rng(0).normal(size=64).astype(np.float32))
    out = tmp_path / "out"
    code, document = run_json(
        "run", "top-examples", "--model", shapes_model(), "--images", pictures,
        "--feature", f"{LAYER}:7", "--feature", f"{LAYER}:@{direction}",
        "--kinds", "strongest,least,random,quantiles", "--by", "label", "--k=3",
        "--set", "size=32", "--out", out,
    )  # fmt: skip
    assert code == 0
    return out, document


def test_examples_become_files_with_safe_names(made):
    out, document = made
    unit, direction = document["results"]
    assert unit["file"] == "top-examples_block4-7.png"
    assert direction["file"].startswith("top-examples_block4-v-")
    parameters = document["recipe"]["parameters"]
    assert parameters["kinds"] == "strongest,least,random,quantiles"
    assert (parameters["by"], parameters["k"], parameters["size"]) == ("label", 3, 32)
    for result in (unit, direction):
        assert (out / result["file"]).stat().st_size > 1000
        rows = (out / result["file"]).with_suffix(".csv").read_text().splitlines()
        assert len(rows) == 1 + 3 * (3 + 6 + 2)
        assert {"activation", "rank", "percentile", "label"} <= set(rows[0].split(","))
    for row in rows[1:]:
        for label in ("cat", "dog"):
            assert f"Label: {label}" not in row or row.split(",").count(label) == 1
    assert not any(path.suffix not in (".png", ".csv", ".json") for path in out.iterdir())


def test_the_recipe_in_a_picture_makes_the_same_bytes(made, run, pictures, tmp_path):
    out, document = made
    for result in document["results"]:
        picture = out / result["file"]
        again = tmp_path / "again" / picture.stem
        code, _, err = run(
            "run", "--recipe", picture, "--model", shapes_model(), "--images", pictures,
            "--out", again,
        )  # fmt: skip
        assert code == 0
        assert "Differs" not in err
        assert (again / picture.name).read_bytes() == picture.read_bytes()
        recipe = read_recipe(picture)
        assert len(recipe.provenance["truth_sha256"]) == 64
        assert str(pictures) not in recipe.to_json()


def test_a_replay_says_where_labels_are_others(made, run, pictures, tmp_path):
    out, document = made
    (pictures / "cat" / "cat0.png").rename(pictures / "dog" / "dog9.png")
    code, _, err = run(
        "run", "--recipe", out / document["results"][1]["file"], "--model", shapes_model(),
        "--images", pictures, "--out", tmp_path / "again",
    )  # fmt: skip
    assert code == 0
    assert "labels of the images are not those" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "least"], "kind"),
        (["--kinds", "best"], "best"),
        (["--imges", "x"], "unrecognized arguments: --imges x"),
        (["--by"], "unrecognized arguments: --by"),
        (["--by", "--k", "3"], "unrecognized arguments: --by --k 3"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_words_that_make_no_sense_are_refused(run, pictures, tmp_path, words, said):
    code, out, _ = run(
        "run", "top-examples", "--model", shapes_model(), "--images", pictures, "--feature",
        f"{LAYER}:7", "--out", tmp_path / "out", "--json", *words,
    )  # fmt: skip
    assert code != 0
    assert said in json.loads(out)["error"]["message"]


def test_only_runs_take_settings(run):
    code, _, err = run("inspect", shapes_model(), "--k", "3")
    assert code == 2
    assert "unrecognized arguments" in err
