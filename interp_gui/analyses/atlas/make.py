"""The atlas of a layer: recorded vectors, laid out, binned and labelled."""

import hashlib
from collections.abc import Generator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_layer, edit_notes
from interp_gui.analyses.atlas.about import SIDES as CLASS_SIDES
from interp_gui.analyses.atlas.about import About, across, parse_about
from interp_gui.analyses.atlas.binning import inside, normalised
from interp_gui.analyses.atlas.content_order import in_content_order, sha256_of_all
from interp_gui.analyses.atlas.first_look import first_harvest
from interp_gui.analyses.atlas.known import note_made
from interp_gui.analyses.atlas.labels import WORDS, labelled
from interp_gui.analyses.atlas.layouts import LAYOUT_VERSION, Laid, Plan, laid_out
from interp_gui.analyses.atlas.levels import SIDES, level, offered
from interp_gui.analyses.atlas.line import lined_up
from interp_gui.analyses.atlas.picked import (
    Points,
    columns,
    fields,
    picked,
    require_vectors,
    spec_of,
)
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.dataset_pass import images_at_hand
from interp_gui.analyses.harvest import Harvest, HarvestSpec, LayerRecord, harvest
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.errors import InvalidValue, MissingAbility, unknown_name
from interp_gui.core.layer import LayerInfo

Made = Generator[Progress | Saved | Atlas, None, Atlas]
Boxes = dict[int, tuple[int, int, int, int]]
_LAYOUT_NAMES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
FEW_POINTS = 200
"""A map of fewer points says little."""


def make_atlas(
    context: Context, settings: AtlasSettings, *, preview: bool = True, labels: bool = True
) -> Made:
    """The atlas of the layer asked about (`Inputs.layer`) over the images at hand.

    Recorded activations, layouts and attributions of the same content are not computed again.

    Parameters
    ----------
    preview
        Yield unfinished ones too (`final` False): of some images, while there are many more to be
        recorded; laid out by principal components while another layout takes longer; and without
        labels while these take longer. All have the same key.
    labels
        Whether cells get labels; without, for whom they do not matter, it is there sooner.

    Returns
    -------
    The atlas, which is yielded last.

    Raises
    ------
    InvalidValue, ImageProblem
        There are no images, none can be read, or none of the activations is a number.
    MissingAbility
        The layer does not hold one vector a place, or the model cannot what is asked for.
    UnknownName
        There is no such column to name cells by, or no such class.
    """
    layer = asked_layer(context)
    require_vectors(layer)
    about = parse_about(settings.about, context.model.description)
    dataset = images_at_hand(context)
    known = (*WORDS, "", "label", "group", *dataset.columns)
    if labels and settings.labels not in known:
        raise unknown_name("column of the images", settings.labels, known)
    spec = spec_of(settings, len(dataset.images))
    boxes: Boxes = {}
    if preview and about is None and settings.layout != "pca":
        yield from _first_look(context, settings, layer, spec, boxes)
    found = yield from harvest(context, [layer], spec, batch=settings.batch)
    points = in_content_order((yield from picked(context, settings, found, layer, about)), found)
    blank = yield from _blank(context, settings, found, layer, about, points, boxes)
    plan = Plan(points.vectors, metric=settings.metric)

    versus = about is not None and about.versus

    seed = context.inputs.seed
    key = _layout_key(settings, plan.vectors, points.weight, seed=seed, versus=versus)
    if preview and settings.layout != "pca" and context.recall(key) is None:
        first = yield from laid_out(plan, "pca", seed=0, check=context.check)
        yield msgspec.structs.replace(on_map(context, settings, blank, first), final=False)
    laid = yield from laid_for(context, settings, plan, about, points.weight, seed=seed)
    atlas = on_map(context, settings, blank, laid, versus=versus)
    note_made(context, layer.name, settings, found, labels=False, atlas=atlas)
    if labels:
        if preview:
            yield msgspec.structs.replace(atlas, final=False)
        atlas = yield from labelled(context, settings, atlas)
        note_made(context, layer.name, settings, found, labels=True, atlas=atlas)
    yield atlas
    return atlas


