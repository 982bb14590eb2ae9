"""Images on disk as a Dataset: files, plain folders, class folders and tables."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from interp_gui.core.csv_dataset import read_csv
from interp_gui.core.csv_text import is_table
from interp_gui.core.dataset import IMAGE_SUFFIXES, Dataset, ImageEntry
from interp_gui.core.errors import FileProblem, ImageProblem
from interp_gui.core.images import probe_image
from interp_gui.core.natural import natural_order
from interp_gui.core.paths import check_exists
from interp_gui.core.polite import politely

_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
_NAMED = 3


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What paths hold.

    Parameters
    ----------
    notes
        Sentences about folders that could not be read and rows of tables that are left out.
    """

    dataset: Dataset
    notes: tuple[str, ...] = ()


def scan(paths: Iterable[str | os.PathLike[str]]) -> Dataset:
    """The images of files, folders and tables; `scan_all` without its notes."""
    return scan_all(paths).dataset


def scan_all(paths: Iterable[str | os.PathLike[str]]) -> Scan:
    """List the images of files, folders and tables, each once.

    A folder with images of its own is a plain folder. One with images only in its subfolders is a
    class folder: the subfolder's name is the label. Folders that hold everything (`images/cat`,
    `images/dog`) are passed through. Where all subfolders are named as splits (train, val, test),
    the classes are one level deeper, and the split is kept as metadata.
    Folders are in natural order. A file that ends in .csv or .tsv is a table of images
    (`core.csv_dataset`), in its own order. Other files named directly are taken whatever their
    suffix; broken ones are found when decoded.

    Raises
    ------
    FileProblem
        A path does not exist or may not be read, or there is no image at all.
    """
    given = [Path(path) for path in paths]
    entries: dict[str, ImageEntry] = {}
    notes: list[str] = []
    for path in given:
        for entry in _entries(path, notes):
            entries.setdefault(entry.path, entry)
    if not entries:
        names = ", ".join(f"'{path.name or path}'" for path in given[:3])
        raise FileProblem(
            f"There are no images in {names}." if given else "No images were given.",
            hint=notes[0] if notes else "Images end in .png, .jpg, .tif, .webp and the like.",
        )
    name = given[0].name if len(given) == 1 else f"{len(entries)} images"
    images = Dataset(name=name or str(given[0]), images=tuple(entries.values()))
    return Scan(dataset=images, notes=tuple(notes))


def check_entry(entry: ImageEntry) -> ImageEntry:
    """The entry with `problem` saying why its file cannot be an image, judged by its header."""
    try:
        probe_image(entry.path)
    except ImageProblem as problem:
        return msgspec.structs.replace(entry, problem=problem.message)
    return entry


def probe_entries(
    entries: Sequence[ImageEntry], *, chunk: int = 256
) -> Iterator[tuple[int, tuple[ImageEntry, ...]]]:
    """Check the headers of many files, some at a time.

    Yields
    ------
    Place of a chunk's first entry, and its entries with `problem` set as by `check_entry`. Stop
    taking them to stop reading. It reads files: call it outside the event loop.
    """
    for start in range(0, len(entries), chunk):
        yield start, tuple(check_entry(entry) for entry in entries[start : start + chunk])


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts `img2` before `img10`, whatever the case."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return tuple((0, int(p)) if p.isdecimal() and p.isascii() else (1, p) for p in parts if p)


def _entries(path: Path, notes: list[str]) -> Iterable[ImageEntry]:
    if os.path.isdir(path):
        return _folder(path, notes)
    check_exists(path)
    if is_table(path):
        table = read_csv(path)
        notes += [f"'{path.name}': {note}" for note in table.notes]
        return table.dataset.images
    return [ImageEntry(path=os.path.abspath(path))]


def _folder(root: Path, notes: list[str]) -> list[ImageEntry]:
    lost: list[str] = []
    found = [file.relative_to(root) for file in politely(_images_below(root, lost))]
    if lost:
        shown = ", ".join(f"'{name}'" for name in lost[:_NAMED])
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        what = "folder" if len(lost) == 1 else "folders"
        notes.append(f"{len(lost)} {what} of '{root.name}' could not be read: {shown}{more}.")
    found = [found[i] for i in natural_order("\0".join(file.parts) for file in found)]
    if any(len(file.parts) == 1 for file in found):
        return [_entry(root, file) for file in politely(found)]
    level = _class_level(found)
    split = {file.parts[level].casefold() for file in found} <= _SPLITS
    if split:
        return [
            _entry(root, file, split=file.parts[level], label=_folder_at(file, level + 1))
            for file in politely(found)
        ]
    return [_entry(root, file, label=file.parts[level]) for file in politely(found)]


def _class_level(found: Sequence[Path]) -> int:
    """How deep the folders lie that tell images apart: below those that hold everything."""
    level = 0
    while (
        found
        and len({file.parts[level] for file in found}) == 1
        and found[0].parts[level].casefold() not in _SPLITS
        and all(len(file.parts) > level + 2 for file in found)
    ):
        level += 1
    return level


def _folder_at(file: Path, level: int) -> str:
    return file.parts[level] if len(file.parts) > level + 1 else ""


def _entry(root: Path, file: Path, *, label: str = "", split: str = "") -> ImageEntry:
    metadata = {"split": split} if split else {}
    return ImageEntry(path=os.path.abspath(root / file), label=label, metadata=metadata)


def _images_below(root: Path, lost: list[str]) -> Iterator[Path]:
    """Image files of a folder and those below; `lost` takes the names of unreadable ones.

    Links to folders elsewhere are followed, each such folder once. Those that lead back into
    `root`, or to a folder that holds it, are not: what they show is found anyway, or has no end.
    """

    def refuse(problem: OSError) -> None:
        name = os.fspath(problem.filename) if problem.filename is not None else str(root)
        if Path(name) == root:
            raise FileProblem(
                f"The folder '{root.name or root}' could not be read.",
                hint="Check that it is still there, and its permissions.",
            ) from None
        lost.append(os.path.relpath(name, root))

    real_root = os.path.realpath(root)
    followed: list[str] = []

    def leads_elsewhere(link: str) -> bool:
        real = os.path.realpath(link)
        for known in (real_root, *followed):
            if _within(real, known) or _within(known, real):
                return False
        followed.append(real)
        return True

    for folder, subfolders, files in os.walk(root, onerror=refuse, followlinks=True):
        # what systems leave lying about: .git, .thumbnails, __MACOSX, ._cat.jpg
        subfolders[:] = [
            name
            for name in sorted(subfolders)
            if not name.startswith((".", "__MACOSX"))
            and (
                not os.path.islink(os.path.join(folder, name))
                or leads_elsewhere(os.path.join(folder, name))
            )
        ]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(folder, name)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
