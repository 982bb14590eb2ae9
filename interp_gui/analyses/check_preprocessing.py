"""Whether the preprocessing is the right one: accuracy on labelled images under common others."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import edit_notes, main_output, run_edited
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    decoded,
    identified,
    images_at_hand,
    sampled,
    stacks,
    truth_provenance,
)
from interp_gui.analyses.passes import automatic_batch
from interp_gui.analyses.preprocessing_candidates import Candidate, candidates, together
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.planes import Planes
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.proportions import holm, mcnemar_exact, wilson
from interp_gui.core.result import Number, Table

COLUMNS = (
    "setting", "top-1 accuracy", "from", "to", "top-5 accuracy", "balanced accuracy",
    "difference", "p", "p corrected",
)  # fmt: skip
"""`from`, `to`: 95 % interval of the top-1 accuracy (Wilson). `difference`: to the present
setting; `p`: exact McNemar test of it, and corrected for the number of settings (Holm)."""

SIGNIFICANT = 0.05
_SHOW_EVERY_S = 2.0
_FEW = 30


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `check-preprocessing`."""

    images: int = parameter(
        200, help="How many labelled images are tried at most, the same number of each label.",
        minimum=10, maximum=100_000,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True,
    )  # fmt: skip


@dataclass
class _Tried:
    """How many classes each image's true one came behind, under one candidate."""

    candidate: Candidate
    ranks: list[int] = field(default_factory=list)

    @property
    def hits(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.asarray(self.ranks, np.int64) == 0
        return found


def ranks(outputs: NDArray[Any], truths: Sequence[int]) -> list[int]:
    """How many classes score above the true one, by image; the lower index wins a tie.

    Parameters
    ----------
    outputs
        (N, classes). One that is not a number is below all others.
    """
    scores = np.where(np.isnan(outputs), -np.inf, np.asarray(outputs, np.float64))
    found = []
    for row, true in zip(scores, truths, strict=True):
        if not np.isfinite(row[true]):
            found.append(len(row))
            continue
        found.append(int((row > row[true]).sum() + (row[:true] == row[true]).sum()))
    return found


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` keyed `settings`: the present setting first, the others by accuracy.

    `provenance["preprocessing"]` holds each row's setting in full, as JSON of
    `core.model.Preprocessing`; `provenance["better"]` is the row of the best one whose difference
    cannot be chance, None where there is none.
    """
    _check_labels(context)
    broken: dict[int, str] = {}
    known = yield from identified(context, broken, labelled=True)
    if not known:
        raise ImageProblem(
            "None of the labelled images can be read.", hint=next(iter(broken.values()), "")
        )
    images = sampled(known, parameters.images, seed=context.inputs.seed, stratified=True)
    tried = [_Tried(each) for each in candidates(context.model.preprocessing)]
    used = yield from _try(context, images, tried, broken, batch=parameters.batch)
    if not used:
        raise ImageProblem(
            "None of the labelled images can be read.", hint=next(iter(broken.values()), "")
        )
    joined = together(context.model.preprocessing, _best_changes(tried))
    if joined is not None:
        further = _Tried(joined)
        yield from _try(context, used, [further], broken, batch=parameters.batch)
        if len(further.ranks) == len(used):
            tried.append(further)
    yield _table(context, tried, used, broken, final=True)
    yield Progress(done=1, total=1, text="Trying settings")


def _check_labels(context: Context) -> None:
    dataset = images_at_hand(context)
    if not dataset.labels:
        raise InvalidValue(
            "These images have no labels, so it cannot be told which answers are right.",
            hint="Open folders named for their classes, or a table with a label column.",
        )
    if not any(label in dataset.classes for label in dataset.labels):
        raise InvalidValue(
            "No label of these images stands for a class of the model.",
            hint="Say first which class each label means.",
        )
    count = context.model.description.class_count
    wrong = [label for label, index in dataset.classes.items() if not 0 <= index < count]
    if wrong:
        raise InvalidValue(
            f"The label '{wrong[0]}' stands for class {dataset.classes[wrong[0]]}, and the model "
            f"has {count} classes.",
            hint="Confirm the classes of the labels again for this model.",
        )


def _try(
    context: Context,
    images: Sequence[Known],
    tried: Sequence[_Tried],
    broken: dict[int, str],
    *,
    batch: int,
) -> Generator[Progress | Table, None, list[Known]]:
    """Ask about each image under each candidate, all of them about one batch before the next."""
    batch = batch or automatic_batch(context.model.device)
    used: list[Known] = []
    shown_s = time.monotonic()
    for start in range(0, len(images), batch):
        found = decoded(context, images[start : start + batch], broken)
        for i, each in enumerate(tried):
            context.check()
            each.ranks += _ask(context, found, each.candidate)
            done = start * len(tried) + (i + 1) * len(found)
            yield Progress(done=done, total=len(images) * len(tried), text="Trying settings")
        used += [image for image, _ in found]
        if len(tried) > 1 and used and time.monotonic() - shown_s > _SHOW_EVERY_S:
            yield _table(context, tried, used, broken, final=False)
            shown_s = time.monotonic()
    return used


def _ask(
    context: Context, found: Sequence[tuple[Known, Planes]], candidate: Candidate
) -> list[int]:
    name = main_output(context)
    inputs = [preprocess(pixels, candidate.preprocessing) for _, pixels in found]
    outputs = [row for part in stacks(inputs) for row in run_edited(context, part).outputs[name]]
    return ranks(np.asarray(outputs), [image.truth for image, _ in found]) if outputs else []


def _best_changes(tried: Sequence[_Tried]) -> list[Candidate]:
    """Of each respect the candidate that is better than the present one by more than chance."""
    p_values = _corrected(tried)
    best: dict[str, tuple[int, Candidate]] = {}
    present = int(tried[0].hits.sum())
    for each, p in zip(tried[1:], p_values[1:], strict=True):
        hits = int(each.hits.sum())
        axis = each.candidate.axis
        if p < SIGNIFICANT and hits > max(present, best.get(axis, (0, None))[0]):
            best[axis] = hits, each.candidate
    return [candidate for _, candidate in best.values()]


def _p_value(present: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return mcnemar_exact(int((present & ~other).sum()), int((other & ~present).sum()))


def _corrected(tried: Sequence[_Tried]) -> list[float]:
    present = tried[0].hits
    return [1.0, *holm([_p_value(present, each.hits) for each in tried[1:]])]


def _balanced(hits: NDArray[np.bool_], truths: NDArray[Any]) -> float:
    return float(np.mean([hits[truths == true].mean() for true in np.unique(truths)]))


def _table(
    context: Context,
    tried: Sequence[_Tried],
    images: Sequence[Known],
    broken: dict[int, str],
    *,
    final: bool,
) -> Table:
    present, total = tried[0].hits, len(images)
    truths = np.array([image.truth for image in images])
    corrected = _corrected(tried)
    order = sorted(range(1, len(tried)), key=lambda i: (-int(tried[i].hits.sum()), i))
    cells: list[tuple[Number, ...]] = []
    for i in [0, *order]:
        hits = tried[i].hits
        low, high = wilson(int(hits.sum()), total)
        near = np.asarray(tried[i].ranks) < 5
        cells.append(
            (
                tried[i].candidate.title, float(hits.mean()), low, high, float(near.mean()),
                _balanced(hits, truths), float(hits.mean() - present.mean()),
                None if i == 0 else _p_value(present, hits), None if i == 0 else corrected[i],
            )
        )  # fmt: skip
    better = next(
        (
            row
            for row, i in enumerate(order, start=1)
            if corrected[i] < SIGNIFICANT and tried[i].hits.sum() > present.sum()
        ),
        None,
    )
    numbers: dict[str, Number] = {
        "images": total,
        "accuracy": float(present.mean()),
        "balanced_accuracy": _balanced(present, truths),
        "labels": len({image.entry.label for image in images}),
        "broken_images": len(broken),
    }
    return Table(
        key="settings",
        title="Accuracy under common preprocessings",
        columns=COLUMNS,
        cells=tuple(cells),
        numbers=numbers,
        notes=(*_said(cells, better, total), *edit_notes(context), *broken_notes(broken)),
        provenance={
            "preprocessing": [
                msgspec.to_builtins(tried[i].candidate.preprocessing) for i in [0, *order]
            ],
            "better": better,
            **truth_provenance(context, images),
        },
        final=final,
    )


def _said(cells: Sequence[tuple[Number, ...]], better: int | None, total: int) -> tuple[str, ...]:
    present = _percent(cells[0][1])
    if better is not None:
        name, share = cells[better][0], _percent(cells[better][1])
        first = (
            f"'{name}' answers {share} of these images right, the present setting {present}: "
            "this difference is more than chance."
        )
    else:
        first = (
            f"The present setting answers {present} of these images right; no other common one "
            "does better by more than chance."
        )
    few = f"Only {total} images: small differences cannot be told from chance."
    return (first, few) if total < _FEW else (first,)


def _percent(value: Number) -> str:
    return f"{float(value or 0.0):.0%}"


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass an image of the sample and setting."""
    from interp_gui.analyses.dataset_costs import asking_cost

    dataset = images_at_hand(context)
    labelled = sum(dataset.true_class(entry) is not None for entry in dataset.images)
    return asking_cost(
        context, left=lambda images: sum(image.truth >= 0 for image in images),
        most=min(labelled, parameters.images),
        times=len(candidates(context.model.preprocessing)),
    )  # fmt: skip


ANALYSIS = Analysis(
    id="check-preprocessing",
    title="Accuracy by preprocessing",
    summary="Accuracy on labelled images under this and other common preprocessings.",
    parameters=Parameters,
    needs=("dataset", "classes"),
    produces=("table",),
    run=run,
    estimate=estimate,
)
