"""Concepts: the direction of a layer that tells examples with something from others.

Concept activation vectors after Kim et al., "Interpretability beyond feature attribution" (TCAV,
2018), and the mean difference as their closed form; judged on examples held out by group.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_layer, edit_notes
from interp_gui.analyses.concept import results, said
from interp_gui.analyses.concept.collecting import Collected, collect
from interp_gui.analyses.concept.fitting import Space, is_nothing, weights_of
from interp_gui.analyses.concept.judging import Dealt, HeldOut, deals, held_out, p_value, parts_of
from interp_gui.analyses.concept.pooling import has_vector, require_one_vector
from interp_gui.analyses.concept.reading import Vectors, read_vectors, unread
from interp_gui.analyses.concept.results import Judged
from interp_gui.analyses.concept.settings import Parameters
from interp_gui.core.analysis import Analysis, Context, Need, Progress, Steps
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Number

FIT_S = {"mean-difference": 5e-5, "probe": 4e-3}
"""One fit of one part, roughly."""
_SPEAK_EVERY_S = 0.05
_KNOWN_WITHIN_S = 0.5


@dataclass(frozen=True, kw_only=True)
class _Deals:
    """How the labels really are, and how chance deals them; the same for every layer."""

    real: Dealt | None
    random: tuple[Dealt, ...]

    @property
    def parts(self) -> int:
        """In how many parts examples are held out; 0 if they cannot be."""
        return int(self.real.parts.max()) + 1 if self.real is not None else 0


def chosen_layers(context: Context, parameters: Parameters) -> list[LayerInfo]:
    """The layers asked about, in order of execution, each of which holds a vector an image."""
    if parameters.layers == "one":
        layer = asked_layer(context)
        require_one_vector(layer, parameters.pooling)
        return [layer]
    description = context.model.description
    found = [
        layer
        for layer in description.layers
        if layer.worthwhile and has_vector(layer, parameters.pooling)
    ]
    if not found:
        what = " with a class token" if parameters.pooling == "class-token" else ""
        raise MissingAbility(
            f"'{description.name}' has no layer{what} that holds one vector for an image.",
            hint="Choose a layer by hand, or another way of pooling.",
        )
    return sorted(found, key=lambda layer: layer.depth)


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Curve` or `Bars` (key `auc`), a `Table` (`layers`), and a `Grid` (`direction`).

    The table has one row a layer with its held-out AUC, that of random labels, and the direction
    as the row's feature. The grid holds the examples, the most typical ones first; its `feature`
    is the direction at the layer asked for, or at the one that does best. The direction is fitted
    on all examples, the AUC on those held out. Its length is such that the means of the two sides
    lie 1 apart in its coordinate.
    """
    layers = chosen_layers(context, parameters)
    collected = yield from collect(context)
    collected, vectors = yield from read_vectors(context, collected, layers, parameters.pooling)
    layers, lost = _usable(layers, vectors)
    dealt = yield from _dealt(context, collected, parameters)
    notes = (
        *edit_notes(context),
        *said.about_examples(collected),
        *said.about_holding_out(collected, parameters, dealt.parts),
        *said.about_layers(collected, layers, parameters),
        *lost,
    )
    title = _title(parameters, layers)
    judged: list[Judged] = []
    for number, layer in enumerate(layers):
        found = yield from _judge(
            context, layer, vectors[layer.name], dealt, collected, parameters,
            done=number, total=len(layers),
        )  # fmt: skip
        judged.append(found)
        if number + 1 < len(layers):
            yield results.curve(judged, title=title, notes=notes, final=False)
    best = max(judged, key=lambda one: one.rank)
    numbers = _numbers(collected, judged, best)
    if len(judged) > 1 and best.auc is not None:
        notes = (
            *notes,
            f"{best.layer.name} is the best of {len(judged)} layers; p of the best counts that.",
        )
    if len(judged) > 1:
        yield results.curve(judged, title=title, notes=notes, final=True)
    elif best.auc is not None:
        yield results.bars(best, title=title, notes=notes)
    features = [results.feature_of(context, one, parameters) for one in judged]
    yield results.table(features, judged, title=title, numbers=numbers, notes=notes)
    yield Progress(done=len(layers), total=len(layers), text="Drawing examples")
    yield results.cards(
        context, collected.items, best, parameters,
        title=f"{results.concept_name(parameters)} at {best.layer.name}",
        numbers=numbers, notes=(*notes, _scale(parameters)),
    )  # fmt: skip


def _usable(layers: list[LayerInfo], vectors: Vectors) -> tuple[list[LayerInfo], tuple[str, ...]]:
    """Layers whose vectors are numbers that differ, and a sentence about the others."""
    kept: list[LayerInfo] = []
    lost: list[LayerInfo] = []
    for layer in layers:
        values = vectors[layer.name]
        fine = bool(np.isfinite(values).all()) and not Space(values).nothing
        (kept if fine else lost).append(layer)
    if not kept:
        raise InvalidValue(
            f"All examples look the same to '{lost[0].name}', or give no numbers there.",
            hint="Choose another layer or other examples.",
        )
    if not lost:
        return kept, ()
    names = ", ".join(layer.name for layer in lost)
    return kept, (f"Left out, since all examples look the same or give no numbers: {names}.",)


