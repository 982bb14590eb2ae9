"""A look at a file before it is opened: nothing is unpickled, nothing is run."""

import hashlib
import os
from collections.abc import Callable

from interp_gui.checkpoints.formats import inspect_file
from interp_gui.core.errors import FileProblem
from interp_gui.core.opening import FileReport

_CHUNK_BYTES = 1 << 22


def look(
    path: str | os.PathLike[str], *, hashed: bool = True, check: Callable[[], None] = lambda: None
) -> FileReport:
    """Say what a checkpoint is.

    Parameters
    ----------
    hashed
        Whether the SHA-256 of its bytes is wanted.
    check
        Called between chunks; may raise Cancelled.
    """
    try:
        file = inspect_file(path)
    except FileProblem as problem:
        return FileReport(path=str(path), problem=problem.message, hint=problem.hint)
    digest = ""
    if hashed:
        sha = hashlib.sha256()
        with open(file.path, "rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                check()
                sha.update(chunk)
        digest = sha.hexdigest()
    return FileReport(
        path=str(path), format=file.format, title=file.format, size_bytes=file.size_bytes,
        sha256=digest, files=(file.path.name,),
    )  # fmt: skip
