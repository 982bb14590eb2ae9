"""Earlier results on disk, by content."""

import errno
import hashlib
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs

from interp_gui.core.analysis import Store
from interp_gui.core.errors import InterpError, OutputProblem
from interp_gui.core.file_locks import FileLock
from interp_gui.core.stored_folder import StoredFolder, folder_bytes, in_use
from interp_gui.engine.values import pack, unpack

DEFAULT_LIMIT_BYTES = 4 * 2**30
LIMIT_VARIABLE = "INTERP_GUI_CACHE_LIMIT_MB"
_FORMAT = 1
_FOLDER = "folder:"
"""Before the names of folders in the index."""
_GONE = "gone-"
"""Before the names of folders that are being removed."""
_GATE_S = 5.0
_TRIED_BYTES = 2**16
"""Written to see whether a folder takes anything."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used_s REAL NOT NULL
)
"""

logger = logging.getLogger(__name__)


class Cache(Store):
    """Values (arrays and JSON-like) under keys of content; several processes may share it.

    A value is one file, written aside and renamed. What is too large for that is a folder, which
    is never removed while any process uses it. The index knows sizes and last uses; where it
    and the files disagree, the files are right. Nothing here ever fails a computation: what
    cannot be stored is computed again next time.

    Parameters
    ----------
    folder
        Made when the first value is stored.
    limit_bytes
        When it is exceeded, the least recently used values go.
    code_version
        Part of every key: raised when the same key would mean other numbers.
    """

    limit_bytes: int

    def __init__(
        self,
        folder: Path,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        *,
        code_version: int = 1,
    ) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._code_version = code_version
        self._warned = False
        self._lost: OSError | None = None

    @classmethod
    def default(cls) -> "Cache | None":
        """The user's cache; `INTERP_GUI_CACHE` names another folder, or is `off`.

        `INTERP_GUI_CACHE_LIMIT_MB` sets how large it may become: 4 GB, or a tenth of the disk's
        free space where that is more, if it does not.
        """
        chosen = os.environ.get("INTERP_GUI_CACHE", "")
        if chosen.lower() == "off":
            return None
        folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("interp-gui"))
        limit = os.environ.get(LIMIT_VARIABLE, "")
        return cls(folder, int(limit) * 2**20 if limit.isdecimal() else _ample(folder))

    def get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """The value stored under a key, None if there is none; a damaged one is removed."""
        name = self._name(key)
        path = self._path(name)
        try:
            value = unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except (InterpError, OSError) as problem:
            logger.info("A damaged value of the cache is removed: %s", problem)
            self._forget([name])
            return None
        with suppress(sqlite3.Error, OSError), self._index() as index:
            index.execute("UPDATE entry SET used_s = ? WHERE name = ?", (time.time(), name))
        return value

    def put(self, key: dict[str, Any], value: dict[str, Any]) -> None:
        """Store a value; a full disk or an unwritable folder is warned of once, and skipped."""
        name = self._name(key)
        data = pack(value)
        if len(data) > self.limit_bytes:
            return
        try:
            self._write(self._path(name), data)
            with self._index() as index:
                index.execute(
                    "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", (name, len(data), time.time())
                )
                (total,) = index.execute("SELECT SUM(bytes) FROM entry").fetchone()
            if total > self.limit_bytes:
                self._shrink()
        except (OSError, sqlite3.Error) as problem:
            self._warn(problem)

    def folder_of(self, key: dict[str, Any]) -> StoredFolder:
        """The folder under a key, made where it is missing, in use until it is closed.

        Where none can be made, it is a temporary one.
        """
        name = self._name(key)
        path = self._folder_path(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._gate) as gate:
                gate.take(wait_s=_GATE_S)
                path.mkdir(parents=True, exist_ok=True)
                held = StoredFolder(path, tell=lambda bytes_: self._resized(name, bytes_))
        except OSError as problem:
            self._warn(problem)
            self._lost = problem
            return super().folder_of(key)
        self._resized(name, folder_bytes(path))
        return held

    def require_kept(self) -> None:
        """Raise OutputProblem where folders are not kept, or one that was asked for was not.

        For whom nothing but keeping them is of use: all others go on without.
        """
        problem = self._lost
        if problem is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.folder) as file:
                    file.write(bytes(_TRIED_BYTES))
                    file.flush()
            except OSError as found:
                problem = found
        if problem is None:
            return
        hint = "Set INTERP_GUI_CACHE to a folder that may be written to."
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Make room, or set INTERP_GUI_CACHE to a folder on another disk."
        reason = problem.strerror or str(problem)
        raise OutputProblem(f"Nothing is kept in {self.folder}: {reason}.", hint=hint) from problem

    def clear(self) -> None:
        """Remove everything but the folders that are in use."""
        with suppress(OSError, sqlite3.Error), self._index() as index:
            index.execute("DELETE FROM entry WHERE name NOT LIKE ?", (f"{_FOLDER}%",))
        if self._values.is_dir():
            shutil.rmtree(self._values, ignore_errors=True)
        names = [f"{_FOLDER}{path.name}" for path in self._folders.glob("*/*")]
        self._forget([name for name in names if self._remove_folder(name)])
        for path in self.folder.glob(f"{_GONE}*"):  # of a process that was killed meanwhile
            shutil.rmtree(path, ignore_errors=True)

    @property
    def size_bytes(self) -> int:
        """Bytes of all stored values, as the index knows them."""
        if not self._index_path.exists():
            return 0
        try:
            with self._index() as index:
                return int(index.execute("SELECT COALESCE(SUM(bytes), 0) FROM entry").fetchone()[0])
        except (OSError, sqlite3.Error):
            values = sum(path.stat().st_size for path in self._values.glob("*/*.value"))
            return values + sum(folder_bytes(path) for path in self._folders.glob("*/*"))

    def _warn(self, problem: Exception) -> None:
        if not self._warned:
            self._warned = True
            reason = getattr(problem, "strerror", None) or problem
            logger.warning(
                "Results cannot be kept in %s: %s. They will be computed again next time.",
                self.folder, reason,
            )  # fmt: skip

    @property
    def _values(self) -> Path:
        return self.folder / f"values-{_FORMAT}"

    @property
    def _index_path(self) -> Path:
        return self.folder / f"index-{_FORMAT}.sqlite"

    @property
    def _folders(self) -> Path:
        return self.folder / f"folders-{_FORMAT}"

    @property
    def _gate(self) -> Path:
        """Locked for the moment in which a folder comes into use, or goes."""
        return self.folder / f"folders-{_FORMAT}.lock"

    def _folder_path(self, name: str) -> Path:
        plain = name.removeprefix(_FOLDER)
        return self._folders / plain[:2] / plain

    def _name(self, key: dict[str, Any]) -> str:
        plain = msgspec.to_builtins(key, enc_hook=_plain)
        content = {"key": plain, "code": self._code_version}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _path(self, name: str) -> Path:
        return self._values / name[:2] / f"{name}.value"

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with open(fd, "wb") as file:
                file.write(data)
            os.replace(aside, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(aside)
            raise

    def _shrink(self) -> None:
        with self._index() as index:
            rows = index.execute("SELECT name, bytes FROM entry ORDER BY used_s").fetchall()
        excess = sum(size for _, size in rows) - self.limit_bytes
        old: list[str] = []
        for name, size in rows:
            if excess <= 0:
                break
            if name.startswith(_FOLDER) and not self._remove_folder(name):
                continue
            old.append(name)
            excess -= size
        self._forget(old)

    def _resized(self, name: str, bytes_: int) -> None:
        """A folder was used, and has so many bytes now."""
        try:
            with self._index() as index:
                index.execute(
                    "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)",
                    (f"{_FOLDER}{name}", bytes_, time.time()),
                )
                (total,) = index.execute("SELECT SUM(bytes) FROM entry").fetchone()
            if total > self.limit_bytes:
                self._shrink()
        except (OSError, sqlite3.Error) as problem:
            self._warn(problem)

    def _remove_folder(self, name: str) -> bool:
        """Remove a folder unless it is in use; whether it is gone."""
        path = self._folder_path(name)
        aside = self.folder / f"{_GONE}{uuid.uuid4().hex}"
        try:
            with FileLock(self._gate) as gate:
                if not gate.take(wait_s=_GATE_S) or in_use(path):
                    return False
                path.rename(aside)
        except FileNotFoundError:
            return True
        except OSError as problem:
            logger.info("A folder of the cache stays: %s", problem)
            return False
        shutil.rmtree(aside, ignore_errors=True)
        return True

    def _forget(self, names: list[str]) -> None:
        for name in names:
            if name.startswith(_FOLDER):
                continue
            with suppress(OSError):
                self._path(name).unlink()
        if names:
            with suppress(sqlite3.Error, OSError), self._index() as index:
                index.executemany("DELETE FROM entry WHERE name = ?", [(n,) for n in names])

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: none is held between calls, so none is shared."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            connection = self._open_index()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # A damaged index is made again from the files.
            with suppress(OSError):
                self._index_path.unlink()
            connection = self._open_index()
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def _open_index(self) -> sqlite3.Connection:
        fresh = not self._index_path.exists()
        connection = sqlite3.connect(self._index_path, timeout=5.0)
        try:
            # The index can be made again, so it need not survive a power cut.
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.execute(_SCHEMA)
                if fresh:
                    found = ((p.stem, p.stat()) for p in self._values.glob("*/*.value"))
                    rows = [(name, status.st_size, status.st_mtime) for name, status in found]
                    for path in self._folders.glob("*/*"):
                        used_s = path.stat().st_mtime
                        rows.append((f"{_FOLDER}{path.name}", folder_bytes(path), used_s))
                    connection.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", rows)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection


def _ample(folder: Path) -> int:
    """A limit for a cache in this folder: activations of large datasets take many gigabytes."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(there).free if there is not None else 0
    return max(DEFAULT_LIMIT_BYTES, free // 10)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key")
