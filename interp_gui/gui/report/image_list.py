"""The images at hand as arguments that bring exactly them back, in their order and with labels."""

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from interp_gui.core.dataset import IMAGE_SUFFIXES, Dataset, ImageEntry
from interp_gui.core.errors import InterpError
from interp_gui.core.folders import scan
from interp_gui.gui.atomic import write_atomically

MOST_PATHS = 12
_LEVELS = 3
"""How far above its images a folder may be: split, class, image."""
_SPARE_FOLDERS = 100
_COLUMNS = ("path", "label", "group")


@dataclass(frozen=True)
class ImageList:
    """What `--images` is given.

    Parameters
    ----------
    paths
        Files or folders, or one table.
    table
        The table that was written for it; None if none was needed.
    note
        What the paths do not say; empty if they say all.
    """

    paths: tuple[str, ...]
    table: Path | None = None
    note: str = ""


def image_list(dataset: Dataset, folder: Path) -> ImageList:
    """The shortest arguments that `core.folders.scan` reads as exactly these images.

    Few files are named themselves, whole folders by the folder. Everything else becomes a table
    in `folder`. It reads folders and writes a file: call it outside the event loop.
    """
    wanted = _plain(dataset.images)
    every = tuple(entry.path for entry in wanted)
    if not wanted:
        return ImageList(())
    if len(wanted) <= MOST_PATHS and _reads_as(every, wanted):
        return ImageList(every)
    known = frozenset(every)
    most = _SPARE_FOLDERS + 4 * len({os.path.dirname(path) for path in every})
    for folders in _candidates(every):
        if all(_holds_only(each, known, most) for each in folders) and _reads_as(folders, wanted):
            return ImageList(folders)
    return _as_table(dataset.name, wanted, every, folder)


def _as_table(
    name: str, wanted: tuple[ImageEntry, ...], every: tuple[str, ...], folder: Path
) -> ImageList:
    try:
        table = _write_table(name, wanted, folder)
    except OSError:
        return ImageList(
            every, note="No table could be written: the files are named without labels."
        )
    if _reads_as((str(table),), wanted):
        return ImageList((str(table),), table)
    # names that a table cannot hold (blanks at an end), or columns named like its own
    if _places((str(table),)) != every and _places(every) == every:
        table.unlink(missing_ok=True)
        return ImageList(every, note="A table cannot hold their names: labels are left out.")
    return ImageList((str(table),), table, "Not everything in the list could be written there.")


def _write_table(name: str, entries: Sequence[ImageEntry], folder: Path) -> Path:
    """Write entries as CSV; the same entries are the same file, so that they do not pile up."""
    names = [n for n in Dataset(images=tuple(entries)).columns if n.casefold() not in _COLUMNS]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*_COLUMNS, *names))
    for entry in entries:
        further = (entry.metadata.get(n, "") for n in names)
        writer.writerow((entry.path, entry.label, entry.group, *further))
    # the mark says the encoding, which could be taken for another one otherwise
    content = stream.getvalue().encode("utf-8-sig", errors="surrogateescape")
    stem = "".join(c if c.isalnum() else "-" for c in Path(name).stem)[:40].strip("-") or "images"
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    write_atomically(path, content)
    return path


def _candidates(paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Folders that may hold the images, the fewest first; never a whole disk."""
    above = [list(dict.fromkeys(_above(path, level) for path in paths)) for level in range(_LEVELS)]
    seen = set[tuple[str, ...]]()
    for folders in sorted(map(tuple, [*above, *_common(paths)]), key=len):
        whole_disk = any(os.path.dirname(each) == each for each in folders)
        if folders not in seen and len(folders) <= MOST_PATHS and not whole_disk:
            yield folders
        seen.add(folders)


def _common(paths: Sequence[str]) -> list[list[str]]:
    try:
        return [[os.path.commonpath([os.path.dirname(path) for path in paths])]]
    except ValueError:  # several drives
        return []


def _above(path: str, level: int) -> str:
    for _ in range(level + 1):
        path = os.path.dirname(path)
    return path


def _holds_only(folder: str, known: frozenset[str], most_folders: int) -> bool:
    """Whether a look at a folder's names finds no other image, nor more folders than are likely.

    It ends early where reading the folder as images would take long for nothing.
    """
    for number, (at, below, files) in enumerate(os.walk(folder, followlinks=True)):
        if number >= most_folders:
            return False
        below[:] = [name for name in below if not name.startswith((".", "__MACOSX"))]
        for name in files:
            image = os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
            if image and not name.startswith(".") and os.path.join(at, name) not in known:
                return False
    return True


def _reads_as(paths: Sequence[str], wanted: tuple[ImageEntry, ...]) -> bool:
    try:
        return _plain(scan(paths).images) == wanted
    except InterpError:
        return False


def _places(paths: Sequence[str]) -> tuple[str, ...]:
    try:
        return scan(paths).paths
    except InterpError:
        return ()


def _plain(entries: Sequence[ImageEntry]) -> tuple[ImageEntry, ...]:
    """Without what was found out about the files later, and without empty fields."""
    return tuple(
        msgspec.structs.replace(
            entry, problem="", metadata={n: v for n, v in entry.metadata.items() if v}
        )
        for entry in entries
    )
