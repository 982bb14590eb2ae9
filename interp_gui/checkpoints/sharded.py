"""Checkpoints in several files with an index that says which tensor is in which."""

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from interp_gui.checkpoints.formats import COPY_HINT, INDEX_SUFFIX, CheckpointFile, inspect_file
from interp_gui.checkpoints.safe_header import BadHeader, parse_json
from interp_gui.core.errors import FileProblem

_LONGEST_INDEX = 24 << 20  # bytes
_MOST_SHARDS = 4096
_INDEX_HINT = "Copy or download the whole folder again."


def read_index(file: Path) -> dict[str, str]:
    """Names of tensors and the file, without a folder, that holds each.

    Raises
    ------
    FileProblem
        It is no index, or names a file outside its folder.
    """
    with open(file, "rb") as stream:
        raw = stream.read(_LONGEST_INDEX + 1)
    if len(raw) > _LONGEST_INDEX:
        raise FileProblem(f"'{file.name}' is too large for an index.", hint=_INDEX_HINT)
    try:
        content = parse_json(raw)
    except BadHeader as problem:
        raise FileProblem(f"'{file.name}' cannot be read: {problem}.", hint=_INDEX_HINT) from None
    table = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(table, dict) or not table:
        raise FileProblem(
            f"'{file.name}' is no index of a sharded checkpoint.",
            hint="Choose the file that holds the weights.",
        )
    for shard in table.values():
        if not isinstance(shard, str) or not _is_plain(shard):
            raise FileProblem(
                f"'{file.name}' points to a file outside its folder and is refused.",
                hint=_INDEX_HINT,
            )
    return table


def inspect_index(file: Path) -> CheckpointFile:
    """The sharded checkpoint that an index describes.

    Raises
    ------
    FileProblem
        A shard is missing, outside the folder, not a checkpoint, or of another kind than the
        others.
    """
    folder = file.parent
    shards = list(dict.fromkeys(read_index(file).values()))
    if len(shards) > _MOST_SHARDS:
        raise FileProblem(f"'{file.name}' names an absurd number of files.", hint=_INDEX_HINT)
    parts, formats, total = [], set(), 0
    for shard in shards:
        part = folder / shard
        _refuse_outside(file, part)
        found = inspect_file(part)
        formats.add(found.format)
        total += found.size_bytes
        parts.append(part)
    if formats == {"safetensors"}:
        kind = "safetensors-sharded"
    elif formats <= {"torch-zip", "torch-legacy"}:
        kind = "torch-sharded"
    else:
        raise FileProblem(
            f"'{file.name}' names files of different formats: {', '.join(sorted(formats))}.",
            hint=_INDEX_HINT,
        )
    return CheckpointFile(
        path=file,
        format="safetensors-sharded" if kind == "safetensors-sharded" else "torch-sharded",
        size_bytes=total,
        parts=tuple(parts),
        folder=folder,
    )


def is_index(file: Path) -> bool:
    """Whether a file bears the name of an index."""
    return file.name.endswith(INDEX_SUFFIX)


def _is_plain(name: str) -> bool:
    """Whether a name is that of a file in the same folder, on any system."""
    plain = name not in ("", ".", "..") and "\0" not in name and not name.endswith(INDEX_SUFFIX)
    return plain and PurePosixPath(name).name == name and PureWindowsPath(name).name == name


def _refuse_outside(index: Path, part: Path) -> None:
    try:
        found = os.stat(part)
    except FileNotFoundError:
        raise FileProblem(
            f"'{part.name}', which '{index.name}' names, is missing.",
            hint="Put all files of the checkpoint in one folder, or download the missing one.",
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise FileProblem(f"'{part.name}' is not a regular file.", hint=COPY_HINT)
    folder, target = index.parent.resolve(), part.resolve()
    if folder == target.parent:
        return
    # Hugging Face's cache keeps the files of a snapshot as links to its own store beside it
    if folder.parent.name == "snapshots" and target.parent == folder.parent.parent / "blobs":
        return
    raise FileProblem(
        f"'{part.name}' is a link to a file outside the checkpoint's folder and is refused.",
        hint="Put the file itself into the folder.",
    )
