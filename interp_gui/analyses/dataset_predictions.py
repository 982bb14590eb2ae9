"""What the model answers for every image at hand, to sort, filter and count by."""

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import edit_notes, main_output
from interp_gui.analyses.dataset_pass import (
    Known,
    broken_notes,
    changed,
    decoded,
    identified,
    images_at_hand,
    stacks,
    truth_provenance,
)
from interp_gui.analyses.passes import (
    MEMORY_SHORT,
    Route,
    batch_notes,
    batch_size,
    choose_route,
    halved,
    identity,
    known_route,
    many,
)
from interp_gui.analyses.predict import probabilities
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.proportions import wilson
from interp_gui.core.result import Number, Table

VERSION = 1
"""Raised whenever the same images would give other answers; part of cache keys."""

LABEL_COLUMNS = (
    "label", "class", "images", "right", "accuracy", "from", "to", "most common other answer",
    "so often",
)  # fmt: skip
"""`from`, `to`: 95 % interval of the accuracy (Wilson)."""
ANSWER_COLUMNS = ("answer", "images", "mean probability")
IMAGE_COLUMNS = ("place", "file", "label", "answer", "probability", "right")

_CHUNK = 64
_SHOW_EVERY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `dataset-predictions`."""

    listed: int = parameter(
        1000, help="Images listed one by one; the arrays of the summary always hold all of them.",
        minimum=0, maximum=100_000,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True,
    )  # fmt: skip


class Answers:
    """The model's first answer for each image of a dataset, in its order.

    Attributes
    ----------
    predicted
        (N,) int32 class index; −1 where an image was not asked about yet, or cannot be read.
    probability
        (N,) float32; NaN there.
    true
        (N,) int32 class that it should get; −1 where that is not known.
    """

    def __init__(self, truths: Sequence[int]) -> None:
        self.predicted = np.full(len(truths), -1, np.int32)
        self.probability = np.full(len(truths), np.nan, np.float32)
        self.true = np.asarray(truths, np.int32)

    @property
    def right(self) -> NDArray[np.int8]:
        """1 right, 0 wrong, −1 where one of them is not known."""
        known = (self.predicted >= 0) & (self.true >= 0)
        return np.where(known, (self.predicted == self.true).astype(np.int8), -1).astype(np.int8)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Copies, so that what was shown does not change below the reader."""
        return {
            "predicted": self.predicted.copy(),
            "probability": self.probability.copy(),
            "true": self.true.copy(),
            "right": self.right,
        }


def run(context: Context, parameters: Parameters) -> Steps:
    """Two tables: `summary`, refined as images come, and in the end `images`.

    `summary` has one row a label with its accuracy where labels stand for classes
    (`LABEL_COLUMNS`), else one row an answer (`ANSWER_COLUMNS`). Its `values` are arrays with one
    entry an image, in the order of `inputs.dataset.images`: `predicted` (int32 class index, −1
    where not known yet or unreadable), `probability` (float32, NaN there), `true` (int32, −1
    where not known), `right` (int8: 1, 0, −1 where not known). They travel as mapped arrays, so
    100,000 images cost little: take them, not the rows, to sort or filter images, and match them
    to the dataset that the run was given, by place. Numbers: `images`, `asked`, `labelled`,
    `right`, `accuracy`, `balanced_accuracy`, `broken_images`.

    `images` (`IMAGE_COLUMNS`) lists the first of them one by one, as for a CSV.

    Answers are kept by content in pieces of some dozen images: a run that was stopped, or that
    finds further images, asks about the new ones only.
    """
    dataset = images_at_hand(context)
    truths = [dataset.true_class(entry) for entry in dataset.images]
    answers = Answers([-1 if truth is None else truth for truth in truths])
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    route = yield from _route(context, images, broken, batch=parameters.batch)
    shown_s = time.monotonic()
    done = 0
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        for step in _chunk(context, chunk, answers, broken, route, batch=parameters.batch):
            done += step
            yield Progress(done=done, total=len(images), text="Asking the model")
            if time.monotonic() - shown_s > _SHOW_EVERY_S and done < len(images):
                yield _summary(context, answers, broken, final=False)
                shown_s = time.monotonic()
    if len(broken) == len(dataset.images):
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()))
        )
    summary = _summary(context, answers, broken, final=True)
    truth = {**truth_provenance(context, images), **route.provenance}
    step = batch_size(context, parameters.batch)
    said = (*summary.notes, *route.notes, *batch_notes(context, step, parameters.batch))
    yield msgspec.structs.replace(summary, provenance=truth, notes=said)
    if parameters.listed:
        listed = _images(context, answers, parameters.listed)
        yield msgspec.structs.replace(listed, provenance=truth)
    yield Progress(done=len(images), total=len(images), text="Asking the model")


