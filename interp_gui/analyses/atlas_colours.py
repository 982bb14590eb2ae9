"""What the points of an atlas can be coloured by and the atlas does not hold itself."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_features, asked_layer
from interp_gui.analyses.atlas.about import class_index
from interp_gui.analyses.atlas.costs import atlas_cost
from interp_gui.analyses.atlas.make import make_atlas
from interp_gui.analyses.atlas.picked import positions_of
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.attribution import answers_of, attributed, attribution_s
from interp_gui.analyses.costs import forward_s, spread
from interp_gui.analyses.dataset_pass import images_at_hand
from interp_gui.analyses.harvest import HarvestSpec, harvest
from interp_gui.core.analysis import Analysis, Context, Need, Progress, Saved, Steps, parameter
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.values import coordinate
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.result import Number, Table

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Parameters(AtlasSettings):
    """Settings of `atlas-colours`: those of the atlas, and what is asked of its points."""

    of: Literal["feature", "class"] = parameter(
        "feature",
        help="The points' values of a feature, of this layer or another one, or what they argue "
        "for a class.",
    )
    class_name: str = parameter(
        "", help="The class, by name or number; empty: that of the Target.", title="class asked"
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Table` (key `colours`), whose `values` hold one number for each point of the atlas.

    The atlas is the one that `activation-atlas` makes with the same settings, from the cache
    where it was made before.
    """
    if parameters.of == "feature":
        feature = _one_feature(context)
    else:
        index = _class_asked(context, parameters.class_name)
        _ = context.differentiable  # said before anything is computed
    atlas = yield from _atlas(context, parameters)
    notes: tuple[str, ...] = ()
    if parameters.of == "feature":
        values, notes = yield from _of_feature(context, parameters, atlas, feature)
        title = f"{feature.title} at the points of the atlas of {atlas.layer}"
    else:
        values, notes = yield from _of_class(context, parameters, atlas, index)
        name = context.model.description.class_name(index)
        title = f"Attribution to {name} at the points of the atlas of {atlas.layer}"
    known = values[np.isfinite(values)]
    unknown = len(values) - len(known)
    if unknown:
        things = "point has" if unknown == 1 else "points have"
        notes = (*notes, f"{unknown} {things} no value.")
    yield Table(
        key="colours",
        title=title,
        columns=("quantile", "value"),
        cells=_quantiles(known),
        values={"values": values},
        feature=feature if parameters.of == "feature" else None,
        numbers={"points": len(values), "without_value": unknown},
        notes=notes,
        provenance={
            "atlas_sha256": atlas.provenance.get("atlas_sha256", ""), "batch": parameters.batch,
        },
    )  # fmt: skip


def _atlas(context: Context, parameters: Parameters) -> Generator[Progress | Saved, None, Atlas]:
    """The atlas itself; what is shown of it on the way is not for this result."""
    steps = make_atlas(context, parameters, preview=False, labels=False)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            found: Atlas = end.value
            return found
        if isinstance(step, Progress | Saved):
            yield step


def _one_feature(context: Context) -> Feature:
    features = asked_features(context)
    if len(features) != 1:
        raise InvalidValue(
            "Points are coloured by one feature.", hint="Name one, as in features.14:7."
        )
    if not context.inputs.layer:
        raise InvalidValue("A layer is needed.", hint="Choose the layer of the atlas.")
    return features[0]


def _class_asked(context: Context, text: str) -> int:
    model, target = context.model.description, context.inputs.target
    if not model.class_count:
        raise MissingAbility(
            f"'{model.name}' has no classes.", hint="Colour the atlas by a feature."
        )
    if text.strip():
        return class_index(text, model)
    if target.index is None:
        raise InvalidValue("A class is needed.", hint="Name it, or choose one as Target.")
    return target.index


def _of_class(
    context: Context, parameters: Parameters, atlas: Atlas, index: int
) -> Generator[Progress | Saved, None, tuple[Floats, tuple[str, ...]]]:
    wanted = [
        (atlas.paths[image], int(place))
        for image, place in zip(atlas.image, atlas.place, strict=True)
    ]
    found = yield from attributed(
        context, context.model.description.layer(atlas.layer), wanted,
        answers=answers_of(context, [index]), batch=parameters.batch,
        smooth=parameters.smooth_pooling,
        hashes=[atlas.sha256[image].tobytes().hex() for image in atlas.image],
    )  # fmt: skip
    return found.values[:, 0], found.notes