def _first_look(
    context: Context,
    settings: AtlasSettings,
    layer: LayerInfo,
    spec: HarvestSpec,
    known: Boxes,
) -> Generator[Progress | Saved | Atlas, None, None]:
    """Yield a map of some of many images, by principal components, where that is worth it."""
    found = yield from first_harvest(context, layer, spec, batch=settings.batch)
    if found is None:
        return
    try:
        points = in_content_order((yield from picked(context, settings, found, layer, None)), found)
    except InvalidValue:  # none of these is a number; that of others may be
        return
    blank = yield from _blank(context, settings, found, layer, None, points, known)
    plan = Plan(points.vectors, metric=settings.metric)
    laid = yield from laid_out(plan, "pca", seed=0, check=context.check)
    count, every = len(found.images), len(images_at_hand(context).images)
    note = f"A first look at {count:,} of {every:,} images; the map of all of them follows."
    look = msgspec.structs.replace(
        blank, notes=(note, *blank.notes), numbers={**blank.numbers, "first_look_of": every}
    )
    yield msgspec.structs.replace(on_map(context, settings, look, laid), final=False)


def quiet(context: Context, settings: AtlasSettings) -> Generator[Progress | Saved, None, Atlas]:
    """The atlas without labels, for an analysis that does not show it."""
    making = make_atlas(context, settings, preview=False, labels=False)
    while True:
        try:
            step = next(making)
        except StopIteration as stop:
            atlas: Atlas = stop.value
            return atlas
        if not isinstance(step, Atlas):
            yield step


def layout_versions() -> dict[str, str]:
    """Versions of the packages that only layouts depend on, for recipes."""
    from importlib import metadata

    return {name: metadata.version(name) for name in ("numba", "scikit-learn", "scipy")}


def laid_for(
    context: Context,
    settings: AtlasSettings,
    plan: Plan,
    about: About | None,
    weight: NDArray[np.float32],
    *,
    seed: int,
) -> Generator[Progress, None, Laid]:
    """The layout that the settings describe, from the cache where it is known.

    Parameters
    ----------
    weight
        (N,) attributions of a class atlas.
    """
    versus = about is not None and about.versus
    key = _layout_key(settings, plan.vectors, weight, seed=seed, versus=versus)
    stored = context.recall(key)
    if stored is not None:
        return _as_laid(stored)
    if versus:
        line = yield from lined_up(
            plan, seed=seed, neighbours=settings.neighbours, min_dist=settings.min_dist,
            check=context.check,
        )  # fmt: skip
        laid = Laid(np.stack([across(weight), line], axis=1), "umap", plan.count)
    else:
        laid = yield from laid_out(
            plan, settings.layout, seed=seed, neighbours=settings.neighbours,
            min_dist=settings.min_dist, check=context.check,
        )  # fmt: skip
    if context.cache is not None:
        context.cache.put(key, _as_stored(laid))
    return laid


def on_map(
    context: Context, settings: AtlasSettings, blank: Atlas, laid: Laid, *, versus: bool = False
) -> Atlas:
    """The atlas of a layout: points on the map, and levels of cells, without labels.

    Parameters
    ----------
    blank
        What does not depend on the layout.
    versus
        Whether the layout is that of two classes, which is a map as it stands.
    """
    xy = laid.xy
    if not versus:
        xy = normalised(xy, percentile=settings.percentile, margin=settings.margin)
    sides = CLASS_SIDES if blank.about else SIDES
    grids = offered(xy, minimum=settings.minimum, sides=sides, check=context.check)
    levels = []
    for cells in grids.cells:
        context.check()
        levels.append(
            level(
                cells, blank.vectors, blank.mean, examples=settings.examples, check=context.check
            )
        )  # fmt: skip
    made = _made_of(blank, laid, seed=context.inputs.seed, versus=versus)
    notes = (*blank.notes, made, *laid.notes)
    if laid.distinct == 1 and len(xy) > 1:
        notes += ("The layer holds the same vector everywhere: there is nothing to lay out.",)
    if grids.minimum < settings.minimum:
        notes += (
            f"There are few points for a map of {levels[0].side} × {levels[0].side} cells: "
            f"pictures stand for {_points(grids.minimum)} or more, not for {settings.minimum}.",
        )
    numbers = {
        **blank.numbers, "outside": int((~inside(xy)).sum()), "different_points": laid.distinct,
    }  # fmt: skip
    if laid.shown is not None:
        numbers["variance_shown"] = laid.shown
    return msgspec.structs.replace(
        blank, layout=laid.layout, xy=xy, levels=tuple(levels), minimum=grids.minimum,
        notes=notes, numbers=numbers,
        provenance={**blank.provenance, "atlas_sha256": _digest(blank, xy)},
    )  # fmt: skip


