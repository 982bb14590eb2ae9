"""Images from files: whatever the file holds becomes upright 8-bit RGB.

Transparency is flattened on white, 16-bit and float values are scaled to 0..255 (all of them, or
those of a window), the first frame of an animation counts. For networks that look at more than
colours, `read_planes` gives the planes of a file as they are. Everything that goes wrong is an
`ImageProblem` of one line.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from interp_gui.core import array_files, band_tiff, deep_images, planes
from interp_gui.core.deep_images import ImageDepth
from interp_gui.core.errors import ImageProblem
from interp_gui.core.paths import open_regular, read_regular
from interp_gui.core.planes import Planes, UnsuitableImage

Pixels = NDArray[np.uint8]
"""Upright RGB picture (H, W, 3)."""

READ_HINT = "PNG, JPEG, TIFF, WebP, BMP, GIF and their like can be read, and NumPy arrays."

_KINDS = {
    0: "colours of another kind", 1: "one plane (grey)", 2: "two planes (grey, transparency)",
    3: "three planes (RGB)", 4: "four planes (RGBA)",
}  # fmt: skip
_HEADER_BYTES = 2**16 + 16
_PLANE_MODES = ("L", "LA", "RGB", "RGBA", "F", "I", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(
    path: str | os.PathLike[str],
    *,
    window: tuple[float, float] | None = None,
    colours: bool = False,
) -> Pixels:
    """Decode an image file.

    Parameters
    ----------
    window
        For images of more than 8 bits a channel: values, as the file holds them, that become
        black and white, with all beyond them. Others stay as they are.
    colours
        Refuse files whose planes are neither grey nor RGB instead of showing a few of them.

    Returns
    -------
    uint8 (H, W, 3), RGB, turned as its EXIF data says.

    Raises
    ------
    ImageProblem
        There is no such file, or it cannot be decoded.
    """
    return read_image_bytes(_content(path), Path(path).name, window=window, colours=colours)


def read_image_bytes(
    data: bytes,
    name: str,
    *,
    window: tuple[float, float] | None = None,
    colours: bool = False,
) -> Pixels:
    """Decode an image that is already in memory; `name` stands in messages."""
    with _decoding(name):
        values = _bands(data, name)
        if values is not None and colours and values.shape[2] not in (1, 3):
            raise UnsuitableImage(
                f"'{name}' has {planes.in_words(values.shape[2])}, but this network looks at "
                "grey or colours.",
                hint="Give it pictures, or arrays with one plane (grey) or three (RGB).",
            )
        if values is not None:
            return planes.composite(_bands_in_range(values, window))
    with _decoding(name), _opened(data, name) as image:
        _refuse_planes(image, name)
        if window is not None and deep_images.is_deep(image):
            return _windowed(data, image, window)
        image.load()
        return _flatten(_upright(image))


def read_planes(
    path: str | os.PathLike[str], count: int, *, window: tuple[float, float] | None = None
) -> Planes:
    """Decode a file into so many planes, (H, W, count), in the file's own order.

    Transparency is a plane like others. See `planes.scaled` for what the numbers are.

    Raises
    ------
    ImageProblem
        The file cannot be decoded, or has another number of planes: none is ever made up.
    """
    data, name = _content(path), Path(path).name
    with _decoding(name):
        if array_files.is_array(data, name):
            values = planes.arranged(array_files.read_array(data, name), name, count)
            return planes.scaled(values, name, window)
        if band_tiff.is_tiff(data):
            try:
                values = band_tiff.read_bands(data)
            except band_tiff.UnknownTiff as problem:
                if band_tiff.is_multiband(data):
                    raise _unknown_tiff(name, problem) from None
            else:
                if values.shape[2] != count:
                    raise planes.mismatch(name, values.shape[2], count)
                return planes.scaled(values, name, window)
        with _opened(data, name) as image:
            _refuse_planes(image, name)
            own = _own_planes(data, image)
    if own is None or own.shape[2] != count:
        has = 0 if own is None else own.shape[2]
        raise planes.mismatch(name, has, count, _KINDS.get(has, ""))
    return planes.scaled(own, name, window)


def image_depth(path: str | os.PathLike[str]) -> ImageDepth:
    """What the numbers in an image file are and span; ImageProblem if it cannot be decoded."""
    data, name = _content(path), Path(path).name
    with _decoding(name):
        values = _bands(data, name)
        if values is not None:
            bits = min(32, 8 * values.dtype.itemsize)
            return deep_images.measure(
                values, bits=bits, floating=values.dtype.kind == "f", colour=values.shape[2] > 1
            )
    with _decoding(name), _opened(data, name) as image:
        _refuse_planes(image, name)
        colour = deep_images.deep_colour(data)
        if colour is not None:
            values = deep_images.joined(*colour)[:, :, :3]
            plain = bool((values == values[:, :, :1]).all())
            return deep_images.measure(values, bits=16, colour=not plain)
        mode = image.mode
        image.load()
        if mode == "F":
            return deep_images.measure(deep_images.deep_grey(image), bits=32, floating=True)
        if mode.startswith("I"):
            values = deep_images.deep_grey(image)
            small = values.min() >= -(2**15) and values.max() < 2**16
            return deep_images.measure(values, bits=16 if small else 32)
        pixels = _flatten(image)
        plain = bool((pixels == pixels[:, :, :1]).all())
        return deep_images.measure(pixels, bits=8, colour=not plain)


def probe_image(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height in pixels as stored, from the header alone; ImageProblem if there is none.

    What is damaged behind the header is found only when the image is decoded.
    """
    name = Path(path).name
    try:
        size = os.stat(path).st_size
        with open_regular(path) as file:
            if size == 0:
                raise _empty(name)
            if name.lower().endswith(array_files.ARRAY_SUFFIXES):
                known = _probe_array(file, name)
                if known is not None:
                    return known
            if band_tiff.is_tiff(file.read(4)):
                file.seek(0)
                with _decoding(name):
                    bands = _bands(file.read(), name)
                if bands is not None:
                    return bands.shape[1], bands.shape[0]
            file.seek(0)
            with _identified(file, name) as image:
                return image.size
    except OSError as problem:
        raise _unreadable(path, problem) from None


