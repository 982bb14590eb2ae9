import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.overlays import active_area, crop, dim, upsample, upsampling_matrix

SIZES = st.integers(1, 20)


@given(h=SIZES, w=SIZES, scale=st.integers(1, 9), value=st.floats(-100, 100, width=32))
def test_a_constant_map_stays_constant_up_to_the_corners(h, w, scale, value):
    result = upsample(np.full((h, w), value, np.float32), (h * scale + 1, w * scale))
    assert result.shape == (h * scale + 1, w * scale)
    np.testing.assert_allclose(result, value, rtol=1e-5, atol=1e-5)


@given(target=st.integers(1, 64), source=st.integers(1, 64))
def test_weights_are_shares(target, source):
    weights = upsampling_matrix(target, source)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("cell", [(0, 0), (3, 5), (6, 6)])
@pytest.mark.parametrize("scale", [5, 33])
def test_a_peak_lands_at_its_cells_centre(cell, scale):
    values = np.zeros((7, 7), np.float32)
    values[cell] = 1.0
    result = upsample(values, (7 * scale, 7 * scale))
    weights = result / result.sum()
    assert result.max() == pytest.approx(1.0)
    peak = np.unravel_index(result.argmax(), result.shape)
    middle = [c * scale + (scale - 1) / 2 for c in cell]
    inner = all(0 < c < 6 for c in cell)
    if inner:
        centre = [(weights.sum(axis=1 - a) * np.arange(7 * scale)).sum() for a in (0, 1)]
        np.testing.assert_allclose(centre, middle, atol=1e-3)
        np.testing.assert_allclose(peak, middle)
    assert result[round(middle[0]), round(middle[1])] == pytest.approx(1.0)


def test_it_agrees_with_the_field_s_own_interpolation():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).normal(size=(3, 7, 5)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], size=(50, 41), mode="bilinear", align_corners=False
    )[0]
    np.testing.assert_allclose(upsample(values, (50, 41)), theirs.numpy(), atol=1e-5)


def test_crops_are_clipped_and_never_empty():
    image = np.arange(48).reshape(6, 8)
    assert crop(image, (-3, -2, 2, 3)).shape == (2, 3)
    assert crop(image, (4, 6, 90, 90)).shape == (2, 2)
    assert crop(image, (50, 50, 60, 60)).shape == (1, 1)
    np.testing.assert_array_equal(crop(image, (1, 2, 3, 4)), image[1:3, 2:4])


def test_the_active_area_is_half_at_half_maximum():
    mask = active_area(np.array([[0.0, 2.0, 4.0]], np.float32), peak=4.0)
    np.testing.assert_allclose(mask, [[0.0, 0.5, 1.0]])
    assert not active_area(np.zeros((2, 2), np.float32), peak=0.0).any()


def test_dimming_leaves_the_active_area_alone():
    image = np.full((2, 2, 3), 200, np.uint8)
    result = dim(image, np.array([[1, 0], [1, 0]], np.float32), remaining=0.3)
    assert (result[:, 0] == 200).all()
    assert (result[:, 1] == 60).all()
