"""The analysis `ablation-sweep`: which units of a layer the answer rests on."""

import time
from collections.abc import Generator, Iterator

import numpy as np

from interp_gui.analyses.ablation_sweep.measuring import (
    measure_accuracy,
    measure_effects,
    measure_own,
)
from interp_gui.analyses.ablation_sweep.settings import Parameters
from interp_gui.analyses.ablation_sweep.showing import Shown, results
from interp_gui.analyses.ablation_sweep.subjects import Subjects, subjects_of, with_controls
from interp_gui.analyses.ablation_sweep.tally import Counted, Tally, key_of
from interp_gui.analyses.asked import (
    Seen,
    asked_features,
    asked_layer,
    edit_notes,
    fixed_target,
    main_output,
    see,
)
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    identified,
    sampled,
    truth_provenance,
)
from interp_gui.analyses.variants import require_writable, rows_at_once
from interp_gui.core.analysis import Analysis, Context, Progress, Steps
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, OutOfMemory
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Bars, Table
from interp_gui.core.runtime import Array
from interp_gui.core.target import Target

SHOW_EVERY_S = 1.0
VERSION = 1


def run(context: Context, parameters: Parameters) -> Steps:
    """`Bars` (keys `effects`, and `accuracy` where counted) and a `Table` (key `sweep`).

    Effects are those on the Target, mean over the images asked about. Where memory or the model
    gives out, what was measured by then is the result, with a note.
    """
    layer = asked_layer(context)
    require_writable(layer)
    yield Progress(text="Looking at the layer")
    images = [see(context, path) for path in context.inputs.images]
    target = fixed_target(context, images[0].batch)
    subjects = yield from subjects_of(context, parameters, layer)
    value, target_value = yield from _looked(context, images, layer, target)
    subjects = with_controls(subjects, value, parameters.controls, seed=context.inputs.seed)
    yield Progress(text="Looking at the layer")
    counted, broken = yield from _counted_images(context, parameters)
    tally = _tally(context, parameters, images, counted, subjects, target)
    shown = Shown(
        subjects=subjects, target=target.title(context.model.description),
        value=target_value, bars=parameters.bars, images=len(images),
        notes=_notes(context, subjects, len(images)),
    )  # fmt: skip
    truths = np.array([image.truth for image in counted], int)

    def told(*, final: bool, note: str = "") -> Iterator[Bars | Table]:
        found = Counted.of(tally.right, truths)
        for result in results(shown, tally, found, final=final, note=note):
            if found is not None:
                result.provenance.update(truth_provenance(context, counted))
            yield result

    def measured() -> Generator[Progress, None, None]:
        yield from measure_effects(context, images, subjects, target, tally, batch=parameters.batch)
        chosen = tally.strongest(parameters.confirm)
        yield from measure_own(
            context, images, subjects, target, tally, chosen=chosen, batch=parameters.batch
        )
        if counted:
            yield from measure_accuracy(
                context, counted, broken, subjects, tally, batch=parameters.batch
            )

    shown_s = time.monotonic()
    note = ""
    try:
        for step in measured():
            yield step
            state = tally.saved()
            if state is not None:
                yield state
            if time.monotonic() - shown_s > SHOW_EVERY_S:
                shown_s = time.monotonic()
                yield from told(final=False)
    except OutOfMemory as problem:
        if not np.isfinite(tally.effects).any():
            raise
        note = f"{problem.message} It ended early: what was measured by then is shown."
    lost = broken_notes(broken)
    yield from told(final=True, note=" ".join([*([note] if note else []), *lost]))


def _looked(
    context: Context, images: list[Seen], layer: LayerInfo, target: Target
) -> Generator[Progress, None, tuple[Array, float]]:
    """The layer's value for the first image, and the Target's mean over all of them."""
    name = main_output(context)
    values: list[Array] = []
    targets = []
    for seen in images:
        yield Progress(text="Looking at the layer")
        ran = context.model.forward(
            seen.batch, capture=[layer.name], edits=context.inputs.edits, sources=context.sources
        )
        rows = ran.outputs[name] if name in ran.outputs else next(iter(ran.outputs.values()))
        targets.append(float(target.evaluate(rows)[0]))
        values = values or [ran.captured[layer.name][0]]
    return values[0], float(np.mean(targets))


