import numpy as np
import pytest

from interp_gui.core.colormaps import apply_colormap, colormap, overlay, resize_values, value_range
from interp_gui.core.errors import UnknownName


def oklab(rgb):
    c = rgb / 255.0
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    m1 = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929],
         [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    m2 = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468],
         [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    return np.cbrt(c @ m1.T) @ m2.T


def test_sequential_steps_look_equally_large_and_lighten():
    lab = oklab(colormap("sequential").astype(float))
    # over 16 entries, so that rounding to 8 bits does not count
    steps = np.linalg.norm(lab[16:] - lab[:-16], axis=1)
    assert steps.max() / steps.min() < 1.25
    assert (lab[4:, 0] > lab[:-4, 0]).all()


def test_diverging_has_its_lightest_and_greyest_colour_in_the_middle():
    lab = oklab(colormap("diverging").astype(float))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    assert abs(int(lab[:, 0].argmax()) - 127.5) <= 1
    assert chroma[127:129].max() < 0.01
    np.testing.assert_allclose(lab[:128, 0], lab[:127:-1, 0], atol=0.01)
    assert lab[0, 2] < -0.1
    assert lab[-1, 1] > 0.1


# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear sRGB
COLOUR_BLIND = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
               (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
               (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def as_seen(rgb, kind):
    """Colours 0 to 255 as a colour-blind person sees them."""
    c = np.asarray(rgb, float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(COLOUR_BLIND[kind]).T, 0, 1)
    return 255 * np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", COLOUR_BLIND)
def test_maps_say_the_same_to_colour_blind_people(kind):
    rising = oklab(as_seen(colormap("sequential"), kind))
    assert (rising[8:, 0] > rising[:-8, 0]).all()
    both = oklab(as_seen(colormap("diverging"), kind))
    far = np.linalg.norm(both[:64] - both[:-65:-1], axis=1)
    assert far.min() > 0.1, "what is below and above the middle looks the same"


def test_ends_clip_and_what_is_not_finite_has_a_place():
    table = colormap("sequential")
    got = apply_colormap(
        np.array([-9.0, 0.0, 1.0, 9.0, np.inf, -np.inf, np.nan]), "sequential", 0.0, 1.0
    )
    np.testing.assert_array_equal(got, table[[0, 0, 255, 255, 255, 0, 0]])


def test_ranges_contain_zero():
    assert value_range(np.array([2.0, 5.0])) == (0.0, 5.0)
    assert value_range(np.array([-2.0, -5.0])) == (-5.0, 0.0)
    assert value_range(np.array([-2.0, 5.0]), symmetric=True) == (-5.0, 5.0)
    assert value_range(np.zeros(3)) == (0.0, 1.0)
    assert value_range(np.zeros(3), symmetric=True) == (-1.0, 1.0)
    assert value_range(np.array([np.nan, np.inf, 3.0])) == (0.0, 3.0)


def test_resizing_keeps_constants_and_centres():
    np.testing.assert_allclose(resize_values(np.full((7, 5), 2.5), 224, 160), 2.5)
    spot = np.zeros((7, 7), np.float32)
    spot[2, 5] = 1.0
    peak = np.unravel_index(resize_values(spot, 70, 70).argmax(), (70, 70))
    assert abs(peak[0] - 24.5) <= 1
    assert abs(peak[1] - 54.5) <= 1


def test_overlay_shows_only_colours_of_the_map():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    values = rng.normal(size=(4, 6)).astype(np.float32)
    bare = overlay(image, values, opacity=0.0)
    np.testing.assert_array_equal(bare, np.repeat(bare[..., :1], 3, axis=2))
    pure = overlay(image, np.full((4, 6), 3.0), opacity=1.0)
    np.testing.assert_array_equal(pure, np.broadcast_to(colormap("sequential")[255], pure.shape))
    zero = overlay(image, np.zeros((4, 6)), symmetric=True, opacity=1.0)
    assert (zero.astype(int).max(axis=-1) - zero.min(axis=-1) <= 4).all()


def test_unknown_map_offers_near_names():
    with pytest.raises(UnknownName) as caught:
        apply_colormap(np.zeros(2), "sequentail", 0, 1)
    assert "sequential" in caught.value.hint
