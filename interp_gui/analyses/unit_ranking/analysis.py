"""Why this answer: the units of a layer that speak for the Target in a place of the image."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import (
    Seen,
    asked_layer,
    current_image,
    edit_notes,
    fixed_target,
    main_output,
    unit,
)
from interp_gui.analyses.unit_maps import Floats, region_place, require_units
from interp_gui.analyses.unit_ranking.baselines import dataset_means
from interp_gui.analyses.unit_ranking.scores import Scores, score_units
from interp_gui.core.analysis import Analysis, Context, Need, Progress, Steps, parameter
from interp_gui.core.colormaps import overlay
from interp_gui.core.cost import Cost
from interp_gui.core.edit import Baseline, Edit
from interp_gui.core.images import thumbnail
from interp_gui.core.layer import LayerInfo
from interp_gui.core.overlays import upsample
from interp_gui.core.place import Place
from interp_gui.core.result import Grid, GridItem, Number, Table
from interp_gui.core.target import Target

if TYPE_CHECKING:
    from interp_gui.runtimes.prefix import CachedPrefix

COLUMNS = (
    "unit", "activation", "activation × gradient", "fall of target", "percentile of controls",
    "moved", "role",
)  # fmt: skip
"""`activation`: mean over the place. `fall of target`: Target before minus after the ablation,
so that a unit that speaks for the Target has a positive one; None where not confirmed.
`activation × gradient`: None where the model has no gradients.
`percentile of controls`: share of the random units whose ablation changes the Target less in
magnitude. `moved`: length of the change that the ablation makes in the layer. `role`: `ranked` or
`control`."""


GRADIENT_PASSES = 3
"""A pass with its gradient takes as long as so many without, and the answer needs one more."""
CARD_S, RESTART_S = 0.003, 0.003
"""Drawing one card, and starting one pass from what is kept of the layers before."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `unit-ranking`."""

    order: Literal["attribution", "activation"] = parameter(
        "attribution", help="Rank by activation × gradient of the Target, or by activation alone."
    )
    count: int = parameter(24, help="How many units are listed.", minimum=1, maximum=4096)
    confirm: int = parameter(
        10, help="How many of the first are confirmed by switching them off.", minimum=0,
        maximum=256,
    )  # fmt: skip
    controls: int = parameter(
        5, help="Random units of the layer that are switched off for comparison.", minimum=0,
        maximum=256,
    )  # fmt: skip
    baseline: Literal["automatic", "mean", "zero"] = parameter(
        "automatic",
        help="What an ablated unit becomes: its mean over the images at hand, or zero. "
        "Automatic: the mean if there are images at hand.",
    )
    size: int = parameter(
        160, help="Longer side of each card's picture, at most.", unit="px", minimum=16,
        maximum=1024, advanced=True,
    )  # fmt: skip
    everywhere: bool = parameter(
        False, help="Switch units off in the whole image, not only in the brushed place."
    )
    mean_images: int = parameter(
        64, help="At most so many images, picked by content, make the mean.", minimum=1,
        maximum=100_000, advanced=True,
    )  # fmt: skip


@dataclass(kw_only=True)
class _Effects:
    """Exact effects measured so far, by unit: change of the Target, and length of the move."""

    ranked: dict[int, tuple[float, float]]
    controls: dict[int, tuple[float, float]]

    def percentile(self, u: int) -> float | None:
        """Share of controls, in percent, with a smaller effect; None before there are any."""
        if not self.controls:
            return None
        smaller = [abs(c[0]) < abs(self.ranked[u][0]) for c in self.controls.values()]
        return 100.0 * sum(smaller) / len(smaller)


@dataclass(frozen=True, kw_only=True)
class _Ablation:
    """What switches a unit off, and what that does."""

    context: Context
    seen: Seen
    prefix: "CachedPrefix"
    layer: LayerInfo
    target: Target
    scores: Scores
    place: Place
    means: tuple[float, ...]
    source: str

    def edit(self, u: int) -> Edit:
        """The edit that ablates one unit in the place."""
        baseline = Baseline()
        if self.means:
            baseline = Baseline("mean", values=(self.means[u],), source=self.source)
        feature = unit(self.context, self.layer.name, u)
        return Edit(feature=feature, kind="ablate", place=self.place, baseline=baseline)

    def effect(self, u: int) -> tuple[float, float]:
        """Target before − after, and the Euclidean length of the change in the layer."""
        asked = self.context.inputs.edits
        stack = msgspec.structs.replace(asked, edits=(*asked.edits, self.edit(u)))
        outputs = self.prefix.forward(edits=stack, sources=self.context.sources).outputs
        name = main_output(self.context)
        rows = outputs[name] if name in outputs else next(iter(outputs.values()))
        after = float(self.target.evaluate(rows)[0])
        axis = self.layer.unit_axis - 1
        value = np.take(self.scores.value, [u], axis=axis).astype(np.float64)
        mask = self.place.mask(self.layer.axes, self.scores.value.shape)
        base = self.means[u] if self.means else 0.0
        return self.scores.target - after, float(np.linalg.norm(mask * (base - value)))


