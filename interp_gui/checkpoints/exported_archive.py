"""Reading a `.pt2` archive: JSON and raw numbers only; nothing in it is ever unpickled."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from interp_gui.checkpoints.archive import Archive as ZipArchive
from interp_gui.checkpoints.archive import BadArchive
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.core.errors import FileProblem, UnsafeCheckpoint

LONGEST_JSON = 50_000_000  # bytes
MAJOR = 8
"""Version of torch's schema that is read."""

_NEWEST_HINT = "Export the model again with a current version of PyTorch."
_SAVE_HINT = "Save its weights with torch.save(model.state_dict(), 'weights.pth') and open those."

DTYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64,
    6: torch.float16, 7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
"""Kinds of numbers by their code in torch's schema; complex and 8-bit floats are not read."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What is read of an exported program.

    Parameters
    ----------
    program
        The JSON of the graph, not checked yet.
    tensors
        Parameters, buffers and constants by name.
    parameters
        Which of them are parameters.
    """

    program: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    parameters: frozenset[str]


def read_archive(file: CheckpointFile) -> Archive:
    """Read the one model of an archive.

    Raises
    ------
    UnsafeCheckpoint
        A tensor or object in it is pickled, or it holds compiled code.
    FileProblem
        Damaged, of another version, or larger than it may be.
    """
    name = file.path.name
    try:
        with ZipArchive(file.path) as archive:
            return _read(archive, file)
    except (BadArchive, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError,
            NotImplementedError, EOFError, OverflowError, RecursionError,
            RuntimeError) as problem:  # fmt: skip
        reason = " ".join(str(problem).split())[:120].rstrip(". ") or type(problem).__name__
        raise FileProblem(
            f"'{name}' cannot be read as an exported program: {reason}.",
            hint="It is damaged or was written by another version; copy or export it again.",
        ) from None


def _read(archive: ZipArchive, file: CheckpointFile) -> Archive:
    name = file.path.name
    records = {each.partition("/")[2]: each for each in archive.records}
    if len(records) != len(archive.records):
        raise ValueError("two records bear one name")
    if archive.unpacked_bytes > archive.size_bytes:
        raise ValueError("its records are compressed, which torch does not do")
    if any(n.startswith("data/aotinductor/") for n in records):
        raise _unsafe(name, "compiled code")
    models = [n for n in records if n.startswith("models/") and n.endswith(".json")]
    if len(models) != 1:
        raise FileProblem(
            f"'{name}' holds {len(models)} models, and one is opened.", hint=_SAVE_HINT
        )
    model = models[0].removeprefix("models/").removesuffix(".json")

    def read_json(path: str) -> dict[str, Any]:
        found = json.loads(archive.read(records[path], limit_bytes=LONGEST_JSON))
        if not isinstance(found, dict):
            raise ValueError(f"{path} is no table")
        return found

    program = read_json(models[0])
    version = program["schema_version"]["major"]
    if version != MAJOR:
        raise FileProblem(
            f"'{name}' is an exported program of version {version}, and {MAJOR} is read.",
            hint=_NEWEST_HINT,
        )
    tensors: dict[str, torch.Tensor] = {}
    parameters = set()
    left = 2 * archive.size_bytes + 1_000_000
    for kind in ("weights", "constants"):
        config = f"data/{kind}/{model}_{kind}_config.json"
        if config not in records:
            continue
        shared: dict[str, torch.Tensor] = {}
        for key, entry in read_json(config)["config"].items():
            path = entry["path_name"]
            if entry["use_pickle"] or entry.get("tensor_meta") is None:
                raise _unsafe(name, f"a pickled object ('{key}')")
            if "/" in path or path.startswith("."):
                raise ValueError(f"'{key}' lies elsewhere")
            record = records[f"data/{kind}/{path}"]
            if path not in shared:
                shared[path] = torch.empty(archive.records[record].size_bytes, dtype=torch.uint8)
                archive.read_into(record, shared[path].numpy().data)
            tensors[key] = tensor_of(shared[path], entry["tensor_meta"], key)
            left -= tensors[key].nbytes
            if left < 0:  # one record may be named many times, and each name has its own copy
                raise ValueError("it declares more weights than it holds")
            if entry["is_param"]:
                parameters.add(key)
    return Archive(program=program, tensors=tensors, parameters=frozenset(parameters))


def tensor_of(data: torch.Tensor, meta: Mapping[str, Any], key: str) -> torch.Tensor:
    """A tensor out of raw bytes, with everything that its description says checked against them."""
    dtype = DTYPES.get(meta["dtype"])
    if dtype is None:
        raise ValueError(f"'{key}' holds numbers of a kind that is not read")
    if meta["layout"] != 7:
        raise ValueError(f"'{key}' is sparse")
    sizes = [_number(s) for s in meta["sizes"]]
    strides = [_number(s) for s in meta["strides"]]
    offset = _number(meta["storage_offset"])
    if len(sizes) != len(strides) or len(sizes) > 16 or min([*sizes, *strides, offset]) < 0:
        raise ValueError(f"'{key}' has an impossible shape")
    if len(data) % dtype.itemsize:
        raise ValueError(f"'{key}' is cut short")
    count = len(data) // dtype.itemsize
    if math.prod(sizes) > count:
        raise ValueError(f"'{key}' declares more numbers than it has")
    reach = offset + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True) if n)
    if math.prod(sizes) and reach >= count:
        raise ValueError(f"'{key}' reaches beyond its numbers")
    flat = data.view(dtype) if count else torch.empty(0, dtype=dtype)
    return flat.as_strided(sizes, strides, offset).clone(memory_format=torch.contiguous_format)


def _number(value: Any) -> int:
    found = value.get("as_int") if isinstance(value, dict) else value
    if not isinstance(found, int) or isinstance(found, bool):
        raise ValueError("a size is no number")
    return found


def _unsafe(name: str, what: str) -> UnsafeCheckpoint:
    return UnsafeCheckpoint(
        f"'{name}' is not opened, because it holds {what} beside its numbers.",
        hint=f"Nothing in it was run. Where you trust it: {_SAVE_HINT[0].lower()}{_SAVE_HINT[1:]}",
    )
