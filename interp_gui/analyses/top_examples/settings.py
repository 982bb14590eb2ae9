"""What examples are wanted: which kinds, of which quantiles, by which column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from interp_gui.core.analysis import parameter
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue

Kind = Literal["strongest", "least", "random", "quantiles"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NONE, LABEL, GROUP = "none", "label", "group"
_NO_LABELS = "Open a folder with one subfolder a class, or a CSV with a column of labels."


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `top-examples`."""

    kinds: str = parameter(
        "strongest",
        help="Which images: strongest, least, random, quantiles, in any order; may be empty where "
        "they are shown by a column.",
    )
    k: int = parameter(
        9, help="How many are shown under each heading.", minimum=1, maximum=100,
        title="images a heading",
    )  # fmt: skip
    quantiles: str = parameter(
        "100,99,90,75,50,25",
        help="Of the images' peaks, in percent: those nearest to each are shown.",
        unit="%",
    )
    by: str = parameter(
        NONE,
        help="The strongest of each value of a column: label, group or a column's name; none "
        "for all images together.",
    )
    values: int = parameter(
        20, help="Most values of the column that are shown: those with the strongest images.",
        minimum=1, maximum=1000,
    )  # fmt: skip
    distinct: bool = parameter(
        True, help="One position an image; off: an image may appear with several."
    )
    size: int = parameter(
        128, help="Longer side of each picture.", unit="px", minimum=16, maximum=1024
    )
    cropped: bool = parameter(
        True, help="Cut each picture to the receptive field; off: the whole image."
    )
    shaded: bool = parameter(True, help="Dim what lies outside the active area.")
    batch: int = parameter(
        0, help="Images a step of the pass; 0: what suits the device.", minimum=0, maximum=1024,
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The settings, read and checked against the images at hand.

    Parameters
    ----------
    quantiles
        In percent, highest first.
    by
        What `column_of` understands; empty for none.
    """

    kinds: tuple[Kind, ...]
    quantiles: tuple[float, ...]
    by: str


def read_settings(parameters: Parameters, dataset: Dataset) -> Wanted:
    """Read the settings that are written as text; InvalidValue says what was expected."""
    by = parameters.by.strip()
    by = "" if by.lower() in ("", NONE) else by
    if by:
        _check_column(by, dataset)
    kinds = _kinds(parameters.kinds)
    if not kinds and not by:
        raise InvalidValue("No kind of examples is asked for.", hint=f"Name {_listed(KINDS)}.")
    if by and not kinds and not any(column_of(entry, by) for entry in dataset.images):
        said = {LABEL: "a label", GROUP: "a group"}.get(by, f"a value of '{by}'")
        raise InvalidValue(f"None of the images at hand has {said}.", hint=_NO_LABELS)
    return Wanted(kinds=kinds, quantiles=_quantiles(parameters.quantiles), by=by)


def column_of(entry: ImageEntry, by: str) -> str:
    """What an image has in a column; empty if nothing.

    `label` and `group` are those of the dataset, any other name is that of a metadata column.
    """
    if by == LABEL:
        return entry.label
    if by == GROUP:
        return entry.group
    return entry.metadata.get(by, "")


def _check_column(by: str, dataset: Dataset) -> None:
    known = (LABEL, GROUP, *dataset.columns)
    if by not in known:
        raise InvalidValue(
            f"The images have no column '{by}'.", hint=f"Choose {NONE} or {_listed(known)}."
        )


def _kinds(text: str) -> tuple[Kind, ...]:
    asked = {part.strip().lower() for part in text.split(",") if part.strip()}
    wrong = sorted(asked - set(KINDS))
    if wrong:
        raise InvalidValue(
            f"'{wrong[0]}' is not a kind of examples.", hint=f"Kinds are {_listed(KINDS)}."
        )
    return tuple(kind for kind in KINDS if kind in asked)


def _quantiles(text: str) -> tuple[float, ...]:
    try:
        found = {float(part.strip().rstrip("%")) for part in text.split(",") if part.strip()}
    except ValueError:
        found = set()
    if not found or not all(0 <= q <= 100 for q in found):
        raise InvalidValue(
            f"'{text}' is no list of quantiles.", hint="Write percentages, as in 100,90,50,25."
        )
    return tuple(sorted(found, reverse=True))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
