"""What a pass over the images may leave in the cache."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from interp_gui.analyses import decoding
from interp_gui.analyses.real_examples import ANALYSIS
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_input

WHOLE = {"cropped": False, "k": 4}


def test_an_image_that_vanishes_during_a_pass_is_not_remembered_as_broken(
    runtimes, pictures, run_analysis, memory, tmp_path, monkeypatch
):
    paths = [shutil.copy(path, tmp_path) for path in pictures]
    entries = Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths))
    away = tmp_path / "away"
    victim = Path(paths[7])

    def vanishing(path, preprocessing):
        if victim.exists():
            victim.rename(away)
        return load_input(path, preprocessing)

    given = {"dataset": entries, "features": (Feature(layer="last", units=(2,)),), "cache": memory}
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "load_input", vanishing)
        patched.setattr(decoding, "decoding_threads", lambda device: 1)
        (without,) = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given).results
    assert without.numbers["broken_images"] == 1
    assert without.numbers["images"] == len(paths) - 1
    away.rename(victim)
    (grid,) = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given).results
    assert grid.numbers["broken_images"] == 0
    assert grid.numbers["images"] == len(paths)
    (fresh,) = run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given | {"cache": None}).results
    for one, two in zip(grid.items, fresh.items, strict=True):
        assert one.image == two.image
        np.testing.assert_array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize(
    ("name", "value"), [("get_num_threads", lambda: 77), ("__version__", "9.9")]
)
def test_records_of_other_versions_and_threads_are_not_taken(
    runtimes, dataset, run_analysis, memory, monkeypatch, name, value
):
    given = {"dataset": dataset, "features": (Feature(layer="last", units=(2,)),), "cache": memory}
    run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given)
    assert memory.hits == 0
    with monkeypatch.context() as patched:
        patched.setattr(torch, name, value)
        run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given)
        assert memory.hits == 0
    run_analysis(ANALYSIS, runtimes["cnn"], WHOLE, **given)
    assert memory.hits > 0