def _blank(
    context: Context,
    settings: AtlasSettings,
    found: Harvest,
    layer: LayerInfo,
    about: About | None,
    points: Points,
    known: Boxes,
) -> Generator[Progress, None, Atlas]:
    """What is known of the points before they are laid out."""
    record = found.layers[layer.name]
    boxes = yield from fields(context, layer, record.grid, points.place, known)
    used, image = np.unique(points.image, return_inverse=True)
    order = sorted(range(len(used)), key=lambda at: found.images[int(used[at])].sha256)
    images = [found.images[int(used[at])] for at in order]
    image = np.argsort(order)[image.ravel()]  # where each image stands among its like by content
    words = about.words if about is not None else ""
    title = f"Activation atlas of {layer.name}"
    return Atlas(
        key="atlas", title=f"{title}, {words}" if words else title, layer=layer.name,
        layout=settings.layout, about=words, grid=record.grid, field=boxes,
        size=context.model.preprocessing.size, xy=np.zeros((len(points.image), 2), np.float32),
        image=image.astype(np.int32), place=points.place.astype(np.int32),
        vectors=points.vectors, weight=points.weight,
        mean=record.vector_mean if points.mean is None else points.mean,
        covariance=_covariance(record, points), paths=tuple(each.path for each in images),
        sha256=np.array([list(bytes.fromhex(each.sha256)) for each in images], np.uint8),
        columns=columns(images),
        numbers={
            "points": len(points.image), "images": len(images), "recorded": record.count,
            "outlier_tokens": record.outliers, "broken_images": len(found.broken),
            **points.numbers,
        },
        notes=(*edit_notes(context), *_notes(layer, record, points), *found.notes),
        provenance={
            "images_sha256": sha256_of_all(found), "versions": layout_versions(),
            **found.provenance(layer.name),
        },
    )  # fmt: skip


def _covariance(record: LayerRecord, points: Points) -> NDArray[np.float64]:
    """(C, C), or (0, 0) of a layer of so many units that none was made."""
    if points.covariance is not None:
        return points.covariance
    try:
        return record.covariance
    except MissingAbility:
        return np.zeros((0, 0))


def _notes(layer: LayerInfo, record: LayerRecord, points: Points) -> tuple[str, ...]:
    notes, outliers = points.notes, record.outliers
    if not layer.spatial:
        notes += ("This layer has no positions in the image: each image is one point.",)
    elif record.grid == (1, 1):
        notes += ("This layer has a single position in the image: each image is one point.",)
    if "token" in layer.axes:
        notes += ("Tokens without a place in the image (class token) are left out.",)
    if outliers:
        notes += (f"{outliers} patch tokens of outlying length are left out.",)
    if len(points.image) < FEW_POINTS and not points.weight.size:
        notes += (f"Only {_points(len(points.image))}: such a map says little.",)
    return notes


def _made_of(blank: Atlas, laid: Laid, *, seed: int, versus: bool) -> str:
    """What the map is of, in a sentence: with the title it tells one export from another."""
    images = len(blank.sha256)
    by = _LAYOUT_NAMES.get(laid.layout, laid.layout)
    if versus:
        by = f"what tells the two classes apart across, and by {by} up and down"
    return (
        f"{_points(len(blank.image))} of {'1 image' if images == 1 else f'{images:,} images'}, "
        f"laid out by {by}, seed {seed}."
    )


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count:,} points"


# --- what is kept -------------------------------------------------------------------------------


def _layout_key(
    settings: AtlasSettings,
    vectors: NDArray[np.float32],
    weight: NDArray[np.float32],
    *,
    seed: int,
    versus: bool,
) -> dict[str, Any]:
    """A layout hangs on the vectors alone, whatever network and images they come from."""
    digest = hashlib.sha256(np.ascontiguousarray(vectors).tobytes())
    digest.update(np.ascontiguousarray(weight).tobytes() if versus else b"")
    return {
        "kind": "atlas-layout", "version": LAYOUT_VERSION, "vectors": digest.hexdigest(),
        "shape": list(vectors.shape), "layout": settings.layout, "seed": seed,
        "neighbours": settings.neighbours, "min_dist": settings.min_dist,
        "metric": settings.metric, "versus": versus,
    }  # fmt: skip


def _as_stored(laid: Laid) -> dict[str, Any]:
    return {
        "xy": laid.xy, "layout": laid.layout, "distinct": laid.distinct, "shown": laid.shown,
        "notes": list(laid.notes),
    }  # fmt: skip


def _as_laid(stored: dict[str, Any]) -> Laid:
    return Laid(
        np.asarray(stored["xy"], np.float32), str(stored["layout"]), int(stored["distinct"]),
        stored["shown"], tuple(stored["notes"]),
    )  # fmt: skip


def _digest(atlas: Atlas, xy: NDArray[np.float32]) -> str:
    """Of the points, where they lie, and how they are binned."""
    digest = hashlib.sha256(f"{atlas.layer}\n{atlas.grid}\n".encode())
    for array in (atlas.sha256, atlas.image, atlas.place, atlas.vectors, xy):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
