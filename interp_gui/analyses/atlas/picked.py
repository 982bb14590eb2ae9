"""Which recorded vectors are the points of an atlas, and what is known of them."""

import hashlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import NOT_A_NUMBER
from interp_gui.analyses.atlas.about import About, chosen_points
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.harvest import Harvest, HarvestedImage, HarvestSpec, LayerRecord
from interp_gui.analyses.harvest.statistics import MOST_COVARIED
from interp_gui.analyses.real_examples.crops import field_box
from interp_gui.analyses.unit_maps import require_units
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
_FIELDS_S = 3.0
"""So long receptive fields are looked for."""
MOST_POSITIONS, ENOUGH = 16, 5_000
"""Positions taken of each of few images, until there are so many points."""
_READ, _HASHED = 4096, 10_000
_NAMED = 8
"""So many units are named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """The points of an atlas.

    Parameters
    ----------
    image, place
        (N,) int32: index into `Harvest.images`, and position row by row.
    vectors
        (N, C) float32, finite.
    weight
        (N,) float32 of a class atlas; empty otherwise.
    mean, covariance
        (C,) and (C, C) of these vectors, where they are not those of the record: some units are
        never a number, and stand as zero in all vectors.
    """

    image: NDArray[np.int32]
    place: NDArray[np.int32]
    vectors: Floats
    weight: Floats
    notes: tuple[str, ...] = ()
    numbers: dict[str, int]
    mean: Doubles | None = None
    covariance: Doubles | None = None


def require_vectors(layer: LayerInfo) -> None:
    """Raise MissingAbility for a layer that does not hold one vector a place."""
    require_units(layer)
    if "head" in layer.axes:
        raise MissingAbility(
            f"Layer '{layer.name}' holds a vector for each head, and a point of a map is one.",
            hint="Choose the attention's output, where the heads are joined, or the block's.",
        )
    known = {"unit", "y", "x", "token"} if layer.spatial else {"unit"}
    if not set(layer.axes) <= known:
        raise MissingAbility(
            f"Layer '{layer.name}' does not hold one vector for each place in the image.",
            hint="Choose the output of its block.",
        )


def positions_of(settings: AtlasSettings, images: int) -> int:
    """Positions an image: as asked, or more than one where there are few images."""
    if settings.positions:
        return settings.positions
    positions = MOST_POSITIONS
    while positions > 1 and images * positions > ENOUGH:
        positions //= 2
    return positions


def spec_of(settings: AtlasSettings, images: int) -> HarvestSpec:
    """What is recorded of so many images."""
    return HarvestSpec(positions=positions_of(settings, images), skip_edges=settings.skip_edges)


def rows_of(
    record: LayerRecord,
    found: Harvest,
    points: int,
    *,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Generator[Progress, None, NDArray[np.int64]]:
    """At most so many of the recorded vectors, in their order.

    They are drawn by the content of their images: neither names nor order of files matter, nor
    which other images there are beyond those that are left out for them.
    """
    total = len(record.vector_image)
    if total <= points:
        return np.arange(total)
    lots = np.empty(total, "S16")
    for row in range(total):
        if row % _HASHED == 0:
            check()
            yield Progress(done=row, total=total, text="Choosing points")
        image = found.images[int(record.vector_image[row])]
        text = f"{seed}:{image.sha256}:{int(record.vector_place[row])}"
        lots[row] = hashlib.sha256(text.encode()).hexdigest()[:16].encode()
    return np.sort(np.argsort(lots, kind="stable")[:points])


def picked(
    context: Context,
    settings: AtlasSettings,
    found: Harvest,
    layer: LayerInfo,
    about: About | None,
) -> Generator[Progress | Saved, None, Points]:
    """Read the points' vectors; for a class atlas, keep those that argue for the class.

    A unit that is a number at none of them is zero in all: it has no part in the map, and none in
    directions. Of what is left, points where not all units are numbers are left out.

    Raises
    ------
    InvalidValue
        At no recorded place are all these units numbers, or none argues for the class.
    """
    record = found.layers[layer.name]
    yield Progress(text="Choosing points")
    rows = yield from rows_of(
        record, found, settings.points, seed=context.inputs.seed, check=context.check
    )
    vectors = np.empty((len(rows), layer.units), np.float32)
    for start in range(0, len(rows), _READ):
        context.check()
        yield Progress(done=start, total=len(rows), text="Reading activations")
        vectors[start : start + _READ] = record.vectors(rows[start : start + _READ])
    numbers = np.isfinite(vectors)
    never = np.flatnonzero(~numbers.any(axis=0))
    if len(never) < layer.units:
        vectors[:, never] = 0.0
        numbers[:, never] = True
    finite = numbers.all(axis=1)
    left_out = int((~finite).sum())
    if not finite.any():
        raise _no_numbers(layer, numbers)
    notes: tuple[str, ...] = ()
    if left_out:
        notes = (f"{left_out} points left out: their activations are not all numbers.",)
        vectors = vectors[finite]
    rows = rows[finite]
    points = Points(
        image=record.vector_image[rows], place=record.vector_place[rows], vectors=vectors,
        weight=np.zeros(0, np.float32), notes=notes, numbers={"left_out": left_out},
    )  # fmt: skip
    if len(never):
        yield Progress(text="Choosing points")
        points = _without(points, never)
    if about is None:
        return points
    return (yield from _of_class(context, settings, found, layer, about, points))


def _no_numbers(layer: LayerInfo, numbers: NDArray[np.bool_]) -> InvalidValue:
    """What to say where all units are numbers at none of the places, (places, C) each."""
    if not len(numbers):
        text = f"Nothing was recorded of layer '{layer.name}'."
    elif not numbers.any():
        text = f"No activation of layer '{layer.name}' is a number at any recorded place."
    else:
        worst = np.argsort(numbers.sum(axis=0), kind="stable")
        some = np.sort([unit for unit in worst if not numbers[:, unit].all()])
        text = (
            f"At no recorded place of layer '{layer.name}' are all units numbers: "
            f"{_units(some)} often {'is' if len(some) == 1 else 'are'} not."
        )
    return InvalidValue(
        text, hint=f"{NOT_A_NUMBER} Choose an earlier layer, or another checkpoint."
    )


def _without(points: Points, never: NDArray[np.int64]) -> Points:
    """Say that some units have no part, and give the mean and covariance of the others.

    What the record knows of these is nothing, for it counts whole vectors only.
    """
    wide = points.vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    covariance = np.zeros((0, 0))
    if wide.shape[1] <= MOST_COVARIED:
        wide -= mean
        covariance = wide.T @ wide / len(wide)
    are, stand = ("is", "it stands") if len(never) == 1 else ("are", "they stand")
    note = f"{_units(never)} {are} a number nowhere, and {are} left out of the map: "
    note = f"{note[:1].upper()}{note[1:]}in directions {stand} as zero."
    return replace(
        points, mean=mean, covariance=covariance, notes=(note, *points.notes),
        numbers={**points.numbers, "units_left_out": len(never)},
    )  # fmt: skip


def _units(units: NDArray[Any]) -> str:
    """Some units by number: `unit 3`, `units 3 and 5`, `12 units (0, 1, 2 and more)`."""
    shown = [str(int(unit)) for unit in units[:_NAMED]]
    if len(units) == 1:
        return f"unit {shown[0]}"
    if len(units) > _NAMED:
        return f"{len(units)} units ({', '.join(shown)} and more)"
    return f"units {', '.join(shown[:-1])} and {shown[-1]}"


def _of_class(
    context: Context,
    settings: AtlasSettings,
    found: Harvest,
    layer: LayerInfo,
    about: About,
    points: Points,
) -> Generator[Progress | Saved, None, Points]:
    wanted = [
        (found.images[int(image)].path, int(place))
        for image, place in zip(points.image, points.place, strict=True)
    ]
    chosen = yield from chosen_points(
        context, layer, about, wanted, keep=settings.keep, least=settings.least,
        smooth=settings.smooth_pooling, batch=settings.batch,
        hashes=[found.images[int(image)].sha256 for image in points.image],
    )  # fmt: skip
    rows = chosen.rows
    return replace(
        points, image=points.image[rows], place=points.place[rows], vectors=points.vectors[rows],
        weight=chosen.weight, notes=(*points.notes, *chosen.notes),
        numbers=points.numbers | chosen.numbers,
    )  # fmt: skip


def columns(images: list[HarvestedImage]) -> dict[str, tuple[str, ...]]:
    """What is known of images, by column: those in which at least one of them has something."""
    names = ["label", "group", *dict.fromkeys(name for image in images for name in image.metadata)]
    texts = {name: tuple(image.value(name) for image in images) for name in names}
    return {name: values for name, values in texts.items() if any(values)}


def fields(
    context: Context,
    layer: LayerInfo,
    grid: tuple[int, int],
    places: NDArray[Any],
    known: dict[int, tuple[int, int, int, int]],
) -> Generator[Progress, None, NDArray[np.int32]]:
    """What each position sees, (rows · columns, 4): top, left, bottom, right.

    Where that takes too long to find, as in layers whose every position needs a look of its own,
    the whole input; so too at positions that hold no point.

    Parameters
    ----------
    known
        By position, what was found before; takes what is found now.
    """
    size = context.model.preprocessing.size
    whole = np.tile(np.array([0, 0, *size], np.int32), (grid[0] * grid[1], 1))
    found = whole.copy()
    begun = time.monotonic()
    for place in np.unique(places):
        context.check()
        yield Progress(text="Finding what each position sees")
        row, column = divmod(int(place), grid[1])
        if place not in known:
            known[int(place)] = field_box(context, layer, (row, column), size)
        found[place] = known[int(place)]
        if time.monotonic() - begun > _FIELDS_S:
            return whole
    return found
