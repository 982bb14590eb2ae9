"""Rows of numbers by image, kept in a folder: a long pass goes on where an earlier one stopped.

What is kept is a row an image, found by the hash of the file's bytes, so that names, order and
folders of images do not matter, and a grown folder costs its new images only. Every file is
written beside and renamed, and never changed: a process may be killed at any moment, and several
may add at once (of two rows of one image the first counts).
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

from interp_gui.analyses.harvest.folder import unwritable
from interp_gui.core.stored_folder import StoredFolder, folder_bytes

Rows = NDArray[Any]
"""A structured array: one entry an image."""

_SUFFIX = ".rows"
_KEEP_EVERY_S = 5.0
_HASH = "sha256"

logger = logging.getLogger(__name__)


class KeptRows:
    """Rows of one type by image.

    Parameters
    ----------
    held
        Where they are kept; it is in use as long as this.

    Notes
    -----
    Use it as a context manager: what was added is kept however the block is left, also when the
    run is cancelled.
    """

    def __init__(self, held: StoredFolder) -> None:
        self._held = held
        self._files: list[Rows] = []
        self._where: dict[bytes, tuple[int, int]] = {}
        self._added: list[Rows] = []
        self._kept_s = time.monotonic()
        for path in sorted(held.path.glob(f"*{_SUFFIX}")):
            self._open(path)

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
        """Write what was added to disk; OutputProblem where that cannot be."""
        if not self._added:
            return
        path = self._held.path / f"{uuid.uuid4().hex}{_SUFFIX}"
        aside = path.with_suffix(".part")
        try:
            try:
                with open(aside, "xb") as file:
                    np.save(file, np.concatenate(self._added), allow_pickle=False)
                os.replace(aside, path)
            finally:
                with suppress(OSError):
                    aside.unlink()
        except OSError as problem:
            raise unwritable(problem) from problem
        self._added.clear()
        self._kept_s = time.monotonic()
        self._held.holds(folder_bytes(self._held.path))

    def _open(self, path: Path) -> None:
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            fits = rows.ndim == 1 and rows.dtype.names is not None and _HASH in rows.dtype.names
        except (OSError, ValueError) as problem:  # another process may have emptied the cache
            logger.info("Kept rows are left aside: %s", problem)
            return
        if fits and (not self._files or self._files[0].dtype == rows.dtype):
            self._note(rows)

    def _note(self, rows: Rows) -> None:
        number = len(self._files)
        self._files.append(rows)
        for i, key in enumerate(np.ascontiguousarray(rows[_HASH])):
            self._where.setdefault(key.tobytes(), (number, i))
