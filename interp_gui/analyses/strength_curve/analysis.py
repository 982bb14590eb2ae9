"""The analysis `strength-curve`: how the answer follows one feature's strength."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_features, current_image, edit_notes, fixed_target
from interp_gui.analyses.predict import probabilities
from interp_gui.analyses.random_alike import others, why_none
from interp_gui.analyses.strength_curve.strengths import (
    LABELS,
    edit_of,
    is_beyond,
    observed,
    span_of,
    strengths,
)
from interp_gui.analyses.unit_maps import region_place
from interp_gui.analyses.variants import Variants, rows_at_once
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import change_of
from interp_gui.core.place import Place
from interp_gui.core.result import Curve, Number, Table

SHOW_EVERY_S = 1.0
VERSION = 1
COLUMNS = (
    "strength", "target", "effect", "size of change", "controls, 5 %", "controls, mean",
    "controls, 95 %", "percentile", "beyond observed",
)  # fmt: skip
"""`effect`: Target with the edit minus Target without. `controls`: effects of random features of
the layer that are changed by exactly as much. `percentile`: share of those that do less."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `strength-curve`."""

    kind: Literal["scale", "steer", "clamp"] = parameter(
        "scale", help="The feature is multiplied, or added in standard deviations, or limited to "
        "at most so much.",
    )  # fmt: skip
    low: float = parameter(0.0, help="Lowest strength; lowest and highest 0: what suits the kind.")
    high: float = parameter(0.0, help="Highest strength.")
    steps: int = parameter(13, help="Strengths, evenly spaced.", minimum=2, maximum=1000)
    controls: int = parameter(
        20, help="Random features of the layer that are changed as much, at each strength.",
        minimum=0, maximum=256,
    )  # fmt: skip
    top: int = parameter(
        5, title="classes", help="Classes whose probability is drawn: the first ones at any "
        "strength.", minimum=0, maximum=50,
    )  # fmt: skip
    observed: int = parameter(
        64, title="images observed", help="At most so many images at hand tell how strong the "
        "feature is.", minimum=1, maximum=100_000, advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Strengths tried in one pass; 0: what suits the device.", minimum=0, maximum=1024,
        advanced=True,
    )  # fmt: skip


@dataclass(kw_only=True)
class _Found:
    """What was measured at each strength, NaN where not yet."""

    x: NDArray[np.float64]
    target: NDArray[np.float64]
    sizes: NDArray[np.float64]
    controls: NDArray[np.float64]
    outputs: list[NDArray[np.float64] | None]
    beyond: list[bool]
    base: float
    notes: tuple[str, ...] = ()
    order: list[int] = field(default_factory=list)


