"""Figures of features over the images at hand: kept ones, those of a record, or a pass."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from interp_gui.analyses.asked import see
from interp_gui.analyses.dataset_pass import Known, identified
from interp_gui.analyses.feature_statistics.moments import (
    Moments,
    Spread,
    coordinates_of,
    require_coordinates,
)
from interp_gui.analyses.passes import identity
from interp_gui.analyses.real_examples.survey import is_gone
from interp_gui.analyses.unit_ranking.baselines import sample
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.images import dataset_sha256
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.layer import LayerInfo

VERSION = 1


class Basis(NamedTuple):
    """Coordinates that are found together: all units or all heads of a layer, or some vectors."""

    layer: str
    what: str

    @classmethod
    def of(cls, feature: Feature) -> "Basis":
        """That of a feature."""
        if feature.vectors:
            return cls(feature.layer, feature.vector_hash)
        return cls(feature.layer, "heads" if feature.heads else "units")


def statistics_of(
    context: Context, features: Sequence[Feature], *, most: int
) -> Generator[Progress, None, tuple[FeatureStatistics, ...]]:
    """Figures of features over at most `most` of the images at hand, picked by content.

    Computed on the unedited network. Units of a layer whose record in the activation store holds
    those images are taken from there; the rest is one pass for all of them.

    Raises
    ------
    EditProblem
        A feature is a whole layer.
    ImageProblem
        None of the images can be read.
    """
    plain = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    layers: dict[Basis, tuple[Feature, LayerInfo]] = {}
    for feature in features:
        require_coordinates(feature)
        layer = context.model.description.layer(feature.layer)
        feature.check(layer)
        layers.setdefault(Basis.of(feature), (feature, layer))
    yield Progress(text="Identifying images")
    images = yield from identified(plain, {})
    images = [images[i] for i in sample([image.sha256 for image in images], most)]
    source = dataset_sha256(image.entry.path for image in images)
    found: dict[Basis, Spread] = {}
    for basis, (_, layer) in layers.items():
        stored = context.recall(_key(plain, basis, source))
        spread = Spread.restored(stored) if stored is not None else None
        if spread is None and basis.what == "units":
            yield Progress(text="Looking up what is recorded")
            spread = _recorded(plain, layer, images)
        if spread is not None:
            found[basis] = spread
    lacking = {basis: each for basis, each in layers.items() if basis not in found}
    if lacking:
        passed, partial = yield from _passed(plain, lacking, images)
        found |= passed
        for basis, spread in passed.items() if not partial else ():
            if context.cache is not None:
                context.cache.put(_key(plain, basis, source), spread.state())
    return tuple(_told(feature, found[Basis.of(feature)], source) for feature in features)


def _key(context: Context, basis: Basis, source: str) -> dict[str, Any]:
    return {
        "kind": "feature-statistics", "version": VERSION, "layer": basis.layer,
        "basis": basis.what, "images": source, **identity(context), "edits": None,
    }  # fmt: skip


def _told(feature: Feature, spread: Spread, source: str) -> FeatureStatistics:
    own = spread.of(feature.units) if feature.units else spread
    if not np.isfinite(own.mean).all():
        raise InvalidValue(
            f"{feature.text} is not a number in any of the images.",
            hint="Where the model's notes say that tensors are not finite, open an earlier "
            "checkpoint.",
        )
    return FeatureStatistics(
        feature=feature, mean=tuple(own.mean.tolist()), deviation=tuple(own.deviation.tolist()),
        low=tuple(own.low.tolist()), high=tuple(own.high.tolist()), images=own.images,
        source=source,
    )  # fmt: skip


def _recorded(context: Context, layer: LayerInfo, images: Sequence[Known]) -> Spread | None:
    """Figures of all units from the activation store, if it holds all these images."""
    from interp_gui.analyses.harvest import HarvestSpec
    from interp_gui.analyses.harvest.passing import opened, runners
    from interp_gui.analyses.harvest.reading import Reader
    from interp_gui.analyses.harvest.wanted import Wanted

    if context.cache is None or not images:
        return None
    wanted = Wanted(images)
    for runner in runners(context):
        folder = opened(context, layer, HarvestSpec(), runner=runner)
        where = folder.where(wanted.keys)
        if (where < 0).any():
            continue
        reader = Reader(folder.chunks(), where)
        moments = Moments()
        moments.update_images(
            *(reader.numbers(name).astype(np.float64) for name in ("mean", "spread", "low", "peak"))
        )
        return moments.found()
    return None


def _passed(
    context: Context, wanted: dict[Basis, tuple[Feature, LayerInfo]], images: Sequence[Known]
) -> Generator[Progress, None, tuple[dict[Basis, Spread], bool]]:
    """Figures from a pass over the images, and whether images were gone before it came to them."""
    layers = {layer.name: layer for _, layer in wanted.values()}
    last = max(layers.values(), key=lambda layer: layer.depth).name
    moments = {basis: Moments() for basis in wanted}
    read, partial = 0, False
    for done, image in enumerate(images):
        context.check()
        yield Progress(done=done, total=len(images), text="Measuring features over the images")
        try:
            batch = see(context, image.entry.path).batch
        except ImageProblem:
            partial = partial or is_gone(image.entry.path)
            continue
        # several layers may not be reached in the order of their depth
        until = last if len(layers) == 1 else None
        captured = context.model.forward(batch, capture=list(layers), until=until).captured
        for basis, (feature, layer) in wanted.items():
            value = captured[layer.name][0]
            moments[basis].update(coordinates_of(value, feature, layer))
        read += 1
    if not read:
        raise ImageProblem(
            "None of the images at hand can be read.", hint="Open other images, or use zero."
        )
    return {basis: each.found() for basis, each in moments.items()}, partial
