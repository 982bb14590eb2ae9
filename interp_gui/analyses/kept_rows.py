"""Rows of numbers by image, kept in a folder: a long pass goes on where an earlier one stopped.

What is kept is a row an image, found by the hash of the file's bytes, so that names, order and
folders of images do not matter, and a grown folder costs its new images only. Every file is
written beside and renamed, and never changed: a process may be killed at any moment, and several
may add at once (of two rows of one image the first counts). Small files are put together from
time to time; one goes only once its rows lie in another.
"""

import logging
import os
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context
from interp_gui.core.errors import OutputProblem
from interp_gui.core.file_locks import FileLock
from interp_gui.core.stored_folder import StoredFolder, folder_bytes

Rows = NDArray[Any]
"""A structured array: one entry an image."""

_SUFFIX = ".rows"
_KEEP_EVERY_S = 5.0
_HASH = "sha256"
_MOST_FILES = 16
"""From so many files on they are put together."""
_MAPPED_BYTES = 4 * 2**20
"""Files of that size on are mapped, each with an open file; smaller ones are read."""
_LOOKS = 5
_FORGOTTEN_S = 3600.0

logger = logging.getLogger(__name__)


class KeptRows:
    """Rows of one type by image.

    Parameters
    ----------
    held
        Where they are kept; it is in use as long as this.

    Attributes
    ----------
    unkept
        Why rows that were added are known to this object alone; empty where they are kept.

    Notes
    -----
    Use it as a context manager: what was added is kept however the block is left, also when the
    run is cancelled. Where nothing can be written, all goes on with what is in memory.
    """

    def __init__(self, held: StoredFolder) -> None:
        self._held = held
        self._files: list[Rows] = []
        self._where: dict[bytes, tuple[int, int]] = {}
        self._added: list[Rows] = []
        self._written = 0
        self._kept_s = time.monotonic()
        self.unkept = ""
        _put_together(held.path)
        seen: set[str] = set()
        for _ in range(_LOOKS):  # another process may put files together meanwhile
            paths = [path for path in _files(held.path) if path.name not in seen]
            seen.update(path.name for path in paths)
            gone = [path for path in paths if not self._open(path)]
            if not gone:
                break

    def __enter__(self) -> "KeptRows":
        return self

    def __exit__(self, *_: object) -> None:
        self.keep()

    def __len__(self) -> int:
        return len(self._where)

    def knows(self, sha256: str) -> bool:
        """Whether there is a row of an image."""
        return bytes.fromhex(sha256) in self._where

    def rows(self, hashes: Sequence[str]) -> Rows:
        """(N,) rows of images that are known, in that order; KeyError for another one."""
        places = [self._where[bytes.fromhex(each)] for each in hashes]
        if not places:
            return np.zeros(0, self._files[0].dtype if self._files else [(_HASH, "u1", (32,))])
        found = np.empty(len(places), self._files[places[0][0]].dtype)
        for number in {file for file, _ in places}:
            here = np.flatnonzero([file == number for file, _ in places])
            found[here] = self._files[number][[places[i][1] for i in here]]
        return found

    def add(self, hashes: Sequence[str], columns: dict[str, NDArray[Any]]) -> None:
        """Rows of further images, by column: (N, …) each; they are on disk after some seconds."""
        if not hashes:
            return
        described: list[Any] = [(_HASH, "u1", (32,))]
        described += [(name, v.dtype.str, v.shape[1:]) for name, v in columns.items()]
        rows = np.zeros(len(hashes), described)
        rows[_HASH] = np.frombuffer(b"".join(map(bytes.fromhex, hashes)), np.uint8).reshape(-1, 32)
        for name, values in columns.items():
            rows[name] = values
        self._note(rows)
        self._added.append(rows)
        if time.monotonic() - self._kept_s > _KEEP_EVERY_S:
            self.keep()

    def keep(self) -> None:
        """Write what was added to disk; where that cannot be, `unkept` says why."""
        if not self._added:
            return
        self._kept_s = time.monotonic()  # also where it fails: it is not tried at every step
        try:
            _write(self._held.path, np.concatenate(self._added))
        except OSError as problem:
            self.unkept = problem.strerror or str(problem)
            logger.info("Rows are not kept: %s", problem)
            return
        self.unkept = ""
        self._added.clear()
        self._written += 1
        if self._written >= _MOST_FILES:
            self._written = 0
            _put_together(self._held.path)
        self._held.holds(folder_bytes(self._held.path))

    def _open(self, path: Path) -> bool:
        """Take a file's rows; whether it was still there."""
        try:
            rows = _read(path, mapped=path.stat().st_size >= _MAPPED_BYTES)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, EOFError) as problem:
            logger.info("Kept rows are left aside: %s", problem)
            return True
        if not self._files or self._files[0].dtype == rows.dtype:
            self._note(rows)
        return True

    def _note(self, rows: Rows) -> None:
        number = len(self._files)
        self._files.append(rows)
        for i, key in enumerate(np.ascontiguousarray(rows[_HASH])):
            self._where.setdefault(key.tobytes(), (number, i))


