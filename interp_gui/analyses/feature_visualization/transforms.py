"""Small random views of an image, each drawn from the image's own generator.

Lucid's standard set (pad by 12 of grey, jitter 8, scale 0.90 to 1.10, rotate up to 10 degrees,
jitter 4) composed into one affine map, so that each image is resampled once. What lies outside
the image is grey, never black: a border that is darker than the image would be a feature too.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import torch
from torch import Tensor
from torch.nn import functional

PADDING_PX = 12
FIRST_JITTER_PX = 8
SECOND_JITTER_PX = 4
SCALES = tuple(1.0 + step * 0.02 for step in range(-5, 6))
ANGLES = tuple(float(angle) for angle in range(-10, 11)) + (0.0,) * 5
GREY = 0.5


@dataclass(frozen=True)
class Draw:
    """One random view: offsets in image pixels, factor, degrees."""

    first: tuple[float, float] = (0.0, 0.0)
    second: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    angle: float = 0.0

    def matrix(self, size: int) -> Tensor:
        """Where a view's place lies in the image, (2, 3), as `affine_grid` wants it.

        Coordinates run from −1 to 1 over an image of `size` pixels.
        """
        turn, half = radians(self.angle), size / 2
        rows = torch.tensor([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]]) / self.scale
        first = torch.tensor([self.first[1], self.first[0]])
        second = torch.tensor([self.second[1], self.second[0]])
        shift = (rows @ second + first) / half
        return torch.cat([rows, shift[:, None]], dim=1)


def draw(generator: torch.Generator) -> Draw:
    """Draw one view; it always takes the same number of random numbers."""
    chosen = [
        int(torch.randint(0, high, (), generator=generator))
        for high in (FIRST_JITTER_PX + 1,) * 2
        + (len(SCALES), len(ANGLES))
        + (SECOND_JITTER_PX + 1,) * 2
    ]
    return Draw(
        first=(chosen[0] - FIRST_JITTER_PX / 2, chosen[1] - FIRST_JITTER_PX / 2),
        scale=SCALES[chosen[2]],
        angle=ANGLES[chosen[3]],
        second=(chosen[4] - SECOND_JITTER_PX / 2, chosen[5] - SECOND_JITTER_PX / 2),
    )


def views(images: Tensor, draws: list[Draw], side: tuple[int, int]) -> Tensor:
    """Sample one view an image: (N, C, H, H) to (N, C, *side), grey outside the image."""
    size = images.shape[-1]
    theta = torch.stack([draw.matrix(size) for draw in draws]).to(images)
    source = shrunk(images, side)
    grid = functional.affine_grid(theta, [len(draws), images.shape[1], *side], align_corners=False)
    sampled = functional.grid_sample(source - GREY, grid, padding_mode="zeros", align_corners=False)
    return sampled + GREY


def plain_view(images: Tensor, side: tuple[int, int]) -> Tensor:
    """The images themselves at another size."""
    if tuple(images.shape[-2:]) == side:
        return images
    return functional.interpolate(
        images, size=side, mode="bilinear", antialias=images.shape[-1] > min(side)
    )


def shrunk(images: Tensor, side: tuple[int, int]) -> Tensor:
    """Images reduced to `side` first where a view would skip pixels of a much larger one."""
    return plain_view(images, side) if images.shape[-1] > 1.2 * min(side) else images
