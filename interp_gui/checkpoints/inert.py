"""What a pickle is read into: plain values, descriptions of tensors, and stand-ins.

Nothing here refers to a class or function of anyone: a name in a pickle stays a text, and what a
pickle would call stays a record of what was to be called with what.
"""

from collections.abc import Callable
from typing import Any

import torch

Fill = Callable[[memoryview], None]


class BadPickle(Exception):
    """What is wrong with a pickle, as the end of a sentence."""


class Name:
    """A dotted name that a pickle asked for and that was not looked up."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Stub:
    """Stands for an object of a class that was not imported.

    Parameters
    ----------
    kind
        Dotted name of the class or function.
    args
        What it would have been called with.

    Attributes
    ----------
    state
        What the object would have been given as its state; None if nothing.
    items, pairs
        What would have been appended to it and set in it.
    """

    __slots__ = ("args", "items", "kind", "pairs", "state")

    def __init__(self, kind: str, args: tuple[Any, ...] = ()) -> None:
        self.kind = kind
        self.args = args
        self.state: Any = None
        self.items: list[Any] = []
        self.pairs: dict[Any, Any] = {}

    def fields(self) -> dict[Any, Any]:
        """Its attributes and entries, as far as they were given as a dict."""
        state = self.state
        if isinstance(state, tuple) and state and len(state) == 2:
            state = state[0] if isinstance(state[0], dict) else state[1]  # with __slots__
        if not isinstance(state, dict):
            state = self.args[0] if self.args and isinstance(self.args[0], dict) else {}
        return {**state, **self.pairs} if self.pairs else state


class Storage:
    """A run of bytes that tensors share.

    Parameters
    ----------
    key
        Under which the file keeps it.
    dtype
        Kind of number that it was declared with.
    count
        Numbers in it.
    fill
        Reads its bytes into a buffer of `size_bytes`; None until it is known where they lie.
    big_endian
        Whether the highest byte of a number comes first.
    """

    __slots__ = ("big_endian", "count", "dtype", "fill", "key", "quantised")

    def __init__(
        self, key: str, dtype: torch.dtype, count: int, *, fill: Fill | None = None,
        quantised: bool = False, big_endian: bool = False,
    ) -> None:  # fmt: skip
        self.key = key
        self.dtype = dtype
        self.count = count
        self.fill = fill
        self.quantised = quantised
        self.big_endian = big_endian

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.count * self.dtype.itemsize


def filled_from(raw: bytes | memoryview) -> Fill:
    """Bytes that are in memory already, as `Storage` wants them."""

    def fill(target: memoryview) -> None:
        target[:] = raw[: len(target)]

    return fill


class StorageView:
    """Part of a storage, as old files declare it: from `offset` on, `count` numbers."""

    __slots__ = ("count", "offset", "storage")

    def __init__(self, storage: Storage, offset: int, count: int) -> None:
        self.storage = storage
        self.offset = offset
        self.count = count


class TensorRef:
    """A tensor that was described and not read yet.

    Parameters
    ----------
    offset, stride
        In numbers of its kind; `stride` is None where it is contiguous.
    problem
        Why it cannot be read, as the end of a sentence; empty if it can.
    """

    __slots__ = ("dtype", "offset", "problem", "shape", "storage", "stride")

    def __init__(
        self, storage: Any, dtype: torch.dtype, shape: tuple[int, ...],
        stride: tuple[int, ...] | None = None, *, offset: int = 0, problem: str = "",
    ) -> None:  # fmt: skip
        self.storage = storage
        self.dtype = dtype
        self.shape = shape
        self.stride = stride
        self.offset = offset
        self.problem = problem

    @property
    def count(self) -> int:
        """Numbers in it."""
        product = 1
        for length in self.shape:
            product *= length
        return product

    @property
    def size_bytes(self) -> int:
        """What it takes once it is read."""
        return self.count * self.dtype.itemsize
