"""When you see this key, say that value: a rank-one edit of one layer and its price."""

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import Seen, asked_layer, current_image, main_output, see
from interp_gui.analyses.baked_files import write_weights
from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.analyses.rank_one_edit.figures import accuracy, class_rows, price, rows_of
from interp_gui.analyses.rank_one_edit.passing import Measured, answers, measure
from interp_gui.analyses.rank_one_edit.settings import Settings
from interp_gui.analyses.unit_maps import region_place
from interp_gui.core.analysis import Analysis, Context, Need, Progress, Step, Steps
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo
from interp_gui.core.place import Place
from interp_gui.core.result import Table
from interp_gui.runtimes.baking.outcome import difference
from interp_gui.runtimes.baking.planning import with_weights
from interp_gui.runtimes.baking.rank_one import (
    Inverse,
    KeyedLayer,
    answers_of,
    inverse_of,
    keyed_layer,
    rank_one,
)
from interp_gui.runtimes.torch_runtime import TorchRuntime

Vector = NDArray[np.float64]
_ALIKE = 1.0 - 1e-6
"""Two keys whose cosine is above this are one key."""


def _run(context: Context, settings: Settings) -> Steps:
    if context.inputs.edits.active:
        raise MissingAbility(
            "A rank-one edit is computed from the network as it is.",
            hint="Mute the other edits, or bake them first and open the baked file.",
        )
    yield Progress(text="Looking at the layer")
    image = current_image(context)
    layer = asked_layer(context).name
    keyed = keyed_layer(context.model, layer, image.batch)
    runtime = context.model
    assert isinstance(runtime, TorchRuntime)
    key = _key(context, runtime, keyed, image, settings.place, brushed=True)
    direction = _direction(context, keyed, settings)
    measured = yield from measure(context, runtime, keyed, settings.images, direction)
    inverse = inverse_of(measured.moment)
    context.check()
    value = _value(context, runtime, keyed, key, settings, direction, measured)
    if not np.any(key):
        raise InvalidValue(
            "The layer reads nothing but zeros there, so there is no key.",
            hint="Choose another place, or an earlier layer.",
        )
    changed = rank_one(keyed.matrix, key, value, inverse)
    controls = _controls(
        context, settings.controls, keyed, key, value, inverse, measured, image.sha256
    )
    matrices = [changed, *controls]
    networks = [with_weights(runtime.module, keyed.changed(matrix)) for matrix in matrices]
    after = yield from answers(context, runtime, networks, measured.images)
    facts = _facts(
        context, runtime, keyed, key, value, changed, inverse, measured, image, networks[0]
    )
    tables = _tables(context, layer, settings, measured, after, facts)
    if not settings.path:
        yield from tables
        return
    # shown before anything is written
    yield from tables
    yield Progress(text="Writing the file and trying it")

    def differs(module: Any) -> float:
        with_file = answers_of(runtime, module, image.batch)
        return difference(with_file, answers_of(runtime, networks[0], image.batch))

    told = f"Rank-one edit of {layer}"
    about = {"told": (told,), "images": 1, "rank_one": {"layer": layer, **facts}}
    written = write_weights(
        context, keyed.changed(changed), settings.path, about=about, differs=differs
    )
    yield Table(
        key="written", title="Written", columns=("file", "weights"),
        cells=(("the changed network", written.weights_sha256[:12]),), notes=written.notes,
        provenance={"weights_sha256": written.weights_sha256},
    )  # fmt: skip


def _key(
    context: Context, runtime: TorchRuntime, keyed: KeyedLayer, image: Seen, text: str,
    *, brushed: bool = False,
) -> Vector:  # fmt: skip
    """Mean input of the layer at a place of an image."""
    info = runtime.layer(keyed.reads)
    held = runtime.forward(image.batch, capture=[keyed.reads]).captured[keyed.reads]
    place = Place.parse(text)
    if not text and brushed and context.inputs.region:
        place = region_place(context.inputs.region, info, image.size)
    return _mean_at(held[0], info, place)


def _mean_at(value: NDArray[Any], info: LayerInfo, place: Place) -> Vector:
    weights = place.mask(info.axes, info.shape)
    weights = np.broadcast_to(weights, info.shape).astype(np.float64)
    axes = tuple(axis for axis in range(len(info.shape)) if axis != info.unit_axis - 1)
    total = weights.sum(axis=axes)
    if not bool((total > 0).all()):
        raise InvalidValue("The place lies outside the layer's grid.")
    mean: Vector = (value * weights).sum(axis=axes) / total
    return mean


def _direction(context: Context, keyed: KeyedLayer, settings: Settings) -> Vector | None:
    """The feature that is added to what the layer says, as a unit vector; None if none is."""
    if settings.value != "direction":
        return None
    size = keyed.matrix.shape[0]
    for feature in context.inputs.features:
        if feature.layer not in (asked_layer(context).name, keyed.gives):
            continue
        if feature.heads or (feature.vectors and len(feature.vectors[0]) != size):
            continue
        if not feature.whole_layer and max(feature.units, default=0) < size:
            basis: Vector = feature.basis(size).sum(axis=1)
            length = float(np.linalg.norm(basis))
            if length:
                return basis / length
    raise InvalidValue(
        "A feature of the layer is needed, which is to be said.",
        hint="Choose a unit or direction of it, or take the value from an image.",
    )


def _value(
    context: Context, runtime: TorchRuntime, keyed: KeyedLayer, key: Vector, settings: Settings,
    direction: Vector | None, measured: Measured,
) -> Vector:  # fmt: skip
    if direction is not None:
        step = settings.strength * measured.deviation
        found: Vector = keyed.matrix @ key + step * direction
        return found
    if len(context.inputs.images) < 2:
        raise InvalidValue(
            "A second image is needed, whose value is to be said.",
            hint="Choose one, or add a feature of the layer instead (value=direction).",
        )
    other = see(context, context.inputs.images[1])
    # the map is linear: what it says in the mean is what it says to the mean
    said: Vector = keyed.matrix @ _key(context, runtime, keyed, other, settings.value_place)
    return said


