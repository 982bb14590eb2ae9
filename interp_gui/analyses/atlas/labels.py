"""What the cells of an atlas are named after: what they argue for, or what is known of images."""

import hashlib
from collections.abc import Generator

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.binning import binned
from interp_gui.analyses.atlas.levels import commonest
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.attribution import Answers, answers_of, attributed
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.errors import MissingAbility, unknown_name

BY_ATTRIBUTION = "attribution"
MOST_LOOKED_AT = 6_000
"""Points of all cells together that are looked at for attribution: each takes part of a pass
through the network, some minutes for this many on two cores."""
WORDS = ("auto", BY_ATTRIBUTION, "none")


def labelled(
    context: Context, settings: AtlasSettings, atlas: Atlas
) -> Generator[Progress | Saved, None, Atlas]:
    """The atlas with labels, purities and attributions of its cells.

    By attribution, a cell is named after the class that its points argue for most, by the mean
    over those that were looked at, where that is more than chance; its purity is the share of
    these that argue for the class at all. By a column, after the commonest of its values.

    Raises
    ------
    UnknownName
        There is no such column.
    MissingAbility
        Attribution was asked for, and the model has no classes or no gradients.
    """
    by = label_source(context, settings.labels, atlas)
    if by == BY_ATTRIBUTION:
        return (yield from _by_attribution(context, settings, atlas))
    if by:
        return _by_column(atlas, by)
    return _unlabelled(atlas)


def label_source(context: Context, asked: str, atlas: Atlas) -> str:
    """`attribution`, the name of a column, or empty for no labels.

    `auto` is attribution for a model with classes and gradients, else the images' labels.
    """
    model = context.model.description
    if asked == BY_ATTRIBUTION:
        if model.gradient_problem:
            raise MissingAbility(
                "Cells cannot be named by attribution: this model has no gradients.",
                hint=f"{model.gradient_problem} Name them after a column of the images, or none.",
            )
        return asked
    if asked == "auto":
        if model.class_count > 1 and not model.gradient_problem:
            return BY_ATTRIBUTION
        return "label" if any(atlas.columns.get("label", ())) else ""
    if asked in ("", "none"):
        return ""
    dataset = context.inputs.dataset
    empty = {"label", "group", *(dataset.columns if dataset is not None else ())}
    if asked not in {*atlas.columns, *empty}:
        raise unknown_name("column of the images", asked, (*WORDS, *atlas.columns))
    return asked


# --- by what is known of the images -------------------------------------------------------------


def _by_column(atlas: Atlas, column: str) -> Atlas:
    known = atlas.columns.get(column, ("",) * len(atlas.sha256))
    texts = np.array(known, dtype=object)[atlas.image]
    names = sorted({text for text in texts if text})
    number = {name: at for at, name in enumerate(names)}
    kinds = np.array([number.get(text, -1) for text in texts], np.int64)
    levels = []
    for level in atlas.levels:
        found = commonest(binned(atlas.xy, level.side), kinds, len(names))
        levels.append(msgspec.structs.replace(
            level, label=found.label, purity=found.purity, attribution=_nothing(level)
        ))  # fmt: skip
    notes = atlas.notes
    if not names:
        notes = (*notes, f"No image has anything in the column '{column}': cells have no labels.")
    return msgspec.structs.replace(
        atlas, levels=tuple(levels), names=tuple(names), labelled_by=column if names else "",
        classes=(), class_names=(), notes=notes,
    )  # fmt: skip


def _unlabelled(atlas: Atlas) -> Atlas:
    levels = tuple(
        msgspec.structs.replace(
            level, label=np.full(len(level.x), -1, np.int32),
            purity=np.full(len(level.x), np.nan, np.float32), attribution=_nothing(level),
        )
        for level in atlas.levels
    )  # fmt: skip
    return msgspec.structs.replace(
        atlas, levels=levels, names=(), labelled_by="", classes=(), class_names=()
    )


def _nothing(level: AtlasLevel) -> NDArray[np.float32]:
    return np.zeros((len(level.x), 0), np.float32)


# --- by what the cells argue for ----------------------------------------------------------------


def _by_attribution(
    context: Context, settings: AtlasSettings, atlas: Atlas
) -> Generator[Progress | Saved, None, Atlas]:
    model = context.model.description
    answers = answers_of(context, range(model.class_count) if model.class_count > 1 else None)
    points = looked_at(atlas, each=settings.label_points, most=MOST_LOOKED_AT)
    wanted = [(atlas.paths[atlas.image[p]], int(atlas.place[p])) for p in points]
    found = yield from attributed(
        context, model.layer(atlas.layer), wanted, answers=answers, batch=settings.batch,
        smooth=settings.smooth_pooling,
        hashes=[atlas.sha256[image].tobytes().hex() for image in atlas.image[points]],
    )  # fmt: skip
    finite = np.isfinite(found.values).all(axis=1)
    points, values = points[finite], found.values[finite]
    weights = _weights(atlas, points)
    levels = []
    for level in atlas.levels:
        context.check()
        yield Progress(text="Naming cells")
        levels.append(_named(atlas, level, points, values, weights, answers))
    several = answers.count > 1
    what = f"{answers.count} classes" if several else answers.names[0]
    note = f"Attribution to {what} is the mean over {len(points)} of {len(atlas.xy)} points."
    if several:
        note += " Cells that argue for no class by more than chance have no name."
    if settings.smooth_pooling:
        note += " Maximum pooling was taken as smooth, which hides what the network really does."
    return msgspec.structs.replace(
        atlas, levels=tuple(levels), labelled_by=BY_ATTRIBUTION if several else "",
        names=answers.names if several else (),
        classes=answers.classes or (0,), class_names=answers.names,
        notes=(*atlas.notes, note, *found.notes),
        numbers={**atlas.numbers, "looked_at": len(points)},
    )  # fmt: skip


