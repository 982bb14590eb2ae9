"""What is done in place of the few functions that make tensors and plain containers.

torch's own functions believe what a pickle says about sizes and strides; these check it against
the storage, and make a description (`TensorRef`) of what can be read.
"""

from collections.abc import Callable
from typing import Any

import torch

from interp_gui.checkpoints.inert import (
    BadPickle,
    Name,
    Storage,
    StorageView,
    Stub,
    TensorRef,
    filled_from,
)
from interp_gui.checkpoints.inert_machine import Call, Machine

_MOST_DIMENSIONS = 64
_LARGEST = 1 << 62
_SPARSE_OR_QUANTISED = "is sparse or quantised"

_KINDS = (
    ("float16", "float32", "float64", "bfloat16", "float", "double", "half", "uint8", "uint16")
    + ("uint32", "uint64", "int8", "int16", "int32", "int64", "int", "long", "short", "bool")
    + ("complex64", "complex128", "complex32", "cfloat", "cdouble")
    + ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
)
KINDS: dict[str, torch.dtype] = {f"torch.{name}": getattr(torch, name) for name in _KINDS}
"""Kinds of numbers by the name that a pickle gives them."""

STORAGES: dict[str, tuple[torch.dtype, bool]] = {
    "FloatStorage": (torch.float32, False),
    "DoubleStorage": (torch.float64, False),
    "HalfStorage": (torch.float16, False),
    "BFloat16Storage": (torch.bfloat16, False),
    "LongStorage": (torch.int64, False),
    "IntStorage": (torch.int32, False),
    "ShortStorage": (torch.int16, False),
    "CharStorage": (torch.int8, False),
    "ByteStorage": (torch.uint8, False),
    "BoolStorage": (torch.bool, False),
    "ComplexFloatStorage": (torch.complex64, False),
    "ComplexDoubleStorage": (torch.complex128, False),
    "UntypedStorage": (torch.uint8, False),
    "QInt8Storage": (torch.int8, True),
    "QUInt8Storage": (torch.uint8, True),
    "QInt32Storage": (torch.int32, True),
    "QUInt4x2Storage": (torch.uint8, True),
    "QUInt2x4Storage": (torch.uint8, True),
}
"""Kind of number that a class of storages holds, and whether it is quantised."""

_STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
_NUMPY_KINDS = {
    "f2": torch.float16, "f4": torch.float32, "f8": torch.float64, "i1": torch.int8,
    "i2": torch.int16, "i4": torch.int32, "i8": torch.int64, "u1": torch.uint8, "b1": torch.bool,
}  # fmt: skip
_ARRAY = "numpy.core.multiarray._reconstruct"
_ARRAY_5 = "numpy.core.numeric._frombuffer"  # of protocol 5


def storage_kind(name: str) -> tuple[torch.dtype, bool] | None:
    """Kind of number that a class of storages holds, by its dotted name."""
    module, _, last = name.rpartition(".")
    return STORAGES.get(last) if module in _STORAGE_MODULES else None


def whole(value: Any) -> int:
    """A count out of a pickle.

    Raises
    ------
    BadPickle
        It is none.
    """
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise BadPickle("it declares an impossible size")
    return value


def make_calls(load_bytes: Callable[[Machine, bytes], Any]) -> dict[str, Call]:
    """Functions of ours by the name of what they stand for.

    Parameters
    ----------
    load_bytes
        Reads a storage that a plain pickle holds as the bytes of a file of its own.
    """

    def from_bytes(machine: Machine, args: tuple[Any, ...]) -> Any:
        if len(args) != 1 or type(args[0]) is not bytes:
            return NotImplemented
        return load_bytes(machine, args[0])

    return {**_CALLS, "torch.storage._load_from_bytes": from_bytes}


def as_tensor(value: Any) -> TensorRef | None:
    """What a value is as a tensor: one of torch, or an array of numpy; None for anything else."""
    if type(value) is TensorRef:
        return value
    if type(value) is Stub and value.kind == _ARRAY:
        state = value.state
        return _array(*state[1:]) if type(state) is tuple and len(state) == 5 else None
    if type(value) is Stub and value.kind == _ARRAY_5 and len(value.args) == 4:
        raw, kind, shape, order = value.args
        return _array(shape, kind, order == "F", raw)
    return None


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None
) -> Any:
    base = 0
    available = 0
    if type(storage) is StorageView:
        base, available, storage = storage.offset, storage.count, storage.storage
    elif type(storage) is Storage:
        available = storage.count
    else:
        return NotImplemented
    kind = storage.dtype if dtype is None else dtype
    if type(size) is not tuple or type(stride) is not tuple or len(size) > _MOST_DIMENSIONS:
        return _broken(kind, "has no shape")
    if len(size) != len(stride) or not all(
        type(each) is int and 0 <= each < _LARGEST for each in (*size, *stride, offset)
    ):
        return _broken(kind, "has an impossible shape or stride")
    if storage.quantised:
        return _broken(kind, _SPARSE_OR_QUANTISED)
    if dtype is not None:  # the storage counts bytes or numbers of another kind
        available = available * storage.dtype.itemsize // kind.itemsize
        if base:
            return _broken(kind, "has an impossible shape or stride")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 not in size and last >= available:
        return _broken(kind, "reaches beyond its numbers in the file")
    return TensorRef(storage, kind, size, stride, offset=base + offset)


def _broken(kind: torch.dtype, problem: str) -> TensorRef:
    return TensorRef(None, kind, (), problem=problem)


