"""Each of these ends in one line that says what to do, with exit code 1, and nothing written."""

import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

LAYER = "features.3"


class Foreign:
    def __reduce__(self):
        return os.system, ("touch /tmp/interp-gui-was-run",)


def bad_models(folder):
    (folder / "a-folder").mkdir()
    (folder / "empty.pth").write_bytes(b"")
    torch.save({"w": torch.ones(3, 3)}, folder / "whole.pth")
    data = (folder / "whole.pth").read_bytes()
    (folder / "truncated.pth").write_bytes(data[: len(data) // 2])
    (folder / "notes.txt").write_text("not a checkpoint")
    (folder / "foreign.pth").write_bytes(pickle.dumps({"w": Foreign()}))
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("x.txt", "x")


@pytest.mark.parametrize(
    ("name", "word"),
    [("missing.pth", "no file"), ("a-folder", "folder"), ("empty.pth", "empty"),
     ("truncated.pth", ""), ("notes.txt", ""), ("foreign.pth", "system"), ("whole.pth", ""),
     ("other.zip", "")],
)  # fmt: skip
def test_models(run, run_json, tmp_path, name, word):
    bad_models(tmp_path)
    code, out, errors = run("inspect", tmp_path / name)
    assert code == 1
    assert out == ""
    last = errors.strip().splitlines()[-1]
    assert last.startswith("interp-gui: ")
    assert word in last
    code, document = run_json("inspect", tmp_path / name)
    assert code == 1
    about = {"candidates", "nearest", "weights", "head", "weights_sha256"}
    assert set(document) == {"error", *(about if name == "whole.pth" else ())}
    assert set(document["error"]) == {"message", "hint"}
    assert document["error"]["message"]
    assert document["error"]["hint"]
    assert "\n" not in document["error"]["message"]
    assert not os.path.exists("/tmp/interp-gui-was-run")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--feature", "featurs.3:1"], "features.3"),
        (["--feature", f"{LAYER}:100000"], "0 to 127"),
        (["--feature", f"{LAYER}:x"], "LAYER:UNIT"),
        (["--feature", f"{LAYER}:@missing.npy"], "numpy.save"),
        (["--layer", "featurs.3"], "features.3"),
        (["--feature", f"{LAYER}:1", "--set", "stepz=3"], "steps"),
        (["--feature", f"{LAYER}:1", "--set", "steps=many"], "whole number"),
        (["--feature", f"{LAYER}:1", "--set", "steps=-3"], "whole number"),
        (["--feature", f"{LAYER}:1", "--target", "tabbi"], "tabby"),
        (["--feature", f"{LAYER}:1", "--target", "1000"], "0 to 999"),
        ([], "features.14:7"),
    ],
)
def test_names_and_values(run_json, weights, tmp_path, words, hint):
    out = tmp_path / "out"
    code, document = run_json(
        "run", "feature-visualization", "--model", weights, "--out", out, *words
    )
    assert code == 1
    assert hint in document["error"]["hint"], document
    assert not list(out.glob("*"))


def test_unknown_analysis_offers_near_names(run, weights, tmp_path):
    code, out, errors = run("run", "feature-visualisation", "--model", weights, "--out", tmp_path)
    assert (code, out) == (1, "")
    assert "feature-visualization" in errors


def test_images(run, weights, tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "nothing").mkdir()
    for name in ("text.png", "nothing", "missing.png"):
        code, _, errors = run("predict", weights, tmp_path / name)
        assert code == 1
        assert name in errors
        assert errors.strip().count("interp-gui:") == 1
        code, _, errors = run(
            "run", "activation-maps", "--model", weights, "--images", tmp_path / name,
            "--feature", f"{LAYER}:1", "--out", tmp_path / "out",
        )  # fmt: skip
        assert code == 1
        assert name in errors
    assert not (tmp_path / "out").exists()


