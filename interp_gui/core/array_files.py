"""Images as NumPy arrays, `.npy` and `.npz`: read by a parser that never unpickles anything."""

import io
import zipfile
import zlib
from math import prod
from typing import Any

from numpy.typing import NDArray

from interp_gui.core.errors import ImageProblem
from interp_gui.core.session.arrays import npy_header, parse_npy
from interp_gui.core.session.container import Damaged

ARRAY_SUFFIXES = (".npy", ".npz")
LARGEST_BYTES = 512 * 2**20
_MAGIC, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_MOST_MEMBERS = 64
_LONGEST_HEADER = 10 + 2**16
_PLAIN = (
    "A plain array of numbers (height, width, channels) or (channels, height, width) is needed."
)


def is_array(data: bytes, name: str) -> bool:
    """Whether a file is an array, by its first bytes; a zip by its name as well."""
    return data.startswith(_MAGIC) or (data.startswith(_ZIP) and name.lower().endswith(".npz"))


def read_array(data: bytes, name: str) -> NDArray[Any]:
    """The array in a file, with two or three axes; ImageProblem if there is none to be read."""
    array = _parsed(data if data.startswith(_MAGIC) else _member(data, name), name)
    _check_shape(array.shape, name)
    return array


def probe_array(data: bytes, name: str) -> tuple[int, ...]:
    """Shape of the array in a file, from its header alone; `data` may end behind that."""
    if not data.startswith(_MAGIC):
        return read_array(data, name).shape
    try:
        _, shape, _, _ = npy_header(data[:_LONGEST_HEADER])
    except Damaged:
        raise _no_numbers(name) from None
    _check_shape(shape, name)
    return shape


def _parsed(data: bytes, name: str) -> NDArray[Any]:
    try:
        dtype, shape, _, start = npy_header(data)
        wanted = dtype.itemsize * prod(shape)
    except Damaged:
        raise _no_numbers(name) from None
    if wanted > LARGEST_BYTES:
        raise ImageProblem(
            f"'{name}' says that it holds {wanted / 2**20:,.0f} MiB, too much for one image.",
            hint="Save one image a file.",
        )
    if wanted != len(data) - start:
        raise ImageProblem(
            f"'{name}' is broken: it holds {len(data) - start:,} bytes of values and says "
            f"{wanted:,}.",
            hint="The file is damaged or incomplete; copy it again from its source.",
        )
    return parse_npy(data)


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    if len(shape) not in (2, 3) or 0 in shape:
        raise ImageProblem(
            f"'{name}' is an array of shape {_shape(shape)}, which is no image.", hint=_PLAIN
        )


def _member(data: bytes, name: str) -> bytes:
    """The one array of an archive that looks like an image; never more of it than is allowed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [i for i in archive.infolist() if i.filename.endswith(".npy")]
            if len(members) > _MOST_MEMBERS:
                raise ImageProblem(
                    f"'{name}' holds too many arrays.", hint="Save one image a file."
                )
            found: list[bytes] = []
            for info in members:
                with archive.open(info) as file:
                    head = file.read(_LONGEST_HEADER)
                    if not _like_an_image(head):
                        continue
                    if info.file_size > LARGEST_BYTES:
                        raise ImageProblem(f"'{name}' is too large for one image.")
                    found.append(head + file.read(LARGEST_BYTES))
                if len(found) > 1:
                    break
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as problem:
        raise ImageProblem(
            f"'{name}' is broken: {' '.join(str(problem).split()).rstrip('.')}.",
            hint="The file is damaged or incomplete; copy it again from its source.",
        ) from None
    if len(found) != 1:
        count = "several arrays that could be" if found else "no array that is"
        raise ImageProblem(f"'{name}' holds {count} the image.", hint=f"Save one. {_PLAIN}")
    return found[0]


def _like_an_image(head: bytes) -> bool:
    try:
        dtype, shape, _, _ = npy_header(head)
    except Damaged:
        return False
    return len(shape) in (2, 3) and 0 not in shape and dtype.kind in "buif"


def _no_numbers(name: str) -> ImageProblem:
    return ImageProblem(
        f"'{name}' holds no plain numbers; pickled objects are never loaded.", hint=_PLAIN
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"
