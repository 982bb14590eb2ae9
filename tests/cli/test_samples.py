import json

import pytest
from PIL import Image

from interp_gui.cli.program import run_program
from interp_gui.samples import shapes_model
from interp_gui.samples.shapes.dataset import read_masks


def test_the_samples_are_listed(capsys):
    assert run_program(["samples"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["shapes", "shapes-marker", "mobilenet"]
    assert " here " in lines[0]


def test_the_list_as_json_names_the_models_that_are_here(capsys):
    assert run_program(["samples", "--json"]) == 0
    found = {each["id"]: each for each in json.loads(capsys.readouterr().out)["samples"]}
    assert found["shapes"]["here"] is True
    assert found["shapes"]["model"].endswith("shapes.safetensors")


def test_pictures_of_shapes_are_written(tmp_path, capsys):
    words = ["samples", "shapes", "--out", str(tmp_path / "set"), "--count", "16"]
    assert run_program([*words, "--seed", "4", "--marker", "correlated", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 16
    stars = list((tmp_path / "set" / "images" / "star").iterdir())
    assert len(stars) == 2
    assert all("marker" in read_masks(path) for path in stars)


def test_what_is_wrong_is_said_in_a_line(tmp_path, capsys):
    assert run_program(["samples", "shapes"]) == 2
    assert "--out is missing" in capsys.readouterr().err
    assert run_program(["samples", "--out", str(tmp_path / "x")]) == 2
    assert "say which sample" in capsys.readouterr().err
    assert run_program(["samples", "shapes", "--out", str(tmp_path / "x"), "--count", "0"]) == 1
    assert "1 to 1,000,000 scenes" in capsys.readouterr().err
    assert run_program(["samples", "cats", "--out", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("marker", [False, True])
def test_a_picture_made_with_a_sample_is_made_again_without_naming_the_sample(tmp_path, marker):
    words = ["run", "feature-visualization", "--model", str(shapes_model(marker=marker))]
    words += ["--feature", "block3:2", "--set", "size=32", "--set", "steps=2"]
    assert run_program([*words, "--out", str(tmp_path / "a")]) == 0
    (made,) = (tmp_path / "a").glob("*.png")
    assert run_program(["run", "--recipe", str(made), "--out", str(tmp_path / "b")]) == 0
    (again,) = (tmp_path / "b").glob("*.png")
    with Image.open(made) as one, Image.open(again) as other:
        assert one.tobytes() == other.tobytes()
