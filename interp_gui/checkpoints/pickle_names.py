"""The names that a pickle would import, found without running any of it."""

import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_LEGACY_PICKLES = 5  # magic number, protocol, system, object, storage keys; raw bytes follow

_TORCH_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")

_TENSOR_NAMES = frozenset(
    ("collections.OrderedDict", "torch.Size", "torch.device", "torch.nn.parameter.Parameter")
    + ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
    + ("torch._utils._rebuild_parameter", "torch._tensor._rebuild_from_type_v2")
    + ("torch._utils._rebuild_parameter_with_state", "torch.serialization._get_layout")
    + ("_codecs.encode", "builtins.set", "__builtin__.set", "builtins.complex")
)


def legacy_names(path: Path) -> tuple[str, ...]:
    """Dotted names asked for by a file of torch's legacy format or by a bare pickle, sorted."""
    names: set[str] = set()
    with open(path, "rb") as stream:
        try:
            for _ in range(_LEGACY_PICKLES):
                names.update(_names(stream))
        except (ValueError, EOFError, UnicodeDecodeError, OverflowError):
            pass  # a bare pickle ends early; damage is for the reader to report
    return tuple(sorted(names))


def is_cut_short(path: Path) -> bool:
    """Whether a file of torch's legacy format ends before its last pickle does."""
    with open(path, "rb") as stream:
        try:
            for _ in range(_LEGACY_PICKLES):
                for _ in pickletools.genops(stream):
                    pass
        except (ValueError, EOFError, UnicodeDecodeError, OverflowError):
            return True
    return False


def starts_as_torch(path: Path) -> bool:
    """Whether a pickle begins with the number that torch's legacy format begins with."""
    with open(path, "rb") as stream:
        return _TORCH_MAGIC in stream.read(40)


def foreign(names: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Those that are not part of a plain tensor."""
    return tuple(name for name in names if not _belongs_to_tensors(name))


def _belongs_to_tensors(name: str) -> bool:
    module, _, last = name.rpartition(".")
    storage = module in ("torch", "torch.cuda", "torch.storage") and last.endswith("Storage")
    dtype = module == "torch" and last.rstrip("0123456789").rstrip("_") in (
        "float", "bfloat", "int", "uint", "complex", "bool", "half", "double", "long",
    )  # fmt: skip
    return storage or dtype or name in _TENSOR_NAMES


def _names(stream: BinaryIO) -> Iterator[str]:
    """Walk one pickle. Strings before STACK_GLOBAL are followed through the memo."""
    memo: dict[int, str | None] = {}
    strings: list[str] = []
    top: str | None = None
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
            top = None
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:]) if len(strings) > 1 else "a hidden name"
            top = None
        elif opcode.name in ("EXT1", "EXT2", "EXT4"):
            yield f"extension {argument}"
            top = None
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = top
        elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument or 0)] = top
        else:
            if "UNICODE" in opcode.name:
                top = str(argument)
            elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                top = memo.get(int(argument or 0))
            else:
                top = None
            if top is not None:
                strings.append(top)