def _rebuild(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`_rebuild_tensor(storage, offset, size, stride)` and `_v2`, which says more behind."""
    if len(args) < 4:
        return NotImplemented
    if len(args) > 6 and args[6]:  # bits that say that the numbers are to be negated or conjugated
        return _broken(torch.float32, "is kept in an unusual form")
    return _tensor(*args[:4])


def _rebuild_v3(machine: Machine, args: tuple[Any, ...]) -> Any:
    if len(args) < 7 or not isinstance(args[6], torch.dtype):
        return NotImplemented
    if len(args) > 7 and args[7]:
        return _broken(args[6], "is kept in an unusual form")
    return _tensor(args[0], args[1], args[2], args[3], dtype=args[6])


def _first_tensor(machine: Machine, args: tuple[Any, ...]) -> Any:
    """A parameter is its tensor here."""
    found = as_tensor(args[0]) if args else None
    return NotImplemented if found is None else found


def _from_type(machine: Machine, args: tuple[Any, ...]) -> Any:
    if len(args) < 3 or type(args[0]) is not Name or args[0].text not in _REBUILDERS:
        return NotImplemented
    if type(args[2]) is not tuple:
        return NotImplemented
    return _REBUILDERS[args[0].text](machine, args[2])


def _unreadable(machine: Machine, args: tuple[Any, ...]) -> Any:
    return _broken(torch.float32, _SPARSE_OR_QUANTISED)


def _table(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`OrderedDict()`, `defaultdict(list)`, `Counter({…})`, `dict([…])`."""
    content = args[-1] if args else ()
    if type(content) is dict:
        return content
    table: dict[Any, Any] = {}
    if type(content) in (list, tuple):
        machine.budget.make(64 * len(content))
        for pair in content:
            if type(pair) not in (list, tuple) or len(pair) != 2:
                return NotImplemented
            machine._set(table, pair[0], pair[1])
    return table


def _sequence(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`set([…])` and its like stay lists: hashing what is in them could take long."""
    if not args:
        return []
    return args[0] if len(args) == 1 and type(args[0]) in (list, tuple) else NotImplemented


def _size(machine: Machine, args: tuple[Any, ...]) -> Any:
    if len(args) != 1 or type(args[0]) not in (list, tuple) or len(args[0]) > _MOST_DIMENSIONS:
        return NotImplemented
    return tuple(args[0])


def _encode(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`_codecs.encode(text, 'latin1')`: how older protocols write bytes."""
    if len(args) != 2 or type(args[0]) is not str or args[1] not in ("latin1", "latin-1"):
        return NotImplemented
    machine.budget.make(len(args[0]))
    return args[0].encode("latin-1")


def _bytes(machine: Machine, args: tuple[Any, ...]) -> Any:
    if not args:
        return b""
    return args[0] if len(args) == 1 and type(args[0]) is bytes else NotImplemented


def _reconstructor(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`copyreg._reconstructor(class, base, state)`: an object of protocols 0 and 1."""
    if len(args) != 3 or type(args[0]) is not Name:
        return NotImplemented
    made = Stub(args[0].text)
    if type(args[2]) is dict:
        made.pairs = args[2]
    return made


def _scalar(machine: Machine, args: tuple[Any, ...]) -> Any:
    kind = _numpy_kind(args[0]) if len(args) == 2 else None
    if kind is None or type(args[1]) is not bytes or len(args[1]) != kind.itemsize:
        return NotImplemented
    return torch.frombuffer(bytearray(args[1]), dtype=torch.uint8).view(kind).item()


def _numpy_kind(value: Any) -> torch.dtype | None:
    if type(value) is not Stub or value.kind != "numpy.dtype" or not value.args:
        return None
    state = value.state
    if type(state) is tuple and len(state) > 1 and state[1] not in ("<", "|", "="):
        return None
    return _NUMPY_KINDS.get(value.args[0]) if type(value.args[0]) is str else None


def _array(shape: Any, kind_stub: Any, fortran: Any, raw: Any) -> TensorRef | None:
    kind = _numpy_kind(kind_stub)
    if kind is None or type(raw) is not bytes or type(shape) is not tuple:
        return None
    if len(shape) > _MOST_DIMENSIONS or not all(
        type(each) is int and 0 <= each < _LARGEST for each in shape
    ):
        return None
    stride, step = [], 1
    for length in shape if fortran else reversed(shape):
        stride.append(step)
        step *= length
    found = TensorRef(
        Storage("", kind, len(raw) // kind.itemsize, fill=filled_from(raw)), kind, shape,
        tuple(stride) if fortran else tuple(reversed(stride)),
    )  # fmt: skip
    return found if found.size_bytes == len(raw) else None


_REBUILDERS: dict[str, Call] = {
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_v3,
    "torch._utils._rebuild_parameter": _first_tensor,
    "torch._utils._rebuild_parameter_with_state": _first_tensor,
    "torch._utils._rebuild_device_tensor_from_numpy": _first_tensor,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first_tensor,
    "torch._utils._rebuild_xla_tensor": _first_tensor,
    "torch._utils._rebuild_qtensor": _unreadable,
    "torch._utils._rebuild_sparse_tensor": _unreadable,
}

_CALLS: dict[str, Call] = {
    **_REBUILDERS,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.nn.parameter.Parameter": _first_tensor,
    "torch.nn.parameter.Buffer": _first_tensor,
    "torch.Size": _size,
    "collections.OrderedDict": _table,
    "collections.defaultdict": _table,
    "collections.Counter": _table,
    "builtins.dict": _table,
    "builtins.set": _sequence,
    "builtins.frozenset": _sequence,
    "builtins.list": _sequence,
    "builtins.tuple": _sequence,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _reconstructor,
    "numpy.core.multiarray.scalar": _scalar,
}
