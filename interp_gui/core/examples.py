"""Examples of something: images, or boxes in them, collected under a heading."""

import msgspec

from interp_gui.core.errors import InvalidValue


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