def unkept_notes(*kept: KeptRows) -> tuple[str, ...]:
    """A sentence where rows could not be kept."""
    reasons = sorted({each.unkept for each in kept if each.unkept})
    if not reasons:
        return ()
    return (
        f"Not all numbers could be kept for later runs, which compute them again: "
        f"{'; '.join(reasons)}.",
    )


def kept_rows(context: Context, key: dict[str, Any]) -> KeptRows:
    """What is kept under a key; OutputProblem where too many files are open for it."""
    try:
        return KeptRows(context.folder_of(key))
    except OSError as problem:
        raise OutputProblem(
            f"What is known of the images cannot be opened: {problem.strerror or problem}.",
            hint="End other programs, or ask for fewer controls or sets.",
        ) from problem


# --- files --------------------------------------------------------------------------------------


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _read(path: Path, *, mapped: bool = False) -> Rows:
    """OSError, ValueError or EOFError where it holds no rows."""
    rows: Rows = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    if rows.ndim != 1 or rows.dtype.names is None or _HASH not in rows.dtype.names:
        raise ValueError(f"'{path.name}' holds no rows")
    return rows


def _write(folder: Path, rows: Rows, *, sync: bool = False) -> None:
    path = folder / f"{uuid.uuid4().hex}{_SUFFIX}"
    aside = path.with_suffix(".part")
    try:
        with open(aside, "xb") as file:
            np.save(file, rows, allow_pickle=False)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink()


def _put_together(folder: Path) -> None:
    """Make few files of many; nothing where another process is at it, or it cannot be written.

    Only files that are small beside what they are put together with are read and written again,
    so that the work stays in proportion to what was added.
    """
    if len(_files(folder)) < _MOST_FILES:
        return
    try:
        with FileLock(folder / "together.lock") as lock:
            if lock.take():
                _clear(folder)
                _merge(folder, _worth_merging(_files(folder)))
    except (OSError, MemoryError) as problem:
        logger.info("Kept rows stay in many files: %s", problem)


def _worth_merging(paths: Sequence[Path]) -> list[Path]:
    sizes = sorted((path.stat().st_size, path) for path in paths)
    chosen: list[Path] = []
    total = 0
    for size, path in sizes:
        if len(chosen) > 1 and size > max(2 * total, _MAPPED_BYTES):
            break
        chosen.append(path)
        total += size
    return chosen


def _merge(folder: Path, paths: Sequence[Path]) -> None:
    parts: dict[np.dtype[Any], list[tuple[Path, Rows]]] = {}
    for path in paths:
        try:
            rows = _read(path)
        except (OSError, ValueError, EOFError) as problem:  # it is left aside when it is opened
            logger.info("Kept rows are left aside: %s", problem)
            continue
        parts.setdefault(rows.dtype, []).append((path, rows))
    for alike in parts.values():
        if len(alike) < 2:
            continue
        rows = np.concatenate([each for _, each in alike])
        keys = np.ascontiguousarray(rows[_HASH]).view("V32").ravel()
        _write(folder, rows[np.sort(np.unique(keys, return_index=True)[1])], sync=True)
        for path, _ in alike:  # no earlier: whoever is stopped here leaves rows twice, never none
            with suppress(OSError):
                path.unlink()


def _clear(folder: Path) -> None:
    """Remove what processes that were killed have begun to write."""
    for path in folder.glob("*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN_S:
                path.unlink()
