"""Which operations of an exported program end the calls of the original network's modules."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interp_gui.core.origin import Origin, Origins

_CALL = re.compile(r"@(\d{1,9})$")
_PART = re.compile(r"^[A-Za-z0-9_]{1,100}$")
_DEEPEST = 32

_Call = tuple[str, int]
"""Path of a module, and how many calls of it came before."""


@dataclass(frozen=True, kw_only=True)
class Operated:
    """One operation.

    Parameters
    ----------
    stack
        The modules that were running, the outermost first, as the file writes them.
    address
        Of the module that computes it here.
    operator
        Its name.
    taken, given
        Names of the values that it takes and makes.
    """

    stack: str
    address: str
    operator: str
    taken: frozenset[str]
    given: tuple[str, ...]


def read_origins(operations: Sequence[Operated], results: Iterable[str]) -> Origins:
    """The calls of modules that a program's operations were recorded in.

    A call returned the last value made in it that is used outside of it. What the file says of
    its modules is only ever compared and shown to nobody.
    """
    stacks = [_stack(each.stack) for each in operations]
    maker = {name: place for place, each in enumerate(operations) for name in each.given if name}
    ends: dict[_Call, int] = {}

    def left(place: int, around: Iterable[_Call]) -> None:
        for call in stacks[place]:
            if call not in around:
                ends[call] = max(place, ends.get(call, -1))

    for place, each in enumerate(operations):
        for name in each.taken:
            if name in maker:
                left(maker[name], stacks[place])
    for name in results:
        if name in maker:
            left(maker[name], ())
    kinds = {call: kind for stack in stacks for call, kind in stack.items()}
    ordered = sorted(ends, key=lambda call: (ends[call], -call[0].count("."), -len(call[0])))
    inner = {path for path, _ in kinds}
    holders = {path[: m.start()] for path in inner for m in re.finditer(r"\.", path)}
    functions = {}
    for each, stack in zip(operations, stacks, strict=True):
        last = next(reversed(stack))[0] if stack else ""
        if not last or last in holders:
            functions[each.address] = (each.operator, last)
    return Origins(
        calls=tuple(
            Origin(path=path, call=call, kind=kinds[path, call],
                   address=operations[ends[path, call]].address)
            for path, call in ordered
        ),
        functions=functions,
    )  # fmt: skip


def _stack(text: str) -> dict[_Call, str]:
    """Calls that were running and the class names of their modules; without the network itself."""
    found: dict[_Call, str] = {}
    for entry in text.split(";") if text else ():
        key, path, kind, *_ = [*entry.split(","), "", ""]
        again = _CALL.search(key) or _CALL.search(path)
        path = _CALL.sub("", path)
        parts = path.split(".")
        if path and len(parts) < _DEEPEST and all(_PART.match(part) for part in parts):
            name = kind.rpartition(".")[2]
            call = (path, int(again[1]) if again else 0)
            found[call] = name if _PART.match(name) and name.isidentifier() else ""
    return found
