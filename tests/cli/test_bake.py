"""`interp-gui bake`: from the command line to a file that opens."""

import json

import pytest

from interp_gui.cli import main
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place


@pytest.fixture
def shapes():
    from interp_gui.samples import shapes_model

    return str(shapes_model())


@pytest.fixture
def edits(tmp_path):
    def write(*changes, **values):
        path = tmp_path / "edits.json"
        path.write_text(EditStack(edits=changes, **values).to_json())
        return str(path)

    return write


OFF = Edit(feature=Feature(layer="mean", units=(3,)), kind="ablate")
LIMIT = Edit(feature=Feature(layer="block1", units=(3,)), kind="clamp", low=0.1)


def test_a_file_of_edits_becomes_a_checkpoint(shapes, edits, tmp_path, capsys):
    target = tmp_path / "out.safetensors"
    words = ["bake", "--model", shapes, "--edits", edits(OFF), "--out", str(target), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(target)
    assert told["difference"] <= 1e-5
    assert [each["baked"] for each in told["edits"]] == [True]
    assert any("made-up" in note for note in told["notes"])
    assert main(["inspect", str(target)]) == 0
    assert "Baked from" in capsys.readouterr().out


def test_what_cannot_be_baked_is_refused_and_can_be_left_out(shapes, edits, tmp_path, capsys):
    target = tmp_path / "out.safetensors"
    words = ["bake", "--model", shapes, "--edits", edits(OFF, LIMIT), "--out", str(target)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "1 of 2 edits cannot be baked" in said
    assert "limit is not linear" in said
    assert not target.exists()
    assert main([*words, "--partial"]) == 0
    assert "not baked" in capsys.readouterr().out
    assert target.exists()


def test_without_a_file_it_only_says_how(shapes, edits, capsys):
    assert main(["bake", "--model", shapes, "--edits", edits(OFF)]) == 0
    assert "Nothing was written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 99, "edits": []}', "newer version"),
        ("nonsense", "holds no edits"),
        (
            '{"version": 2, "edits": [{"feature": {"layer": "block9", "units": [1]}, '
            '"kind": "ablate"}]}',
            "does not fit",
        ),
        ('{"version": 2, "edits": []}', "no edit in force"),
    ],
)
def test_bad_files_of_edits_are_told(shapes, tmp_path, capsys, text, said):
    import re

    path = tmp_path / "edits.json"
    path.write_text(text)
    assert main(["bake", "--model", shapes, "--edits", str(path), "--out", "x.onnx"]) == 1
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert "Traceback" not in error


def test_a_file_that_exists_is_written_over_only_on_request(shapes, edits, tmp_path, capsys):
    target = tmp_path / "out.safetensors"
    target.write_bytes(b"precious")
    words = ["bake", "--model", shapes, "--edits", edits(OFF), "--out", str(target)]
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    assert target.read_bytes() == b"precious"
    assert main([*words, "--overwrite"]) == 0
    assert target.stat().st_size > 1000


@pytest.mark.parametrize("words", [("--scale", "mean:3"), ("--baseline", "median")])
def test_wrong_words_are_refused_before_a_model_is_opened(
    shapes, edits, monkeypatch, capsys, words
):
    monkeypatch.setattr("interp_gui.cli.baking.open_model", None)
    assert main(["bake", "--model", shapes, "--edits", edits(OFF), *words]) == 2


def test_onnx_is_named_only_where_it_takes_the_edit(shapes, edits, tmp_path, capsys):
    target = str(tmp_path / "out.safetensors")
    placed = Edit(
        feature=OFF.feature, kind="ablate", place=Place("positions", positions=((0, 0),))
    )  # fmt: skip
    assert main(["bake", "--model", shapes, "--edits", edits(placed), "--out", target]) == 1
    said = capsys.readouterr().err
    assert "acts at a place only" in said
    assert "ONNX" not in said
    assert main(["bake", "--model", shapes, "--edits", edits(LIMIT), "--out", target]) == 1
    assert "An ONNX file takes it." in capsys.readouterr().err
