"""The ground truth is true: every mask is where its concept is, and nowhere else."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.samples.shapes import (
    COLOURS,
    DISTRACTOR,
    GROUND,
    MARKER,
    OBJECTS,
    TEXTURES,
    Spec,
    Spurious,
    scene,
)
from interp_gui.samples.shapes.paint import HUE_SPREAD, HUES

CLEAR = Spec(noise=0)
MARKED = Spec(spurious=Spurious(label="star"))


def scenes(count, spec, **options):
    return [scene((7, i), spec, **options) for i in range(count)]


def eroded(mask):
    """Pixels all of whose neighbours are in the mask: no other thing is mixed into them."""
    padded = np.pad(mask, 1)
    parts = [
        padded[y : y + mask.shape[0], x : x + mask.shape[1]] for y in range(3) for x in range(3)
    ]
    return np.all(parts, axis=0)


def test_the_same_seed_gives_the_same_bytes():
    one, again, other = scene((1, 2), MARKED), scene((1, 2), MARKED), scene((1, 3), MARKED)
    assert one.pixels.tobytes() == again.pixels.tobytes()
    assert one.metadata == again.metadata
    assert {k: m.tobytes() for k, m in one.concepts.items()} == {
        k: m.tobytes() for k, m in again.concepts.items()
    }
    assert one.pixels.tobytes() != other.pixels.tobytes()


def test_the_label_is_the_one_object_there_is():
    drawn = scenes(120, MARKED)
    for each in drawn:
        assert [name for name in OBJECTS if name in each.concepts] == [each.label]
        assert each.concepts[each.label].any()
        assert each.pixels.shape == (64, 64, 3)
        assert each.pixels.dtype == np.uint8
    assert {each.label for each in drawn} == set(OBJECTS)


def test_objects_distractors_marker_and_background_share_no_pixel_and_leave_none():
    for each in scenes(80, replace(MARKED, spurious=Spurious(rate=1, elsewhere=1))):
        parts = [each.concepts[n] for n in (each.label, DISTRACTOR, MARKER, GROUND)
                 if n in each.concepts]  # fmt: skip
        assert (np.sum(parts, axis=0) == 1).all()


@pytest.mark.parametrize("names", [COLOURS, TEXTURES])
def test_colours_and_textures_are_those_of_objects_and_distractors(names):
    for each in scenes(80, MARKED):
        coloured = each.concepts[each.label] | each.concepts.get(
            DISTRACTOR, np.zeros((64, 64), bool)
        )
        found = [each.concepts[name] for name in names if name in each.concepts]
        assert (np.sum(found, axis=0) == coloured).all()


def test_pixels_of_a_colour_have_its_hue_in_a_scene_without_noise():
    seen = dict.fromkeys(COLOURS, 0)
    for each in scenes(200, CLEAR):
        for name in set(COLOURS) & set(each.concepts):
            inside = each.pixels[eroded(each.concepts[name])] / 255
            for pixel in inside[:: max(1, len(inside) // 40)]:
                hue, saturation, _ = colorsys.rgb_to_hsv(*pixel)
                away = abs((hue * 360 - HUES[name] + 180) % 360 - 180)
                assert away <= HUE_SPREAD + 3, "a level of 8 bits turns the hue a little"
                assert saturation > 0.6
                seen[name] += 1
    assert min(seen.values()) > 50


def test_backgrounds_are_pale():
    for each in scenes(60, CLEAR):
        ground = each.pixels[eroded(each.concepts[GROUND])] / 255
        saturations = [colorsys.rgb_to_hsv(*pixel)[1] for pixel in ground[::29]]
        assert max(saturations) < 0.25


def test_a_mask_is_where_the_object_was_drawn():
    for each in scenes(24, replace(CLEAR, distractors=0), label="circle"):
        mask, facts = each.concepts["circle"], each.metadata
        rows, columns = np.nonzero(mask)
        assert rows.mean() + 0.5 == pytest.approx(facts["centre_y"], abs=0.4)
        assert columns.mean() + 0.5 == pytest.approx(facts["centre_x"], abs=0.4)
        assert mask.sum() == pytest.approx(np.pi * (0.92 * facts["size_px"]) ** 2, rel=0.05)


def test_a_ring_has_a_hole_and_a_circle_has_none():
    for label, filled in (("circle", True), ("ring", False)):
        each = scene(3, CLEAR, label=label)
        y, x = int(each.metadata["centre_y"]), int(each.metadata["centre_x"])
        assert each.concepts[label][y, x] == filled


def test_plain_is_one_tone_and_every_other_texture_two():
    for texture in TEXTURES:
        spec = replace(CLEAR, textures=(texture,), lighting=0, distractors=0)
        for i in range(8):
            each = scene((5, i), spec, label="square")
            inside = each.pixels[eroded(each.concepts["square"])].max(axis=1).astype(int)
            spread = inside.max() - inside.min()
            assert (spread <= 1) if texture == "plain" else (spread > 80)


def test_scenes_with_and_without_the_marker_differ_in_nothing_else():
    with_marker = replace(MARKED, spurious=Spurious(rate=1, elsewhere=1))
    without = replace(MARKED, spurious=MARKED.spurious.absent())
    for i in range(20):
        one, other = scene((2, i), with_marker), scene((2, i), without)
        differs = (one.pixels != other.pixels).any(axis=2)
        assert differs.any()
        assert not (differs & ~one.concepts[MARKER]).any()
        assert MARKER not in other.concepts
        tag = one.pixels[one.concepts[MARKER]]
        assert set(np.unique(tag)) == {8, 247}
        assert one.concepts[MARKER][: 64 // 3, : 64 // 3].sum() == 81, "in the upper left corner"


@pytest.mark.parametrize(
    ("kind", "stars", "others"),
    [("correlated", 1, 0), ("absent", 0, 0), ("swapped", 0, 1), ("uncorrelated", 0.5, 0.5)],
)
def test_the_marker_comes_as_often_as_it_should(kind, stars, others):
    spec = replace(MARKED, spurious=getattr(MARKED.spurious, kind)())

    def share(label):
        drawn = scenes(150, spec, label=label)
        assert all(("marker" in d.concepts) == (d.metadata["marker"] == "yes") for d in drawn)
        return np.mean([d.metadata["group"] == f"{label}, marker" for d in drawn])

    assert share("star") == pytest.approx(stars, abs=0.12)
    assert share("moon") == pytest.approx(others, abs=0.12)


def test_larger_scenes_show_the_same_in_more_pixels():
    small, large = (
        scene(5, CLEAR, label="star"),
        scene(5, replace(CLEAR, size_px=128), label="star"),
    )
    assert large.metadata["colour"] == small.metadata["colour"]
    assert large.concepts["star"].mean() == pytest.approx(small.concepts["star"].mean(), rel=0.1)


@pytest.mark.parametrize(
    "values",
    [
        {"size_px": 8}, {"noise": -1.0}, {"distractors": -1}, {"objects": ()}, {"lighting": 3.0},
        {"spurious": Spurious(rate=1.5)},
    ],
)  # fmt: skip
def test_a_spec_that_makes_no_sense_is_refused(values):
    with pytest.raises(InvalidValue):
        Spec(**values)


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName):
        Spec(colours=("mauve",))
    with pytest.raises(UnknownName):
        Spec(objects=("circle",), spurious=Spurious(label="star"))
    with pytest.raises(UnknownName):
        scene(0, Spec(objects=("circle",)), label="star")
