"""What kind of file or folder a checkpoint is, judged by its content.

No torch here: a look at a file must be cheap, and what is refused is refused before any of it is
unpickled.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interp_gui.checkpoints.archive import Archive, BadArchive
from interp_gui.checkpoints.other_kinds import (
    KINDS_HINT,
    refuse_other_kinds,
    refuse_parts,
    tar_archive,
    unknown_archive,
    unknown_file,
)
from interp_gui.checkpoints.protobuf import is_onnx
from interp_gui.checkpoints.safe_header import LONGEST_HEADER, BadHeader, read_header
from interp_gui.core.errors import FileProblem

CheckpointFormat = Literal[
    "torch-zip", "torch-legacy", "safetensors", "safetensors-sharded", "torch-sharded",
    "huggingface", "pt2", "onnx",
]  # fmt: skip

SAVE_HINT = "Save its weights with torch.save(model.state_dict(), 'weights.pth') and open those."
COPY_HINT = "Copy or download the file again."
SCRIPT_HINT = (
    "Where the program that made it is at hand, save model.state_dict() with torch.save, or export "
    "to ONNX with torch.onnx.export(model, example, 'model.onnx'), and open that. From the file "
    "alone: torch.save(torch.jit.load(path).state_dict(), 'weights.pth'), where you trust it."
)
ONNX_SUFFIXES = (".onnx", ".onnxslim")
INDEX_SUFFIX = ".index.json"

_MOST_GROWTH = 4  # torch stores records unpacked; a file that unpacks to far more is a trap
_START_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class CheckpointFile:
    """A file or folder that is there, can be read and has the looks of a checkpoint.

    Parameters
    ----------
    path
        The file; the index of a sharded checkpoint; the folder of a Hugging Face one.
    size_bytes
        Of all files that hold its weights.
    parts
        The files that hold tensors, in order; only the file itself where there is one.
    folder
        The folder that holds the parts of a sharded or Hugging Face checkpoint; None for files.
    """

    path: Path
    format: CheckpointFormat
    size_bytes: int
    parts: tuple[Path, ...] = ()
    folder: Path | None = None


def inspect_file(path: str | os.PathLike[str]) -> CheckpointFile:
    """Tell the format of a checkpoint by its content, whatever its suffix.

    A folder is a Hugging Face checkpoint where it holds a `config.json` of one; otherwise it
    stands for the only checkpoint in it.

    Raises
    ------
    FileProblem
        Missing, empty, truncated, not a checkpoint, or one of another tool; a folder without a
        checkpoint or with several.
    """
    file = Path(path)
    name = file.name or str(file)
    try:
        found = os.stat(file)
        if stat.S_ISDIR(found.st_mode):
            from interp_gui.checkpoints.folders import inspect_folder

            return inspect_folder(file)
        if not stat.S_ISREG(found.st_mode):
            raise FileProblem(f"'{name}' is not a regular file.", hint=KINDS_HINT)
        if found.st_size == 0:
            raise FileProblem(f"'{name}' is empty.", hint=COPY_HINT)
        if name.endswith(INDEX_SUFFIX):
            from interp_gui.checkpoints.sharded import inspect_index

            return inspect_index(file)
        with open(file, "rb") as stream:
            start = stream.read(_START_BYTES)
        return CheckpointFile(
            path=file,
            format=_format(file, start),
            size_bytes=found.st_size,
            parts=(file,),
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
        raise FileProblem(f"'{name}' cannot be read: {reason}.", hint=KINDS_HINT) from None


def _format(file: Path, start: bytes) -> CheckpointFormat:
    refuse_parts(file)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip_format(file)
    # a header of safetensors may be 0x0280 bytes long; no pickle goes on like that
    is_header = start[4:9] == b"\0\0\0\0{"
    if len(start) > 1 and start[0] == 0x80 and 1 <= start[1] <= 5 and not is_header:
        return "torch-legacy"
    refuse_other_kinds(file, start)
    if is_onnx(file):
        return "onnx"
    if file.suffix.lower() in ONNX_SUFFIXES:
        raise FileProblem(
            f"'{file.name}' is no ONNX model, or a truncated or damaged one.", hint=COPY_HINT
        )
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= LONGEST_HEADER:
        try:
            read_header(file)
        except BadHeader as problem:
            raise FileProblem(
                f"'{file.name}' is truncated or damaged: {problem}.", hint=COPY_HINT
            ) from None
        return "safetensors"
    if start[257:262] == b"ustar":
        raise tar_archive(file, start)
    raise unknown_file(file, start)


def _zip_format(file: Path) -> CheckpointFormat:
    try:
        with Archive(file) as archive:
            names = {name.partition("/")[2] for name in archive.records}
            top = set(archive.records)
            unpacked, size = archive.unpacked_bytes, archive.size_bytes
    except BadArchive as problem:
        raise FileProblem(
            f"'{file.name}' is refused as an archive: {problem}.", hint=COPY_HINT
        ) from None
    if unpacked > _MOST_GROWTH * size + 1_000_000:
        raise FileProblem(
            f"'{file.name}' would unpack to far more than it holds and is refused.",
            hint="A checkpoint written by torch.save is not compressed.",
        )
    everywhere = names | top
    if any(name.endswith(("exported_program.json", "models/model.json")) for name in everywhere):
        return "pt2"
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise FileProblem(
            f"'{file.name}' is a TorchScript program; it is not opened, because running it can "
            "do anything.",
            hint=SCRIPT_HINT,
        )
    if "data.pkl" in names:
        return "torch-zip"
    raise unknown_archive(file, top)
