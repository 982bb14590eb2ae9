"""What is written while a person works, so that a crash takes nothing that was collected.

A window keeps one folder. Each shelf item and each kept result is a small session file of its own,
the list of images another, the rest a third: only what changed is written again, whatever else the
window holds. `order.json` is written last and says what belongs together. Pieces that it does not
name were written after it, just before the end; they belong to it too.
"""

import contextlib
import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from interp_gui.core.errors import InterpError, OutputProblem
from interp_gui.core.places import data_folder
from interp_gui.core.session.document import (
    DatasetRef,
    KeptResult,
    SessionDocument,
    ShelfItem,
)
from interp_gui.gui.atomic import put_aside, write_atomically
from interp_gui.gui.session.owner import Owner, read_owner

OWNER, ORDER, MAIN, DATASET = "owner.json", "order.json", "main.interp", "dataset.interp"
FOLDER = "recovery"
_CLAIMED = ".claimed-"
T = TypeVar("T")


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What belongs together, written last.

    Parameters
    ----------
    shelf, kept
        Ids in order.
    path
        The session file that was open; empty if it had none.
    saved
        When, as ISO 8601 in UTC.
    """

    shelf: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    has_dataset: bool = False
    path: str = ""
    saved: str = ""


@dataclass(frozen=True)
class Recovered:
    """What a folder of a window that is gone gives back.

    Parameters
    ----------
    problems
        Sentences about pieces that could not be read, and were kept aside.
    """

    folder: Path
    document: SessionDocument
    path: str
    saved: str
    problems: tuple[str, ...] = ()


class RecoveryFolder:
    """The folder of one window.

    `put_items` is for the Qt thread and one worker, `save` for that worker; neither waits.
    """

    def __init__(self, owner: Owner, root: Path | None = None) -> None:
        self.path = (root or recovery_root()) / f"{owner.pid}-{owner.window[:12]}"
        self._owner = owner
        self._lock = threading.Lock()  # of what follows; never held while something is written
        self._written: dict[str, object] = {}
        self._durable: dict[str, object] = {}
        self._put_since: set[str] = set()  # since `known` was asked for
        self._is_over = False

    @property
    def known(self) -> frozenset[str]:
        """Names of the pieces that are written now."""
        with self._lock:
            self._put_since.clear()
            return frozenset(self._written)

    def put_items(self, items: Iterable[ShelfItem | KeptResult]) -> None:
        """Write those items that are new or changed, at once and without waiting for the disk.

        What the system has been given outlives the process; only a loss of power takes it.

        Raises
        ------
        OutputProblem
            The folder cannot be written.
        """
        self._prepare()
        for item in items:
            with self._lock:
                self._put_since.add(piece_name(item))
            self._put(piece_name(item), item_key(item), partial(_alone, item), durable=False)

    def save(self, document: SessionDocument, path: str, known: frozenset[str]) -> None:
        """Write whatever changed since the last time, and remove what is gone.

        Parameters
        ----------
        path
            The session file that is open; empty if there is none.
        known
            `known` when the document was put together: what was written since then is not of it,
            and stays.

        Raises
        ------
        OutputProblem
            The folder cannot be written; what was there stays.
        """
        self._prepare()
        wanted = {MAIN}
        items: tuple[ShelfItem | KeptResult, ...] = (*document.shelf, *document.kept)
        for item in items:
            wanted.add(piece_name(item))
            self._put(piece_name(item), item_key(item), partial(_alone, item))
        dataset = document.dataset
        if dataset is not None:
            wanted.add(DATASET)
            self._put(DATASET, dataset_key(dataset), lambda: SessionDocument(dataset=dataset))
        main = msgspec.structs.replace(document, shelf=(), kept=(), dataset=None)
        self._put(MAIN, Same(document), lambda: main)
        order = Order(
            shelf=tuple(item.id for item in document.shelf),
            kept=tuple(item.id for item in document.kept),
            has_dataset=dataset is not None,
            path=path,
            saved=document.saved,
        )
        if not self._is_over:
            _write(self.path / ORDER, order)
            self._forget(known - wanted)

    def discard(self) -> None:
        """Remove the folder: nothing is left to recover. Nothing is written afterwards."""
        with self._lock:
            self._is_over = True
            self._written.clear()
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    def _put(
        self,
        name: str,
        key: object,
        document: Callable[[], SessionDocument],
        *,
        durable: bool = True,
    ) -> None:
        with self._lock:
            known = self._durable if durable else self._written
            if self._is_over or known.get(name) == key:
                return
        from interp_gui.core.session.files import write_session

        write_session(self.path / name, document(), compress=False, durable=durable)
        with self._lock:
            self._written[name] = key
            if durable:
                self._durable[name] = key

    def _prepare(self) -> None:
        """Make the folder, also where somebody deleted it."""
        if self._is_over or (self.path / OWNER).exists():
            return
        with self._lock:
            self._written.clear()
            self._durable.clear()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem
        _write(self.path / OWNER, self._owner)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            with self._lock, contextlib.suppress(OSError):
                if name in self._put_since:  # removed, and brought back while this was saved
                    continue
                self._written.pop(name, None)
                self._durable.pop(name, None)
                (self.path / name).unlink(missing_ok=True)


# --- what earlier windows left -------------------------------------------------------------------


def recovery_root() -> Path:
    """Where all windows keep their folders."""
    return data_folder() / FOLDER


def abandoned(root: Path | None = None) -> list[Path]:
    """Folders of windows whose process is gone, the newest first."""
    try:
        folders = [path for path in (root or recovery_root()).iterdir() if path.is_dir()]
    except OSError:
        return []
    left = []
    for folder in folders:
        owner = read_owner(folder / OWNER)
        if owner is None or owner.is_dead:
            left.append(folder)
    return sorted(left, key=_changed_s, reverse=True)


def recover(folder: Path) -> Recovered | None:
    """Put together what a folder holds; None if there is nothing in it.

    A piece that cannot be read is kept aside as `NAME.damaged`, and the others are taken.
    """
    problems: list[str] = []
    order = _read_order(folder)
    main = _piece(folder / MAIN, problems) or SessionDocument()
    dataset = _piece(folder / DATASET, problems) if order is None or order.has_dataset else None
    shelf: dict[str, ShelfItem] = {}
    kept: dict[str, KeptResult] = {}
    for path in sorted(folder.glob("*-*.interp"), key=_changed_s):
        piece = _piece(path, problems)
        if piece is not None:
            shelf |= {item.id: item for item in piece.shelf}
            kept |= {item.id: item for item in piece.kept}
    order = order or Order()
    document = msgspec.structs.replace(
        main,
        dataset=dataset.dataset if dataset is not None else None,
        # where they would be put: newly collected features in front, kept results at the end
        shelf=(*reversed(_others(shelf, order.shelf)), *_in_order(shelf, order.shelf)),
        kept=(*_in_order(kept, order.kept), *_others(kept, order.kept)),
    )
    if is_empty(document) and not problems:
        return None
    return Recovered(folder, document, order.path, order.saved or document.saved, tuple(problems))


def is_empty(document: SessionDocument) -> bool:
    """Whether there is nothing in a session that anybody would miss."""
    return not (
        document.models
        or document.shelf
        or document.kept
        or document.dataset
        or document.names
        or document.edits.edits
    )


def claim(folder: Path, owner: Owner) -> Path | None:
    """Take a folder for a window alone; None if another window took it first."""
    mine = folder.with_name(f"{folder.name.partition(_CLAIMED)[0]}{_CLAIMED}{uuid.uuid4().hex[:8]}")
    try:
        os.rename(folder, mine)
        write_atomically(mine / OWNER, msgspec.json.encode(owner))
    except OSError:
        return None
    return mine


def remove(folder: Path, *, everything: bool = False) -> None:
    """Remove a folder; what could not be read in it is kept unless `everything` shall go."""
    if everything:
        shutil.rmtree(folder, ignore_errors=True)
    for path in folder.iterdir() if folder.is_dir() else ():
        if ".damaged" not in path.name:
            with contextlib.suppress(OSError):
                path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


# --- pieces --------------------------------------------------------------------------------------


def piece_name(item: ShelfItem | KeptResult) -> str:
    """File of an item; ids may come from a file and hold anything."""
    digest = hashlib.sha256(item.id.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{'shelf' if isinstance(item, ShelfItem) else 'kept'}-{digest}.interp"


def item_key(item: ShelfItem | KeptResult) -> object:
    """What differs where an item must be written again; pictures and results never change."""
    if isinstance(item, ShelfItem):
        return (item.id, item.name, item.note, item.tags, Same(item.picture))
    return (item.id, item.note, item.included, Same(item.result))


def dataset_key(dataset: DatasetRef) -> object:
    """What differs where the list of images must be written again."""
    return (Same(dataset.images), dataset.name, tuple(dataset.classes.items()))


class Same:
    """Equal only to what wraps the same object, which it keeps: an id could be used again."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._value is self._value

    __hash__ = None  # type: ignore[assignment]