def _counted_images(
    context: Context, parameters: Parameters
) -> Generator[Progress, None, tuple[list[Known], dict[int, str]]]:
    broken: dict[int, str] = {}
    if not parameters.accuracy:
        return [], broken
    if not context.model.description.class_count:
        raise InvalidValue(
            "Accuracy needs classes, which this model does not have.",
            hint="Run it without accuracy.",
        )
    known = yield from identified(context, broken, labelled=True)
    if not known:
        raise InvalidValue(
            "No label of the images at hand stands for a class of the model.",
            hint="Open class folders, say what labels mean, or run it without accuracy.",
        )
    chosen = sampled(known, parameters.counted, seed=context.inputs.seed, stratified=True)
    return chosen, broken


def _tally(
    context: Context, parameters: Parameters, images: list[Seen], counted: list[Known],
    subjects: Subjects, target: Target,
) -> Tally:  # fmt: skip
    count, features = subjects.count, len(subjects.edits)
    what = {
        "kind": "ablation-sweep", "version": VERSION, "layer": subjects.layer.name,
        "edits_made": subjects.edits, "target": target, "seed": context.inputs.seed,
        "images": [seen.sha256 for seen in images], "counted": [one.sha256 for one in counted],
        "controls": parameters.controls, "confirm": parameters.confirm,
    }  # fmt: skip
    tally = Tally(
        features=features, controls=count - features, fits=key_of(context, what),
        effects=np.full((len(images), count), np.nan),
        sizes=np.full((len(images), count), np.nan),
        own=np.full((features, parameters.controls if parameters.confirm else 0), np.nan),
        right=np.full((len(counted), 1 + count if counted else 0), -1, np.int8),
    )  # fmt: skip
    tally.restore(context.state)
    return tally


def _notes(context: Context, subjects: Subjects, images: int) -> tuple[str, ...]:
    notes = [*edit_notes(context)]
    mean = f" Effects are means over {images} images." if images > 1 else ""
    notes.append(
        f"{subjects.sentence} Below 0 the Target falls without the {subjects.word(1)}.{mean}"
    )
    from interp_gui.runtimes.norm_behind import norm_behind

    behind = norm_behind(context.model, subjects.layer.name)
    if behind:
        notes.append(
            f"A norm follows this layer, so that zero there is not off; behind it is {behind}."
        )
    return tuple(notes)


def estimate(context: Context, parameters: Parameters) -> Cost:
    """Passes behind the layer for every unit and control, timed on the layer itself."""
    from interp_gui.analyses.costs import forward_s, remembered, step_s
    from interp_gui.analyses.passes import identity
    from interp_gui.analyses.variants import Variants

    layer = asked_layer(context)
    require_writable(layer)
    asked = asked_features(context, heads=True)
    heads = "head" in layer.axes
    count = len(asked) or (layer.shape[layer.axes.index("head")] if heads else layer.units)
    seen = see(context, context.inputs.images[0])
    rows = rows_at_once(context, parameters.batch)

    def one_pass() -> float:
        variants = Variants(context, seen.batch, layer, rows=rows)
        variants.base()
        values = [variants.value] * variants.at_once
        return step_s(lambda: list(variants.answers(values)), most=2) / variants.at_once

    what = {"what": "variant", "layer": layer.name, "rows": rows, **identity(context)}
    row_s = remembered(context, what, one_pass)
    whole_s = forward_s(context, path=context.inputs.images[0])
    each = count + parameters.controls
    own = min(parameters.confirm, count) * parameters.controls
    images = len(context.inputs.images)
    seconds = images * ((each + own) * row_s + 2 * rows * whole_s)
    dataset = context.inputs.dataset
    if parameters.baseline != "zero" and not heads and dataset is not None:
        before_s = min(whole_s, forward_s(context, layer=layer.name, path=dataset.paths[0]))
        seconds += min(parameters.mean_images, len(dataset.images)) * before_s
    if parameters.accuracy and dataset is not None:
        labelled = sum(dataset.true_class(entry) is not None for entry in dataset.images)
        seconds += min(parameters.counted, labelled) * (each * row_s + 3 * whole_s)
    return Cost(seconds=seconds)


ANALYSIS = Analysis(
    id="ablation-sweep",
    title="Switch each unit off",
    summary="Every unit or head of a layer switched off, one at a time: what that does to the "
    "Target, and to accuracy, beside random changes of the layer.",
    parameters=Parameters,
    needs=("image", "layer", "target"),
    uses=("dataset",),
    produces=("bars", "table"),
    run=run,
    estimate=estimate,
    version=VERSION,
)
