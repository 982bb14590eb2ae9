"""Which row is about which image: looked up by the images' hashes, in 16 bytes a row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.bytes_]
"""SHA-256 of images, 32 bytes each."""

HASH_TYPE = np.dtype("S32")

_TAIL = 2**16


def packed(hashes: Sequence[str]) -> Hashes:
    """Hashes given as hex."""
    return np.frombuffer(b"".join(bytes.fromhex(each) for each in hashes), HASH_TYPE)


def keys_of(hashes: Hashes) -> NDArray[np.uint64]:
    """The first eight bytes of each hash: among a million images, two are alike in one of forty
    million datasets.
    """
    return np.ascontiguousarray(hashes).view(np.uint64).reshape(len(hashes), 4)[:, 0].copy()


class HashIndex:
    """Rows by key, in the order in which they were added.

    Keys are kept sorted in two parts, so that adding a few to many does not sort them all.
    """

    def __init__(self) -> None:
        empty = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._large, self._tail = empty, empty

    def __len__(self) -> int:
        return len(self._large[0]) + len(self._tail[0])

    def add(self, keys: NDArray[np.uint64]) -> None:
        """The keys of the next rows."""
        rows = len(self) + np.arange(len(keys))
        self._tail = _sorted(self._tail, (keys, rows))
        if len(self._tail[0]) > max(_TAIL, len(self._large[0]) // 4):
            self._large = _sorted(self._large, self._tail)
            self._tail = np.zeros(0, np.uint64), np.zeros(0, np.int64)

    def where(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each key, −1 where there is none; of several the first."""
        found = np.full(len(keys), -1, np.int64)
        for known, rows in (self._tail, self._large):
            if len(known):
                at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
                found = np.where(known[at] == keys, rows[at], found)
        return found


Part = tuple[NDArray[np.uint64], NDArray[np.int64]]


def _sorted(one: Part, two: Part) -> Part:
    keys, rows = (np.concatenate(pair) for pair in zip(one, two, strict=True))
    order = np.argsort(keys, kind="stable")
    return keys[order], rows[order]