def _alone(item: ShelfItem | KeptResult) -> SessionDocument:
    if isinstance(item, ShelfItem):
        return SessionDocument(shelf=(item,))
    return SessionDocument(kept=(item,))


def _piece(path: Path, problems: list[str]) -> SessionDocument | None:
    from interp_gui.core.session.files import read_session

    if not path.exists():
        return None
    try:
        return read_session(path)
    except InterpError as problem:
        problems.append(problem.message)
        with contextlib.suppress(OSError):
            put_aside(path)
        return None


def _read_order(folder: Path) -> Order | None:
    try:
        return msgspec.json.decode((folder / ORDER).read_bytes(), type=Order)
    except (OSError, msgspec.MsgspecError):
        return None


def _in_order(items: dict[str, T], ids: tuple[str, ...]) -> list[T]:
    return [items[i] for i in dict.fromkeys(ids) if i in items]


def _others(items: dict[str, T], ids: tuple[str, ...]) -> list[T]:
    """Items that were written after the order was, the oldest first."""
    return [item for i, item in items.items() if i not in ids]


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _write(path: Path, value: Owner | Order) -> None:
    try:
        write_atomically(path, msgspec.json.encode(value))
    except OSError as problem:
        raise _unwritable(path, problem) from problem


def _unwritable(path: Path, problem: OSError) -> OutputProblem:
    from interp_gui.core.export.files import output_problem

    return output_problem(path, problem)
