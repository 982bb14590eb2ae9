"""Reading the tensors of a checkpoint into memory, each once, without running anything in it."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from interp_gui.checkpoints.archive import BadArchive
from interp_gui.checkpoints.formats import COPY_HINT, SAVE_HINT, CheckpointFile
from interp_gui.checkpoints.inert import BadPickle, Storage, TensorRef
from interp_gui.checkpoints.inert_files import PickleContent, open_legacy, open_zip
from interp_gui.checkpoints.inert_modules import checked_name
from interp_gui.checkpoints.safe_header import BadHeader, Entry, read_header
from interp_gui.core.errors import FileProblem, OutOfMemory

Tensors = dict[str, torch.Tensor]
Refs = dict[str, TensorRef]

_KINDS = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "U16": torch.uint16,
    "I16": torch.int16, "U32": torch.uint32, "I32": torch.int32, "U64": torch.uint64,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32,
    "F64": torch.float64, "C64": torch.complex64, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}  # fmt: skip
_LARGEST = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file's content as descriptions; its tensors can be read while it is open.

    Parameters
    ----------
    tree
        Plain containers and values, `TensorRef`, and stand-ins for foreign objects.
    names
        What pickles in it ask for, by dotted name.
    metadata
        The header's own entries of a safetensors file.
    by_torch
        False for a pickle that torch did not write.
    """

    tree: Any
    names: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    by_torch: bool = True


@contextmanager
def open_source(file: CheckpointFile) -> Iterator[Source]:
    """Describe what a file holds; its tensors are not read yet.

    Raises
    ------
    FileProblem
        Truncated, damaged, or contradicting itself.
    OutOfMemory
        It does not fit in memory.
    """
    with problems_told(file.path.name), ExitStack() as stack:
        if file.format in ("safetensors-sharded", "torch-sharded"):
            from interp_gui.checkpoints.sharded import read_index

            yield _joined(file, read_index(file.path), stack)
        else:
            yield _single(file.path, file.format, stack)


@contextmanager
def problems_told(name: str) -> Iterator[None]:
    """Say in a sentence what goes wrong while a file is read."""
    try:
        yield
    except (BadPickle, BadArchive, BadHeader) as problem:
        raise FileProblem(
            f"'{name}' cannot be read as a checkpoint: {problem}.",
            hint=f"It is truncated, damaged or not a checkpoint. {COPY_HINT}",
        ) from None
    except MemoryError:
        raise _too_large(name) from None
    except RuntimeError as problem:
        if isinstance(problem, RecursionError):
            raise FileProblem(
                f"'{name}' cannot be read as a checkpoint: it is nested absurdly deep.",
                hint=COPY_HINT,
            ) from None
        if "allocate" in str(problem) or "out of memory" in str(problem):
            raise _too_large(name) from None
        raise
    except FileNotFoundError:
        raise FileProblem(f"'{name}' is gone.", hint="It was moved or deleted.") from None
    except OSError as problem:
        reason = problem.strerror or "the disk reports an error"
        raise FileProblem(f"'{name}' cannot be read: {reason}.", hint=COPY_HINT) from None


def read_tensors(
    refs: Mapping[str, TensorRef], *, check: Callable[[], None] = lambda: None
) -> Tensors:
    """Read tensors into memory of their own, in the order given.

    Every storage is read once; a tensor that is all of its storage takes it over, others are
    copied out of it, so that never more than one storage is held beside what is kept. The file
    may change or go afterwards. `check` is called between storages.

    Raises
    ------
    BadPickle, BadArchive
        One of them is damaged.
    """
    by_storage: dict[int, list[str]] = {}
    for key, ref in refs.items():
        by_storage.setdefault(id(ref.storage), []).append(key)
    found: Tensors = {}
    for keys in by_storage.values():
        check()
        raw = _filled(refs[keys[0]].storage)
        for number, key in enumerate(keys):
            found[key] = _cut_out(raw, refs[key], last=number == len(keys) - 1)
        del raw
    return {key: found[key] for key in refs}


