"""The names that a pickled network's own state dict would have, read off its stand-ins."""

from collections.abc import Iterator, Mapping
from typing import Any

from interp_gui.checkpoints.inert import BadPickle, Stub, TensorRef
from interp_gui.checkpoints.inert_calls import as_tensor

_DEEPEST = 100
_MOST_MODULES = 100_000


def is_module(value: Any) -> bool:
    """Whether a stand-in has what every network of torch has."""
    if type(value) is not Stub:
        return False
    fields = value.fields()
    return all(isinstance(fields.get(key), dict) for key in ("_modules", "_parameters"))


def flatten_module(root: Stub) -> dict[str, TensorRef]:
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
        for name, tensor in _tensors(fields):
            found[prefix + name] = tensor
        inner = fields.get("_modules", {})
        for name, part in reversed(inner.items()) if isinstance(inner, dict) else ():
            if type(name) is str and is_module(part):
                waiting.append((f"{prefix}{name}.", part, depth + 1))
    return found


def _tensors(fields: Mapping[Any, Any]) -> Iterator[tuple[str, TensorRef]]:
    passing = fields.get("_non_persistent_buffers_set")
    left_out = passing if isinstance(passing, list) else []
    for kind in ("_parameters", "_buffers"):
        table = fields.get(kind)
        for name, value in table.items() if isinstance(table, dict) else ():
            tensor = as_tensor(value)
            if type(name) is str and tensor is not None and not _among(name, left_out):
                yield name, tensor


def _among(name: str, names: list[Any]) -> bool:
    return any(type(each) is str and each == name for each in names[:10_000])