def _of_feature(
    context: Context, parameters: Parameters, atlas: Atlas, feature: Feature
) -> Generator[Progress | Saved, None, tuple[Floats, tuple[str, ...]]]:
    layer = context.model.description.layer(feature.layer)
    if layer.name == atlas.layer:
        return coordinate(atlas.vectors, feature), ()
    # Of another layer, the store has the same places of the same images; as it records whole
    # vectors, the next feature of that layer costs nothing.
    spec = HarvestSpec(
        positions=positions_of(parameters, len(images_at_hand(context).images)),
        skip_edges=parameters.skip_edges,
    )
    found = yield from harvest(context, [layer], spec, batch=parameters.batch)
    record = found.layers[layer.name]
    row_of = {image.sha256: row for row, image in enumerate(found.images)}
    images = np.array([row_of.get(sha256.tobytes().hex(), -1) for sha256 in atlas.sha256], np.int64)
    rows = nearest_recorded(
        images[atlas.image], _middles(atlas.place, atlas.grid),
        record.vector_image, _middles(record.vector_place, record.grid),
    )  # fmt: skip
    values = np.full(len(rows), np.nan, np.float32)
    there = np.flatnonzero(rows >= 0)
    for start in range(0, len(there), _ROWS):
        context.check()
        yield Progress(done=start, total=len(there), text="Reading the points' values")
        some = there[start : start + _ROWS]
        values[some] = coordinate(record.vectors(rows[some]), feature)
    note = f"Each point has the value of {layer.name} at the recorded position nearest to it."
    return values, (note, *found.notes) if layer.spatial else found.notes


_ROWS = 8192


def nearest_recorded(
    images: NDArray[np.integer],
    places: NDArray[np.float64],
    recorded_images: NDArray[np.integer],
    recorded_places: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Of each point, the recorded vector of the same image that lies nearest; −1 for none.

    Parameters
    ----------
    images, recorded_images
        (N,) and (M,) index of the image; −1 for one that is not recorded.
    places, recorded_places
        (N, 2) and (M, 2) from the top and from the left, 0 to 1.
    """
    order = np.argsort(recorded_images, kind="stable")
    ordered = recorded_images[order]
    first = np.searchsorted(ordered, images, side="left")
    last = np.searchsorted(ordered, images, side="right")
    best = np.full(len(images), -1, np.int64)
    least = np.full(len(images), np.inf)
    for turn in range(int((last - first).max(initial=0))):
        own = np.flatnonzero((first + turn < last) & (images >= 0))
        row = order[first[own] + turn]
        distance = ((places[own] - recorded_places[row]) ** 2).sum(axis=1)
        nearer = distance < least[own]
        best[own[nearer]], least[own[nearer]] = row[nearer], distance[nearer]
    return best


def _middles(places: NDArray[np.integer], grid: tuple[int, int]) -> NDArray[np.float64]:
    row, column = np.divmod(np.asarray(places, np.int64), grid[1])
    return np.stack([(row + 0.5) / grid[0], (column + 0.5) / grid[1]], axis=1)


def _quantiles(values: Floats) -> tuple[tuple[Number, ...], ...]:
    if not len(values):
        return ()
    shares = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
    found = np.quantile(values.astype(np.float64), shares)
    return tuple((share, float(value)) for share, value in zip(shares, found, strict=True))


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The atlas as far as it is not known, and the pass that the points' values take."""
    layer = asked_layer(context)
    cost = atlas_cost(context, layer, parameters, labels=False)
    paths = images_at_hand(context).paths
    path = spread(paths, 1)[0]
    if parameters.of == "class":
        positions = min(parameters.points, len(paths) * positions_of(parameters, len(paths)))
        seconds = attribution_s(
            context, layer, positions=positions, images=len(paths), path=path
        )  # fmt: skip
        return cost + Cost(seconds=seconds)
    features = asked_features(context)
    other = context.model.description.layer(features[0].layer) if features else layer
    if other.name == layer.name:
        return cost
    return cost + Cost(seconds=forward_s(context, layer=other.name, path=path) * len(paths))


def spared_needs(settings: Parameters) -> tuple[Need, ...]:
    """A class goes without a feature."""
    return ("features",) if settings.of == "class" else ()


ANALYSIS = Analysis(
    id="atlas-colours",
    title="Colours of an atlas",
    summary="The value of a feature of any layer, or what is argued for a class, at the points of "
    "an activation atlas.",
    parameters=Parameters,
    needs=("dataset", "layer", "features"),
    uses=("target",),
    produces=("table",),
    spares=spared_needs,
    offered=False,
    run=run,
    estimate=estimate,
)
