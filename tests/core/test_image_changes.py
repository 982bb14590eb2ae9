"""Changes of pixels: only where a region lies, softly at its edge, and by exactly what is said."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InvalidValue
from interp_gui.core.image_changes import (
    blurred,
    changed_pixels,
    changes_of,
    weights_over,
    words_for,
)
from interp_gui.core.image_edit import ImageEdit

IMAGE, OTHER = "a" * 64, "b" * 64


def noise(height=24, width=32, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def edit(kind="occlude", region=((0.0, 1.0),), **values):
    if kind == "swap":
        values.setdefault("source", OTHER)
    return ImageEdit(kind=kind, image=IMAGE, region=region, **values)


EVERYWHERE = ((1.0,),)


def test_hidden_everywhere_is_the_colour():
    found = changed_pixels(noise(), [edit(region=EVERYWHERE, colour=(10, 20, 30))], {})
    assert found.dtype == np.uint8
    assert (found == (10, 20, 30)).all()


def test_without_a_colour_it_is_the_mean_of_the_unchanged_image():
    pixels = noise()
    mean = np.rint(pixels.reshape(-1, 3).mean(axis=0))
    first = edit(region=EVERYWHERE, colour=(0, 0, 0))
    found = changed_pixels(pixels, [first, edit(region=EVERYWHERE)], {})
    assert np.array_equal(found[0, 0], mean)


def test_what_lies_outside_is_untouched_and_the_image_left_alone():
    pixels = noise()
    before = pixels.copy()
    region = tuple(tuple(float(4 <= y < 8 and 4 <= x < 8) for x in range(16)) for y in range(12))
    for one in (edit(region=region, colour=(0, 255, 0)), edit("blur", region=region)):
        found = changed_pixels(pixels, [one], {})
        outside = weights_over(region, 24, 32) == 0
        assert outside.mean() > 0.5
        assert np.array_equal(found[outside], pixels[outside])
        assert not np.array_equal(found, pixels)
    assert np.array_equal(pixels, before)


def test_a_soft_edge_mixes_both():
    pixels = np.full((1, 1, 3), 200, np.uint8)
    found = changed_pixels(pixels, [edit(region=((0.25,),), colour=(0, 100, 200))], {})
    assert found[0, 0].tolist() == [150, 175, 200]


def test_edits_are_made_in_order_and_those_switched_off_are_not():
    red, green = (edit(region=EVERYWHERE, colour=c) for c in ((255, 0, 0), (0, 255, 0)))
    assert changed_pixels(noise(), [red, green], {})[3, 3].tolist() == [0, 255, 0]
    off = msgspec.structs.replace(green, enabled=False)
    assert changed_pixels(noise(), [red, off], {})[3, 3].tolist() == [255, 0, 0]
    pixels = noise()
    assert np.array_equal(changed_pixels(pixels, [off], {}), pixels)


def test_swapped_pixels_are_those_of_the_other_image_at_the_same_place():
    pixels, other = noise(), noise(seed=1)
    found = changed_pixels(pixels, [edit("swap", region=((0.0, 1.0),) * 2)], {OTHER: other})
    assert np.array_equal(found[:, 24:], other[:, 24:])
    assert np.array_equal(found[:, :8], pixels[:, :8])


def test_a_swap_needs_the_other_image_and_one_of_the_same_size():
    with pytest.raises(InvalidValue, match="not at hand"):
        changed_pixels(noise(), [edit("swap")], {})
    with pytest.raises(InvalidValue, match="32 × 24 pixels cannot be swapped with one of 9 × 9"):
        changed_pixels(noise(), [edit("swap")], {OTHER: noise(9, 9)})


def test_a_blur_is_scipys():
    from scipy.ndimage import gaussian_filter1d

    values = noise(20, 30).astype(np.float32)
    wanted = values
    for axis in (0, 1):
        wanted = gaussian_filter1d(wanted, 2.5, axis=axis, mode="nearest", truncate=3.2)
    assert np.abs(blurred(values, 2.5) - wanted).max() < 0.01


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 40), st.integers(1, 30), st.integers(1, 30))
def test_a_blur_keeps_constants(radius, height, width):
    values = np.full((height, width, 3), 77.0, np.float32)
    assert np.abs(blurred(values, radius) - 77).max() < 1e-3


def test_no_radius_changes_nothing():
    pixels = noise()
    assert np.array_equal(
        changed_pixels(pixels, [edit("blur", region=EVERYWHERE, radius_px=0.0)], {}), pixels
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.floats(0, 1))
def test_constant_weights_stay_constant_on_any_grid(rows, columns, height, width, value):
    found = weights_over(((value,) * columns,) * rows, height, width)
    assert found.shape == (height, width)
    assert np.abs(found - value).max() < 1e-6


def test_a_finer_grid_gives_its_mean():
    assert weights_over(((0.0, 1.0, 1.0, 1.0),), 1, 2).tolist() == [[0.5, 1.0]]


def test_other_numbers_of_planes_and_fractions_are_changed_too():
    grey = changed_pixels(noise(channels=1), [edit(region=EVERYWHERE, colour=(255, 0, 0))], {})
    assert (grey == 76).all()
    fractions = noise(channels=5).astype(np.float32) / 255
    found = changed_pixels(fractions, [edit(region=EVERYWHERE, colour=(255, 255, 255))], {})
    assert found.dtype == np.float32
    assert found == pytest.approx(1.0)


def test_only_the_changes_in_force_of_an_image_count():
    mine, off = edit(), edit(enabled=False)
    theirs = msgspec.structs.replace(edit(), image=OTHER)
    stack = EditStack(image_edits=(mine, off, theirs))
    assert changes_of(stack, IMAGE) == (mine,)
    assert changes_of(msgspec.structs.replace(stack, muted=True), IMAGE) == ()


def test_sources_of_a_stack_are_those_in_force():
    swap, off = edit("swap"), edit("swap", enabled=False, source="c" * 64)
    assert EditStack(image_edits=(swap, off, edit())).image_sources == (OTHER,)


def test_words_count_regions():
    assert words_for([edit(), edit("blur"), edit()]) == "2 regions hidden, 1 region blurred"
    assert words_for([]) == ""
