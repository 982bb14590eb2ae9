"""What kind of file a checkpoint is, judged by its first bytes and its table of contents.

No torch here: a look at a file must be cheap, and what is refused is refused before any of it is
unpickled.
"""

import json
import os
import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interp_gui.core.errors import FileProblem

CheckpointFormat = Literal["torch-zip", "torch-legacy", "safetensors"]

SAVE_HINT = "Save its weights with torch.save(model.state_dict(), 'weights.pth') and open those."
_KINDS_HINT = "Checkpoints are .pt, .pth or .safetensors files with the weights of a network."

_LONGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format
_MOST_GROWTH = 4  # torch stores records unpacked; a file that unpacks to far more is a trap

_OTHER_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x89HDF": "an HDF5 file (Keras?)",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x93NUMPY": "a NumPy array",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a Git LFS pointer: the weights themselves were not downloaded",
}


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """A file that is there, can be read and has the looks of a checkpoint."""

    path: Path
    format: CheckpointFormat
    size_bytes: int


def inspect_file(path: str | os.PathLike[str]) -> CheckpointFile:
    """Tell the format of a checkpoint by its content, whatever its suffix.

    Raises
    ------
    FileProblem
        Missing, a folder, empty, truncated, not a checkpoint, or one of another tool.
    """
    file = Path(path)
    name = file.name or str(file)
    try:
        found = os.stat(file)
        if stat.S_ISDIR(found.st_mode):
            raise FileProblem(
                f"'{name}' is a folder, not a checkpoint.",
                hint="Choose the .pt, .pth or .safetensors file in it.",
            )
        if not stat.S_ISREG(found.st_mode):
            raise FileProblem(f"'{name}' is not a regular file.", hint=_KINDS_HINT)
        if found.st_size == 0:
            raise FileProblem(f"'{name}' is empty.", hint="Copy or download the file again.")
        with open(file, "rb") as stream:
            start = stream.read(512)
        return CheckpointFile(
            path=file, format=_format(file, start, found.st_size), size_bytes=found.st_size
        )
    except FileNotFoundError:
        raise FileProblem(
            f"There is no file '{file}'.", hint="Check the spelling of its path."
        ) from None
    except PermissionError:
        raise FileProblem(
            f"'{name}' may not be read.", hint="Change the file's permissions."
        ) from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise FileProblem(f"'{name}' cannot be read: {reason}.", hint=_KINDS_HINT) from None


def _format(file: Path, start: bytes, size: int) -> CheckpointFormat:
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _check_zip(file, size)
        return "torch-zip"
    if len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return "torch-legacy"
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise FileProblem(f"'{file.name}' is {kind}, not a checkpoint.", hint=_KINDS_HINT)
    if len(start) > 8 and start[8:9] == b"{":
        _check_safetensors(file, size)
        return "safetensors"
    if start[257:262] == b"ustar":
        raise FileProblem(
            f"'{file.name}' is a tar archive; torch's oldest format cannot be read safely.",
            hint=SAVE_HINT,
        )
    raise FileProblem(f"'{file.name}' is not a checkpoint.", hint=_KINDS_HINT)


def _check_zip(file: Path, size: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, struct.error):
        raise FileProblem(
            f"'{file.name}' is truncated or damaged.", hint="Copy or download the file again."
        ) from None
    names = {record.filename.partition("/")[2] for record in records}
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise FileProblem(
            f"'{file.name}' is a TorchScript program; it is not opened, because running it can "
            "do anything.",
            hint=SAVE_HINT,
        )
    if any(name.endswith(("exported_program.json", "models/model.json")) for name in names):
        raise FileProblem(f"'{file.name}' is an exported program, not weights.", hint=SAVE_HINT)
    if "data.pkl" not in names:
        raise FileProblem(
            f"'{file.name}' is a zip archive without a checkpoint in it.", hint=_KINDS_HINT
        )
    if sum(record.file_size for record in records) > _MOST_GROWTH * size + 1_000_000:
        raise FileProblem(
            f"'{file.name}' would unpack to far more than it holds and is refused.",
            hint="A checkpoint written by torch.save is not compressed.",
        )


def _check_safetensors(file: Path, size: int) -> None:
    with open(file, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _LONGEST_HEADER:
            raise FileProblem(f"'{file.name}' is not a checkpoint.", hint=_KINDS_HINT)
        header = stream.read(length)
    damaged = FileProblem(
        f"'{file.name}' is truncated or damaged.", hint="Copy or download the file again."
    )
    if len(header) < length:
        raise damaged
    try:
        table = json.loads(header)
        ends = [entry["data_offsets"][1] for key, entry in table.items() if key != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise damaged from None
    if max(ends, default=0) != size - 8 - length:
        raise damaged
