"""Passes behind unit ranking: fewer computations, the same numbers, nothing false remembered."""

import shutil
from pathlib import Path

import pytest

from interp_gui.analyses import asked
from interp_gui.analyses.unit_ranking import ANALYSIS, baselines
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.images import read_image
from interp_gui.core.target import Target
from interp_gui.runtimes.prefix import CachedPrefix


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
@pytest.mark.parametrize("edited", [False, True])
def test_effects_are_those_of_plain_passes_to_the_last_bit(
    runtimes, maps_layer, pictures, run_analysis, monkeypatch, name, edited
):
    runtime, layer = runtimes[name], maps_layer[name]
    first = runtime.description.layers[0].name
    edit = Edit(feature=Feature(layer=first, units=(1,)), kind="scale", amount=0.5)
    given = {
        "images": pictures[:1], "layer": layer, "target": Target(index=2),
        "edits": EditStack((edit,) if edited else ()),
    }  # fmt: skip
    kept = []
    plain = CachedPrefix.forward

    def watched(self, **what):
        found = plain(self, **what)
        kept.append(self.kept_bytes)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(CachedPrefix, "forward", watched)
        ran = run_analysis(ANALYSIS, runtime, {}, **given)
    assert kept
    assert all(kept)
    with monkeypatch.context() as patched:
        patched.setattr(
            CachedPrefix, "forward", lambda self, **what: runtime.forward(self._batch, **what)
        )
        other = run_analysis(ANALYSIS, runtime, {}, **given)
    assert ran.last["ranking"].cells == other.last["ranking"].cells


def test_a_mean_without_a_vanished_image_is_not_remembered(
    runtimes, pictures, run_analysis, memory, tmp_path, monkeypatch
):
    paths = [shutil.copy(path, tmp_path) for path in pictures[:4]]
    entries = Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths))
    victim, away = Path(paths[2]), tmp_path / "away"
    given = {
        "images": pictures[5:6], "layer": "last", "target": Target(index=2), "dataset": entries,
    }  # fmt: skip

    def vanishing(context, path):
        if victim.exists():
            victim.rename(away)
        return asked.see(context, path)

    with monkeypatch.context() as patched:
        patched.setattr(baselines, "see", vanishing)
        without = run_analysis(ANALYSIS, runtimes["cnn"], {}, cache=memory, **given)
    away.rename(victim)
    again = run_analysis(ANALYSIS, runtimes["cnn"], {}, cache=memory, **given)
    fresh = run_analysis(ANALYSIS, runtimes["cnn"], {}, **given)
    assert again.last["ranking"].cells == fresh.last["ranking"].cells
    assert without.last["ranking"].cells != fresh.last["ranking"].cells
    assert read_image(victim).size
