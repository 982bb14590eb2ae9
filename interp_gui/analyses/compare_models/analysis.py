"""`compare-models`: the answers of two models to one image, and where inside they part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.compare_models.layers import (
    Gathered,
    Pair,
    gather,
    kept_images,
    pairs_of,
)
from interp_gui.analyses.compare_models.likeness import (
    FEWEST_SAMPLES,
    cka,
    cosine,
    gram,
    relative_difference,
)
from interp_gui.analyses.dataset_pass import Known, broken_notes, identified, sampled
from interp_gui.analyses.predict import answers, probabilities
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.preprocessing import preprocess, read_for
from interp_gui.core.result import Number, Table
from interp_gui.core.runtime import Runtime

VERSION = 1
COLUMNS = ("layer", "CKA", "relative difference", "cosine", "units", "samples")
MOST_SAMPLES = 2048
"""Of each layer: the Gram matrix of that many takes 32 MiB."""
FEW_IMAGES = 16


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `compare-models`."""

    images: int = parameter(
        64, help="How many of the images at hand both models are run on, at most.",
        minimum=4, maximum=10_000,
    )  # fmt: skip
    layers: str = parameter(
        "worthwhile", choices=("worthwhile", "all"),
        help="The layers worth looking at, or all that both models have.",
    )  # fmt: skip
    top: int = parameter(
        5, help="How many answers to the current image are listed.", minimum=1, maximum=1000
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` keyed `answers` for the current image, and one keyed `layers`.

    `layers` has a row for each address that both models have, in order of execution: CKA over
    images and positions, and, where shapes agree, ‖B − A‖ / ‖A‖ and the cosine of their values.
    Each model is given the images in its own preprocessing.
    """
    other = context.other
    if other is None:
        raise InvalidValue("A second model is needed.", hint="Open another model first.")
    yield Progress(text="Asking both models")
    if context.inputs.images:
        yield _answers(context, other, context.inputs.images[0], parameters.top)
    if context.inputs.dataset is None or not context.inputs.dataset.images:
        if not context.inputs.images:
            raise InvalidValue("An image is needed.", hint="Open an image or a folder of images.")
        return
    yield from _compare_layers(context, other, parameters)


def _compare_layers(context: Context, other: Runtime, parameters: Parameters) -> Steps:
    pairs = pairs_of(context.model, other, everything=parameters.layers == "all")
    if not pairs and parameters.layers != "all":
        pairs = pairs_of(context.model, other, everything=True)
    if not pairs:
        raise MissingAbility(
            "The two models have no layer of the same name.",
            hint="Layers are compared by name: two versions of one network have the same ones.",
        )
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    count = kept_images(pairs, parameters.images)
    chosen: list[Known] = sampled(images, count, seed=context.inputs.seed, stratified=False)
    gathered = Gathered()
    yield from gather(context, other, pairs, chosen, broken, gathered)
    if not gathered.images:
        raise InvalidValue("None of the images at hand can be read.")
    rows: list[tuple[Number, ...]] = []
    for done, pair in enumerate(pairs):
        context.check()
        yield Progress(done=done, total=len(pairs), text="Comparing layers")
        rows.append(_row(pair, gathered))
    yield _layer_table(context, other, rows, gathered, broken)


def _row(pair: Pair, gathered: Gathered) -> tuple[Number, ...]:
    a, b = gathered.samples(pair)
    few_a, few_b = a[:MOST_SAMPLES], b[:MOST_SAMPLES]
    difference = relative_difference(a, b) if pair.same_shape else None
    angle = cosine(a, b) if pair.same_shape else None
    alike = cka(gram(few_a), gram(few_b)) if len(few_a) >= FEWEST_SAMPLES else None
    return pair.first.name, alike, difference, angle, pair.first.units, len(few_a)


def _layer_table(
    context: Context, other: Runtime, rows: list[tuple[Number, ...]], gathered: Gathered,
    broken: dict[int, str],
) -> Table:  # fmt: skip
    names = _names(context.model.description, other.description)
    notes = [f"A is {names[0]}, B is {names[1]}."]
    if context.model.preprocessing != other.preprocessing:
        notes.append("Each model is given the images in its own preprocessing; they differ.")
    if gathered.images < FEW_IMAGES:
        notes.append(
            f"Only {gathered.images} images: CKA of so few is uncertain. Open {FEW_IMAGES} or more."
        )
    measured = [(row[0], row[1]) for row in rows if isinstance(row[1], float)]
    numbers: dict[str, Number] = {"images": gathered.images, **_agreement(context, other, gathered)}
    if measured:
        least = min(measured, key=lambda each: each[1])
        numbers |= {"least_alike_layer": least[0], "least_cka": least[1]}
    return Table(
        key="layers",
        title=f"Layers of {names[0]} and {names[1]}",
        columns=COLUMNS,
        cells=tuple(rows),
        numbers=numbers,
        notes=(*notes, *broken_notes(broken)),
    )


def _agreement(context: Context, other: Runtime, gathered: Gathered) -> dict[str, Number]:
    """How often both give the same answer, where both have the same classes."""
    first, second = context.model.description, other.description
    if not first.class_count or first.class_count != second.class_count:
        return {}
    a, b = (np.stack(each) for each in gathered.outputs)
    if a.shape != b.shape or a.ndim != 2:
        return {}
    same = float((a.argmax(axis=1) == b.argmax(axis=1)).mean())
    return {"same_answer_share": same}


def _answers(context: Context, other: Runtime, path: str, top: int) -> Table:
    """The strongest answers of both, of either's top ones."""
    models = (context.model, other)
    outputs = [_output(model, path) for model in models]
    names = _names(*(model.description for model in models))
    kinds = [model.description.outputs[0] for model in models]
    comparable = kinds[0].kind == kinds[1].kind and outputs[0].shape == outputs[1].shape
    if not comparable:
        return _side_by_side(models, outputs, kinds, names, top)
    shown = [
        probabilities(values, kind.kind) if kind.kind in ("softmax", "sigmoid") else values
        for values, kind in zip(outputs, kinds, strict=True)
    ]
    a, b = (np.asarray(values, np.float64) for values in shown)
    listed = dict.fromkeys(
        int(one["index"])
        for values, kind, model in zip(outputs, kinds, models, strict=True)
        for one in answers(values, kind, model.description, top=top)
    )
    description = context.model.description
    is_class = kinds[0].kind in ("softmax", "sigmoid")
    rows = [
        (description.class_name(i) if is_class else f"value {i}", float(a[i]), float(b[i]),
         float(b[i] - a[i]))
        for i in listed
    ]  # fmt: skip
    same = int(a.argmax()) == int(b.argmax())
    return Table(
        key="answers",
        title=f"Answers of {names[0]} and {names[1]}",
        columns=("answer", "A", "B", "B − A"),
        cells=tuple(rows),
        numbers={"same_answer": same, "largest_difference": float(np.abs(b - a).max())},
        notes=(f"A is {names[0]}, B is {names[1]}.",),
    )


def _side_by_side(
    models: Sequence[Runtime], outputs: Sequence[NDArray[Any]], kinds: Sequence[OutputInfo],
    names: Sequence[str], top: int,
) -> Table:  # fmt: skip
    """Answers that cannot be subtracted: other classes, other kinds."""
    rows: list[tuple[Number, ...]] = []
    for model, values, kind, letter in zip(models, outputs, kinds, "AB", strict=True):
        for one in answers(values, kind, model.description, top=top):
            rows.append((letter, one["name"], one.get("probability", one.get("value"))))
    return Table(
        key="answers",
        title=f"Answers of {names[0]} and {names[1]}",
        columns=("model", "answer", "value"),
        cells=tuple(rows),
        notes=(
            f"A is {names[0]}, B is {names[1]}.",
            "Their outputs are not of the same kind and number, so they are not subtracted.",
        ),
    )


def _output(model: Runtime, path: str) -> NDArray[np.float32]:
    batch = preprocess(read_for(path, model.preprocessing), model.preprocessing)[None]
    values: NDArray[np.float32] = next(iter(model.forward(batch).outputs.values()))[0]
    return values.reshape(values.shape[0], -1).mean(axis=1) if values.ndim > 1 else values


def _names(first: ModelDescription, second: ModelDescription) -> tuple[str, str]:
    if first.name != second.name:
        return first.name, second.name
    return tuple(f"{m.name} ({m.weights_sha256[:8]})" for m in (first, second))  # type: ignore[return-value]


def estimate(context: Context, parameters: Parameters) -> Cost | None:
    """Two passes an image, as the first model takes them."""
    from interp_gui.analyses.dataset_costs import asking_cost

    if context.inputs.dataset is None or not context.inputs.dataset.images:
        return None
    return asking_cost(
        context, left=lambda images: min(len(images), parameters.images),
        most=parameters.images, times=2,
    )  # fmt: skip


ANALYSIS = Analysis(
    id="compare-models",
    title="Compare with another model",
    summary="What two models answer to the same image, and how alike their layers are.",
    parameters=Parameters,
    needs=("other",),
    uses=("image", "dataset"),
    produces=("table",),
    run=run,
    estimate=estimate,
    version=VERSION,
)
