"""The analysis `feature-statistics`: how strong features are in the images at hand."""

from dataclasses import dataclass

import msgspec

from interp_gui.analyses.feature_statistics.gathering import statistics_of
from interp_gui.core.analysis import Analysis, Context, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.result import Number, Table

COLUMNS = ("feature", "mean", "standard deviation", "lowest", "highest")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `feature-statistics`."""

    images: int = parameter(
        64, help="At most so many of the images at hand, picked by content, are read.", minimum=1,
        maximum=100_000,
    )  # fmt: skip


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` (key `statistics`), one row a unit or direction.

    `provenance["statistics"]` holds a `FeatureStatistics` for each feature, in the order asked.
    """
    features = context.inputs.features
    found = yield from statistics_of(context, features, most=parameters.images)
    rows = [row for one in found for row in _rows(one)]
    images = max((one.images for one in found), default=0)
    yield Table(
        key="statistics",
        title="How strong features are in the images",
        columns=COLUMNS,
        cells=tuple((feature.title, *numbers) for feature, numbers in rows),
        features=tuple(feature for feature, _ in rows),
        numbers={"images": images},
        notes=(f"Over all positions of {images} {'image' if images == 1 else 'images'}.",),
        provenance={"statistics": msgspec.to_builtins(found)},
    )


def _rows(one: FeatureStatistics) -> list[tuple[Feature, tuple[Number, ...]]]:
    numbers = list(zip(one.mean, one.deviation, one.low, one.high, strict=True))
    return list(zip(_parts(one.feature), numbers, strict=True))


def _parts(feature: Feature) -> list[Feature]:
    """Each unit or vector of a feature as a feature of its own."""
    if max(len(feature.units), len(feature.vectors)) == 1:
        return [feature]
    plain = msgspec.structs.replace(feature, name="")
    if feature.units:
        return [msgspec.structs.replace(plain, units=(unit,)) for unit in feature.units]
    return [msgspec.structs.replace(plain, vectors=(vector,)) for vector in feature.vectors]


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass an image up to the last of the layers, if nothing is known of it yet."""
    from interp_gui.analyses.costs import forward_s

    dataset = context.inputs.dataset
    paths = dataset.paths if dataset is not None else ()
    layers = [context.model.description.layer(f.layer) for f in context.inputs.features]
    last = max(layers, key=lambda layer: layer.depth)
    count = min(parameters.images, len(paths))
    return Cost(seconds=count * forward_s(context, layer=last.name, path=paths[0] if paths else ""))


ANALYSIS = Analysis(
    id="feature-statistics",
    title="Strength in the images",
    summary="Mean, deviation and range of features over the images at hand.",
    parameters=Parameters,
    needs=("dataset", "features"),
    produces=("table",),
    run=run,
    estimate=estimate,
)