def thumbnail(pixels: Pixels, side: int) -> Pixels:
    """Shrink so that the longer side has `side` pixels; smaller pictures stay as they are."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # reducing_gap keeps the cost of a large photograph low with no visible difference
    small = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(small)


def image_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes as hex, memoised by path, size and modification time."""
    try:
        found = os.stat(path)
        return _file_sha256(os.path.abspath(path), found.st_size, found.st_mtime_ns)
    except OSError as problem:
        raise _unreadable(path, problem) from None


def dataset_sha256(paths: Iterable[str | os.PathLike[str]]) -> str:
    """SHA-256 over the sorted hashes of images: the same for any order and any folder."""
    digest = hashlib.sha256()
    for each in sorted(image_sha256(path) for path in paths):
        digest.update(bytes.fromhex(each))
    return digest.hexdigest()


@lru_cache(maxsize=2_000_000)  # a smaller one would forget all of a large folder each time
def _file_sha256(path: str, size: int, modified_ns: int) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        return read_regular(path)
    except OSError as problem:
        raise _unreadable(path, problem) from None


def _unreadable(path: str | os.PathLike[str], problem: OSError) -> ImageProblem:
    name = Path(path).name
    if isinstance(problem, FileNotFoundError):
        return ImageProblem(f"There is no file '{name}'.", hint="It was moved, renamed or deleted.")
    if isinstance(problem, IsADirectoryError) or os.path.isdir(path):
        return ImageProblem(f"'{name}' is a folder, not an image.", hint="Open it as a folder.")
    if isinstance(problem, PermissionError):
        return ImageProblem(f"'{name}' may not be read.", hint="Change the file's permissions.")
    reason = problem.strerror or _one_line(problem)
    return ImageProblem(f"'{name}' cannot be read: {reason}.")


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn whatever decoders raise into an ImageProblem."""
    try:
        yield
    except ImageProblem:
        raise
    except MemoryError:
        raise ImageProblem(
            f"'{name}' is too large for the memory.", hint="Make a smaller copy of it."
        ) from None
    except Exception as problem:  # decoders raise anything on malformed files
        raise ImageProblem(
            f"'{name}' is broken: {_one_line(problem)}.",
            hint="The file is damaged or incomplete; copy it again from its source.",
        ) from problem


def _bands(data: bytes, name: str) -> NDArray[Any] | None:
    """Values (H, W, C) of what only we read: arrays, and TIFFs of any bands; None for the rest."""
    if array_files.is_array(data, name):
        return planes.arranged(array_files.read_array(data, name), name)
    if not band_tiff.is_multiband(data):
        return None
    try:
        return band_tiff.read_bands(data)
    except band_tiff.UnknownTiff as problem:
        raise _unknown_tiff(name, problem) from None


def _unknown_tiff(name: str, problem: Exception) -> ImageProblem:
    return ImageProblem(
        f"'{name}' is a TIFF that cannot be read: {problem}.",
        hint="Save it without compression, or as a NumPy array (.npy).",
    )


def _bands_in_range(values: NDArray[Any], window: tuple[float, float] | None) -> Pixels:
    if values.dtype == np.uint8:
        return values
    if window is not None:
        return deep_images.within(values, window)
    return _in_range(values, whole=values.dtype.kind in "iu")


def _probe_array(file: "io.BufferedReader", name: str) -> tuple[int, int] | None:
    data = file.read(_HEADER_BYTES)
    file.seek(0)
    if not array_files.is_array(data, name):
        return None
    if name.lower().endswith(".npz"):
        data = file.read()
        file.seek(0)
    shape = array_files.probe_array(data, name)
    if len(shape) == 3 and shape[0] < shape[2]:
        shape = shape[1:]
    return shape[1], shape[0]


def _own_planes(data: bytes, image: Image.Image) -> NDArray[Any] | None:
    """Planes (H, W, C) as a picture file holds them, transparency among them."""
    colour = deep_images.deep_colour(data)
    if colour is not None:
        high, low = (_upright(each) for each in colour)
        return deep_images.joined(high, low).astype(np.uint16)
    if image.mode not in _PLANE_MODES:
        return None
    image.load()
    values = np.asarray(_upright(image))
    pages = min(getattr(image, "n_frames", 1), planes.MOST_PLANES)
    if image.format == "TIFF" and values.ndim == 2 and pages > 1:
        found = []
        for page in range(pages):
            image.seek(page)
            found.append(np.asarray(_upright(image)))
        if len({(each.shape, each.dtype) for each in found}) > 1:
            return None
        values = np.stack(found, axis=2)
    if image.mode.startswith("I") and values.min() >= 0 and values.max() <= 65535:
        values = values.astype(np.uint16)
    return values if values.ndim == 3 else values[:, :, None]


def _refuse_planes(image: Image.Image, name: str) -> None:
    if deep_images.has_deep_planes(image):
        raise ImageProblem(
            f"'{name}' keeps its channels of more than 8 bits apart, which cannot be read.",
            hint="Save it with interleaved channels (planar configuration 1).",
        )


def _empty(name: str) -> ImageProblem:
    return ImageProblem(f"'{name}' is empty.", hint="Copy the file again from its source.")


def _opened(data: bytes, name: str) -> Image.Image:
    if not data:
        raise _empty(name)
    return _identified(io.BytesIO(data), name)


def _identified(file: "io.BytesIO | io.BufferedReader", name: str) -> Image.Image:
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        raise ImageProblem(f"'{name}' is not an image.", hint=READ_HINT) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageProblem(
            f"'{name}' has too many pixels to be opened safely.",
            hint="Make a smaller copy of it.",
        ) from None
    except Exception as problem:  # decoders raise anything on malformed files
        raise ImageProblem(
            f"'{name}' is not an image that can be read: {_one_line(problem)}.", hint=READ_HINT
        ) from problem


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # noqa: BLE001 - damaged metadata must not cost a good picture
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _flatten(image: Image.Image) -> Pixels:
    if image.mode == "F" or image.mode.startswith("I"):
        grey = _scaled(image)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        if image.mode == "La":  # has no direct road to RGBA
            image = image.convert("LA")
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layered)
    return np.array(image.convert("RGB"))


def _windowed(data: bytes, image: Image.Image, window: tuple[float, float]) -> Pixels:
    colour = deep_images.deep_colour(data)
    if colour is None:
        image.load()
        grey = deep_images.within(deep_images.deep_grey(_upright(image)), window)
        return np.repeat(grey[:, :, None], 3, axis=2)
    high, low = (_upright(each) for each in colour)
    values = deep_images.joined(high, low)
    seen = Image.fromarray(deep_images.within(values[:, :, :3], window))
    if values.shape[2] == 4:
        seen.putalpha(high.getchannel("A"))
    return _flatten(seen)


def _scaled(image: Image.Image) -> Pixels:
    """Grey of more than 8 bits as 0..255.

    16-bit values count in full range, floats in 0..1 or 0..255, whichever holds them; anything
    else has no known range, and its own lowest and highest value take that place.
    """
    return _in_range(np.asarray(image, np.float64), whole=image.mode.startswith("I"))


def _in_range(values: NDArray[Any], *, whole: bool) -> Pixels:
    values = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if whole:
        limits = (0.0, 65535.0) if low >= 0 and high <= 65535 else (low, high)
    elif low >= 0 and high <= 255:
        limits = (0.0, 1.0) if high <= 1 else (0.0, 255.0)
    else:
        limits = (low, high)
    span = max(limits[1] - limits[0], np.finfo(np.float64).tiny)
    return np.rint((values - limits[0]) / span * 255).astype(np.uint8)


def _one_line(problem: BaseException) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text.rstrip(".")
