"""Parameterisation: numbers of the original, and that it can make any picture."""

import numpy as np
import pytest
import torch

from interp_gui.analyses.feature_visualization.fourier import (
    FourierImages,
    colour_matrix,
    frequency_scale,
)
from interp_gui.analyses.feature_visualization.optimiser import Ascent
from interp_gui.core.errors import InvalidValue


def test_colour_matrix_is_the_published_one():
    published = [
        [0.56282854, 0.5844758, 0.5844758],
        [0.19482528, 0.0, -0.19482528],
        [0.0432945, -0.10823626, 0.06494176],
    ]
    torch.testing.assert_close(colour_matrix().T, torch.tensor(published), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("size", "deviation"), [(64, 0.0026), (128, 0.0028), (224, 0.0030)])
def test_start_is_nearly_grey(size, deviation):
    images = FourierImages(size, decay=1.0)
    start = torch.stack([images.start(torch.Generator().manual_seed(s)) for s in range(16)])
    pictures = images.images(start)
    assert pictures.shape == (16, 3, size, size)
    assert abs(float(pictures.mean()) - 0.5) < 1e-3
    assert abs(float(pictures.std(dim=(1, 2, 3)).mean()) - deviation) < 3e-4


def test_scale_makes_the_transform_orthonormal():
    spectrum = torch.randn(3, 16, 9, dtype=torch.complex64)
    flat = frequency_scale(16, 0.0)
    expected = torch.fft.irfft2(spectrum, s=(16, 16), norm="ortho")
    torch.testing.assert_close(torch.fft.irfft2(spectrum * flat, s=(16, 16)), expected)
    falling = frequency_scale(16, 1.0)
    assert falling[0, 0] == falling.max() == 16 * 16
    assert falling[0, 2] == pytest.approx(float(falling[0, 1]) / 2)


@pytest.mark.parametrize("size", [16, 17])
def test_picture_to_coefficients_and_back(size):
    images = FourierImages(size)
    picture = torch.rand(2, 3, size, size) * 0.9 + 0.05
    torch.testing.assert_close(
        images.images(images.coefficients(picture)), picture, atol=1e-4, rtol=0
    )


def test_fits_a_photograph():
    rows, columns = np.mgrid[0:32, 0:32] / 32
    random = np.random.default_rng(0)
    photograph = np.stack(
        [0.2 + 0.6 * rows, 0.5 + 0.4 * np.sin(9 * columns), (rows - columns) ** 2 + 0.1], axis=0
    )
    photograph = np.clip(photograph + 0.05 * random.standard_normal((3, 32, 32)), 0.02, 0.98)
    wanted = torch.tensor(photograph, dtype=torch.float32)[None]
    images = FourierImages(32)
    generator = torch.Generator().manual_seed(0)
    ascent = Ascent(images.start(generator)[None], [generator])
    for _ in range(1000):
        error = images.images(ascent.coefficients) - wanted
        (gradient,) = torch.autograd.grad(-error.square().mean(), ascent.coefficients)
        ascent.climb(gradient, 0.05)
        if float(error.detach().abs().mean()) < 0.01:
            return
    pytest.fail(f"mean error {float(error.detach().abs().mean())} after 1000 steps")


def test_adam_is_adam():
    start = torch.randn(2, 5)
    ours = Ascent(start.clone(), [])
    theirs = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([theirs], lr=0.1)
    for step in range(5):
        weights = torch.linspace(-1, 2, 5) * (step + 1)
        (gradient,) = torch.autograd.grad(
            -(ours.coefficients**2 * weights).sum(), ours.coefficients
        )
        ours.climb(gradient, 0.1)
        adam.zero_grad()
        (theirs**2 * weights).sum().backward()
        adam.step()
    torch.testing.assert_close(ours.coefficients, theirs)


def test_state_of_another_size_is_refused():
    state = Ascent(torch.zeros(2, 3), [torch.Generator(), torch.Generator()]).state()
    with pytest.raises(InvalidValue, match="another number or size"):
        Ascent(torch.zeros(1, 3), [torch.Generator()]).restore(state)
