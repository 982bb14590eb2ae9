"""Changes of the image itself: a brushed region hidden, blurred or swapped."""

from typing import Literal

import msgspec

from interp_gui.core.errors import InvalidValue
from interp_gui.core.place import check_region


class ImageEdit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one image, made after resizing and cropping and before normalisation.

    Parameters
    ----------
    kind
        `occlude`: the region takes one colour. `blur`: it is blurred. `swap`: it takes what
        another image has there.
    image
        SHA-256 of the image that is changed; other images stay as they are.
    region
        Rows of weights in 0..1 on a grid of any size over the network's input.
    colour
        Of `occlude`, 0..255; None for the image's mean colour.
    radius_px
        Standard deviation of `blur`, in pixels of the network's input.
    source
        SHA-256 of the other image of `swap`.
    enabled
        A disabled one stays in the stack and does nothing.
    """

    kind: Literal["occlude", "blur", "swap"]
    image: str
    region: tuple[tuple[float, ...], ...]
    colour: tuple[int, int, int] | None = None
    radius_px: float = 8.0
    source: str = ""
    enabled: bool = True

    def __post_init__(self) -> None:
        if not self.region or len({len(row) for row in self.region}) > 1 or not self.region[0]:
            raise InvalidValue("A change of an image needs a region: rows of the same length.")
        check_region(self.region)
        if self.kind == "swap" and not self.source:
            raise InvalidValue("A swap needs the image that it takes its pixels from.")