def run(context: Context, parameters: Parameters) -> Steps:
    """`Curve`s of the Target and of a classifier's probabilities, and a `Table`.

    Keys are `target`, `probability` and `strengths`, each followed by the feature's text.
    """
    (feature, *rest) = asked_features(context, heads=True) or (None,)
    if feature is None or rest or feature.whole_layer:
        raise InvalidValue(
            "A curve is about one unit, head or direction.", hint="Choose one, as features.14:7."
        )
    layer = context.model.description.layer(feature.layer)
    seen = current_image(context)
    yield Progress(text="Looking at the layer")
    target = fixed_target(context, seen.batch)
    variants = Variants(
        context, seen.batch, layer, rows=rows_at_once(context, parameters.batch),
        paced=not parameters.batch,
    )  # fmt: skip
    value = variants.value[0]
    yield Progress(text="Looking at the layer")
    known = yield from observed(context, feature, layer, value, most=parameters.observed)
    x = strengths(parameters.kind, parameters.low, parameters.high, parameters.steps, known)
    place = region_place(context.inputs.region, layer, seen.size)
    edits = [edit_of(parameters.kind, feature, float(at), place, known) for at in x]
    changes = [change_of(edit, value, layer.axes) for edit in edits]
    random = np.random.default_rng(context.inputs.seed)
    drawn = others(changes[0], parameters.controls, random)
    found = _Found(
        x=x, target=np.full(len(x), np.nan), sizes=np.array([c.moved for c in changes]),
        controls=np.full((len(drawn), len(x)), np.nan), outputs=[None] * len(x),
        beyond=[is_beyond(change, known) for change in changes],
        base=float(target.evaluate(variants.answer)[0]),
        notes=_notes(context, feature, place, known.sentence, drawn=bool(drawn)),
    )  # fmt: skip
    title = target.title(context.model.description)
    jobs = [(-1, at) for at in range(len(x))]
    jobs += [(control, at) for at in range(len(x)) for control in range(len(drawn))]
    variants.begin()
    yield Progress(text="Trying strengths", total=len(jobs))
    variants.base()
    yield Progress(text="Trying strengths", total=len(jobs))
    done, shown_s, note = 0, time.monotonic(), ""
    try:
        while done < len(jobs):
            part = jobs[done : done + variants.at_once]
            values = []
            for control, at in part:
                picked, basis = drawn[control] if control >= 0 else ((), None)
                values.append(changes[at].onto(value, picked=picked, basis=basis)[None])
            for start, outputs in variants.answers(values):
                before = target.evaluate(variants.base()[: len(outputs), 0])
                after = target.evaluate(outputs[:, 0])
                for i, (control, at) in enumerate(part[start : start + len(outputs)]):
                    effect = float(after[i] - before[i])
                    if control >= 0:
                        found.controls[control, at] = effect
                    else:
                        found.target[at] = found.base + effect
                        found.outputs[at] = np.asarray(outputs[i, 0], np.float64)
            done += len(part)
            yield Progress(done=done, total=len(jobs), text="Trying strengths")
            if time.monotonic() - shown_s > SHOW_EVERY_S:
                shown_s = time.monotonic()
                yield from _results(context, parameters, feature, found, title, final=False)
    except OutOfMemory as problem:
        if not np.isfinite(found.target).any():
            raise
        note = f"{problem.message} It ended early: what was measured by then is shown."
    yield from _results(context, parameters, feature, found, title, final=True, note=note)


def _notes(
    context: Context, feature: Feature, place: Place, sentence: str, *, drawn: bool
) -> tuple[str, ...]:
    where = [] if place.kind == "everywhere" else ["Changed in the brushed place only."]
    none = [] if drawn else [why_none(feature)]
    return (*edit_notes(context), *where, sentence, *none)


def _results(
    context: Context, parameters: Parameters, feature: Feature, found: _Found, title: str,
    *, final: bool, note: str = "",
) -> Iterator[Curve | Table]:  # fmt: skip
    notes = (*found.notes, *([note] if note else []))
    span = span_of(found.x, found.beyond)
    if any(found.beyond):
        notes = (*notes, "Shaded strengths make values beyond any observed."
                 if span else "All these strengths make values beyond any observed.")  # fmt: skip
    x = found.x.astype(np.float32)
    names, lines = [feature.title], [found.target]
    low, mean, high = _band(found)
    if len(found.controls):
        names.append("random features, mean")
        lines.append(found.base + mean)
    numbers: dict[str, Number] = {"target": found.base, "target_of": title}
    effects = np.abs(found.target - found.base)
    if np.isfinite(effects).any():
        strongest = int(np.nanargmax(effects))
        numbers |= {
            "largest_effect": float(found.target[strongest] - found.base),
            "at_strength": float(found.x[strongest]),
        }
    numbers["controls"] = len(found.controls)
    yield Curve(
        final=final, feature=feature, x=x, span=span, key=f"target {feature.text}",
        title=f"{feature.title}: {title} over its strength",
        ys=np.array(lines, np.float32), names=tuple(names), x_label=LABELS[parameters.kind],
        y_label=title, numbers=numbers, notes=notes,
        band=found.base + np.array([low, high], np.float32) if len(found.controls) else None,
        band_name="random features, 5 to 95 %",
    )  # fmt: skip
    probability = _probabilities(context, parameters, found)
    if probability is not None:
        classes, shares = probability
        yield Curve(
            final=final, feature=feature, x=x, span=span, key=f"probability {feature.text}",
            title=f"{feature.title}: probability of classes over its strength", ys=shares,
            names=tuple(classes), x_label=LABELS[parameters.kind], y_label="probability",
            notes=notes,
        )  # fmt: skip
    yield Table(
        key=f"strengths {feature.text}", title=f"{feature.title}: {title} at each strength",
        columns=COLUMNS,
        cells=tuple(_row(found, i, low, mean, high) for i in range(len(found.x))), notes=notes,
        final=final, feature=feature,
    )  # fmt: skip


