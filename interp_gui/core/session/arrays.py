"""Arrays as `.npy` members: written by numpy, read by a parser that believes nothing.

`numpy.load` allocates what a header asks for before it looks at the data, and reads Python
literals. Here the header must be exactly what numpy writes for a plain numeric array, and its
size must be that of the data, before anything is made from it.
"""

import io
import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.session.container import Damaged

KINDS = "biuf"
MAX_AXES = 8
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biuf][1248])', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,10},(?: \d{1,10},)*(?: \d{1,10})?)?)\), \} *\n"
)


def is_plain(array: NDArray[Any]) -> bool:
    """Whether an array is of numbers that a session can hold."""
    return (
        array.dtype.kind in KINDS
        and array.dtype.itemsize <= 8
        and array.dtype.names is None
        and array.ndim <= MAX_AXES
    )


def npy_bytes(array: NDArray[Any]) -> bytes:
    """An array as a `.npy` file of version 1.0, in C order."""
    stream = io.BytesIO()
    np.lib.format.write_array(
        stream, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False
    )
    return stream.getvalue()


def npy_header(data: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """What the beginning of a `.npy` file says: numbers, shape, column order, where data begin.

    Raises
    ------
    Damaged
        It is no plain numeric array.
    """
    if not data.startswith(_MAGIC) or len(data) < 10:
        raise Damaged("one of its arrays is none")
    start = 10 + int.from_bytes(data[8:10], "little")
    found = _HEADER.fullmatch(data[10:start])
    if found is None:
        raise Damaged("one of its arrays is not of plain numbers")
    shape = tuple(int(n) for n in found[3].replace(b",", b" ").split())
    return np.dtype(found[1].decode()), shape, found[2] == b"True", start


def parse_npy(data: bytes) -> NDArray[Any]:
    """The array in a `.npy` file; read-only, in the machine's byte order.

    Raises
    ------
    Damaged
        It is no plain numeric array, or its size is not that of its data.
    """
    dtype, shape, by_columns, start = npy_header(data)
    if len(shape) > MAX_AXES or dtype.itemsize * prod(shape) != len(data) - start:
        raise Damaged("the size of one of its arrays does not fit its data")
    flat = np.frombuffer(data, dtype, offset=start)
    if dtype.kind == "b":
        # a byte of neither 0 nor 1 is no truth value, whatever numpy then makes of it
        flat = np.frombuffer(data, np.uint8, offset=start) != 0
    array = flat.reshape(shape, order="F" if by_columns else "C")
    native = array.astype(dtype.newbyteorder("="), copy=False)
    native.flags.writeable = False
    return native
