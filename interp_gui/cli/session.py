"""The engine in this process, as commands use it."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from interp_gui.cli.output import Output
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import ImageProblem
from interp_gui.core.folders import check_entry, scan_all
from interp_gui.core.model import ModelDescription, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.core.paths import check_exists

if TYPE_CHECKING:
    from interp_gui.engine.local import LocalEngine

MOST_NAMED_BROKEN = 5


def local_engine(*, safe_mode: bool, cached: bool = True) -> "LocalEngine":
    """An engine with its plugins; what libraries print while loading goes to standard error."""
    from interp_gui.engine.environment import engine_environment

    for name, value in engine_environment({}).items():
        if name != "PYTHONPATH":
            os.environ.setdefault(name, value)
    with redirect_stdout(sys.stderr):
        from interp_gui.engine.cache import Cache
        from interp_gui.engine.local import LocalEngine
        from interp_gui.engine.workspace import Workspace

        cache = Cache.default() if cached else None
        return LocalEngine(Workspace(cache=cache, safe_mode=safe_mode))


def open_model(
    engine: "LocalEngine",
    path: str,
    output: Output,
    preprocessing: Preprocessing | None = None,
    *,
    choice: OpenChoice = OpenChoice(),
    labelled: Dataset | None = None,
    handle: str = "model",
) -> ModelDescription:
    """Open a checkpoint, telling how far it is.

    Parameters
    ----------
    choice
        What was decided about it.
    labelled
        Images whose labels may tell apart architectures that take the same tensors.
    """
    with redirect_stdout(sys.stderr):
        dataset = ""
        if labelled is not None and labelled.labels:
            dataset = engine.register_dataset(labelled)
        return engine.open_model(
            path, preprocessing=preprocessing, choice=choice, dataset=dataset, handle=handle,
            on_progress=output.progress,
        )  # fmt: skip


def check_file(path: str) -> None:
    """Say that a checkpoint is missing before anything heavy is loaded."""
    check_exists(path, kind="file")


def images_at_hand(paths: Sequence[str], output: Output) -> Dataset | None:
    """Images of files, folders and tables; broken ones are named on the side and left out.

    Raises
    ------
    FileProblem
        A path does not exist, or holds no image.
    ImageProblem
        All of them are broken.
    """
    if not paths:
        return None
    scanned = scan_all(paths)
    found = scanned.dataset
    for note in scanned.notes:
        output.note(note)
    entries = [check_entry(entry) for entry in found.images]
    good = tuple(entry for entry in entries if not entry.problem)
    broken = [entry for entry in entries if entry.problem]
    if not good:
        first = broken[0].problem
        raise ImageProblem(
            first if len(broken) == 1 else f"None of {len(broken)} images can be read: {first}",
            hint="PNG, JPEG, TIFF, WebP, BMP, GIF and their like can be read.",
        )
    tell_broken(broken, output)
    return Dataset(name=found.name, images=good)


def tell_broken(broken: Iterable[ImageEntry], output: Output) -> None:
    """Name broken files on the side."""
    entries = list(broken)
    for entry in entries[:MOST_NAMED_BROKEN]:
        output.note(f"Left out: {entry.problem}")
    if len(entries) > MOST_NAMED_BROKEN:
        output.note(f"Left out: {len(entries) - MOST_NAMED_BROKEN} more broken images.")
