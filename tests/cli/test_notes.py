"""What a command says beside its answer: what to mind with a map, and what it warns of."""

import errno
import logging

import pytest

from interp_gui.engine.cache import Cache
from tests.cli.conftest import LAYER

QUICK = ("--set", "layout=pca", "--set", "labels=none", "--set", "pictures=none")


def test_an_atlas_tells_people_what_to_mind(run, run_json, weights, photographs, tmp_path):
    words = (
        "run", "activation-atlas", "--model", weights, "--images", photographs, "--layer", LAYER,
        *QUICK, "--set", "positions=2", "--out", tmp_path / "a",
    )  # fmt: skip
    code, out, errors = run(*words)
    assert code == 0, errors
    lines = out.splitlines()
    assert lines[0].startswith("1 result in ")
    assert "Only 6 points: such a map says little." in lines
    code, document = run_json(*words)
    assert code == 0
    assert "Only 6 points: such a map says little." in document["results"][0]["notes"]


@pytest.mark.expects_log
@pytest.mark.parametrize("json", [False, True])
def test_a_full_disk_is_said_once(run, weights, photographs, tmp_path, monkeypatch, json):
    cache = Cache(tmp_path / "cache")

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(cache, "_write", full)
    monkeypatch.setattr(Cache, "default", classmethod(lambda cls: cache))
    code, _, errors = run(
        "run", "activation-atlas", "--model", weights, "--images", photographs, "--layer", LAYER,
        *QUICK, "--out", tmp_path / "a", *(["--json"] if json else []),
    )  # fmt: skip
    assert code == 0, errors
    assert "No handlers" not in errors
    said = [line for line in errors.splitlines() if "cannot be kept" in line]
    assert said == [
        f"Warning: Results cannot be kept in {cache.folder}: No space left on device. They will be "
        "computed again next time."
    ]


def test_libraries_are_not_heard(run, monkeypatch):
    from interp_gui.cli import listing

    listed = listing.list_analyses

    def loud(options, output):
        logging.getLogger("another_library").warning("something of its own")
        for _ in range(2):
            logging.getLogger("interp_gui.engine.delivery").error("one line\nof ours")
        logging.getLogger("interp_gui.engine.cache").info("a detail")
        return listed(options, output)

    monkeypatch.setattr(listing, "list_analyses", loud)
    # as in a program of its own, whose root logger nobody listens to
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.root.manager, "emittedNoHandlerWarning", False, raising=False)
    code, _, errors = run("analyses")
    assert code == 0
    assert errors == "Warning: one line of ours\n"
    assert not logging.getLogger("interp_gui").handlers
