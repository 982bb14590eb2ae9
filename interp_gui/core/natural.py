"""Natural order for many texts at once: `img2` before `img10`, whatever the case.

Keys are bytes that numpy compares: sorting 100,000 of Python's own keys is one call that holds
the interpreter for a good part of a second, and with it every other thread.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.polite import politely

_DIGITS = re.compile(r"([0-9]+)")
_KEY_BYTES = 500
"""What differs only behind this stays in the given order."""
# Below all characters of names, in this order: end of a text, a number, a text.
_END, _NUMBER, _TEXT = "\x01", "\x02", "\x03"


def natural_order(texts: Iterable[str]) -> NDArray[np.int64]:
    """Indices that put texts in natural order; equal ones keep theirs.

    Parts of a path may be joined by a null character, which sorts below all else.
    """
    keys = [natural_bytes(text) for text in politely(texts)]
    return np.argsort(np.array(keys, np.bytes_), kind="stable") if keys else np.zeros(0, np.int64)


def natural_bytes(text: str) -> bytes:
    """Bytes that compare as `core.folders.natural_key` does."""
    return "\0".join(_part(part) for part in text.casefold().split("\0")).encode(
        errors="surrogatepass"
    )[:_KEY_BYTES]


def _part(text: str) -> str:
    found = []
    for i, piece in enumerate(_DIGITS.split(text)):
        if i % 2:
            number = piece.lstrip("0")
            found.append(f"{_NUMBER}{len(number):04d}{number}")
        elif piece:
            found.append(f"{_TEXT}{piece}{_END}")
    return "".join(found)
