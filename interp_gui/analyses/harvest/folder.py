"""What is recorded of one layer, whatever dataset the images came with: chunks and a manifest.

A chunk counts only once the manifest names it, which is exchanged as a whole; images that the
manifest knows already are not added again. So a process can be killed at any moment, and several
may add to one folder at once.
"""

import errno
import logging
import os
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.chunks import Chunks, read_hashes, write_chunk
from interp_gui.analyses.harvest.hashes import HASH_TYPE, Hashes, HashIndex, keys_of
from interp_gui.core.errors import FileProblem, OutputProblem
from interp_gui.core.file_locks import FileLock
from interp_gui.core.stored_folder import StoredFolder

_MANIFEST = "manifest.json"
_CHUNK = ".rows"
_VERSION = 1
_GATE_S = 30.0
_MOST_BROKEN = 10_000
_DIRECTIONS = 3
_TRIES, _TRY_AGAIN_S = 50, 0.02

logger = logging.getLogger(__name__)


class _Entry(msgspec.Struct, frozen=True):
    file: str
    rows: int
    bytes: int


class _Manifest(msgspec.Struct):
    version: int = _VERSION
    chunks: list[_Entry] = []
    broken: dict[str, tuple[str, str]] = {}
    """Name and sentence of images that cannot be decoded, by hash."""
    said: tuple[str, ...] = ()
    """What has to be said of how it was computed."""


@dataclass(frozen=True, kw_only=True)
class New:
    """What is to be added to a folder.

    Parameters
    ----------
    hashes, block
        Images, and what was recorded of them; None for nothing.
    broken
        Name and sentence of images that cannot be decoded, by hash.
    said
        What has to be said of how it was computed.
    """

    hashes: Hashes = field(default_factory=lambda: np.zeros(0, HASH_TYPE))
    block: Block | None = None
    broken: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    said: tuple[str, ...] = ()