def _band(found: _Found) -> tuple[NDArray[np.float64], ...]:
    """5 %, mean and 95 % of the controls' effects at each strength; NaN where there are none."""
    columns = []
    for effects in found.controls.T if len(found.controls) else [np.zeros(0)] * len(found.x):
        known = effects[np.isfinite(effects)]
        columns.append(
            (np.percentile(known, 5), known.mean(), np.percentile(known, 95))
            if len(known)
            else (np.nan,) * 3
        )
    return tuple(np.array(columns, np.float64).T)


def _probabilities(
    context: Context, parameters: Parameters, found: _Found
) -> tuple[list[str], NDArray[np.float32]] | None:
    model = context.model.description
    kind = model.outputs[0].kind if model.outputs else "embedding"
    known = [i for i, outputs in enumerate(found.outputs) if outputs is not None]
    if kind not in ("softmax", "sigmoid") or not known or not parameters.top:
        return None
    rows = []
    for i in known:
        outputs = found.outputs[i]
        assert outputs is not None
        if outputs.ndim > 1:
            outputs = outputs.reshape(len(outputs), -1).mean(axis=1)
        shares = probabilities(outputs, kind)
        assert shares is not None
        rows.append(shares)
    table = np.array(rows)
    best = np.argsort(-table.max(axis=0), kind="stable")[: parameters.top]
    lines = np.full((len(best), len(found.x)), np.nan, np.float32)
    lines[:, known] = table[:, best].T
    return [model.class_name(int(index)) for index in best], lines


def _row(
    found: _Found, at: int, low: NDArray[np.float64], mean: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[Number, ...]:  # fmt: skip
    effect = float(found.target[at] - found.base)
    controls = found.controls[:, at]
    known = controls[np.isfinite(controls)]
    share = 100.0 * float(np.mean(np.abs(known) < abs(effect))) if len(known) else None
    told = [float(each[at]) if np.isfinite(each[at]) else None for each in (low, mean, high)]
    done = np.isfinite(found.target[at])
    return (
        float(found.x[at]), float(found.target[at]) if done else None, effect if done else None,
        float(found.sizes[at]), *told, share, found.beyond[at],
    )  # fmt: skip


def estimate(context: Context, parameters: Parameters) -> Cost:
    """A pass behind the layer for each strength and control, and one to know the feature."""
    from interp_gui.analyses.costs import forward_s

    path = context.inputs.images[0]
    layer = context.inputs.features[0].layer
    whole_s = forward_s(context, path=path)
    before_s = min(whole_s, forward_s(context, layer=layer, path=path))
    seconds = 2 * rows_at_once(context, parameters.batch) * whole_s
    seconds += parameters.steps * (1 + parameters.controls) * (whole_s - before_s)
    dataset = context.inputs.dataset
    if dataset is not None:
        seconds += min(parameters.observed, len(dataset.images)) * before_s
    return Cost(seconds=seconds)


ANALYSIS = Analysis(
    id="strength-curve",
    title="Strength curve",
    summary="The Target, and the first classes, over strengths of one feature's edit, beside "
    "random features changed as much.",
    parameters=Parameters,
    needs=("image", "features", "target"),
    uses=("dataset", "region"),
    produces=("curve", "table"),
    run=run,
    estimate=estimate,
    version=VERSION,
)