def _table(
    context: Context,
    parameters: Parameters,
    layer: LayerInfo,
    scores: Scores,
    listed: list[int],
    effects: _Effects,
    *,
    numbers: dict[str, Number],
    notes: tuple[str, ...],
    title: str,
    final: bool,
) -> Table:
    def row(u: int, effect: tuple[float, float] | None, role: str) -> tuple[Number, ...]:
        share = effects.percentile(u) if role == "ranked" and effect is not None else None
        change, moved = effect if effect is not None else (None, None)
        return (u, float(scores.activation[u]), scores.attributed(u), change, share, moved, role)

    rows = [row(u, effects.ranked.get(u), "ranked") for u in listed]
    rows += [row(u, effect, "control") for u, effect in effects.controls.items()]
    return Table(
        key="ranking",
        title=title,
        columns=COLUMNS,
        cells=tuple(rows),
        features=tuple(unit(context, layer.name, int(r[0] or 0)) for r in rows),
        numbers=numbers,
        notes=notes,
        final=final,
        provenance={"order": parameters.order},
    )


def _cards(
    context: Context,
    layer: LayerInfo,
    seen: Seen,
    scores: Scores,
    pictures: dict[int, NDArray[np.uint8]],
    effects: _Effects,
    *,
    notes: tuple[str, ...],
    title: str,
    final: bool,
) -> Grid:
    items = []
    for rank, (u, pixels) in enumerate(pictures.items(), start=1):
        numbers: dict[str, Number] = {"rank": rank, "activation": float(scores.activation[u])}
        if scores.attribution is not None:
            numbers["attribution"] = scores.attributed(u)
        if u in effects.ranked:
            numbers["change"] = effects.ranked[u][0]
            numbers["control_percentile"] = effects.percentile(u)
        feature = unit(context, layer.name, u)
        items.append(
            GridItem(
                title=feature.text, pixels=pixels, numbers=numbers, feature=feature, image=seen.path
            )
        )
    return Grid(key="units", title=title, items=tuple(items), notes=notes, final=final)


def _picture(seen: Seen, layer: LayerInfo, values: Floats, size_px: int) -> NDArray[np.uint8]:
    """A unit's map (h, w) over the image, small enough for a card."""
    small = thumbnail(seen.pixels, size_px)
    if not layer.spatial:
        return small
    over = upsample(values, (small.shape[0], small.shape[1]))
    return overlay(small, over, symmetric=bool(values.min() < 0))