def _controls(
    context: Context, count: int, keyed: KeyedLayer, key: Vector, value: Vector, inverse: Inverse,
    measured: Measured, sha256: str,
) -> list[NDArray[np.float64]]:  # fmt: skip
    """The same change of value for random inputs of the layer, made as long as the key."""
    random = np.random.default_rng((context.inputs.seed, 1))
    step = value - keyed.matrix @ key
    pool = _other_keys(key, measured, sha256)
    found: list[NDArray[np.float64]] = []
    for index in random.permutation(len(pool))[:count]:
        other = pool[index] * (np.linalg.norm(key) / np.linalg.norm(pool[index]))
        found.append(rank_one(keyed.matrix, other, keyed.matrix @ other + step, inverse))
    return found


def _other_keys(key: Vector, measured: Measured, sha256: str) -> NDArray[np.float64]:
    """Inputs that are not of the key's image, and do not point its way either.

    Parameters
    ----------
    sha256
        Of the image that the key is taken from.
    """
    lengths = np.linalg.norm(measured.keys, axis=1)
    elsewhere = np.array([image.sha256 != sha256 for image in measured.images], bool)
    along = np.abs(measured.keys @ key) <= _ALIKE * lengths * np.linalg.norm(key)
    found: NDArray[np.float64] = measured.keys[(lengths > 0) & along & elsewhere[measured.owners]]
    return found


def _facts(
    context: Context, runtime: TorchRuntime, keyed: KeyedLayer, key: Vector, value: Vector,
    changed: NDArray[np.float64], inverse: Inverse, measured: Measured, image: Seen, network: Any,
) -> dict[str, Any]:  # fmt: skip
    output = main_output(context)
    before = runtime.forward(image.batch).outputs[output].reshape(-1)
    after = np.asarray(answers_of(runtime, network, image.batch)[output]).reshape(-1)
    step = changed - keyed.matrix
    scale = float(np.linalg.norm(value)) or 1.0
    return {
        "key_length": float(np.linalg.norm(key)),
        "mean_key_length": float(np.linalg.norm(measured.keys, axis=1).mean()),
        "change_of_weights": float(np.linalg.norm(step) / np.linalg.norm(keyed.matrix)),
        "value_missed": float(np.linalg.norm(changed @ key - value)) / scale,
        "added_to_moment": inverse.added,
        "answer_before": _named(context, before),
        "answer_after": _named(context, after),
    }


def _named(context: Context, answer: NDArray[Any]) -> str:
    description = context.model.description
    if not description.class_count:
        return f"{float(answer[0]):.4g}" if answer.size == 1 else ""
    return description.class_name(int(answer.argmax()))


def _tables(
    context: Context, layer: str, settings: Settings, measured: Measured,
    after: list[NDArray[np.float64]], facts: dict[str, Any],
) -> Generator[Step, None, None]:  # fmt: skip
    outputs = {each.name: each.kind for each in context.model.description.outputs}
    kind = outputs.get(main_output(context), "")
    prices = [price(measured.before, each, measured.truths, kind=kind) for each in after]
    first = accuracy(measured.before, measured.truths)
    notes = [
        f"Over {len(measured.images)} images. The controls give {len(prices) - 1} random keys of "
        "the same length the same change of value.",
        *broken_notes(measured.broken),
    ]
    if len(prices) - 1 < settings.controls:
        notes.append(
            f"Of {settings.controls} controls asked for there are {len(prices) - 1}: the images at "
            "hand hold no more inputs of other images that point another way than the key."
        )
    if facts["added_to_moment"]:
        notes.append(
            "The layer's inputs do not span all directions, so "
            f"{facts['added_to_moment']:.1g} of its mean was added to the diagonal of their "
            "second moment; the key still gets its value exactly."
        )
    if facts["answer_before"]:
        notes.insert(0, f"The image is answered '{facts['answer_before']}' before and "
                        f"'{facts['answer_after']}' after.")  # fmt: skip
    if not settings.path:
        notes.append("Nothing was applied or written; name a file to keep it.")
    yield Table(
        key="price", title=f"What the edit of {layer} changes elsewhere",
        columns=("measure", "before", "with the edit", "controls, mean", "lowest", "highest"),
        cells=rows_of(prices[0], prices[1:], first), numbers=_numbers(facts), notes=tuple(notes),
        provenance={"answers": [facts["answer_before"], facts["answer_after"]]},
    )  # fmt: skip
    if kind in ("softmax", "sigmoid"):
        labelled = bool((measured.truths >= 0).any())
        yield Table(
            key="classes",
            title="By class" if labelled else "By the answer before",
            columns=("class", "images", "right before" if labelled else "before",
                     "right after" if labelled else "still so after", "change"),
            cells=class_rows(
                measured.before, after[0], measured.truths, context.model.description.class_names
            ),
        )  # fmt: skip


def _numbers(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if isinstance(value, float)}


def _spares(settings: Settings) -> tuple[Need, ...]:
    return () if settings.value == "image" else ("source",)


ANALYSIS = Analysis(
    id="rank-one-edit",
    title="Rank-one edit",
    summary="Rewrite one linear layer or 1×1 convolution so that it says a chosen value where it "
    "sees a chosen key, and measure what that changes over a dataset before anything is written.",
    parameters=Settings,
    run=_run,
    needs=("image", "source", "layer", "dataset"),
    uses=("features", "region"),
    unedited=True,
    spares=_spares,
    produces=("table",),
)
