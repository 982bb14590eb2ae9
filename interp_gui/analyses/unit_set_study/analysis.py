"""The study: rank units on one half of the images, remove sets of them on the other."""

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_layer, edit_notes, fixed_target, see
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    identified,
    images_at_hand,
    truth_provenance,
)
from interp_gui.analyses.passes import batch_notes, batch_size, identity
from interp_gui.analyses.unit_maps import require_units
from interp_gui.analyses.unit_ranking.baselines import dataset_means
from interp_gui.analyses.unit_set_study.figures import curve, measured, ranking_table, set_table
from interp_gui.analyses.unit_set_study.halves import Halves, halves
from interp_gui.analyses.unit_set_study.passing import Study, outcomes
from interp_gui.analyses.unit_set_study.sets import (
    Plan,
    Scores,
    free_units,
    importance,
    random_orders,
    scores,
    sizes_of,
)
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.fitting import resolved
from interp_gui.core.layer import LayerInfo

_FEW = 10
_MEAN_IMAGES = 64


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `unit-set-study`."""

    studied: str = parameter(
        "",
        title="class",
        help="Name, label or number of the class; empty: that of the Target, or of the "
        "answer for the current image.",
    )
    split_by: str = parameter(
        "", help="Metadata column whose values stay in one half, such as patient; empty: the "
        "images' group if they have one, else image by image.",
    )  # fmt: skip
    baseline: Literal["mean", "zero"] = parameter(
        "mean", help="What removed units become: their mean over the ranking half, or zero."
    )
    sets: int = parameter(
        10, title="random sets", help="Random sets of every size for comparison.", minimum=10,
        maximum=1000,
    )  # fmt: skip
    sizes: str = parameter(
        "", help="Sizes of sets, with commas; empty: 1, 2, 3, 4, 5, 10, 20, 64, 128 and so on.",
        advanced=True,
    )  # fmt: skip
    images: int = parameter(
        200, help="Images of each half at most, half of them of the class.", minimum=4,
        maximum=100_000,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """`ranking`, then `curve` and `sets` by size; after Bau et al. (2020).

    Rows are kept by image and by set, so that a run that was stopped goes on; random sets serve
    every ranking of the layer for the class.
    """
    dataset = images_at_hand(context)
    layer = asked_layer(context)
    require_units(layer)
    model = context.model.description
    index = studied_class(context, parameters.studied)
    free = _free(context, layer)
    sizes = sizes_of(parameters.sizes, len(free))
    broken: dict[int, str] = {}
    images = yield from identified(context, broken, labelled=True)
    if not images and not broken:
        raise InvalidValue(
            "No label of the images at hand stands for a class of the model.",
            hint="Bring images whose labels are named as its classes, or say which class each "
            "label stands for.",
        )
    both = halves(
        dataset, images, index, column=parameters.split_by.strip(), most=parameters.images,
        seed=context.inputs.seed,
    )  # fmt: skip
    means = yield from _means(context, parameters, layer, both.ranking)
    study = Study(
        context=context, layer=layer, index=index, means=means, batch=parameters.batch
    )  # fmt: skip
    title = f"class {model.class_name(index)} in {layer.name}"
    notes = _notes(context, parameters, both, index)
    if len(free) < layer.units:
        notes = (*notes, f"{_counted(layer.units - len(free))} that edits in force change already "
                 "are in no set: to remove them would undo the edit.")  # fmt: skip
    truth = truth_provenance(context, (*both.ranking, *both.test))
    single = tuple((u,) for u in free.tolist())
    text = "Removing units one by one"
    first = yield from outcomes(study, both.ranking, ((), *single), broken, text=text)
    found = scores(first.answers, first.odds, first.truths, index)
    whole, alone = _part(found, slice(0, 1)), _part(found, slice(1, None))
    first_to_last = importance(alone, whole)
    order = free[first_to_last]
    table = ranking_table(
        layer, order, _part(alone, first_to_last), whole, model=model.weights_sha256,
        title=f"Units that {title} needs, one by one", notes=notes,
    )  # fmt: skip
    yield _with(table, truth)
    plan = Plan(
        sizes=sizes, ranking=order,
        orders=random_orders(free, parameters.sets, seed=context.inputs.seed),
    )  # fmt: skip
    text = "Removing the most important"
    second = yield from outcomes(study, both.test, ((), *plan.ranked), broken, text=text)
    ranked = scores(second.answers, second.odds, second.truths, index)
    third = yield from outcomes(study, both.test, plan.random, broken, text="Removing random sets")
    random = scores(third.answers, third.odds, third.truths, index)
    numbers = measured(plan, _part(ranked, slice(0, 1)), _part(ranked, slice(1, None)), random)
    step = batch_size(context, parameters.batch)
    unkept = dict.fromkeys((*first.unkept, *second.unkept, *third.unkept))
    notes = (
        *notes, *broken_notes(broken), *unkept, *batch_notes(context, step, parameters.batch),
    )  # fmt: skip
    what = f"Balanced accuracy of {title}"
    yield _with(curve(plan, numbers, title=f"{what}, with units removed", notes=notes), truth)
    sets = set_table(
        layer, plan, numbers, model=model.weights_sha256, title=f"{what}, by how many units",
        notes=("A row can be dragged: it is the most important units together.",),
    )  # fmt: skip
    yield _with(sets, truth)


def studied_class(context: Context, text: str) -> int:
    """The class asked for, by number, name or label; else that of the Target."""
    model, dataset = context.model.description, images_at_hand(context)
    wanted = text.strip()
    if not wanted:
        target = context.inputs.target
        if target.index is None and context.inputs.images:
            target = fixed_target(context, see(context, context.inputs.images[0]).batch)
        if target.index is None:
            raise InvalidValue(
                "Which class is to be studied?", hint="Name it, or choose a class as the Target."
            )
        return target.index
    if wanted.isdigit() and int(wanted) < model.class_count:
        return int(wanted)
    named = {**dataset.classes, **{name: i for i, name in enumerate(model.class_names)}}
    low = {name.casefold(): index for name, index in named.items()}
    if wanted.casefold() not in low:
        raise unknown_name("class", wanted, named)
    return low[wanted.casefold()]


def _means(
    context: Context, parameters: Parameters, layer: LayerInfo, images: tuple[Known, ...]
) -> Generator[Progress, None, NDArray[np.float64] | None]:
    """Means over the ranking half alone: nothing of the other half is known beforehand."""
    if parameters.baseline == "zero":
        return None
    only = Dataset(images=tuple(image.entry for image in images))
    inputs = msgspec.structs.replace(context.inputs, dataset=only)
    found, _, _ = yield from dataset_means(
        dataclasses.replace(context, inputs=inputs), layer, most=_MEAN_IMAGES
    )
    return found


def _part(found: Scores, where: "slice | NDArray[np.int64]") -> Scores:
    return Scores(**{name: values[where] for name, values in vars(found).items()})


def _free(context: Context, layer: LayerInfo) -> NDArray[np.int64]:
    """Units that are studied."""
    edits = resolved(context.inputs.edits, context.model.description).active
    found = free_units([edit for edit in edits if edit.feature.layer == layer.name], layer)
    if not len(found):
        raise InvalidValue(
            f"The edits in force change every unit of {layer.name}: none is left to study.",
            hint="Switch some of them off, or choose another layer.",
        )
    return found


def _counted(units: int) -> str:
    return "One unit" if units == 1 else f"{units} units"


def _with(result: Any, truth: dict[str, Any]) -> Any:
    return msgspec.structs.replace(result, provenance=truth)


def _notes(context: Context, parameters: Parameters, both: Halves, index: int) -> tuple[str, ...]:
    what = "their mean over the ranking half" if parameters.baseline == "mean" else "zero"
    notes = [
        *edit_notes(context), both.said, f"Removed units become {what}.",
        "Balanced accuracy: one half where the answer does not depend on the image.",
    ]  # fmt: skip
    fewest = min(sum(image.truth == index for image in part) for part in (both.ranking, both.test))
    if fewest < _FEW:
        notes.append(f"Only {fewest} images of the class in a half: small steps mean little.")
    return tuple(notes)


def estimate(context: Context, parameters: Parameters) -> Cost | None:
    """Layers behind the studied one, once for each set and image."""
    from interp_gui.analyses.costs import forward_s, remembered

    layer = asked_layer(context)
    dataset = images_at_hand(context)
    whole_s = forward_s(context, path=dataset.images[0].path)
    what = {"what": "behind", "layer": layer.name, **identity(context)}
    behind_s = remembered(context, what, lambda: _behind_s(context, layer))
    units = len(_free(context, layer))
    sizes = len(sizes_of(parameters.sizes, units))
    labelled = sum(1 for entry in dataset.images if dataset.true_class(entry) is not None)
    half = min(parameters.images, labelled // 2)
    sets = units + 2 * sizes * (1 + parameters.sets)
    return Cost(
        seconds=half * (4 * whole_s + sets * behind_s),
        disk_bytes=half * sets * 8,
        note="What is known of these images already is not counted.",
    )


def _behind_s(context: Context, layer: LayerInfo) -> float:
    """Seconds of one set for one image, what lies before the layer being known."""
    from interp_gui.analyses.costs import step_s
    from interp_gui.runtimes.prefix import CachedPrefix

    height, width = context.model.preprocessing.size
    channels = len(context.model.preprocessing.mean)
    prefix = CachedPrefix(context.model, np.zeros((1, channels, height, width), np.float32))
    edit = Edit(feature=Feature(layer=layer.name, units=(0,)), kind="ablate")
    return step_s(lambda: prefix.forward(edits=EditStack((edit,))))


ANALYSIS = Analysis(
    id="unit-set-study",
    title="How many units a class needs",
    summary="The most important units for a class removed, or all but them, beside random sets.",
    parameters=Parameters,
    needs=("dataset", "layer", "target", "classes"),
    produces=("table", "curve"),
    run=run,
    estimate=estimate,
)
