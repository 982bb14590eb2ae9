"""What is kept in memory between requests, for as long as the engine has room for it."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

LIMIT_BYTES = 512 * 2**20


@dataclass
class _Kept:
    owner: object  # held, so that its identity is not another object's
    value: Any
    size_bytes: int


class Lasting:
    """Values by owner and key; the one not used for longest goes first when there are too many.

    Used by the computing thread alone. An owner is told by identity, so that what belongs to a
    model goes with it and never passes for that of another one.

    Parameters
    ----------
    limit_bytes
        All values together take at most so much, except that the newest one always stays.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[int, Hashable], _Kept] = OrderedDict()
        self._gone: WeakValueDictionary[int, Any] = WeakValueDictionary()

    @property
    def held_bytes(self) -> int:
        """Size of all values, as told when they were put."""
        return sum(kept.size_bytes for kept in self._kept.values())

    def get(self, owner: object, key: Hashable) -> Any | None:
        """What was put under a key; None if nothing was, or if it has gone."""
        kept = self._kept.get((id(owner), key))
        if kept is None:
            return None
        self._kept.move_to_end((id(owner), key))
        return kept.value

    def put(self, owner: object, key: Hashable, value: Any, *, size_bytes: int) -> None:
        """Keep a value in place of what was there; to be told again when its size changes.

        Nothing is kept for an owner that was forgotten: a run may outlast its model.
        """
        if self._gone.get(id(owner)) is owner:
            return
        self._kept.pop((id(owner), key), None)
        self._kept[id(owner), key] = _Kept(owner, value, size_bytes)
        while self.held_bytes > self.limit_bytes and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def forget(self, owner: object) -> None:
        """Let go of all that belongs to an owner, and keep nothing for it any more."""
        self._gone[id(owner)] = owner
        for key in [key for key, kept in self._kept.items() if kept.owner is owner]:
            del self._kept[key]

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
