"""Writing files whole or not at all."""

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from interp_gui.core.errors import OutputProblem


def write_atomically(path: Path | str, data: bytes) -> None:
    """Write next to the target and rename: a reader sees the old file or the whole new one.

    Raises
    ------
    OutputProblem
        Disk full, folder missing or unwritable, target a folder. Nothing is left behind.
    """
    with open_atomically(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def open_atomically(path: Path | str, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A stream whose content becomes the file when the block ends without an exception.

    Parameters
    ----------
    durable
        Whether to wait until the disk has it, so that it also survives a loss of power.

    Raises
    ------
    OutputProblem
        As `write_atomically`.
    """
    target = Path(path)
    refuse_special(target)
    # through a link, as every program writes: it stays, and what it leads to is written
    place = Path(os.path.realpath(target))
    # made by os.open and not by tempfile, which gives 0600 whatever the user's mask says
    temporary = place.parent / aside_name(place.name)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "w+b") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        with contextlib.suppress(OSError):  # who kept a file from others keeps it from them
            os.chmod(temporary, stat.S_IMODE(place.stat().st_mode))
        os.replace(temporary, place)
    except OSError as problem:
        raise output_problem(target, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def refuse_special(target: Path) -> None:
    """Refuse a target that is there and no plain file: a rename would put one in its place.

    Raises
    ------
    OutputProblem
        It is a folder, a device or a pipe, its name is too long, or it may not be looked at.
    """
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return
    except OSError as problem:
        raise output_problem(target, problem) from problem
    except ValueError:
        raise OutputProblem(
            f"'{target}' is no name of a file.", hint="Choose another name."
        ) from None
    if stat.S_ISDIR(mode):
        raise OutputProblem(f"'{target}' is a folder.", hint="Give the name of a file inside it.")
    if not stat.S_ISREG(mode):
        raise OutputProblem(
            f"'{target}' is a device or a pipe, not a file.", hint="Give the name of a file."
        )


def aside_name(name: str) -> str:
    """A hidden name beside a file of that name, which nothing else has and every disk takes."""
    short = os.fsencode(name)[:80].decode(errors="ignore")
    return f".{short}.{uuid.uuid4().hex[:12]}"


def make_folder(path: Path | str) -> Path:
    """Make a folder with its parents; it may exist. Raises OutputProblem."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise output_problem(folder, problem) from problem
    if not os.access(folder, os.W_OK | os.X_OK):
        raise output_problem(folder, PermissionError(errno.EACCES, "no permission"))
    return folder


def output_problem(path: Path, problem: OSError) -> OutputProblem:
    """Say in one line why a file cannot be written and what to do."""
    reasons = {
        errno.ENOSPC: ("the disk is full", "Free some space or choose another folder."),
        errno.EDQUOT: ("the disk quota is used up", "Free some space or choose another folder."),
        errno.EACCES: ("there is no permission", "Choose a folder that you may write to."),
        errno.EPERM: ("there is no permission", "Choose a folder that you may write to."),
        errno.EROFS: ("the disk is read-only", "Choose a folder on another disk."),
        errno.ENOENT: ("its folder does not exist", "Make the folder first or choose another."),
        errno.ENOTDIR: ("its folder is a file", "Choose another folder."),
        errno.EEXIST: ("a file of that name is in the way", "Choose another name."),
        errno.ENAMETOOLONG: ("its name is too long", "Choose a shorter name."),
    }
    code = problem.errno if problem.errno is not None else 0
    reason, hint = reasons.get(
        code, (problem.strerror or "the system refused", "Choose another folder.")
    )
    return OutputProblem(f"'{path}' cannot be written: {reason}.", hint=hint)