class LayerFolder:
    """The folder of one layer.

    Parameters
    ----------
    held
        Kept in use as long as this, and whatever reads from it, lives.
    """

    def __init__(self, held: StoredFolder) -> None:
        self._held = held
        self._path = held.path
        self._stamp: tuple[int, ...] = ()
        self._manifest = _Manifest()
        self._index = HashIndex()
        self._foreign = False
        self.refresh()
        self._foreign = False

    @property
    def rows(self) -> int:
        """Images recorded."""
        return len(self._index)

    @property
    def bytes(self) -> int:
        """On disk."""
        return sum(entry.bytes for entry in self._manifest.chunks)

    @property
    def said(self) -> tuple[str, ...]:
        """What has to be said of how its rows were computed."""
        return self._manifest.said

    def chunks(self) -> Chunks:
        """All that is recorded now, for reading."""
        entries = self._manifest.chunks
        paths = [self._path / entry.file for entry in entries]
        return Chunks(paths, [entry.rows for entry in entries], self._held)

    @property
    def path(self) -> Path:
        """Of the folder."""
        return self._path

    @property
    def knows_broken(self) -> bool:
        """Whether there are images that are known not to be decodable."""
        return bool(self._manifest.broken)

    def where(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each image by its key, through all chunks; −1 where it is not recorded."""
        return self._index.where(keys)

    def broken(self, sha256: str, name: str) -> str:
        """Why an image cannot be decoded, if that was found before; else empty."""
        before, text = self._manifest.broken.get(sha256, ("", ""))
        return text.replace(f"'{before}'", f"'{name}'")

    def refresh(self) -> bool:
        """Take note of what others have added; whether there was anything."""
        try:
            status = os.stat(self._path / _MANIFEST)
        except OSError:
            return False
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return False
        try:
            found = msgspec.json.decode((self._path / _MANIFEST).read_bytes(), type=_Manifest)
        except OSError:  # it is being exchanged
            return False
        except msgspec.MsgspecError as problem:
            logger.info("A manifest of the activation store is made again: %s", problem)
            found = self._remade()
        self._stamp = stamp
        self._take(found)
        self._foreign = True
        return True

    def add(self, new: "New", *, sync: bool = True) -> int:
        """Add rows; those of images that are recorded already are dropped. How many were new.

        Parameters
        ----------
        sync
            Whether to wait until all of it is on the disk itself.

        Raises
        ------
        OutputProblem
            The disk is full, or may not be written to; what was there before is as it was.
        """
        try:
            with FileLock(self._path / "manifest.lock") as gate:
                if not gate.take(wait_s=_GATE_S):
                    raise OutputProblem(
                        "Activations cannot be recorded: another process is busy with them.",
                        hint="End it, or wait for it, and run this again.",
                    )
                self.refresh()
                return self._add(new, sync=sync)
        except OSError as problem:
            raise unwritable(problem) from problem

    def others_added(self) -> bool:
        """Whether others have added anything since this was last asked."""
        self.refresh()
        found, self._foreign = self._foreign, False
        return found

    def direction(self) -> tuple[int, FileLock | None]:
        """In which order to go through images that others may be recording too, and its lock.

        The first one goes forward (0), a second one backward (1), so that they meet; any further
        one starts in the middle (2).
        """
        for number in range(_DIRECTIONS - 1):
            lock = FileLock(self._path / f"pass-{number}.lock")
            with suppress(OSError):
                if lock.take():
                    return number, lock
        return _DIRECTIONS - 1, None

    def _add(self, new: "New", *, sync: bool) -> int:
        before = self._manifest
        entries = list(before.chunks)
        hashes, block = new.hashes, new.block
        fresh = np.zeros(0, np.int64)
        if block is not None:
            keys = keys_of(hashes)
            _, first = np.unique(keys, return_index=True)
            fresh = np.sort(first[self.where(keys[first]) < 0])
        if block is not None and len(fresh):
            if len(fresh) < len(hashes):
                hashes, block = hashes[fresh], block.rows(fresh)
            self._tidy()
            name = f"{uuid.uuid4().hex}{_CHUNK}"
            size = write_chunk(self._path / name, hashes, block, sync=sync)
            entries.append(_Entry(name, len(hashes), size))
        broken = dict(list({**before.broken, **new.broken}.items())[:_MOST_BROKEN])
        said = tuple(dict.fromkeys((*before.said, *new.said)))
        if len(fresh) or broken != before.broken:
            self._write(_Manifest(chunks=entries, broken=broken, said=said), sync=sync)
            self._held.holds(sum(entry.bytes for entry in entries))
        return len(fresh)

    def _write(self, manifest: _Manifest, *, sync: bool) -> None:
        aside = self._path / f"{_MANIFEST}.part"
        try:
            with open(aside, "wb") as file:
                file.write(msgspec.json.encode(manifest))
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            _exchange(aside, self._path / _MANIFEST)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
        status = os.stat(self._path / _MANIFEST)
        self._stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        self._take(manifest)

    def _take(self, manifest: _Manifest) -> None:
        """Read which images the chunks are about; a chunk that is not whole does not count."""
        before = self._manifest.chunks
        if manifest.chunks[: len(before)] != before:
            self._index, before = HashIndex(), []
        whole = list(before)
        for entry in manifest.chunks[len(before) :]:
            try:
                found = read_hashes(self._path / entry.file)
            except (OSError, FileProblem) as problem:
                logger.info("A chunk of the activation store is left aside: %s", problem)
                continue
            self._index.add(keys_of(found))
            whole.append(entry)
        manifest.chunks = whole
        self._manifest = manifest

    def _remade(self) -> _Manifest:
        """A manifest of the chunks that are there."""
        entries = []
        for path in sorted(self._path.glob(f"*{_CHUNK}")):
            with suppress(OSError, FileProblem):
                entries.append(_Entry(path.name, len(read_hashes(path)), path.stat().st_size))
        return _Manifest(chunks=entries)

    def _tidy(self) -> None:
        """Remove chunks that no manifest names: their process was killed between the two."""
        named = {entry.file for entry in self._manifest.chunks}
        for path in self._path.glob(f"*{_CHUNK}"):
            if path.name not in named:
                with suppress(OSError):
                    path.unlink()


def _exchange(aside: Path, path: Path) -> None:
    """Rename over; where a file that is being read cannot be replaced, a moment later."""
    for _ in range(_TRIES if sys.platform == "win32" else 0):
        try:
            os.replace(aside, path)
        except PermissionError:
            time.sleep(_TRY_AGAIN_S)
        else:
            return
    os.replace(aside, path)


def unwritable(problem: OSError) -> OutputProblem:
    """What to say where activations cannot be written."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputProblem(
            "The disk is full: not all activations could be recorded.",
            hint="Make room and run it again: it goes on with what is recorded so far. "
            "INTERP_GUI_CACHE names another folder.",
        )
    reason = problem.strerror or str(problem)
    return OutputProblem(
        f"Activations cannot be recorded: {reason}.",
        hint="Set INTERP_GUI_CACHE to a folder that may be written to. What is recorded so far "
        "is kept.",
    )
