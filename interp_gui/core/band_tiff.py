"""TIFF files of any number of bands, which Pillow does not read: in strips or tiles.

After the TIFF 6.0 specification (Adobe, 1992). Whatever is not said there in so many words, or
does not fit the file's own sizes, is refused; values are plain or deflated.
Several pages of one band each count as bands.
"""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_BYTES = 512 * 2**20
MOST_BANDS = 512
_KINDS = {1: "u", 2: "i", 3: "f"}
_FIELDS = {1: "B", 3: "H", 4: "I"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _BANDS, _ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _FORMAT = 317, 322, 323, 324, 325, 339
_PLAIN, _DEFLATE = (1,), (8, 32946)
_GREY, _RGB = 1, 2

Page = dict[int, tuple[int, ...]]


class UnknownTiff(ValueError):
    """A TIFF that is damaged, or of a kind that is not read; says which."""


def is_tiff(data: bytes) -> bool:
    """Whether a file begins like a TIFF."""
    return data[:4] in (b"II*\0", b"MM\0*")


def is_multiband(data: bytes) -> bool:
    """Whether a file is a TIFF whose pixels are neither grey nor RGB, with or without alpha."""
    if not is_tiff(data):
        return False
    try:
        page, _ = _page(data, _order(data), _first(data))
        bands = _one(page, _BANDS, 1)
    except UnknownTiff:
        return False
    return bands == 2 or bands > 4 or (bands == 4 and _one(page, _PHOTOMETRIC, 1) == _GREY)


def read_bands(data: bytes) -> NDArray[Any]:
    """Values as the file holds them, (H, W, bands); UnknownTiff where that cannot be told."""
    order, place = _order(data), _first(data)
    pages: list[NDArray[Any]] = []
    seen: set[int] = set()
    while place:
        if place in seen or len(seen) >= MOST_BANDS:
            raise UnknownTiff("it has too many pages")
        seen.add(place)
        page, place = _page(data, order, place)
        if pages and (pages[0].shape[2] > 1 or _one(page, _BANDS, 1) > 1):
            break  # an overview or another picture
        pages.append(_values(data, order, page))
        if sum(each.nbytes for each in pages) > LARGEST_BYTES:
            raise UnknownTiff("it is too large")
    alike = [p for p in pages if p.shape == pages[0].shape and p.dtype == pages[0].dtype]
    return np.concatenate(alike, axis=2)


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _first(data: bytes) -> int:
    return _unpack(data, 4, _order(data) + "I")[0]


def _unpack(data: bytes, place: int, form: str) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, place)
    except struct.error:
        raise UnknownTiff("it ends too early") from None


def _page(data: bytes, order: str, place: int) -> tuple[Page, int]:
    """Whole-number fields of a page, and where the next one begins."""
    (count,) = _unpack(data, place, order + "H")
    page: Page = {}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind, length = _unpack(data, entry, order + "HHI")
        if kind not in _FIELDS or length > len(data):
            continue
        form = f"{order}{length}{_FIELDS[kind]}"
        inside = struct.calcsize(form) <= 4
        at = entry + 8 if inside else _unpack(data, entry + 8, order + "I")[0]
        page[tag] = _unpack(data, at, form)
    return page, _unpack(data, place + 2 + 12 * count, order + "I")[0]


def _one(page: Page, tag: int, default: int) -> int:
    values = page.get(tag, (default,))
    if len(set(values)) != 1:
        raise UnknownTiff("its bands are not all of one kind")
    return values[0]


def _values(data: bytes, order: str, page: Page) -> NDArray[Any]:
    width, height, bands = _one(page, _WIDTH, 0), _one(page, _HEIGHT, 0), _one(page, _BANDS, 1)
    bits, kind = _one(page, _BITS, 1), _KINDS.get(_one(page, _FORMAT, 1))
    packed, predictor = _one(page, _COMPRESSION, 1), _one(page, _PREDICTOR, 1)
    if kind is None or bits not in ((16, 32, 64) if kind == "f" else (8, 16, 32)):
        raise UnknownTiff(f"it has {bits} bits a value")
    if packed not in _PLAIN + _DEFLATE or predictor > (2 if kind != "f" else 1):
        raise UnknownTiff("it is compressed in another way than by deflate")
    if _one(page, _PHOTOMETRIC, _GREY) not in (_GREY, _RGB) or _one(page, _ORIENTATION, 1) != 1:
        raise UnknownTiff("its colours are neither plain bands nor RGB, or it is turned")
    dtype = np.dtype(f"{order}{kind}{bits // 8}")
    size_bytes = width * height * bands * dtype.itemsize
    if not 0 < size_bytes <= LARGEST_BYTES or bands > MOST_BANDS:
        raise UnknownTiff("it is empty or too large")
    tiled = _TILES in page
    rows, columns = (
        (_one(page, _TILE_HEIGHT, 0), _one(page, _TILE_WIDTH, 0)) if tiled
        else (min(_one(page, _ROWS, height), height), width)
    )  # fmt: skip
    if min(rows, columns) < 1 or rows * columns * bands * dtype.itemsize > LARGEST_BYTES:
        raise UnknownTiff("its tiles have no usable size")
    apart = _one(page, _PLANAR, 1) == 2 and bands > 1
    corners = [
        (band, y, x)
        for band in range(bands if apart else 1)
        for y in range(0, height, rows)
        for x in range(0, width, columns)
    ]
    places = page.get(_TILES if tiled else _STRIPS, ())
    lengths = page.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    if not len(places) == len(lengths) == len(corners):
        raise UnknownTiff("the number of its strips does not fit its size")
    found = np.zeros((height, width, bands), dtype.newbyteorder("="))
    for (band, y, x), start, length in zip(corners, places, lengths, strict=True):
        deep = rows if tiled else min(rows, height - y)
        shape = (deep, columns, 1 if apart else bands)
        part = data[start : start + length]
        wanted = int(np.prod(shape)) * dtype.itemsize
        if packed in _DEFLATE:
            part = _inflated(part, wanted)
        if len(part) != wanted:
            raise UnknownTiff("it ends too early")
        block = np.frombuffer(part, dtype).reshape(shape).astype(found.dtype)
        if predictor == 2:
            block = np.cumsum(block, axis=1, dtype=found.dtype)
        kept = block[: height - y, : width - x]
        of = slice(band, band + 1) if apart else slice(None)
        found[y : y + deep, x : x + columns, of] = kept
    return found


def _inflated(part: bytes, wanted: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(part, wanted + 1)
    except zlib.error:
        raise UnknownTiff("one of its strips is damaged") from None
