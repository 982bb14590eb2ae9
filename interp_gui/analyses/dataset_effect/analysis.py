"""Before and after over a dataset: accuracy, classes, confusions, groups, images that flip."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interp_gui.analyses.asked import edit_notes
from interp_gui.analyses.dataset_effect.answers import Compared, prepared
from interp_gui.analyses.dataset_effect.figures import (
    CLASS_COLUMNS,
    CONFUSION_COLUMNS,
    GROUP_COLUMNS,
    class_rows,
    confusion_rows,
    group_rows,
    summary_table,
    truths_of,
)
from interp_gui.analyses.dataset_effect.flipped import (
    IMAGE_COLUMNS,
    arrays,
    card,
    flipped_order,
    image_rows,
)
from interp_gui.analyses.dataset_effect.keeping import unknown_images
from interp_gui.analyses.dataset_effect.measures import Ints
from interp_gui.analyses.dataset_effect.passing import compare
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    identified,
    images_at_hand,
    truth_provenance,
)
from interp_gui.analyses.passes import batch_notes, batch_size
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.result import Grid, Table

_SHOW_EVERY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `dataset-effect`."""

    controls: int = parameter(
        10, title="random controls",
        help="Times that the same changes are made to other, random features for comparison.",
        minimum=0, maximum=100,
    )  # fmt: skip
    shown: int = parameter(
        60, help="Images whose answer changes that are shown as pictures.", minimum=0, maximum=2000,
        title="pictures",
    )  # fmt: skip
    listed: int = parameter(
        1000, help="Images listed one by one; the arrays of that table always hold all of them.",
        minimum=0, maximum=100_000, advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """`summary`, refined as images come; then `flips`, `classes`, `confusions`, `groups`, `images`.

    `summary` holds a row a measure (`SUMMARY_COLUMNS`), `flips` is a grid of images whose answer
    changes, `classes` (`CLASS_COLUMNS`) and `confusions` are there where labels stand for classes,
    `groups` where images have metadata. `images` lists images (`IMAGE_COLUMNS`), and its `values`
    are arrays with one entry an image in the order of the dataset: `before`, `after`, `true`
    (class indices, −1 where there is none), `target_before`, `target_after`, `divergence`,
    `control_flips`.

    Rows of numbers are kept by image, so that a run that was stopped, or that finds further
    images, asks about the new ones only; unedited answers serve every stack of edits.
    """
    dataset = images_at_hand(context)
    compared = prepared(context, controls=parameters.controls)
    if not compared.stack.edits:
        raise InvalidValue(
            "There is no edit of the network in force.",
            hint="Changes of a single image say nothing about a dataset: edit a unit or a layer.",
        )
    true = truths_of(dataset)
    images = yield from identified(context, compared.broken)
    shown_s = time.monotonic()
    for step in compare(context, images, compared, batch=parameters.batch):
        yield step
        if time.monotonic() - shown_s > _SHOW_EVERY_S and 0 < compared.done < len(images):
            yield summary_table(compared, true, notes=(), final=False)
            shown_s = time.monotonic()
    if not compared.done:
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(compared.broken.values()))
        )
    truth = {**truth_provenance(context, images), **compared.route.provenance}
    notes = _notes(context, compared, true, parameters)
    summary = summary_table(compared, true, notes=notes, final=True)
    yield _with(summary, truth)
    yield from _flips(context, compared, true, parameters.shown)
    for table in _tables(context, compared, true, parameters):
        context.check()
        yield _with(table, truth)
    yield Progress(done=1, total=1, text="Asking the network")


def _with(table: Table, truth: dict[str, Any]) -> Table:
    import msgspec

    return msgspec.structs.replace(table, provenance=truth)


