"""A session as JSON and arrays, and back.

JSON has neither arrays nor numbers that are none (NaN, infinities). Both stand as an object of one
key that begins with `$`: `{"$array": "arrays/00000.npy"}`, `{"$number": "nan"}`. A dictionary that
happens to look like one is wrapped: `{"$dict": {…}}`.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InterpError
from interp_gui.core.session.arrays import is_plain
from interp_gui.core.session.container import Damaged

T = TypeVar("T")
ARRAY, NUMBER, DICT = "$array", "$number", "$dict"
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Arrays:
    """Arrays on their way into members; one that occurs twice is written once."""

    def __init__(self) -> None:
        self.members: dict[str, NDArray[Any]] = {}
        self._names: dict[int, str] = {}

    def put(self, array: NDArray[Any]) -> str:
        """The name of the member that will hold an array."""
        if not is_plain(array):
            raise TypeError(f"an array of {array.dtype} is not of plain numbers")
        name = self._names.get(id(array))
        if name is None:
            name = f"arrays/{len(self.members):05d}.npy"
            self.members[name] = array
            self._names[id(array)] = name
        return name


def to_plain(value: Any, arrays: Arrays) -> Any:
    """Plain data for JSON; arrays go to `arrays`."""

    def hook(item: Any) -> Any:
        if isinstance(item, np.generic) and item.dtype.kind in "biuf":
            return item.item()
        if isinstance(item, np.ndarray):
            return _Marked(ARRAY, arrays.put(item))
        raise TypeError(f"{type(item).__name__} is not plain data")

    # `to_builtins` asks the hook again for what it gave, hence a type that it knows
    return _marked(msgspec.to_builtins(value, enc_hook=hook))


class _Marked(msgspec.Struct, array_like=True):
    """What stands for something that JSON lacks, on its way through `to_builtins`."""

    mark: str
    value: str
    told: str = "\0interp-gui"


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {_text(key): _marked(item) for key, item in value.items()}
        return {DICT: plain} if _looks_marked(plain) else plain
    if isinstance(value, list | tuple):
        if len(value) == 3 and value[2] == "\0interp-gui":
            return {value[0]: value[1]}
        return [_marked(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {NUMBER: "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Text that UTF-8 can hold: file names may have bytes that are none."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _looks_marked(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def from_plain(value: Any, kind: type[T], array: Callable[[str], NDArray[Any]]) -> T:
    """A value of a type from plain data.

    Parameters
    ----------
    array
        Gives the array in a member.

    Raises
    ------
    Damaged
        Something is of another type than it should be.
    """
    try:
        return msgspec.convert(_resolved(value, array), kind, dec_hook=_expected)
    except Damaged:
        raise
    except msgspec.ValidationError as problem:
        raise Damaged(f"it holds something unexpected ({problem})") from None
    except (
        InterpError, TypeError, ValueError, AttributeError, OverflowError, RecursionError,
    ) as problem:  # fmt: skip
        raise Damaged("it holds something unexpected") from problem


def _resolved(value: Any, array: Callable[[str], NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_resolved(item, array) for item in value]
    if not isinstance(value, dict):
        return value
    if _looks_marked(value):
        ((mark, content),) = value.items()
        if mark == ARRAY and isinstance(content, str):
            return array(content)
        if mark == NUMBER and content in _NUMBERS:
            return _NUMBERS[content]
        if mark == DICT and isinstance(content, dict):
            return {key: _resolved(item, array) for key, item in content.items()}
        raise Damaged("it holds something unexpected")
    return {key: _resolved(item, array) for key, item in value.items()}


def _expected(kind: Any, value: Any) -> Any:
    """Check an array against its declared type, `NDArray[numpy.uint8]` for example."""
    wanted = np.dtype(kind.__args__[1].__args__[0])
    if not isinstance(value, np.ndarray) or value.dtype != wanted:
        raise ValueError(f"not an array of {wanted}")
    return value
