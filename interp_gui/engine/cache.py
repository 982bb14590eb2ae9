"""Earlier results on disk, by content."""

import hashlib
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs

from interp_gui.core.analysis import Store
from interp_gui.core.errors import InterpError
from interp_gui.engine.values import pack, unpack

DEFAULT_LIMIT_BYTES = 4 * 2**30
LIMIT_VARIABLE = "INTERP_GUI_CACHE_LIMIT_MB"
_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used_s REAL NOT NULL
)
"""

logger = logging.getLogger(__name__)


class Cache(Store):
    """Values (arrays and JSON-like) under keys of content; several processes may share it.

    A value is one file, written aside and renamed. The index knows sizes and last uses; where it
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

    @classmethod
    def default(cls) -> "Cache | None":
        """The user's cache; `INTERP_GUI_CACHE` names another folder, or is `off`.

        `INTERP_GUI_CACHE_LIMIT_MB` sets how large it may become.
        """
        chosen = os.environ.get("INTERP_GUI_CACHE", "")
        if chosen.lower() == "off":
            return None
        folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("interp-gui"))
        limit = os.environ.get(LIMIT_VARIABLE, "")
        bytes_ = int(limit) * 2**20 if limit.isdecimal() else DEFAULT_LIMIT_BYTES
        return cls(folder, bytes_)

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
            if not self._warned:
                self._warned = True
                logger.warning("Results cannot be kept in %s: %s", self.folder, problem)

    def clear(self) -> None:
        """Remove everything."""
        with suppress(OSError, sqlite3.Error), self._index() as index:
            index.execute("DELETE FROM entry")
        if self._values.is_dir():
            shutil.rmtree(self._values, ignore_errors=True)

    @property
    def size_bytes(self) -> int:
        """Bytes of all stored values, as the index knows them."""
        if not self._index_path.exists():
            return 0
        try:
            with self._index() as index:
                return int(index.execute("SELECT COALESCE(SUM(bytes), 0) FROM entry").fetchone()[0])
        except (OSError, sqlite3.Error):
            return sum(path.stat().st_size for path in self._values.glob("*/*.value"))

    @property
    def _values(self) -> Path:
        return self.folder / f"values-{_FORMAT}"

    @property
    def _index_path(self) -> Path:
        return self.folder / f"index-{_FORMAT}.sqlite"

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
            old.append(name)
            excess -= size
        self._forget(old)

    def _forget(self, names: list[str]) -> None:
        for name in names:
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
                    connection.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", rows)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key")