def _dealt(
    context: Context, collected: Collected, parameters: Parameters
) -> Generator[Progress, None, _Deals]:
    labels, groups = collected.labels, collected.groups
    seed = context.inputs.seed
    parts = parts_of(labels, groups, parameters.folds, seed)
    if parts is None:
        return _Deals(real=None, random=())
    random = []
    for each in deals(
        labels, groups, wanted=parameters.folds, count=parameters.controls, seed=seed
    ):
        context.check()
        random.append(each)
        if len(random) % 8 == 0:
            yield Progress(done=len(random), total=parameters.controls, text="Dealing labels")
    return _Deals(real=Dealt(labels=labels, parts=parts), random=tuple(random))


def _judge(
    context: Context,
    layer: LayerInfo,
    values: NDArray[np.float32],
    dealt: _Deals,
    collected: Collected,
    parameters: Parameters,
    *,
    done: int,
    total: int,
) -> Generator[Progress, None, Judged]:
    """Fit at one layer, on all examples and without each part in turn."""
    text = f"Judging {layer.name}"
    yield Progress(done=done, total=total, text=text)
    space, labels = Space(values), collected.labels
    method, ridge = parameters.method, parameters.ridge
    vector = space.direction(weights_of(space.points, labels, method, ridge=ridge))
    if is_nothing(vector, values):
        raise InvalidValue(
            f"The two sides look the same to '{layer.name}': there is no direction between them.",
            hint="Choose another layer or other examples.",
        )
    real = HeldOut(auc=None, places=np.full(len(labels), np.nan))
    if dealt.real is not None:
        real = held_out(space.points, dealt.real, method, ridge=ridge)
    controls: list[float] = []
    spoken_s = time.monotonic()
    for each in dealt.random:
        context.check()
        auc = held_out(space.points, each, method, ridge=ridge).auc
        # where no pair was held out together, chance knows nothing either
        controls.append(0.5 if auc is None else auc)
        if time.monotonic() - spoken_s > _SPEAK_EVERY_S:
            spoken_s = time.monotonic()
            yield Progress(done=done, total=total, text=text)
    return Judged(
        layer=layer, vector=vector, auc=real.auc, places=real.places,
        controls=np.asarray(controls), apart=results.apart(real.places, labels),
    )  # fmt: skip


def _numbers(collected: Collected, judged: list[Judged], best: Judged) -> dict[str, Number]:
    labels = collected.labels
    numbers: dict[str, Number] = {
        "with": int(labels.sum()),
        "without": int((~labels).sum()),
        "groups": len(np.unique(collected.groups)),
        "layer": best.layer.name,
    }
    if best.auc is None:
        return numbers
    mean, high = best.band
    numbers |= {"auc": best.auc}
    if mean is not None:
        largest = np.max([one.controls for one in judged], axis=0)
        numbers |= {
            "random_auc_mean": mean, "random_auc_95th_percentile": high, "p": best.p,
            "random_deals": len(best.controls),
        }  # fmt: skip
        if len(judged) > 1:
            numbers |= {"p_of_the_best": p_value(best.auc, largest)}
    return numbers


def _title(parameters: Parameters, layers: list[LayerInfo]) -> str:
    name = results.concept_name(parameters)
    where = layers[0].name if len(layers) == 1 else f"{len(layers)} layers"
    return f"{name[0].upper()}{name[1:]} at {where}"


def _scale(parameters: Parameters) -> str:
    how = (
        "from the mean of those without to that of those with"
        if parameters.method == "mean-difference"
        else "of a logistic regression"
    )
    return (
        f"The direction {how}; in its coordinate the two means lie 1 apart. 'place' is where each "
        "example lies between them when it is held out: 0 as those without, 1 as those with."
    )


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass for every image that is not known yet, and the fits."""
    from interp_gui.analyses.costs import forward_s, within

    layers = chosen_layers(context, parameters)
    examples = context.inputs.examples
    count = sum(len(side) for side in examples.values())
    collected, seconds = within(collect(context), count, budget_s=_KNOWN_WITHIN_S)
    if collected is None:
        paths = [example.path for side in examples.values() for example in side]
    else:
        paths = unread(context, collected, layers, parameters.pooling)
    if paths:
        seconds += len(paths) * forward_s(context, layer=layers[-1].name, path=paths[0])
    fits = len(layers) * (1 + parameters.controls) * parameters.folds
    units = sum(layer.units for layer in layers)
    return Cost(
        seconds=seconds + fits * FIT_S[parameters.method], disk_bytes=len(paths) * units * 4
    )


def spared_needs(settings: Parameters) -> tuple[Need, ...]:
    """All layers need none to be chosen."""
    return ("layer",) if settings.layers == "all" else ()


ANALYSIS = Analysis(
    id="concept",
    title="Concept",
    summary="The direction that tells examples with something from examples without it, and how "
    "well it does on held-out ones, layer by layer.",
    parameters=Parameters,
    needs=("examples", "layer"),
    produces=("table", "curve", "bars", "grid"),
    spares=spared_needs,
    run=run,
    estimate=estimate,
)
