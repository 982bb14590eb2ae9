"""Examples of something: images, or boxes in them, collected under a heading."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue

EXAMPLES_MIME_TYPE = "application/x-interp-gui-examples"
"""What a drag of examples carries: their JSON."""
_FRAME = np.array((255, 210, 0), np.uint8)


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image, or a part of it.

    Parameters
    ----------
    path
        The file, on this machine.
    box
        Top, left, bottom, right as shares (0..1) of the image as the network sees it; None for
        the whole image.
    group
        What it belongs to (patient, video, photograph); examples of one group are never split
        between fitting and judging. Empty: the file itself.
    """

    path: str
    box: tuple[float, float, float, float] | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if self.box is not None:
            top, left, bottom, right = self.box
            if not (0.0 <= top < bottom <= 1.0 and 0.0 <= left < right <= 1.0):
                raise InvalidValue("The box of an example lies within its image.")


def framed(
    pixels: NDArray[np.uint8], box: tuple[float, float, float, float] | None
) -> NDArray[np.uint8]:
    """A copy of a picture (H, W, 3) with a frame around the part that an example means."""
    drawn = pixels.copy()
    if box is None:
        return drawn
    height, width = drawn.shape[:2]
    top, left = int(box[0] * height), int(box[1] * width)
    bottom = min(height - 1, max(top, round(box[2] * height) - 1))
    right = min(width - 1, max(left, round(box[3] * width) - 1))
    for row in (top, bottom):
        drawn[row, left : right + 1] = _FRAME
    for column in (left, right):
        drawn[top : bottom + 1, column] = _FRAME
    return drawn