def _notes(
    context: Context, compared: Compared, true: Ints, parameters: Parameters
) -> tuple[str, ...]:
    notes = [*edit_notes(context)]
    if context.inputs.edits.active_image_edits:
        notes.append("Changes of single images do not count here.")
    if compared.controls:
        times = len(compared.controls)
        notes.append(
            f"Controls: {times} {'time' if times == 1 else 'times'} the same change at each "
            "position of each image, made to other, random features of the layer. If none of them "
            f"changes as much, chance alone does so once in {times + 1} times (p = "
            f"{1 / (times + 1):.2g}): no more can be said with so many."
        )
    notes += [compared.drawn.note] if compared.drawn.note else []
    if not (true >= 0).any():
        notes.append(
            "No label stands for a class of the model: answers are compared with the unedited ones."
        )
    if compared.stack.edits and context.inputs.target.index is None and context.inputs.target.kind \
            not in ("scalar", "similarity"):  # fmt: skip
        notes.append("The Target's class is that of the unedited answer, image by image.")
    step = batch_size(context, parameters.batch)
    return (
        *notes, *broken_notes(compared.broken), *compared.unkept, *compared.route.notes,
        *batch_notes(context, step, parameters.batch),
    )  # fmt: skip


def _flips(context: Context, compared: Compared, true: Ints, count: int) -> Steps:
    dataset = images_at_hand(context)
    found = flipped_order(compared, true)
    items = []
    for place, heading in found[:count]:
        context.check()
        item = card(context, compared, dataset, place, heading)
        if item is not None:
            items.append(item)
        yield Progress(done=len(items), total=min(count, len(found)), text="Drawing images")
    if not items:
        return
    rest = len(found) - len(items)
    yield Grid(
        key="flips",
        title="Images whose answer changes",
        items=tuple(items),
        numbers={"answers_that_change": len(found)},
        notes=(f"{rest} more are in the table of images.",) if rest > 0 else (),
    )


def _tables(
    context: Context, compared: Compared, true: Ints, parameters: Parameters
) -> Sequence[Table]:
    dataset, model = images_at_hand(context), context.model.description
    tables: list[Table] = []

    def add(
        key: str, title: str, columns: tuple[str, ...], cells: Sequence[Any], **more: Any
    ) -> None:
        if cells:
            tables.append(Table(key=key, title=title, columns=columns, cells=tuple(cells), **more))

    if (true >= 0).any():
        add(
            "classes", "By class", CLASS_COLUMNS, class_rows(compared, true, model),
            notes=(
                "Balanced: mean of the share of the class's images that get it and of the share "
                "of all others that do not; one half for an answer that ignores the image.",
            ),
        )  # fmt: skip
        add(
            "confusions", "Answers that became more or fewer", CONFUSION_COLUMNS,
            confusion_rows(compared, true, model),
        )  # fmt: skip
    rows, notes = group_rows(compared, true, dataset)
    add("groups", "By group", GROUP_COLUMNS, rows, notes=notes)
    listed = image_rows(context, compared, true, dataset, parameters.listed)
    rest = len(dataset.images) - len(listed)
    add(
        "images", "Image by image", IMAGE_COLUMNS, listed, values=arrays(compared, true),
        notes=(f"The first {len(listed):,}; {rest:,} more are in the table's arrays.",)
        if rest else (),
    )  # fmt: skip
    return tables


def estimate(context: Context, parameters: Parameters) -> Cost:
    """A pass as it is, one with the edits and one a control, for images that are not known."""
    from interp_gui.analyses.dataset_costs import asking_cost

    compared = prepared(context, controls=parameters.controls)
    times = 2 + len(compared.drawn.controls) * max(1, len(compared.drawn.layers))
    outputs = max((o.size for o in context.model.description.outputs), default=0)

    def left(images: Sequence[Known]) -> int:
        return unknown_images(context, images, compared)

    return asking_cost(
        context, left=left, most=len(images_at_hand(context).images), times=times,
        bytes_an_image=32 * times + 4 * outputs,
    )  # fmt: skip


ANALYSIS = Analysis(
    id="dataset-effect",
    title="Effect over a dataset",
    summary="What the edits change in the answers for all images at hand, beside random controls.",
    parameters=Parameters,
    needs=("dataset", "edits", "target"),
    produces=("table", "grid"),
    run=run,
    estimate=estimate,
)
