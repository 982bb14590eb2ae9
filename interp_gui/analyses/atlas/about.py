"""Atlases of a class, and of one class against another: which points they hold, and where."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.attribution import answers_of, attributed
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import InvalidValue, MissingAbility, unknown_name
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription

KEEP, KEEP_EACH = 3_000, 2_000
"""Points that a class keeps: alone, and against another one."""
SIDES = (10, 20, 40, 80)
"""Cells a side of the levels: fewer points fill fewer cells."""
FEW = 200
"""A map of fewer points says little."""
_BETWEEN = (" / ", " against ")


@dataclass(frozen=True)
class About:
    """A class, or one against another.

    Parameters
    ----------
    classes
        One index or two.
    names
        What they are called.
    """

    classes: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """`tabby`, or `tabby against tiger cat`."""
        return " against ".join(self.names)

    @property
    def versus(self) -> bool:
        """Whether there are two."""
        return len(self.classes) == 2


@dataclass(frozen=True, eq=False)
class Chosen:
    """The points of a class.

    Parameters
    ----------
    rows
        (n,) int64 which of the candidates, in their order.
    weight
        (n,) float32 attribution to the class; to the first one minus to the second of two.
    notes
        What has to be said of the choice.
    numbers
        `taken_for`: points of images that the network takes for the class, or for one of the two.
    """

    rows: NDArray[np.int64]
    weight: NDArray[np.float32]
    notes: tuple[str, ...]
    numbers: dict[str, int]


def parse_about(text: str, model: ModelDescription) -> About | None:
    """Read `tabby`, `281`, `tabby / tiger cat` or `281 against 282`; None for an empty text.

    Raises
    ------
    MissingAbility
        The model has no classes.
    UnknownName, InvalidValue
        There is no such class, several bear the name, or both are the same.
    """
    if not text.strip():
        return None
    if not model.class_count:
        raise MissingAbility(
            f"'{model.name}' has no classes, so there is no atlas of one.",
            hint="Make the atlas of the whole layer.",
        )
    parts = [text]
    if text.strip().casefold() not in (name.casefold() for name in model.class_names):
        between = next((word for word in _BETWEEN if word in text), None)
        parts = text.split(between) if between else parts
    if len(parts) > 2:
        raise InvalidValue(
            f"'{text}' names {len(parts)} classes.", hint="Name one class, or two as in cat / dog."
        )
    classes = tuple(class_index(part, model) for part in parts)
    if len(set(classes)) < len(classes):
        raise InvalidValue(
            f"'{text}' names the same class twice.", hint="Name one class, or two different ones."
        )
    return About(classes, tuple(model.class_name(index) for index in classes))


def class_index(text: str, model: ModelDescription) -> int:
    """A class by its name or its number; UnknownName offers near names."""
    word = text.strip()
    named = [i for i, name in enumerate(model.class_names) if name.casefold() == word.casefold()]
    if len(named) == 1:
        return named[0]
    if len(named) > 1:
        raise InvalidValue(
            f"{len(named)} classes are named '{word}'.",
            hint=f"Give the index: {', '.join(str(i) for i in named)}.",
        )
    if not word.isdecimal():
        raise unknown_name("class", word, model.class_names)
    if int(word) >= model.class_count:
        raise InvalidValue(
            f"There is no class {word}.", hint=f"Classes are 0 to {model.class_count - 1}."
        )
    return int(word)


def chosen_points(
    context: Context,
    layer: LayerInfo,
    about: About,
    wanted: Sequence[tuple[str, int]],
    *,
    hashes: Sequence[str] = (),
    keep: int = 0,
    least: float = 0.0,
    smooth: bool = False,
    batch: int = 0,
) -> Generator[Progress | Saved, None, Chosen]:
    """The points that argue for a class, or for either of two.

    Parameters
    ----------
    wanted
        Candidates: path of the image, and position row by row.
    hashes
        SHA-256 of each one's image when it was recorded; changed ones are left out.
    keep
        Those that argue for the class most; 0: `KEEP`, or `KEEP_EACH` of each of two classes.
    least
        Where above 0: those that argue for it by more than this, however many.

    Notes
    -----
    Points of images that the network takes for the class are kept too, whatever they argue for.

    Raises
    ------
    InvalidValue
        No point argues for the class.
    """
    found = yield from attributed(
        context, layer, wanted, answers=answers_of(context, about.classes), batch=batch,
        smooth=smooth, hashes=hashes,
    )  # fmt: skip
    values = np.where(np.isfinite(found.values), found.values, -np.inf)
    most = keep or (KEEP_EACH if about.versus else KEEP)
    kept = np.zeros(len(wanted), bool)
    notes = [*found.notes]
    taken_for = np.zeros(len(wanted), bool)
    for column, (index, name) in enumerate(zip(about.classes, about.names, strict=True)):
        own = values[:, column]
        for_it = np.flatnonzero(own > max(least, 0.0))
        if least <= 0.0 and len(for_it) > most:
            strongest = for_it[np.argsort(-own[for_it], kind="stable")]
            for_it = strongest[:most]
            notes.append(
                f"The {most} points that argue for '{name}' most, of {len(strongest)} that do."
            )
        else:
            beyond = f" by more than {least:g}" if least > 0 else ""
            notes.append(f"All {len(for_it)} points that argue for '{name}'{beyond}.")
        answered = (found.strongest == index) & np.isfinite(own)
        if not len(for_it) and not answered.any():
            raise InvalidValue(
                f"No position of these images argues for '{name}' in this layer"
                + (f" by more than {least:g}." if least > 0 else "."),
                hint="Add images that show it, or choose another class.",
            )
        if not answered.any():
            notes.append(f"None of the images is taken for '{name}' by the network.")
        kept[for_it] = True
        kept |= answered
        taken_for |= answered
    rows = np.flatnonzero(kept)
    if len(rows) < FEW:
        notes.append(f"Only {len(rows)} points: such a map says little.")
    weight = values[rows, 0] - values[rows, 1] if about.versus else values[rows, 0]
    if about.versus:
        notes.append(
            f"What lies left argues for '{about.names[0]}', what lies right for '{about.names[1]}'."
        )
    return Chosen(
        rows=rows, weight=weight.astype(np.float32), notes=tuple(notes),
        numbers={"taken_for": int(taken_for.sum())},
    )  # fmt: skip


def across(weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """Where points lie between two classes, 0 (the first) to 1 (the second).

    The difference of the attributions in parts of the 99th percentile of its magnitude; what lies
    beyond lies on the edge.
    """
    size = np.abs(np.asarray(weight, np.float64))
    scale = float(np.quantile(size, 0.99)) if len(size) else 0.0
    if scale <= 0.0:
        scale = float(size.max(initial=0.0)) or 1.0
    x = np.clip(-np.asarray(weight, np.float64) / scale, -1.0, 1.0)
    return ((x + 1.0) / 2.0).astype(np.float32)
