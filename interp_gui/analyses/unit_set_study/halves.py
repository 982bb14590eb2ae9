"""Two halves of the images: units are ranked on one, and what their removal does on the other."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from interp_gui.analyses.dataset_pass import Known, sampled
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue, unknown_name

GROUP = "group"
"""Names the dataset's own group column where one was chosen."""


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Images of both halves.

    Parameters
    ----------
    ranking, test
        No content and no group is in both.
    said
        How they were parted, in a sentence.
    """

    ranking: tuple[Known, ...]
    test: tuple[Known, ...]
    said: str


def halves(
    dataset: Dataset, images: Sequence[Known], index: int, *, column: str, most: int, seed: int
) -> Halves:
    """Part labelled images by group or one by one, drawn by content and the seed.

    Parameters
    ----------
    index
        The class studied: both halves get their share of its images.
    column
        Metadata column whose values stay together; empty for the dataset's group column, or
        image by image without one.
    most
        Images of a half at most: as many of the class as of others, as far as there are any.

    Raises
    ------
    UnknownName
        There is no such column.
    InvalidValue
        A half would be without images of the class, or without others.
    """
    # the same picture twice would be in both halves
    once = {image.sha256: image for image in sorted(images, key=_by_content)}
    groups: dict[str, list[Known]] = {}
    for image in once.values():
        groups.setdefault(_group(dataset, image, column), []).append(image)
    parts: tuple[list[Known], list[Known]] = ([], [])
    order = sorted(groups, key=lambda name: (_lot(name, seed), name))
    for own in (True, False):
        for name in order:
            members = groups[name]
            if own == any(image.truth == index for image in members):
                parts[_emptier(parts, index, own=own)].extend(members)
    first, second = (_limited(part, index, most, seed) for part in parts)
    for part in (first, second):
        found = sum(image.truth == index for image in part)
        if not found or found == len(part):
            raise InvalidValue(
                "Both halves need images of the class and others.",
                hint="Bring more labelled images, choose another class, or split by image."
                if column or any(entry.group for entry in dataset.images)
                else "Bring more labelled images, or choose another class.",
            )
    return Halves(ranking=first, test=second, said=_sentence(dataset, first, second, index, column))


def _by_content(image: Known) -> tuple[str, str, str]:
    # of alike files always the same one, whatever their order
    return image.sha256, image.entry.group, image.entry.label


def _group(dataset: Dataset, image: Known, column: str) -> str:
    value = _value(dataset, image.entry, column)
    return f"group {value}" if value else f"image {image.sha256}"


def _value(dataset: Dataset, entry: ImageEntry, column: str) -> str:
    if not column or (column == GROUP and column not in dataset.columns):
        return entry.group
    if column not in dataset.columns:
        raise unknown_name("column of the images", column, dataset.columns)
    return entry.metadata.get(column, "")


def _emptier(parts: tuple[list[Known], list[Known]], index: int, *, own: bool) -> int:
    """The part that has fewer images of the class, or fewer at all."""

    def size(part: list[Known]) -> int:
        return sum(image.truth == index for image in part) if own else len(part)

    return 0 if size(parts[0]) <= size(parts[1]) else 1


def _limited(part: list[Known], index: int, most: int, seed: int) -> tuple[Known, ...]:
    own = [image for image in part if image.truth == index]
    others = [image for image in part if image.truth != index]
    few = min(len(own), max(most // 2, most - len(others)))
    kept = sampled(own, few, seed=seed, stratified=False)
    kept += sampled(others, most - few, seed=seed, stratified=True)
    return tuple(sorted(kept, key=_by_content))


def _sentence(
    dataset: Dataset, first: Sequence[Known], second: Sequence[Known], index: int, column: str
) -> str:
    by_group = any(_value(dataset, image.entry, column) for image in (*first, *second))
    name = column or GROUP
    how = f"by {name}, so that none is in both halves" if by_group else "image by image"

    def words(part: Sequence[Known]) -> str:
        own = sum(image.truth == index for image in part)
        return f"{own} of the class and {len(part) - own} others"

    return f"Split {how}: ranked on {words(first)}, measured on {words(second)}."


def _lot(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