def _route(
    context: Context, images: Sequence[Known], broken: dict[int, str], *, batch: int
) -> Generator[Progress, None, Route]:
    """How the images that are not known yet are asked about."""
    preprocessing = context.model.preprocessing
    if not many(len(images)):
        return Route()
    if not preprocessing.crop and preprocessing.resize not in ("exact", "square"):
        return Route()  # images of many sizes; an export is compared at one
    step = batch_size(context, batch)
    unknown = _unknown(context, images, step)
    if not unknown:
        return Route()
    quick = known_route(context)
    if quick is not None and not _unknown(context, images, step, runner=quick.runner):
        return quick

    def first() -> NDArray[np.float32] | None:
        found = decoded(context, images[:step], dict(broken))
        inputs = [preprocess(pixels, preprocessing) for _, pixels in found]
        return np.stack(inputs) if inputs else None

    return (yield from choose_route(context, images=unknown, first=first))


def _unknown(context: Context, images: Sequence[Known], batch: int, *, runner: str = "") -> int:
    """How many of the images the cache holds no answer for, as computed by a runner."""
    keys = ((_key(context, c, batch, runner=runner), len(c)) for c in _chunks(images))
    return sum(count for key, count in keys if context.recall(key) is None)


def _chunks(images: Sequence[Known]) -> list[Sequence[Known]]:
    return [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]


def _chunk(
    context: Context,
    images: Sequence[Known],
    answers: Answers,
    broken: dict[int, str],
    route: Route,
    *,
    batch: int,
) -> Generator[int, None, None]:
    """Fill in the answers of a few images, from the cache or by the model; yields how many.

    Where memory does not take a batch, the images are asked about again in halves.
    """
    while True:
        step = batch_size(context, batch)
        told = 0
        try:
            for count in _asked(context, images, answers, broken, route, batch=step):
                told += count
                yield count
        except MEMORY_SHORT as problem:
            halved(context, step, problem)
            yield -told
        else:
            return


def _asked(
    context: Context,
    images: Sequence[Known],
    answers: Answers,
    broken: dict[int, str],
    route: Route,
    *,
    batch: int,
) -> Generator[int, None, None]:
    key = _key(context, images, batch, runner=route.runner)
    stored = context.recall(key)
    places = np.array([image.place for image in images])
    if stored is not None:
        answers.predicted[places] = stored["predicted"]
        answers.probability[places] = stored["probability"]
        for i, text in stored["broken"].items():
            # the same content under another name is broken too
            broken[images[int(i)].place] = str(text)
        yield len(images)
        return
    if route.choice.onnx and route.network is None:  # the cache lost what it had a moment ago
        route, key = Route(), _key(context, images, batch)
    for start in range(0, len(images), batch):
        context.check()
        part = images[start : start + batch]
        _ask(context, part, answers, broken, route)
        yield len(part)
    lost = {str(i): broken[im.place] for i, im in enumerate(images) if im.place in broken}
    gone = any(changed(images[int(i)]) for i in lost)  # not what the hashes promise
    if context.cache is not None and not gone:
        context.cache.put(
            key,
            {
                "predicted": answers.predicted[places],
                "probability": answers.probability[places],
                "broken": lost,
            },
        )


def _key(
    context: Context, images: Sequence[Known], batch: int, *, runner: str = ""
) -> dict[str, Any]:
    return {
        "kind": "predictions", "version": VERSION, "batch": batch, "output": main_output(context),
        "images": [image.sha256 for image in images],
        **identity(context, runner=runner),
    }  # fmt: skip


def _ask(
    context: Context,
    images: Sequence[Known],
    answers: Answers,
    broken: dict[int, str],
    route: Route,
) -> None:
    found = decoded(context, images, broken)
    inputs = [preprocess(pixels, context.model.preprocessing) for _, pixels in found]
    name = main_output(context)
    kind = next(o.kind for o in context.model.description.outputs if o.name == name)
    logits = [route.outputs(context, stack)[name] for stack in stacks(inputs)]
    for (image, _), values in zip(found, (row for part in logits for row in part), strict=True):
        shares = probabilities(values, kind)
        if shares is None or not np.isfinite(values).any():
            broken[image.place] = f"The answer for '{image.entry.name}' is no number."
            continue
        best = int(np.nanargmax(values))
        answers.predicted[image.place] = best
        answers.probability[image.place] = shares[best]


