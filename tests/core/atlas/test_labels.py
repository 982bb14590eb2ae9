"""Names on the map: none touches another, and they stay while one pans."""

from dataclasses import replace

import numpy as np
import pytest

from interp_gui.core.atlas.display import display, display_scene
from interp_gui.core.atlas.labels import kept_inside, place_labels, shortened
from interp_gui.core.atlas.look import Look
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import Labels, View


def boxes(labels):
    half = np.stack([labels.width, labels.height], axis=1) / 2
    middle = np.stack([labels.x, labels.y], axis=1)
    return middle - half, middle + half


@pytest.fixture
def scene(make_atlas):
    import msgspec

    atlas = make_atlas(points=6000, clouds=40, sides=(20, 40, 80))
    names = tuple(f"name of the kind {'x' * (i % 17)}{i}, synonym" for i in range(40))
    return Scene(msgspec.structs.replace(atlas, names=names))


@pytest.mark.parametrize("scale", [300, 512, 800, 1111, 4000, 12_345])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_no_two_labels_touch(scene, scale, ratio):
    written = 0
    for left in (-0.3, 0.0, 0.17, 0.3, 0.5, 0.6):
        view = View(left=left, top=left, scale=scale * ratio, width=1280, height=800, ratio=ratio)
        labels = display_scene(scene, view).labels
        low, high = boxes(labels)
        touch = (low[:, None] < high[None]).all(axis=2) & (low[None] < high[:, None]).all(axis=2)
        assert (touch == np.eye(len(touch), dtype=bool)).all()
        assert len(labels.text) == len(labels.x)
        assert (low >= -1e-6).all()
        assert (high <= np.array([1280, 800]) + 1e-6).all()
        written += len(labels.text)
    assert written


def test_labels_stay_while_one_pans(scene):
    at = {}
    for left in (0.1, 0.13, 0.2):
        view = View(left=left, top=0.2, scale=2000, width=1200, height=800)
        labels = display_scene(scene, view).labels
        where = (labels.x / 2000 + left, labels.y / 2000 + 0.2)
        for text, x, y in zip(labels.text, *where, strict=True):
            if left + 0.05 < x < left + 0.45 and 0.25 < y < 0.5:
                at.setdefault(left, set()).add((text, round(x, 6), round(y, 6)))
    common = [entry for entry in at[0.1] if 0.25 < entry[1] < 0.5]
    assert common
    assert set(common) <= at[0.13] | at[0.2]


def test_the_commonest_names_are_large(scene):
    labels = display_scene(scene, View.fit(800, 800)).labels
    assert set(labels.size) == {11.0, 14.0}
    assert labels.size[0] == 14.0


def test_a_name_is_not_repeated_all_over(make_atlas):
    atlas = make_atlas(points=4000, clouds=1, sides=(20, 40))
    labels = display(atlas, Look(), View.fit(1000, 1000)).labels
    assert 1 <= len(labels.text) <= 12


def test_no_labels_where_none_are_wanted(make_atlas):
    assert display(make_atlas(), Look(labels=False), View.fit(800, 800)).labels.text == ()


def test_a_label_at_the_edge_is_moved_in_or_left_out():
    labels = Labels(
        x=np.array([10.0, 200.0, 60.0, -4.0, 396.0]), y=np.array([50.0, 50.0, 80.0, 100.0, 80.0]),
        text=("barrel", "puck", "jay", "gone", "low"), size=np.full(5, 11.0),
        width=np.full(5, 60.0),
    )  # fmt: skip
    found = kept_inside(labels, 400, 90)
    assert found.text == ("barrel", "puck", "jay", "low")
    assert found.x.tolist() == [30.0, 200.0, 60.0, 370.0]
    assert (found.y + found.height / 2 <= 90).all()
    crowded = replace(labels, y=np.array([75.0, 50.0, 80.0, 100.0, 80.0]))
    assert "barrel" not in kept_inside(crowded, 400, 90).text  # it would lie over jay


def test_a_name_stands_where_it_hides_least_of_the_cells():
    view = View(left=0, top=0, scale=400, width=400, height=400)
    kinds, count, cell = np.zeros(1, np.int32), np.full(1, 30), 0.05
    here = np.array([[0.325, 0.125]])
    (y,) = place_labels(view, here, kinds, count, ("jay",), cell=cell).y
    assert y >= 0.15 * 400  # below its picture
    below = np.array([[0.325, 0.175], [0.275, 0.175], [0.375, 0.175]])
    xy, label = np.concatenate([here, below]), np.array([0, -1, -1, -1], np.int32)
    (y,) = place_labels(view, xy, label, np.full(4, 30), ("jay",), cell=cell).y
    assert y <= 0.1 * 400  # above it


def test_names_are_shortened():
    assert shortened("tench, Tinca tinca", 20) == "tench"
    assert shortened("American Staffordshire terrier", 12) == "American St…"
