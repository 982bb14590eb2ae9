"""The Shapes sample on this machine: its networks are shipped, its pictures are drawn on demand."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from interp_gui.core.errors import FileProblem
from interp_gui.resources import resource_path

PICTURES = 240
_EDITION = 1
"""Raised when the generator draws otherwise, so that older pictures are not taken for new ones."""
_SEED = 2026


def shapes_model(*, marker: bool = False) -> Path:
    """The network trained on Shapes; with `marker` the one that learned a shortcut.

    Raises
    ------
    FileProblem
        The installation is incomplete.
    """
    name = f"samples/shapes{'_marker' if marker else ''}.safetensors"
    try:
        return resource_path(name)
    except FileNotFoundError as problem:
        raise FileProblem(str(problem), hint="Install interp-gui again.") from None


def shapes_folder(*, marker: bool = False) -> Path:
    """Folder of a set of Shapes pictures with `labels.csv` and masks; drawn where it is missing.

    It takes about a second, once. With `marker` half of all pictures bear the marker, whatever
    they show.

    Raises
    ------
    FileProblem
        The pictures cannot be written.
    """
    folder = samples_folder() / f"shapes{'-marker' if marker else ''}-{_EDITION}"
    if _is_whole(folder):
        return folder
    from interp_gui.samples.shapes import Spec, Spurious
    from interp_gui.samples.shapes.dataset import write_dataset

    if folder.is_symlink():
        raise FileProblem(f"'{folder}' is a link.", hint="Delete it.")
    shutil.rmtree(folder, ignore_errors=True)
    spurious = Spurious().uncorrelated() if marker else None
    try:
        write_dataset(folder, PICTURES, _SEED, spec=Spec(spurious=spurious))
    except FileProblem:
        if not _is_whole(folder):  # unless another window drew them in the meantime
            raise
    return folder


def samples_folder() -> Path:
    """Where pictures of samples are kept: beside the cache, which may be emptied at any time."""
    chosen = os.environ.get("INTERP_GUI_CACHE", "")
    if chosen and chosen.lower() != "off":
        return Path(chosen) / "samples"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("interp-gui")) / "samples"


def _is_whole(folder: Path) -> bool:
    """Whether all pictures and masks are there."""
    import csv

    with suppress(OSError, ValueError, csv.Error):
        with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
            paths = [row["path"] or "" for row in csv.DictReader(file) if "path" in row]
        masks = (folder / "masks" / Path(path).name for path in paths)
        files = (*(folder / path for path in paths), *masks)
        return len(paths) == PICTURES and all(file.is_file() for file in files)
    return False