def test_unwritable_targets(run, run_json, weights, photographs, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    words = ["run", "predict", "--model", weights, "--images", photographs]
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        code, document = run_json(*words, "--out", target)
        assert code == 1
        assert document["error"]["hint"]
    assert (tmp_path / "file").read_text() == "in the way"

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, errors = run(*words, "--out", tmp_path / "full")
    assert code == 1
    assert "the disk is full" in errors
    assert not list((tmp_path / "full").iterdir())


def test_recipes(run, weights, tmp_path, photographs):
    target = ["--model", weights, "--out", tmp_path / "out"]
    (tmp_path / "x.json").write_text("{}")
    for name, word in (("x.json", "no recipe"), ("missing.png", "no file")):
        code, _, errors = run("run", "--recipe", tmp_path / name, *target)
        assert code == 1
        assert word in errors
    code, _, errors = run("run", "--recipe", photographs / "photo0.png", *target)
    assert code == 1
    assert "no recipe" in errors


def test_a_recipe_of_another_model_names_what_differs(run, run_json, weights, tmp_path):
    code, _ = run_json(
        "run", "feature-visualization", "--model", weights, "--feature", f"{LAYER}:1",
        "--set", "steps=1", "--set", "size=64", "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    recipe = json.loads((tmp_path / "result.json").read_text())["recipe"]
    recipe["model"]["weights_sha256"] = "f" * 64
    recipe["model"]["architecture"] = "squeezenet1_0"
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    out = tmp_path / "again"
    code, _, errors = run("run", "--recipe", tmp_path / "r.json", "--model", weights, "--out", out)
    assert code == 1
    assert "squeezenet1_1 instead of squeezenet1_0" in errors
    assert "instead of ffffffffffff" in errors
    code, _, errors = run("run", "--recipe", tmp_path / "r.json", "--out", out)
    assert code == 1
    assert "--model" in errors


@pytest.mark.parametrize(
    "words",
    [
        ["inspekt"], ["inspect"], ["inspect", "a", "--wrong"], ["--wrong"], ["predict", "m"],
        ["predict", "m", "i", "--top", "0"], ["predict", "m", "i", "--top", "99999"],
        ["run"], ["run", "predict"],
        ["run", "predict", "--model", "m"], ["run", "predict", "--model", "m", "--set", "novalue",
        "--out", "o"], ["run", "predict", "--recipe", "r", "--out", "o"],
        ["run", "--recipe", "r", "--seed", "3", "--out", "o"],
        ["run", "predict", "--model", "m", "--seed", "-1", "--out", "o"],
        ["run", "predict", "--model", "m", "--out", "o", "--jsn"],
    ],
)  # fmt: skip
def test_wrong_usage_is_two(run, words):
    code, out, errors = run(*words)
    assert code == 2
    assert out == ""
    assert errors.strip()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["predict", "-h"]])
def test_help_is_zero(run, words):
    code, out, errors = run(*words)
    assert (code, errors) == (0, "")
    assert "interp-gui" in out


def test_no_display_says_what_works_without_one(run, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "")
    for extra in ([], ["--safe-mode"]):
        code, out, errors = run(*extra)
        assert (code, out) == (1, "")
        assert "demo --headless" in errors
        assert len(errors.strip().splitlines()) == 1
    monkeypatch.setenv("DISPLAY", ":98765")
    code, _, errors = run()
    assert code == 1
    assert "does not answer" in errors


def test_a_missing_path_for_the_window(run, tmp_path):
    code, _, errors = run(tmp_path / "missing.pth")
    assert code == 1
    assert "missing.pth" in errors


def test_a_bug_is_one_line_and_its_traceback_is_in_the_log(run, weights, monkeypatch, tmp_path):
    from interp_gui.cli import inspecting, log

    def broken(*_words, **_options):
        raise ZeroDivisionError("deep inside")

    path = tmp_path / "log" / "x.log"
    monkeypatch.setattr(log, "log_file", lambda: path)
    monkeypatch.setattr(inspecting, "local_engine", broken)
    code, out, errors = run("inspect", weights)
    assert (code, out) == (1, "")
    assert len(errors.strip().splitlines()) == 1
    assert str(path) in errors
    assert "deep inside" in path.read_text()


def test_interrupting_is_tidy(run, weights, monkeypatch):
    from interp_gui.cli import inspecting

    def interrupted(*_words, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(inspecting, "local_engine", interrupted)
    code, out, errors = run("inspect", weights)
    assert (code, out, errors) == (130, "", "Cancelled.\n")


def test_direction_from_a_file(run_json, weights, tmp_path):
    np.save(tmp_path / "d.npy", np.random.default_rng(0).normal(size=128).astype(np.float32))
    code, document = run_json(
        "run", "feature-visualization", "--model", weights,
        "--feature", f"{LAYER}:@{tmp_path / 'd.npy'}", "--set", "steps=1", "--set", "size=64",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, document
    assert str(tmp_path) not in json.dumps(document["recipe"])
    np.save(tmp_path / "bad.npy", np.ones(5))
    code, document = run_json(
        "run", "feature-visualization", "--model", weights,
        "--feature", f"{LAYER}:@{tmp_path / 'bad.npy'}", "--out", tmp_path / "out2",
    )  # fmt: skip
    assert code == 1
    assert "128" in document["error"]["message"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "missing.pth", "--json"],
        pytest.param(["analyses"], marks=pytest.mark.thorough),  # loads every library
    ],
)
def test_a_full_standard_output_is_one_line(words, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "interp_gui", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("interp-gui: ")


def test_wrong_usage_with_json_is_a_document_too(run):
    for words in (["inspect", "--json"], ["run", "predict", "--json", "--nonsense"]):
        code, out, _ = run(*words)
        assert code == 2
        error = json.loads(out)["error"]
        assert error["message"]
        assert "usage:" in error["hint"]