def _means(
    context: Context, parameters: Parameters, layer: LayerInfo
) -> Generator[Progress, None, tuple[tuple[float, ...], str, str]]:
    """Means, their source's hash, and a sentence; empty means for an ablation to zero."""
    dataset = context.inputs.dataset
    has_images = dataset is not None and bool(dataset.images)
    if parameters.baseline == "zero" or (parameters.baseline == "automatic" and not has_images):
        return (), "", "Ablated to zero."
    means, source, count = yield from dataset_means(context, layer, most=parameters.mean_images)
    sentence = f"Ablated to the mean over {count} {'image' if count == 1 else 'images'} at hand."
    return tuple(float(m) for m in means), source, sentence


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` (key `ranking`) and a `Grid` of cards (key `units`), refined as effects come in."""
    seen = current_image(context)
    layer = asked_layer(context)
    require_units(layer)
    yield Progress(done=0, total=0, text="Ranking units")
    target = fixed_target(context, seen.batch)
    region = context.inputs.region if layer.spatial else ()
    scores = score_units(context, seen, layer, target, region)
    listed = scores.order(parameters.order)[: parameters.count]
    effects = _Effects(ranked={}, controls={})
    what = target.title(context.model.description)
    article = "" if target.kind == "scalar" and target.index is not None else "the "
    title = f"Units of {layer.name} for {article}{what}"
    notes = edit_notes(context)
    if scores.attribution is None:
        notes = (*notes, f"No activation × gradient: {context.model.description.gradient_problem}")
    if context.inputs.region and not layer.spatial:
        notes = (*notes, "This layer has no positions: the brushed place does not count.")
    confirmed = listed[: parameters.confirm]
    numbers: dict[str, Number] = {"target": scores.target, "target_of": what}
    numbers |= {"target_class": target.index} if target.index is not None else {}
    common = (context, parameters, layer, scores, listed, effects)
    yield _table(*common, numbers=numbers, notes=notes, title=title, final=not confirmed)
    pictures: dict[int, NDArray[np.uint8]] = {}
    for u in listed:
        context.check()
        pictures[u] = _picture(seen, layer, scores.maps[u], parameters.size)
        yield Progress(done=len(pictures), total=len(listed), text="Drawing maps")
    yield _cards(
        context, layer, seen, scores, pictures, effects, notes=notes, title=title,
        final=not confirmed,
    )  # fmt: skip
    if not confirmed:
        return
    means, source, sentence = yield from _means(context, parameters, layer)
    place = Place() if parameters.everywhere else region_place(region, layer, seen.size)
    where = "everywhere" if place.kind == "everywhere" else "in the brushed place"
    direction = "Where Δ Target is below 0, the Target falls without the unit."
    notes = (*notes, f"{sentence[:-1]}, {where}. {direction}")
    # What lies before the layer is the same in all these passes.
    from interp_gui.runtimes.prefix import CachedPrefix

    ablation = _Ablation(
        context=context, seen=seen, prefix=CachedPrefix(context.model, seen.batch), layer=layer,
        target=target, scores=scores, place=place, means=means, source=source,
    )  # fmt: skip
    random = np.random.default_rng(context.inputs.seed)
    # a unit that an edit has set already says nothing when it is set again
    free = np.setdiff1d(np.arange(layer.units), [*confirmed, *_set_already(context, layer)])
    drawn = random.permutation(free)[: parameters.controls]
    jobs = [(int(u), effects.controls) for u in drawn] + [(u, effects.ranked) for u in confirmed]
    for done, (u, into) in enumerate(jobs, start=1):
        context.check()
        into[u] = ablation.effect(u)
        yield Progress(done=done, total=len(jobs), text="Switching units off")
        last = done == len(jobs)
        if into is effects.ranked and not last:
            yield _table(*common, numbers=numbers, notes=notes, title=title, final=False)
    if effects.controls:
        sizes = [abs(change) for change, _ in effects.controls.values()]
        numbers |= {
            "control_change_largest": max(sizes),
            "control_change_mean": float(np.mean(sizes)),
        }
        numbers |= {"controls": len(sizes)}
    yield _table(*common, numbers=numbers, notes=notes, title=title, final=True)
    yield _cards(
        context, layer, seen, scores, pictures, effects, notes=notes, title=title, final=True
    )


def _set_already(context: Context, layer: LayerInfo) -> list[int]:
    """Units that edits in force change."""
    edits = context.inputs.edits.active
    layer_of = context.model.description.layer
    ours = [edit.feature for edit in edits if layer_of(edit.feature.layer) == layer]
    return sorted({u for feature in ours if not feature.heads for u in feature.units})


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass with its gradient, cards, the mean over images, and the passes that confirm."""
    from interp_gui.analyses.costs import forward_s

    layer = asked_layer(context)
    path = context.inputs.images[0]
    whole_s = forward_s(context, path=path)
    before_s = min(whole_s, forward_s(context, layer=layer.name, path=path))
    gradients = not context.model.description.gradient_problem
    seconds = (GRADIENT_PASSES if gradients else 1) * whole_s + parameters.count * CARD_S
    if parameters.confirm:
        dataset = context.inputs.dataset
        if dataset is not None and parameters.baseline != "zero":
            seconds += min(parameters.mean_images, len(dataset.images)) * before_s
        # what lies before the layer is run once for all of them
        seconds += (parameters.confirm + parameters.controls) * (whole_s - before_s + RESTART_S)
    return Cost(seconds=seconds)


def spared_needs(settings: Parameters) -> tuple[Need, ...]:
    """Ranking by activation goes without gradients."""
    return ("gradient",) if settings.order == "activation" else ()


ANALYSIS = Analysis(
    id="unit-ranking",
    title="Why this answer",
    summary="The units of a layer that speak for the answer in a place, confirmed by ablation.",
    parameters=Parameters,
    needs=("image", "layer", "target", "gradient"),
    uses=("dataset",),
    produces=("table", "grid"),
    spares=spared_needs,
    run=run,
    estimate=estimate,
)