def check_extent(tensors: Mapping[str, TensorRef], file: CheckpointFile) -> None:
    """Raise FileProblem for tensors that cannot be read, or are larger than their file.

    A stride of 0 makes a tensor of any size out of one number; copying it would fill the memory.
    """
    total = 0
    for key, tensor in tensors.items():
        checked_name(key)
        if tensor.problem:
            hint = SAVE_HINT
            if "quantised" in tensor.problem:
                hint = "Open the network's full-precision weights."
            raise FileProblem(
                f"'{file.path.name}' holds weights that cannot be read: '{key[:80]}' "
                f"{tensor.problem}.",
                hint=hint,
            )
        if math.prod(max(length, 1) for length in tensor.shape) >= _LARGEST:
            raise FileProblem(f"'{file.path.name}' declares an impossible shape.", hint=COPY_HINT)
        total += tensor.size_bytes
    if total > 2 * file.size_bytes + 1_000_000:
        raise FileProblem(
            f"'{file.path.name}' declares more weights than the file holds.", hint=SAVE_HINT
        )


def _single(path: Path, kind: str, stack: ExitStack) -> Source:
    if kind == "safetensors":
        return _safetensors(path)
    opener: Callable[[Path], Any] = open_zip if kind == "torch-zip" else open_legacy
    content: PickleContent = stack.enter_context(opener(path))
    return Source(tree=content.tree, names=content.names, by_torch=content.by_torch)


def _joined(file: CheckpointFile, index: Mapping[str, str], stack: ExitStack) -> Source:
    """All shards as one dict; what the index says and what they hold must be the same."""
    from interp_gui.checkpoints.formats import inspect_file

    found: Refs = {}
    names: dict[str, None] = {}
    metadata: dict[str, str] = {}
    for part in file.parts:
        source = _single(part, inspect_file(part).format, stack)
        names.update(dict.fromkeys(source.names))
        metadata.update(source.metadata)
        if not isinstance(source.tree, dict):
            raise BadPickle(f"its part '{part.name}' holds no named tensors")
        for key, value in source.tree.items():
            if type(value) is not TensorRef or type(key) is not str:
                raise BadPickle(f"its part '{part.name}' holds something beside tensors")
            if key in found:
                raise BadPickle(f"it holds the tensor '{key[:80]}' twice")
            if index.get(key) != part.name:
                raise BadPickle(f"its index does not list the tensor '{key[:80]}'")
            found[key] = value
    lacking = [key for key in index if key not in found]
    if lacking:
        raise BadPickle(f"the tensor '{lacking[0][:80]}' is not where its index says")
    return Source(tree=found, names=tuple(names), metadata=metadata)


def _safetensors(path: Path) -> Source:
    header = read_header(path)
    refs = {name: _described(path, name, entry) for name, entry in header.entries.items()}
    return Source(tree=refs, metadata=header.metadata)


def _described(path: Path, name: str, entry: Entry) -> TensorRef:
    kind = _KINDS[entry.dtype]
    storage = Storage(
        name, kind, math.prod(entry.shape), fill=partial(_read_part, path, entry.start)
    )
    return TensorRef(storage, kind, entry.shape)


def _read_part(path: Path, start: int, target: memoryview) -> None:
    with open(path, "rb", buffering=0) as stream:
        stream.seek(start)
        done = 0
        while done < len(target):
            count = stream.readinto(target[done:])
            if not count:
                raise BadPickle("it is cut short")
            done += count


def _filled(storage: Storage) -> torch.Tensor:
    raw = torch.empty(storage.size_bytes, dtype=torch.uint8)
    if storage.fill is None:
        raise BadPickle(f"its storage '{storage.key[:40]}' is missing")
    if storage.size_bytes:
        storage.fill(memoryview(raw.numpy()))  # type: ignore[arg-type]
    width = storage.dtype.itemsize // (2 if storage.dtype.is_complex else 1)
    if storage.big_endian and width > 1:
        raw.numpy().view(f"u{width}").byteswap(inplace=True)
    return raw


def _cut_out(raw: torch.Tensor, ref: TensorRef, *, last: bool) -> torch.Tensor:
    if ref.dtype == torch.bool:
        raw = raw != 0  # any other byte than 0 and 1 would be undefined
    numbers = raw[: raw.numel() // ref.dtype.itemsize * ref.dtype.itemsize].view(ref.dtype)
    stride = _row_major(ref.shape) if ref.stride is None else ref.stride
    plain = all(
        a == b or length == 1
        for a, b, length in zip(stride, _row_major(ref.shape), ref.shape, strict=True)
    )
    if last and plain and ref.offset == 0 and ref.count == numbers.numel():
        return numbers.reshape(ref.shape)
    return torch.as_strided(numbers, ref.shape, stride, ref.offset).clone(
        memory_format=torch.contiguous_format
    )


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = []
    step = 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def _too_large(name: str) -> OutOfMemory:
    return OutOfMemory(
        f"The weights in '{name}' do not fit in memory.", hint="Close other programs or models."
    )
