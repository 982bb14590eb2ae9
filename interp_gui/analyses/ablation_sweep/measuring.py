"""The passes of a sweep: each fills gaps of the tally."""

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.ablation_sweep.subjects import Subjects
from interp_gui.analyses.ablation_sweep.tally import Tally, blocks
from interp_gui.analyses.asked import Seen
from interp_gui.analyses.dataset_pass import Known, decoded, stacks
from interp_gui.analyses.passes import automatic_batch
from interp_gui.analyses.random_alike import others
from interp_gui.analyses.variants import Variants, rows_at_once
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import OutOfMemory
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.target import Target

Found = Generator[Progress, None, None]


def measure_effects(
    context: Context, images: Sequence[Seen], subjects: Subjects, target: Target, tally: Tally,
    *, batch: int,
) -> Found:  # fmt: skip
    """Effect on the Target of every feature and every control, image by image."""
    total = len(images) * subjects.count
    for place, seen in enumerate(images):
        gaps = np.flatnonzero(~np.isfinite(tally.effects[place]))
        if not len(gaps):
            continue
        variants = Variants(
            context, seen.batch, subjects.layer, rows=rows_at_once(context, batch), paced=not batch
        )
        value = variants.value[0]
        moving = []
        for index in map(int, gaps):
            size = subjects.change(index, value).moved
            tally.sizes[place, index] = size
            if size:
                moving.append(index)
            else:  # nothing changes, so nothing has to be run
                tally.effects[place, index] = 0.0
            context.check()
        yield Progress(done=place * subjects.count, total=total, text="Keeping what lies before")
        variants.begin()
        yield Progress(done=place * subjects.count, total=total, text="Keeping what lies before")
        variants.base()
        yield Progress(done=place * subjects.count, total=total, text="Keeping what lies before")
        for turn in blocks(moving, variants.at_once):
            values = [subjects.changed(i, value)[0][None] for i in turn]
            for start, effects in _effects(variants, values, target):
                known = turn[start : start + len(effects)]
                tally.effects[place, list(known)] = effects[:, 0]
            done = place * subjects.count + int(np.isfinite(tally.effects[place]).sum())
            yield Progress(done=done, total=total, text=f"Switching {subjects.word(2)} off")


def measure_own(
    context: Context, images: Sequence[Seen], subjects: Subjects, target: Target, tally: Tally,
    *, chosen: Sequence[int], batch: int,
) -> Found:  # fmt: skip
    """Effects of random others of each chosen feature, changed by exactly as much."""
    count = tally.own.shape[1]
    left = [index for index in chosen if not np.isfinite(tally.own[index]).any()]
    if not left or not count:
        return
    sums = {index: np.zeros(0) for index in left}
    done, total = 0, len(left) * len(images)
    for seen in images:
        variants = Variants(
            context, seen.batch, subjects.layer, rows=rows_at_once(context, batch), paced=not batch
        )
        value = variants.value[0]
        variants.begin()
        yield Progress(done=done, total=total, text="Changing random others as much")
        for index in left:
            values = own_values(context, subjects, index, value, count)
            found = np.zeros(len(values))
            for start, effects in _effects(variants, values, target):
                found[start : start + len(effects)] = effects[:, 0]
                yield Progress(done=done, total=total, text="Changing random others as much")
            before = sums[index]
            sums[index] = found if not len(before) else before + found
            done += 1
    for index, total_effect in sums.items():  # all at once: half of the images is no mean
        tally.own[index, : len(total_effect)] = total_effect / len(images)


def own_values(
    context: Context, subjects: Subjects, index: int, value: NDArray[np.float32], count: int
) -> list[NDArray[np.float32]]:
    """The value of one image with a feature's change given to random others; (1, …) each."""
    change = subjects.change(index, value)
    random = np.random.default_rng((context.inputs.seed, index))
    drawn = others(change, count, random)
    return [change.onto(value, picked=picked, basis=basis)[None] for picked, basis in drawn]


def measure_accuracy(
    context: Context, images: Sequence[Known], broken: dict[int, str], subjects: Subjects,
    tally: Tally, *, batch: int,
) -> Found:  # fmt: skip
    """Whether each labelled image is answered rightly without each feature."""
    at_once = batch or max(automatic_batch(context.model.device), rows_at_once(context))
    place = 0
    while place < len(images):
        at_once = min(at_once, rows_at_once(context, at_once))
        if (tally.right[place] >= 0).all():
            place += 1
            continue
        chunk = images[place : place + at_once]
        try:
            yield from _answers(context, chunk, place, broken, subjects, tally, total=len(images))
        except OutOfMemory as problem:
            if at_once <= 1:
                raise problem
            at_once //= 2
            continue
        place += len(chunk)


def _answers(
    context: Context, chunk: Sequence[Known], place: int, broken: dict[int, str],
    subjects: Subjects, tally: Tally, *, total: int,
) -> Found:  # fmt: skip
    found = decoded(context, chunk, broken)
    where = {image.place: place + i for i, image in enumerate(chunk)}
    inputs = [preprocess(pixels, context.model.preprocessing) for _, pixels in found]
    first = 0
    for stack in stacks(inputs):
        part = [image for image, _ in found[first : first + len(stack)]]
        first += len(stack)
        rows = [where[image.place] for image in part]
        truths = np.array([image.truth for image in part])
        variants = Variants(context, stack, subjects.layer, rows=len(stack))
        tally.right[rows, 0] = _right(variants.base()[0], truths)
        for index in range(subjects.count):
            values = np.stack([subjects.changed(index, value)[0] for value in variants.value])
            for _, outputs in variants.answers([values]):
                tally.right[rows, 1 + index] = _right(outputs[0], truths)
            if index % 8 == 0:
                yield Progress(
                    done=place * subjects.count + index * len(rows), total=total * subjects.count,
                    text="Counting right answers",
                )  # fmt: skip
        yield Progress(
            done=min(total, place + len(chunk)) * subjects.count, total=total * subjects.count,
            text="Counting right answers",
        )  # fmt: skip


def _right(outputs: NDArray[np.floating], truths: NDArray[np.int_]) -> NDArray[np.int8]:
    rows = np.asarray(outputs, np.float64)
    if rows.ndim > 2:
        rows = rows.reshape(*rows.shape[:2], -1).mean(axis=2)
    right: NDArray[np.int8] = (rows.argmax(axis=1) == truths).astype(np.int8)
    return right


def _effects(
    variants: Variants, values: Sequence[NDArray[np.float32]], target: Target
) -> Generator[tuple[int, NDArray[np.float64]], None, None]:
    """(n, c) changes of the Target, by passes."""
    base_of = variants.base()
    for start, outputs in variants.answers(values):
        if len(base_of) != variants.at_once:
            base_of = variants.base()
        n, c = outputs.shape[:2]
        after = target.evaluate(outputs.reshape(n * c, *outputs.shape[2:])).reshape(n, c)
        base = base_of[:n]
        before = target.evaluate(base.reshape(n * c, *base.shape[2:])).reshape(n, c)
        yield start, after - before
