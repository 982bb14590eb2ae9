"""Scenes on disk: class folders of PNGs, one table, and masks of every concept.

::

    FOLDER/images/star/star-00004.png   scenes, by class
    FOLDER/masks/star-00004.png         where every concept is, see `read_masks`
    FOLDER/labels.csv                   path,label,colour,texture,marker,group,…
    FOLDER/concepts.json                which number in a mask is which concept
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import FileProblem, InvalidValue
from interp_gui.samples.shapes.paint import TEXTURES
from interp_gui.samples.shapes.scenes import (
    COLOURS,
    DISTRACTOR,
    GROUND,
    MARKER,
    OBJECTS,
    Mask,
    Scene,
    Spec,
    scene,
)

CATEGORIES = {
    "object": (GROUND, *OBJECTS, DISTRACTOR, MARKER),
    "colour": ("none", *COLOURS),
    "texture": ("none", *TEXTURES),
}
"""Channels of a mask file, red, green and blue: the concepts of each, by number."""
COLUMNS = ("path", "label", "colour", "texture", "marker", "group", "background", "seed")
MOST = 1_000_000


def write_dataset(
    folder: str | os.PathLike[str],
    count: int,
    seed: int = 0,
    *,
    spec: Spec = Spec(),
    masks: bool = True,
    on_progress: Callable[[int], object] | None = None,
) -> Path:
    """Draw scenes, as many of each class, and write them with their ground truth.

    Parameters
    ----------
    folder
        Made if it is missing; one that holds anything is refused.
    seed
        Of the whole set: scene `i` is ``scene((seed, 0, i), spec)``.
    on_progress
        Told the number of scenes written, now and then.

    Returns
    -------
    The folder. Nothing is left in it if writing fails.

    Raises
    ------
    FileProblem
        The folder is not empty or cannot be written.
    InvalidValue
        No scenes, or far too many.
    """
    if not 0 < count <= MOST:
        raise InvalidValue(f"A set has 1 to {MOST:,} scenes.")
    target = Path(folder).absolute()
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise FileProblem(
                f"'{target.name}' is not an empty folder.", hint="Choose a new folder."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            _write(aside, count, seed, spec, masks, on_progress)
            aside.chmod(0o755)
            if target.exists():
                target.rmdir()
            os.replace(aside, target)  # whole or not at all
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise FileProblem(
            f"The scenes cannot be written to '{target.name}': {reason}.",
            hint="Choose a folder that you may write to, with enough room.",
        ) from None
    return target


def read_masks(path: str | os.PathLike[str]) -> dict[str, Mask]:
    """Where each concept of a written scene is, bool (H, W), by the path of its image or mask.

    Raises
    ------
    FileProblem
        There is no mask beside it, or it is none.
    """
    from PIL import Image, UnidentifiedImageError

    given = Path(path)
    file = given if given.parent.name == "masks" else given.parents[2] / "masks" / given.name
    try:
        with Image.open(file) as opened:
            numbers = np.array(opened.convert("RGB"))
    except (OSError, UnidentifiedImageError):
        raise FileProblem(f"There is no mask of '{given.name}'.") from None
    found: dict[str, Mask] = {}
    for channel, names in enumerate(CATEGORIES.values()):
        for number in np.unique(numbers[..., channel]):
            if number < len(names) and names[number] != "none":
                found[names[number]] = numbers[..., channel] == number
    return found


def _write(
    folder: Path, count: int, seed: int, spec: Spec, masks: bool,
    on_progress: Callable[[int], object] | None,
) -> None:  # fmt: skip
    from PIL import Image

    for label in spec.objects:
        (folder / "images" / label).mkdir(parents=True)
    (folder / "masks").mkdir()
    concepts = {name: list(names) for name, names in CATEGORIES.items()}
    (folder / "concepts.json").write_text(json.dumps(concepts, indent=2) + "\n", "utf-8")
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for i in range(count):
            one = scene((seed, 0, i), spec, label=spec.objects[i % len(spec.objects)])
            name = f"{one.label}-{i:05d}.png"
            path = f"images/{one.label}/{name}"
            Image.fromarray(one.pixels).save(folder / path)
            if masks:
                Image.fromarray(mask_numbers(one)).save(folder / "masks" / name)
            row = {"path": path, "seed": f"{seed} 0 {i}", **one.metadata}
            table.writerow([row[column] for column in COLUMNS])
            if on_progress is not None and (i + 1 == count or (i + 1) % 16 == 0):
                on_progress(i + 1)


def mask_numbers(one: Scene) -> NDArray[np.uint8]:
    """All masks of a scene as one picture, uint8 (H, W, 3), numbered as in `CATEGORIES`."""
    numbers = np.zeros(one.pixels.shape, np.uint8)
    for channel, names in enumerate(CATEGORIES.values()):
        for number, name in enumerate(names):
            if name in one.concepts:
                numbers[..., channel][one.concepts[name]] = number
    return numbers