def _summary(context: Context, answers: Answers, broken: dict[int, str], *, final: bool) -> Table:
    right = answers.right
    labelled = int((right >= 0).sum())
    numbers: dict[str, Number] = {
        "images": len(right),
        "asked": int((answers.predicted >= 0).sum()),
        "labelled": labelled,
        "broken_images": len(broken),
    }
    notes = [*edit_notes(context), *broken_notes(broken)]
    if (answers.true >= 0).any():
        columns: tuple[str, ...] = LABEL_COLUMNS
        cells = _by_label(context, answers)
        hits = int((right == 1).sum())
        shares = [float(row[4]) for row in cells if isinstance(row[4], float)]
        numbers |= {
            "right": hits,
            "accuracy": hits / labelled if labelled else None,
            "balanced_accuracy": float(np.mean(shares)) if shares else None,
        }
    else:
        columns, cells = ANSWER_COLUMNS, _by_answer(context, answers)
        notes.append("No label stands for a class of the model, so right and wrong are not told.")
    return Table(
        key="summary",
        title="Answers for the images at hand",
        columns=columns,
        cells=tuple(cells),
        values=answers.arrays(),
        numbers=numbers,
        notes=tuple(notes),
        final=final,
    )


def _by_label(context: Context, answers: Answers) -> list[tuple[Number, ...]]:
    """The label with the lowest accuracy first; those without an answer yet last."""
    model, dataset = context.model.description, images_at_hand(context)
    given: dict[str, Counter[int]] = defaultdict(Counter)
    for place, entry in enumerate(dataset.images):
        if answers.true[place] >= 0:
            given[entry.label][int(answers.predicted[place])] += 1
    rows: list[tuple[Number, ...]] = []
    for label, counts in given.items():
        true = dataset.classes[label]
        total = sum(n for index, n in counts.items() if index >= 0)
        right = counts[true]
        others = [(index, n) for index, n in counts.most_common() if index not in (true, -1)]
        low, high = wilson(right, total)
        rows.append(
            (
                label, model.class_name(true), total, right,
                right / total if total else None,
                low if total else None, high if total else None,
                model.class_name(others[0][0]) if others else None,
                others[0][1] if others else None,
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row[4] is None, row[4] or 0.0, str(row[0])))


def _by_answer(context: Context, answers: Answers) -> list[tuple[Number, ...]]:
    model = context.model.description
    known = answers.predicted >= 0
    indices, counts = np.unique(answers.predicted[known], return_counts=True)
    rows: list[tuple[Number, ...]] = [
        (
            model.class_name(int(index)),
            int(count),
            float(answers.probability[answers.predicted == index].mean(dtype=np.float64)),
        )
        for index, count in zip(indices, counts, strict=True)
    ]
    return sorted(rows, key=lambda row: (-int(row[1] or 0), str(row[0])))


def _images(context: Context, answers: Answers, listed: int) -> Table:
    model, dataset = context.model.description, images_at_hand(context)
    words = {1: True, 0: False, -1: None}
    right = answers.right
    cells: list[tuple[Number, ...]] = []
    for place, entry in enumerate(dataset.images[:listed]):
        index = int(answers.predicted[place])
        cells.append(
            (
                place, entry.name, entry.label,
                model.class_name(index) if index >= 0 else None,
                float(answers.probability[place]) if index >= 0 else None,
                words[int(right[place])],
            )
        )  # fmt: skip
    rest = len(dataset.images) - len(cells)
    return Table(
        key="images",
        title="Answer for each image",
        columns=IMAGE_COLUMNS,
        cells=tuple(cells),
        notes=(f"The first {len(cells):,} images; {rest:,} more are in the summary's arrays.",)
        if rest
        else (),
    )


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass an image, for those that the cache does not hold."""
    from interp_gui.analyses.dataset_costs import asking_cost

    batch = batch_size(context, parameters.batch)
    route = known_route(context)
    runners = {"", route.runner if route is not None else ""}

    def left(images: Sequence[Known]) -> int:
        return min(_unknown(context, images, batch, runner=runner) for runner in runners)

    everything = len(images_at_hand(context).images)
    return asking_cost(context, left=left, most=everything, bytes_an_image=12)


ANALYSIS = Analysis(
    id="dataset-predictions",
    title="Accuracy and confusions",
    summary="The model's answer for every image at hand, and how often it is right for each label.",
    parameters=Parameters,
    needs=("dataset", "classes"),
    produces=("table",),
    run=run,
    estimate=estimate,
    version=VERSION,
)
