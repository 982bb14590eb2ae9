"""Images as Fourier coefficients in decorrelated colours.

Ascending in this basis instead of in pixels spreads a gradient over all frequencies and over
uncorrelated colours (Olah, Mordvintsev, Schubert: Feature Visualization, Distill 2017; the
numbers are those of lucid's `fft_image`). Nothing is known of how other planes than colours go
together, so each of those has coefficients of its own.
"""

import torch
from torch import Tensor

INITIAL_DEVIATION = 0.01
AMPLITUDE = 0.25
PLANE_SCALE = 3**-0.5
"""A plane varies as grey does among colours."""

_COLOUR_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Square root of the correlation of ImageNet's colours; rows are R, G, B."""


def colour_matrix() -> Tensor:
    """Decorrelated colours to RGB, (3, 3): the largest column has length 1."""
    root = torch.tensor(_COLOUR_ROOT)
    matrix: Tensor = root / root.norm(dim=0).max()
    return matrix


def frequency_scale(size: int, decay: float) -> Tensor:
    """Weight of each coefficient, (size, size // 2 + 1): 1 / f^decay, no less than one period.

    The root of the number of pixels makes `irfft2` orthonormal.
    """
    rows = torch.fft.fftfreq(size)[:, None]
    columns = torch.fft.rfftfreq(size)[None, :]
    frequency = (rows**2 + columns**2).sqrt()
    scale: Tensor = size / frequency.clamp_min(1.0 / size) ** decay
    return scale


class FourierImages:
    """The map from coefficients to images in 0..1.

    Parameters
    ----------
    size
        Height and width in pixels.
    decay
        Power of 1/f by which high frequencies are held back.
    planes
        How many an image has; three are colours.
    """

    def __init__(
        self, size: int, *, decay: float = 1.0, device: str = "cpu", planes: int = 3
    ) -> None:
        self.size, self.planes = size, planes
        self._scale = (frequency_scale(size, decay) * AMPLITUDE).to(device)
        matrix = colour_matrix() if planes == 3 else torch.eye(planes) * PLANE_SCALE
        self._to_planes = matrix.to(device)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one image's coefficients: plane, row, column, real and imaginary part."""
        return self.planes, self.size, self.size // 2 + 1, 2

    def start(self, generator: torch.Generator) -> Tensor:
        """Random coefficients of one image, drawn on the CPU for any device."""
        return torch.randn(self.shape, generator=generator) * INITIAL_DEVIATION

    def decorrelated(self, coefficients: Tensor) -> Tensor:
        """(N, C, H, W/2+1, 2) to images in decorrelated colours, (N, C, H, W)."""
        spectrum = torch.view_as_complex(coefficients) * self._scale.to(coefficients.dtype)
        colours: Tensor = torch.fft.irfft2(spectrum, s=(self.size, self.size))
        return colours

    def images(self, coefficients: Tensor) -> Tensor:
        """(N, C, H, W/2+1, 2) to RGB, or planes, in 0..1, (N, C, H, W)."""
        colours = self.decorrelated(coefficients)
        matrix = self._to_planes.to(colours.dtype)
        return torch.einsum("rc,nchw->nrhw", matrix, colours).sigmoid()

    def coefficients(self, images: Tensor) -> Tensor:
        """Inverse of `images`, up to the clamping of 0 and 1 to what a sigmoid can reach."""
        logits = images.clamp(1e-3, 1 - 1e-3).logit()
        matrix = self._to_planes.to(images.dtype).inverse()
        spectrum = torch.fft.rfft2(torch.einsum("cr,nrhw->nchw", matrix, logits))
        parts: Tensor = torch.view_as_real(spectrum / self._scale.to(images.dtype))
        return parts