def _named(
    atlas: Atlas,
    level: AtlasLevel,
    points: NDArray[np.int64],
    values: NDArray[np.float32],
    weights: NDArray[np.float64],
    answers: Answers,
) -> AtlasLevel:
    count = len(level.x)
    cells = atlas.cell_of(level.side)[points]
    inside = cells >= 0
    mass = np.bincount(cells[inside], weights[inside], minlength=count)
    mean = _means(values[inside], cells[inside], weights[inside], count).astype(np.float32)
    label = np.full(count, -1, np.int32)
    purity = np.full(count, np.nan, np.float32)
    known = mass > 0
    if answers.count > 1 and known.any():
        best = mean[known].argmax(axis=1)
        clear = stands_out(values[inside], cells[inside], weights[inside], mean, classes=best,
                           known=known)  # fmt: skip
        label[known] = np.where(clear, best, -1)
        # of very many classes hardly any point argues most for its cell's: agreement is for at all
        agree = values[inside][np.arange(int(inside.sum())), label[cells[inside]]] > 0
        shares = np.bincount(cells[inside], agree * weights[inside], minlength=count)
        named = label >= 0
        purity[named] = shares[named] / mass[named]
    return msgspec.structs.replace(level, attribution=mean, label=label, purity=purity)


def stands_out(
    values: NDArray[np.float32],
    cells: NDArray[np.integer],
    weights: NDArray[np.float64],
    mean: NDArray[np.float32],
    *,
    classes: NDArray[np.integer],
    known: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether each known cell argues for its class by more than chance would have it.

    The largest of a thousand means of noise is above zero in every cell. A cell's class counts
    where its mean is above zero by a one-sided t-test at 5 %, divided by the number of classes
    (Bonferroni), over the points that were looked at.

    Parameters
    ----------
    values, cells, weights
        (n, T) attributions of the points that were looked at, their cells, and for how many
        points each stands.
    mean
        (M, T) of the cells.
    classes, known
        One class for each of the cells that are `known` (M,).
    """
    from scipy import stats

    count = len(known)
    own = np.zeros(count, np.int64)
    own[known] = classes
    off = values[np.arange(len(cells)), own[cells]] - mean[cells, own[cells]].astype(np.float64)
    mass = np.bincount(cells, weights, minlength=count)[known]
    # points that stand for many others are fewer than they count
    points = mass**2 / np.maximum(np.bincount(cells, weights**2, minlength=count)[known], 1e-300)
    freedom = points - 1
    variance = np.bincount(cells, weights * off**2, minlength=count)[known] / mass
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance / freedom)
        needed = stats.t.isf(0.05 / mean.shape[1], np.maximum(freedom, 1e-9))
        clear = mean[known, classes] > np.where(error > 0, needed * error, 0.0)
    found: NDArray[np.bool_] = clear & (freedom >= 1)
    return found


def _means(
    values: NDArray[np.float32],
    cells: NDArray[np.integer],
    weights: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """Weighted means of the cells' points, (count, T); NaN where a cell has none."""
    total = np.zeros((count, values.shape[1]))
    np.add.at(total, cells, weights[:, None] * values)
    mass = np.bincount(cells, weights, minlength=count)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0, total / mass, np.nan)


def looked_at(atlas: Atlas, *, each: int, most: int) -> NDArray[np.int64]:
    """Points that are looked at: `each` of every cell that keeps a picture, coarse levels first.

    Which ones depends on the images' content alone. Cells lie within those of coarser levels, so
    that most points serve several levels.
    """
    lots = [
        hashlib.sha256(atlas.sha256[image].tobytes() + int(place).to_bytes(4, "little")).digest()
        for image, place in zip(atlas.image, atlas.place, strict=True)
    ]
    order = np.array(sorted(range(len(lots)), key=lots.__getitem__), np.int64)
    chosen: dict[int, None] = {}
    for level in atlas.levels:
        cells = atlas.cell_of(level.side)[order]
        large = level.count >= atlas.minimum
        if not large.any():
            large[:] = True
        of_cell = np.where(cells >= 0, large[cells], False)
        inside, cells = order[of_cell], cells[of_cell]
        rank = _ranks(cells)
        taken = np.flatnonzero(rank < each)
        for at in taken[np.argsort(rank[taken], kind="stable")]:
            chosen.setdefault(int(inside[at]))
    found = np.array(list(chosen)[:most], np.int64)
    return np.sort(found)


def _ranks(cells: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many points of the same cell stand before each point."""
    order = np.argsort(cells, kind="stable")
    _, sizes = np.unique(cells, return_counts=True)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    ranks = np.empty(len(cells), np.int64)
    ranks[order] = np.arange(len(cells)) - first
    return ranks


def _weights(atlas: Atlas, points: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many points each of those looked at stands for: crowded cells count in full."""
    if not atlas.levels:
        return np.ones(len(points))
    finest = atlas.levels[-1]
    cells = atlas.cell_of(finest.side)[points]
    inside = np.maximum(cells, 0)
    looked = np.bincount(inside[cells >= 0], minlength=len(finest.x))
    weights = finest.count[inside] / np.maximum(looked[inside], 1)
    return np.where(cells >= 0, weights, 1.0)
