"""A map of some of many images, before all of them are recorded."""

import numpy as np
import pytest

from interp_gui.analyses.atlas import AtlasSettings, first_look, make_atlas
from interp_gui.analyses.harvest import recording
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.engine.cache import Cache

FIRST = 4


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(first_look, "FIRST_IMAGES", FIRST)


@pytest.fixture
def computed(monkeypatch):
    """Hashes of the images that are computed, in order."""
    seen = []
    take = recording.Recording._take

    def counted(self, *given):
        found = take(self, *given)
        seen.extend(found)
        return found

    monkeypatch.setattr(recording.Recording, "_take", counted)
    return seen


@pytest.fixture
def looked(runtimes, pictures, tmp_path):
    """Make an atlas of images with a cache of a name, or none: all that is yielded."""

    def make(images=pictures, *, kept="cache", preview=True, stop=None, **settings):
        entries = tuple(ImageEntry(path=str(path)) for path in images)
        inputs = Inputs(dataset=Dataset(images=entries), layer="last")
        cache = Cache(tmp_path / kept) if kept else None
        context = Context(model=runtimes["cnn"], inputs=inputs, cache=cache)
        chosen = {"labels": "none", "neighbours": 5, "positions": 3, **settings}
        seen = []
        for step in make_atlas(context, AtlasSettings(**chosen), preview=preview):
            seen.append(step)
            if stop is not None and stop(step):
                break
        return seen

    return make


def is_atlas(step):
    return isinstance(step, Atlas)


def atlases(seen):
    return [step for step in seen if is_atlas(step)]


def test_some_images_are_looked_at_first_and_none_is_computed_twice(looked, computed, pictures):
    seen = looked()
    first, *later = atlases(seen)
    assert (first.final, first.layout, first.key) == (False, "pca", "atlas")
    assert first.layer == later[-1].layer == "last"
    assert len(first.paths) == FIRST
    assert len(first.xy) == FIRST * 3
    assert first.levels[0].count.sum() > 0
    assert first.notes[0] == "A first look at 4 of 12 images; the map of all of them follows."
    assert (first.numbers["recorded"], first.numbers["first_look_of"]) == (FIRST, 12)
    assert [(a.layout, a.final, len(a.paths)) for a in later] == [
        ("pca", False, 12), ("umap", False, 12), ("umap", True, 12),
    ]  # fmt: skip
    assert not any("first look" in note for note in later[0].notes)
    assert len(computed) == len(set(computed)) == len(pictures)
    # it was there before the other images were computed
    before = seen[: seen.index(first)]
    done = [s.done for s in before if isinstance(s, Progress) and s.text == recording.TEXT]
    assert max(done) <= FIRST


def test_progress_goes_on_where_the_first_look_ended(looked):
    told = [s for s in looked() if isinstance(s, Progress) and s.text == recording.TEXT]
    assert {step.total for step in told} == {12}
    done = [step.done for step in told]
    assert done == sorted(done)


def test_points_are_those_of_the_map_of_all(looked):
    first, *_, last = atlases(looked())

    def points(atlas):
        keys = zip(atlas.image, atlas.place, strict=True)
        return {
            (bytes(atlas.sha256[i]), int(place)): atlas.vectors[row]
            for row, (i, place) in enumerate(keys)
        }

    every = points(last)
    for key, vector in points(first).items():
        np.testing.assert_array_equal(vector, every[key])
    assert (first.field[first.place] == last.field[first.place]).all()


def test_which_images_hangs_on_their_content(looked, pictures):
    one = atlases(looked(stop=is_atlas))[0]
    other = atlases(looked(pictures[::-1], kept="other", stop=is_atlas))[0]
    assert len(one.paths) == FIRST
    assert {bytes(h) for h in one.sha256} == {bytes(h) for h in other.sha256}


def test_what_is_recorded_already_is_looked_at_at_once(looked, computed, pictures, monkeypatch):
    monkeypatch.setattr(first_look, "FIRST_IMAGES", 3)
    looked(pictures[:5], layout="pca")
    computed.clear()
    seen = looked(stop=is_atlas)
    assert not computed
    assert set(seen[-1].paths) == set(pictures[:5])


@pytest.mark.parametrize("why", ["recorded", "no previews", "no cache", "class", "pca", "few"])
def test_where_there_is_no_first_look(looked, computed, pictures, why):
    more = {
        "no previews": {"preview": False}, "no cache": {"kept": ""}, "class": {"about": "0"},
        "pca": {"layout": "pca"}, "few": {"images": pictures[: 2 * FIRST]},
    }.get(why, {})  # fmt: skip
    if why == "recorded":
        looked(layout="pca")
    wanted = 2 * FIRST if why == "few" else 12
    found = atlases(looked(**more))
    assert not any("first_look_of" in atlas.numbers for atlas in found)
    assert len(computed) == wanted


def test_images_that_cannot_be_read_hinder_nothing(looked, pictures, tmp_path, monkeypatch):
    broken = []
    for i in range(20):
        path = tmp_path / f"{i}.png"
        path.write_bytes(b"no image" + bytes([i]))
        broken.append(path)
    monkeypatch.setattr(first_look, "sampled", lambda images, *_, **__: list(images)[:FIRST])
    found = atlases(looked((*broken, *pictures), layout="umap"))
    assert [atlas.final for atlas in found] == [False, False, True]
    assert found[-1].numbers["broken_images"] == 20
