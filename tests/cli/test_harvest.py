"""`harvest`, and the analysis of the same name."""

import errno
import json

import numpy as np
import pytest

from interp_gui.core.file_locks import FileLock

LAYER, OTHER = "features.3", "features.5"


def test_a_store_is_filled_once(run_json, run, weights, photographs):
    words = ("harvest", "--model", weights, "--images", photographs, "--layer", LAYER)
    code, first = run_json(*words, "--layer", OTHER)
    assert code == 0
    assert (first["images"], first["recorded_now"], first["broken_images"]) == (3, 3, 0)
    assert [layer["name"] for layer in first["layers"]] == [LAYER, OTHER]
    layer = first["layers"][0]
    assert layer["units"] == 128
    assert layer["vectors"] == 3
    assert layer["grid"] == [55, 55]
    assert layer["store_bytes"] > 3 * 128 * 22
    code, again = run_json(*words)
    assert again["recorded_now"] == 0
    assert again["layers"][0] == layer
    code, out, _ = run(*words, "--positions", 3)
    assert code == 0
    assert "3 recorded now" in out
    assert "9 vectors" in out


def test_what_it_takes_is_told_before(run_json, weights, photographs):
    words = ("harvest", "--model", weights, "--images", photographs, "--layer", LAYER)
    code, before = run_json(*words, "--estimate")
    assert code == 0
    assert before["estimate"]["seconds"] > 0
    assert before["estimate"]["disk_bytes"] > 3 * 128 * 22
    run_json(*words)
    _, after = run_json(*words, "--estimate")
    assert after["estimate"]["disk_bytes"] == 0


def test_its_figures_are_those_of_the_run(run_json, weights, photographs, tmp_path):
    code, document = run_json(
        "run", "harvest", "--model", weights, "--images", photographs, "--layer", LAYER,
        "--set", f"layers={OTHER}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    tables = {result["title"]: result for result in document["results"]}
    assert set(tables) == {f"Activations of {LAYER}", f"Activations of {OTHER}"}
    numbers = tables[f"Activations of {LAYER}"]["numbers"]
    assert numbers["images"] == 3
    assert numbers["units"] == 128
    assert np.isfinite(numbers["dead_units"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--layer", "nothing"), "no layer named 'nothing'"),
        (("--layer", LAYER, "--positions", "0"), "'0' is not"),
        ((), "required"),
        (("--layer", LAYER, "--all-layers"), "not allowed with"),
    ],
)
def test_wrong_words_are_named(run, weights, photographs, words, said):
    code, _, err = run("harvest", "--model", weights, "--images", photographs, *words)
    assert code in (1, 2)
    assert said in err


def test_without_a_cache_nothing_is_recorded(run, weights, photographs, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_CACHE", "off")
    code, _, err = run(
        "harvest", "--model", weights, "--images", photographs, "--layer", LAYER
    )  # fmt: skip
    assert code == 1
    assert "cache is off" in err


def test_where_nothing_can_be_kept_nothing_is_recorded(
    run, weights, photographs, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("INTERP_GUI_CACHE", str(tmp_path / "file" / "cache"))
    words = ("harvest", "--model", weights, "--images", photographs, "--layer", LAYER)
    code, out, err = run(*words)
    assert code == 1
    assert "Nothing is kept in" in err
    assert "INTERP_GUI_CACHE" in err
    assert "recorded" not in out


@pytest.mark.expects_log
def test_a_store_that_was_lost_on_the_way_is_no_success(run, weights, photographs, monkeypatch):
    take, asked = FileLock.take, []

    def full(self, **more):
        if self.path.name.startswith("use-") and "interp-gui-store-" not in str(self.path):
            asked.append(self.path)
            raise OSError(errno.ENOSPC, "No space left on device")
        return take(self, **more)

    monkeypatch.setattr(FileLock, "take", full)
    code, _, err = run("harvest", "--model", weights, "--images", photographs, "--layer", LAYER)
    assert asked
    assert code == 1
    assert "No space left on device" in err
    assert "Make room" in err


def test_a_cache_that_is_too_small_is_said_before(run, weights, photographs, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_CACHE_LIMIT_MB", "0")
    code, out, _ = run(
        "harvest", "--model", weights, "--images", photographs, "--layer", LAYER, "--json"
    )  # fmt: skip
    assert code == 1
    assert "the cache keeps" in json.loads(out)["error"]["message"]
