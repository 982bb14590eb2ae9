"""`compare-models`: the answers of two models to one image, and where inside they part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.compare_models.layers import (
    Gathered,
    batch_for,
    each_with_each,
    gather,
    kept_images,
)
from interp_gui.analyses.compare_models.likeness import FEWEST_SAMPLES, Sums, all_alike, cka, gram
from interp_gui.analyses.compare_models.pairing import Pair, Pairing, pair_layers
from interp_gui.analyses.compare_models.sizes import Common, own_inputs, same_input, words
from interp_gui.analyses.dataset_pass import Known, broken_notes, identified, sampled
from interp_gui.analyses.predict import answers, probabilities
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.result import Number, Table
from interp_gui.core.runtime import Runtime

VERSION = 2
COLUMNS = (
    "layer", "CKA", "relative difference", "cosine", "layer of B", "paired by", "units", "samples",
)  # fmt: skip
MOST_SAMPLES = 2048
"""Of each layer: the Gram matrix of that many takes 32 MiB."""
FEW_IMAGES = 16
DIFFERENT = 1e-3
"""Relative difference beyond which a layer counts as another: rounding stays below."""
LISTED = 8


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `compare-models`."""

    images: int = parameter(
        64, help="How many of the images at hand both models are run on, at most.",
        minimum=4, maximum=10_000,
    )  # fmt: skip
    layers: str = parameter(
        "worthwhile", choices=("worthwhile", "all"),
        help="The layers worth looking at, or all of them.",
    )  # fmt: skip
    same_input: bool = parameter(
        False, help="Give both models the images in the first one's preprocessing (the second "
        "one's, where it takes no other size), to see whether they compute the same.",
    )  # fmt: skip
    top: int = parameter(
        5, help="How many answers to the current image are listed.", minimum=1, maximum=1000
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` keyed `answers` for the current image, `layers`, and `alike`.

    `layers` has a row for each layer of the first model, in order of execution: its counterpart in
    the second one and what they are paired by, CKA over images and positions, and, where shapes
    agree, ‖B − A‖ / ‖A‖ and the cosine of all their values. `alike` has the CKA of each layer
    worth looking at with each of the other model's, over the means of units in the images.
    """
    other = context.other
    if other is None:
        raise InvalidValue("A second model is needed.", hint="Open another model first.")
    yield Progress(text="Asking both models")
    common = (
        same_input(context.model, other, check=context.check)
        if parameters.same_input
        else own_inputs(context.model, other)
    )
    if context.inputs.images:
        yield _answers(context, other, context.inputs.images[0], parameters, common)
    if context.inputs.dataset is None or not context.inputs.dataset.images:
        if not context.inputs.images:
            raise InvalidValue("An image is needed.", hint="Open an image or a folder of images.")
        return
    yield from _compare_layers(context, other, parameters, common)


def _compare_layers(
    context: Context, other: Runtime, parameters: Parameters, common: Common
) -> Steps:
    yield Progress(text="Pairing layers")
    pairing = pair_layers(
        context.model, other, everything=parameters.layers == "all", common=common,
        check=context.check,
    )  # fmt: skip
    if not all(each_with_each(layers) for layers in common.layers):
        raise MissingAbility("One of the models has no layer with units that could be compared.")
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    count = kept_images(pairing.pairs, parameters.images)
    chosen: list[Known] = sampled(images, count, seed=context.inputs.seed, stratified=False)
    gathered = Gathered()
    yield from gather(context, other, pairing.pairs, chosen, broken, gathered, common=common)
    if not gathered.images:
        raise InvalidValue("None of the images at hand can be read.")
    alike = _alike(gathered)
    rows: list[tuple[Number, ...]] = []
    for done, pair in enumerate(pairing.pairs):
        context.check()
        yield Progress(done=done, total=len(pairing.pairs), text="Comparing layers")
        rows.append(_row(pair, gathered))
    if pairing.pairs:
        places = {layer.name: layer.depth for layer in context.model.description.layers}
        rows += [(layer.name, None, None, None, None, None, layer.units, None)
                 for layer in pairing.alone]  # fmt: skip
        rows.sort(key=lambda row: places[str(row[0])])
    elif alike is not None:
        rows = _most_alike(context, gathered, alike)
    yield _layer_table(context, other, rows, gathered, pairing, broken, common)
    if alike is not None:
        yield _alike_table(context, other, gathered, alike)


def _row(pair: Pair, gathered: Gathered) -> tuple[Number, ...]:
    a, b = (each[:MOST_SAMPLES] for each in gathered.samples(pair))
    sums = gathered.sums.get(pair.first.name, Sums())
    alike = cka(gram(a), gram(b)) if len(a) >= FEWEST_SAMPLES else None
    return (
        pair.first.name, alike, sums.relative_difference, sums.cosine, pair.second.name, pair.by,
        pair.first.units, len(a),
    )  # fmt: skip


def _alike(gathered: Gathered) -> NDArray[np.float64] | None:
    """CKA of each layer with each; None with too few images."""
    sides = [[np.stack(means) for means in side.values()] for side in gathered.means]
    return all_alike(*sides) if len(sides[0][0]) >= FEWEST_SAMPLES else None


def _most_alike(
    context: Context, gathered: Gathered, alike: NDArray[np.float64]
) -> list[tuple[Number, ...]]:
    """Rows of layers, each with the other model's layer of the highest CKA."""
    rows: list[tuple[Number, ...]] = []
    names = list(gathered.means[1])
    for name, likeness in zip(gathered.means[0], alike, strict=True):
        units = context.model.description.layer(name).units
        best: tuple[Number, ...] = (None, None, None)
        if np.isfinite(likeness).any():
            at = int(np.nanargmax(likeness))
            best = (float(likeness[at]), names[at], "most alike")
        rows.append((name, best[0], None, None, *best[1:], units, len(gathered.means[0][name])))
    return rows


def _layer_table(
    context: Context, other: Runtime, rows: list[tuple[Number, ...]], gathered: Gathered,
    pairing: Pairing, broken: dict[int, str], common: Common,
) -> Table:  # fmt: skip
    names = _names(context.model.description, other.description)
    notes = [f"A is {names[0]}, B is {names[1]}.", *_pairing_notes(context, other, pairing, common)]
    if common.like is not None:
        notes.append(_same_note(context, other, common.like, names))
    elif context.model.preprocessing != other.preprocessing:
        notes.append(
            "Each model is given the images in its own preprocessing; they differ. With 'same "
            "input' both get the same."
        )
    if gathered.images < FEW_IMAGES:
        notes.append(
            f"Only {gathered.images} images: CKA of so few is uncertain. Open {FEW_IMAGES} or more."
        )
    numbers: dict[str, Number] = {"images": gathered.images, **_agreement(context, other, gathered)}
    numbers |= {f"paired_by_{by}".replace(" ", "_").replace("'", ""): n
                for by, n in pairing.counts.items()}  # fmt: skip
    numbers |= {"without_counterpart": len(pairing.alone)}
    measured = [(row[0], row[1]) for row in rows if isinstance(row[1], float)]
    if measured:
        least = min(measured, key=lambda each: each[1])
        numbers |= {"least_alike_layer": least[0], "least_cka": least[1]}
    other_values = [row[0] for row in rows if isinstance(row[2], float) and row[2] > DIFFERENT]
    if other_values:
        numbers |= {"first_different_layer": other_values[0]}
    return Table(
        key="layers",
        title=f"Layers of {names[0]} and {names[1]}",
        columns=COLUMNS,
        cells=tuple(rows),
        numbers=numbers,
        notes=(*notes, *broken_notes(broken)),
    )


def _same_note(context: Context, other: Runtime, like: Runtime, names: Sequence[str]) -> str:
    """Whose preprocessing both have, and at which size."""
    whose = names[0] if like is context.model else names[1]
    sizes = [model.preprocessing.size for model in (context.model, other)]
    at = "" if sizes[0] == sizes[1] else f", both at {words(like.preprocessing.size)}"
    return f"Both models are given the images in the preprocessing of {whose}{at}."


def _pairing_notes(context: Context, other: Runtime, pairing: Pairing, common: Common) -> list[str]:
    """Sentences about how layers were paired, and which were not."""
    if not pairing.pairs:
        return [
            "No layer of A has one in B of the same name or value. Beside each stands the layer "
            "of B that is most alike, over means of units in the images: that says what they "
            "tell apart alike, not that they are the same."
        ]
    grounds = {
        "name": "by name", "value": "by equal values on a test input",
        "exporter's scope": "by the module that the exporter noted",
    }  # fmt: skip
    counts = pairing.counts
    parts = [f"{counts[by]} {said}" for by, said in grounds.items() if by in counts]
    notes = [f"Layers are paired: {', '.join(parts)}."]
    if pairing.alone:
        listed = ", ".join(layer.name for layer in pairing.alone[:LISTED])
        more = len(pairing.alone) - LISTED
        listed += f" and {more} more" if more > 0 else ""
        notes.append(f"{len(pairing.alone)} of A have no counterpart in B: {listed}.")
        if common.size is None:
            own, theirs = (words(m.preprocessing.size) for m in (context.model, other))
            notes.append(
                f"A takes images of {own} and B of {theirs}, so no values could be compared to "
                "find more pairs. With 'same input' both are run at one size, where one of them "
                "takes the other's."
            )
        if context.model.description.runtime != other.description.runtime:
            notes.append(
                "An exporter folds a norm into the convolution before it, whose own value is then "
                "nowhere in the graph, and writes some layers as several operations."
            )
    return notes


def _alike_table(
    context: Context, other: Runtime, gathered: Gathered, alike: NDArray[np.float64]
) -> Table:
    names = _names(context.model.description, other.description)
    rows: list[tuple[Number, ...]] = [
        (name, *(float(v) if np.isfinite(v) else None for v in row))
        for name, row in zip(gathered.means[0], alike, strict=True)
    ]
    return Table(
        key="alike",
        title=f"CKA of the layers of {names[0]} with those of {names[1]}",
        columns=("layer", *gathered.means[1]),
        cells=tuple(rows),
        numbers={"images": len(next(iter(gathered.means[0].values())))},
        notes=(
            f"Rows are layers of A, {names[0]}; columns are layers of B, {names[1]}.",
            "Over the mean of each unit in each image, of the layers worth looking at.",
        ),
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


def _answers(
    context: Context, other: Runtime, path: str, parameters: Parameters, common: Common
) -> Table:
    """The strongest answers of both, of either's top ones."""
    models, top = (context.model, other), parameters.top
    outputs = [_output(model, path, common.like or model) for model in models]
    names = _names(*(model.description for model in models))
    kinds = [model.description.outputs[0] for model in models]
    comparable = kinds[0].kind == kinds[1].kind and outputs[0].shape == outputs[1].shape
    if not comparable:
        return _side_by_side(models, outputs, kinds, names, top)
    is_class = kinds[0].kind in ("softmax", "sigmoid")
    a, b = (
        np.asarray(probabilities(values, kind.kind) if is_class else values, np.float64)
        for values, kind in zip(outputs, kinds, strict=True)
    )
    listed = dict.fromkeys(
        int(one["index"])
        for values, kind, model in zip(outputs, kinds, models, strict=True)
        for one in answers(values, kind, model.description, top=top)
    )
    description = context.model.description
    notes = [f"A is {names[0]}, B is {names[1]}."]
    largest = float(np.abs(b - a).max())
    if not is_class:
        return Table(
            key="answers",
            title=f"Answers of {names[0]} and {names[1]}",
            columns=("answer", "A", "B", "B − A"),
            cells=tuple((f"value {i}", float(a[i]), float(b[i]), float(b[i] - a[i]))
                        for i in listed),
            numbers={"largest_difference": largest},
            notes=tuple(notes),
        )  # fmt: skip
    tops = [description.class_name(int(each.argmax())) for each in (a, b)]
    same = bool(a.argmax() == b.argmax())
    notes.append(
        f"Both answer {tops[0]}." if same else f"A answers {tops[0]}, and B answers {tops[1]}."
    )
    return Table(
        key="answers",
        title=f"Answers of {names[0]} and {names[1]}",
        columns=("answer", "A, %", "B, %", "B − A, points"),
        cells=tuple(
            (description.class_name(i), *(_percent(p) for p in (a[i], b[i], b[i] - a[i])))
            for i in listed
        ),
        numbers={"largest_difference_percent": 100 * largest},
        notes=tuple(notes),
        provenance={"same_answer": same},
    )


def _percent(share: float) -> float:
    """A share in per cent, with as many decimals as the Output panel shows."""
    return round(100 * float(share), 2)


def _side_by_side(
    models: Sequence[Runtime], outputs: Sequence[NDArray[Any]], kinds: Sequence[OutputInfo],
    names: Sequence[str], top: int,
) -> Table:  # fmt: skip
    """Answers that cannot be subtracted: other classes, other kinds."""
    rows: list[tuple[Number, ...]] = []
    for model, values, kind, letter in zip(models, outputs, kinds, "AB", strict=True):
        for one in answers(values, kind, model.description, top=top):
            value = f"{one['probability']:.2%}" if "probability" in one else one["value"]
            rows.append((letter, one["name"], value))
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


def _output(model: Runtime, path: str, as_for: Runtime) -> NDArray[np.float32]:
    batch = batch_for(model, path, as_for)
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
