"""The names that a pickled network's own state dict would have, read off its stand-ins."""

from collections.abc import Iterator, Mapping
from typing import Any

from interp_gui.checkpoints.inert import BadPickle, Stub, TensorRef
from interp_gui.checkpoints.inert_calls import as_tensor

LONGEST_NAME = 500
"""Letters of a tensor's dotted name; `LONGEST_PART` of one part of it."""
LONGEST_PART = 128

_DEEPEST = 100
_MOST_MODULES = 100_000
_MOST_ENTRIES = 3_000_000
_MOST_LEFT_OUT = 10_000


class Effort:
    """What is left of the entries that may be looked at in one file.

    A table that is referred to a thousand times takes a few bytes a time in the file, and is walked
    a thousand times.
    """

    def __init__(self) -> None:
        self.entries = _MOST_ENTRIES

    def take(self, count: int) -> None:
        """Account for a table of so many entries; BadPickle once there were too many."""
        self.entries -= count + 1
        if self.entries < 0:
            raise BadPickle("it would unpack to far more than it holds")


def checked_name(name: str) -> str:
    """A tensor's name as it is; BadPickle where none is written like that.

    Names are shown, hashed, and compared with patterns that take long on long ones.
    """
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BadPickle("the names of its tensors are damaged or absurdly long")
    if len(name) > LONGEST_PART and any(len(part) > LONGEST_PART for part in name.split(".")):
        raise BadPickle("the names of its tensors are damaged or absurdly long")
    return name


def is_module(value: Any) -> bool:
    """Whether a stand-in has what every network of torch has."""
    if type(value) is not Stub:
        return False
    fields = value.fields()
    return all(isinstance(fields.get(key), dict) for key in ("_modules", "_parameters"))


def flatten_module(root: Stub, effort: Effort) -> dict[str, TensorRef]:
    """Parameters and persistent buffers of a network by dotted name.

    Raises
    ------
    BadPickle
        It contains itself, or absurdly many parts.
    """
    found: dict[str, TensorRef] = {}
    left = _MOST_MODULES
    waiting: list[tuple[str, Stub, int]] = [("", root, 0)]
    while waiting:
        prefix, stub, depth = waiting.pop()
        left -= 1
        if depth > _DEEPEST or left < 0 or len(found) > _MOST_MODULES:
            raise BadPickle("the network in it has absurdly many parts")
        fields = stub.fields()
        for name, tensor in _tensors(fields, effort):
            found[checked_name(prefix + name)] = tensor
        inner = fields.get("_modules", {})
        effort.take(len(inner) if isinstance(inner, dict) else 0)
        for name, part in reversed(inner.items()) if isinstance(inner, dict) else ():
            if type(name) is str and is_module(part):
                if len(prefix) + len(name) > LONGEST_NAME:
                    raise BadPickle("the names of its tensors are damaged or absurdly long")
                waiting.append((f"{prefix}{name}.", part, depth + 1))
    return found


def _tensors(fields: Mapping[Any, Any], effort: Effort) -> Iterator[tuple[str, TensorRef]]:
    passing = fields.get("_non_persistent_buffers_set")
    listed = passing[:_MOST_LEFT_OUT] if isinstance(passing, list) else []
    effort.take(len(listed))
    left_out = {each for each in listed if type(each) is str}
    for kind in ("_parameters", "_buffers"):
        table = fields.get(kind)
        effort.take(len(table) if isinstance(table, dict) else 0)
        for name, value in table.items() if isinstance(table, dict) else ():
            tensor = as_tensor(value)
            if type(name) is str and tensor is not None and name not in left_out:
                yield name, tensor
