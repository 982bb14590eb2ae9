"""Images on disk as a Dataset: files, plain folders and class folders."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from interp_gui.core.dataset import IMAGE_SUFFIXES, Dataset, ImageEntry
from interp_gui.core.errors import FileProblem, ImageProblem
from interp_gui.core.images import probe_image
from interp_gui.core.paths import check_exists

_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))


def scan(paths: Iterable[str | os.PathLike[str]]) -> Dataset:
    """List the images of files and folders, in natural order, each once.

    A folder with images of its own is a plain folder. One with images only in its subfolders is a
    class folder: the subfolder's name is the label. Where all subfolders are named as splits
    (train, val, test), the classes are one level deeper, and the split is kept as metadata.
    Files named directly are taken whatever their suffix; broken ones are found when decoded.

    Raises
    ------
    FileProblem
        A path does not exist or may not be read, or there is no image at all.
    """
    given = [Path(path) for path in paths]
    entries: dict[str, ImageEntry] = {}
    for path in given:
        for entry in _folder(path) if os.path.isdir(path) else [_file(path)]:
            entries.setdefault(entry.path, entry)
    if not entries:
        names = ", ".join(f"'{path.name or path}'" for path in given[:3])
        raise FileProblem(
            f"There are no images in {names}." if given else "No images were given.",
            hint="Images end in .png, .jpg, .tif, .webp and the like.",
        )
    name = given[0].name if len(given) == 1 else f"{len(entries)} images"
    return Dataset(name=name or str(given[0]), images=tuple(entries.values()))


def check_entry(entry: ImageEntry) -> ImageEntry:
    """The entry with `problem` saying why its file cannot be an image, judged by its header."""
    try:
        probe_image(entry.path)
    except ImageProblem as problem:
        return msgspec.structs.replace(entry, problem=problem.message)
    return entry


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts `img2` before `img10`, whatever the case."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return tuple((0, int(p)) if p.isdecimal() and p.isascii() else (1, p) for p in parts if p)


def _file(path: Path) -> ImageEntry:
    check_exists(path)
    return ImageEntry(path=os.path.abspath(path))


def _folder(root: Path) -> list[ImageEntry]:
    found = [file.relative_to(root) for file in _images_below(root)]
    found.sort(key=lambda file: [natural_key(part) for part in file.parts])
    if any(len(file.parts) == 1 for file in found):
        return [_entry(root, file) for file in found]
    split = {file.parts[0].casefold() for file in found} <= _SPLITS
    if split:
        return [_entry(root, file, split=file.parts[0], label=_second(file)) for file in found]
    return [_entry(root, file, label=file.parts[0]) for file in found]


def _second(file: Path) -> str:
    return file.parts[1] if len(file.parts) > 2 else ""


def _entry(root: Path, file: Path, *, label: str = "", split: str = "") -> ImageEntry:
    metadata = {"split": split} if split else {}
    return ImageEntry(path=os.path.abspath(root / file), label=label, metadata=metadata)


def _images_below(root: Path) -> Iterator[Path]:
    def refuse(problem: OSError) -> None:
        if problem.filename is not None and Path(problem.filename) == root:
            raise FileProblem(
                f"The folder '{root.name or root}' may not be read.",
                hint="Change its permissions.",
            ) from None

    for folder, subfolders, files in os.walk(root, onerror=refuse):
        # what systems leave lying about: .git, .thumbnails, __MACOSX, ._cat.jpg
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(folder, name)
