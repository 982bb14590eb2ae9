"""The pass: answers of the network as it is, with the edits, and with each control."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import main_output
from interp_gui.analyses.dataset_effect.controls import Controls, draw_controls, network_edits
from interp_gui.analyses.dataset_pass import Known, decoded, stacks
from interp_gui.analyses.kept_rows import KeptRows
from interp_gui.analyses.passes import (
    Route,
    batch_size,
    choose_route,
    halved,
    identity,
    known_route,
    many,
)
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import OutOfMemory
from interp_gui.core.interventions.measures import divergence_of, shares_of
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.runtime import Array, Capture, Forward

if TYPE_CHECKING:
    from interp_gui.runtimes.prefix import CachedPrefix

VERSION = 1
"""Raised whenever the same images would give other rows; part of cache keys."""

SHARED_PASSES = 2
"""From so many passes of one image on, what lies before the edits is kept between them."""

Floats64 = NDArray[np.float64]


class Answers:
    """The answer for each image of a dataset under one condition, in its order.

    Attributes
    ----------
    predicted
        (N,) int32 class index; −1 where unknown, or where the outputs are no classes.
    share
        (N,) float32 probability of it; NaN where unknown.
    target
        (N,) float64 Target, its class fixed by the unedited answer for that image.
    divergence
        (N,) float32 Kullback-Leibler divergence in nats from the unedited answer; NaN where
        unknown, or where the outputs are no classes.
    moved
        (N,) float32 length of the outputs' change over their length.
    """

    def __init__(self, count: int) -> None:
        self.predicted = np.full(count, -1, np.int32)
        self.share = np.full(count, np.nan, np.float32)
        self.target = np.full(count, np.nan, np.float64)
        self.divergence = np.full(count, np.nan, np.float32)
        self.moved = np.full(count, np.nan, np.float32)

    def take(self, places: Sequence[int], rows: dict[str, NDArray[Any]] | NDArray[Any]) -> None:
        """Fill in images."""
        for name, values in vars(self).items():
            values[list(places)] = rows[name]


@dataclass(kw_only=True)
class Compared:
    """Everything that is known so far.

    Parameters
    ----------
    before, after, controls
        In the order of the dataset.
    done
        Images that have been asked about.
    route
        How the unedited answers came.
    """

    before: Answers
    after: Answers
    controls: tuple[Answers, ...]
    drawn: Controls
    stack: EditStack
    broken: dict[int, str]
    route: Route = field(default_factory=Route)
    done: int = 0


def compare(
    context: Context, images: Sequence[Known], compared: Compared, *, batch: int
) -> Generator[Progress, None, None]:
    """Fill in `compared` for all images; from what is kept where that is known.

    Images are gone through by content, so that their order and names change nothing.
    """
    plain = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    edited = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=compared.stack))
    compared.route = yield from _route(plain, images, compared.broken, batch=batch)
    by_hash: dict[str, list[Known]] = {}
    for image in sorted(images, key=lambda each: each.sha256):
        by_hash.setdefault(image.sha256, []).append(image)
    with ExitStack() as open_:
        rows = [open_.enter_context(_kept(edited, None))]
        rows += [open_.enter_context(_kept(edited, c.index)) for c in compared.drawn.controls]
        unedited = open_.enter_context(_unedited(plain, compared.route.runner))
        passing = _Pass(plain, edited, compared, unedited, rows)
        unknown = []
        for sha256, alike in by_hash.items():
            if unedited.knows(sha256) and all(kept.knows(sha256) for kept in rows):
                passing.recall(alike)
            else:
                unknown.append(alike[0])
        total, at = len(by_hash), 0
        known = total - len(unknown)
        yield Progress(done=known, total=total, text="Asking the network")
        while at < len(unknown):
            step = batch_size(context, batch)
            part = unknown[at : at + step]
            try:
                for _ in passing.ask(part):
                    yield Progress(done=known + at, total=total, text="Asking the network")
            except OutOfMemory as problem:
                halved(context, step, problem)
                continue
            at += len(part)
            for image in part:
                if image.place in compared.broken:
                    for other in by_hash[image.sha256]:
                        compared.broken.setdefault(other.place, compared.broken[image.place])
                else:
                    passing.recall(by_hash[image.sha256])
            yield Progress(done=known + at, total=total, text="Asking the network")


class _Pass:
    """One batch after the other."""

    def __init__(
        self,
        plain: Context,
        edited: Context,
        compared: Compared,
        unedited: KeptRows,
        rows: Sequence[KeptRows],
    ) -> None:
        self._plain, self._edited, self._compared = plain, edited, compared
        self._unedited, self._rows = unedited, rows
        self._name = main_output(plain)
        outputs = plain.model.description.outputs
        self._kind = next((o.kind for o in outputs if o.name == self._name), "embedding")

    def recall(self, alike: Sequence[Known]) -> None:
        """Take what is kept of an image for all files with its content."""
        compared, sha256 = self._compared, alike[0].sha256
        places = [image.place for image in alike]
        before = self._unedited.rows([sha256])["row"].astype(np.float64)
        compared.before.take(places, self._answers(before, before))
        for answers, kept in zip((compared.after, *compared.controls), self._rows, strict=True):
            answers.take(places, kept.rows([sha256])[0])
        compared.done += len(alike)

    def ask(self, images: Sequence[Known]) -> Generator[None, None, None]:
        """Run what is not known of a batch, and keep it."""
        context, compared = self._plain, self._compared
        context.check()
        found = decoded(context, images, compared.broken)
        inputs = [preprocess(pixels, context.model.preprocessing) for _, pixels in found]
        at = 0
        for stack in stacks(inputs):
            part = [image for image, _ in found[at : at + len(stack)]]
            at += len(stack)
            yield from self._batch(part, stack)

    def _batch(self, images: Sequence[Known], batch: Array) -> Generator[None, None, None]:
        context = self._plain
        hashes = [image.sha256 for image in images]
        if all(map(self._unedited.knows, hashes)):
            before = self._unedited.rows(hashes)["row"]
        else:
            before = self._numbers(self._compared.route.outputs(context, batch)).astype(np.float32)
        yield
        context.check()
        after: list[Floats64] = []
        for rows in self._under_edits(batch):
            if rows is not None:
                after.append(rows)
            context.check()
            yield
        good = np.isfinite(before).all(axis=1)
        good &= np.all([np.isfinite(rows).all(axis=1) for rows in after], axis=0)
        for image in (image for image, fine in zip(images, good, strict=True) if not fine):
            self._compared.broken[image.place] = (
                f"The answer for '{image.entry.name}' is not a number."
            )
        hashes = [sha256 for sha256, fine in zip(hashes, good, strict=True) if fine]
        self._unedited.add(hashes, {"row": before[good]})
        for kept, rows in zip(self._rows, after, strict=True):
            kept.add(hashes, self._answers(before[good].astype(np.float64), rows[good]))

    def _under_edits(self, batch: Array) -> Generator[Floats64 | None, None, None]:
        """(N, C) with the edits, then with each control; None in between."""
        from interp_gui.runtimes.prefix import CachedPrefix

        compared, drawn = self._compared, self._compared.drawn
        names = [layer.name for layer in drawn.layers]
        capture = [Capture(name, "before") for name in names]
        ran = self._edited.model.forward(
            batch, capture=capture, edits=compared.stack, sources=self._edited.sources
        )
        yield self._numbers(ran.outputs)
        rows: list[list[Floats64]] = [[] for _ in drawn.controls]
        for i in range(len(batch)):
            one = batch[i : i + 1]
            runner: Any = self._edited.model
            if len(drawn.controls) >= SHARED_PASSES:
                runner = _Kept(CachedPrefix(self._edited.model, one))
            real = {name: ran.captured[Capture(name, "before")][i] for name in names}
            for control, into in zip(drawn.controls, rows, strict=True):
                sources: dict[tuple[str, str], Array] = {}
                for number, layer in enumerate(drawn.layers):
                    base = real[layer.name]
                    if number:
                        earlier = control.stack(self._upstream(layer), names[:number])
                        base = self._forward(
                            self._edited.model, one, earlier, sources, capture=layer.name
                        ).captured[layer.name][0]
                    sources[layer.name, control.source] = control.value(
                        self._edited, compared.stack, layer, real[layer.name], base
                    )
                stack = control.stack(compared.stack, names)
                into.append(self._numbers(self._forward(runner, one, stack, sources).outputs)[0])
                yield None
        for each in rows:
            yield np.stack(each)

    def _forward(
        self,
        runner: Any,
        one: Array,
        stack: EditStack,
        sources: dict[tuple[str, str], Array],
        *,
        capture: str = "",
    ) -> Forward:
        together = {**self._edited.sources, **sources}
        found: Forward = runner.forward(
            one, capture=[capture] if capture else (), edits=stack, sources=together,
            until=capture or None,
        )  # fmt: skip
        return found

    def _upstream(self, layer: LayerInfo) -> EditStack:
        """The edits at layers before one: others would never run where a pass stops there."""
        model = self._edited.model.description
        return EditStack(
            tuple(
                edit
                for edit in self._compared.stack.edits
                if model.layer(edit.feature.layer).depth < layer.depth
            )
        )

    def _numbers(self, outputs: dict[str, Array]) -> Floats64:
        """The main output as (N, C); one with places is its mean over them."""
        found = outputs[self._name] if self._name in outputs else next(iter(outputs.values()))
        rows = np.asarray(found, np.float64)
        rows = rows[:, None] if rows.ndim < 2 else rows
        return rows if rows.ndim < 3 else rows.reshape(*rows.shape[:2], -1).mean(axis=2)

    def _answers(self, before: Floats64, rows: Floats64) -> dict[str, NDArray[Any]]:
        count, kind = len(rows), self._kind
        target = self._plain.inputs.target
        classes = kind in ("softmax", "sigmoid")
        best = rows.argmax(axis=1).astype(np.int32) if classes else np.full(count, -1, np.int32)
        shares = [shares_of(row, kind) for row in rows]
        apart = [divergence_of(a, b, kind) for a, b in zip(rows, before, strict=True)]
        lengths = np.linalg.norm(before, axis=1)
        return {
            "predicted": best,
            "share": np.array(
                [np.nan if s is None else s[b] for s, b in zip(shares, best, strict=True)],
                np.float32,
            ),
            "target": np.array(
                [
                    target.fixed(b).evaluate(row[None])[0]
                    for b, row in zip(before, rows, strict=True)
                ],
                np.float64,
            ),
            "divergence": np.array([np.nan if d is None else d for d in apart], np.float32),
            "moved": (np.linalg.norm(rows - before, axis=1) / np.maximum(lengths, 1e-12)).astype(
                np.float32
            ),
        }


class _Kept:
    """A cached prefix with the face of a runtime."""

    def __init__(self, prefix: "CachedPrefix") -> None:
        self._prefix = prefix

    def forward(self, _batch: Array, **asked: Any) -> Forward:
        return self._prefix.forward(**asked)


def _unedited(context: Context, runner: str) -> KeptRows:
    """Outputs of the network as it is, shared by all that ask about it."""
    key = {"kind": "answers", "version": VERSION, "output": main_output(context)}
    return KeptRows(context.folder_of({**key, **identity(context, runner=runner)}))


def _kept(context: Context, control: int | None) -> KeptRows:
    key: dict[str, Any] = {
        "kind": "dataset-effect", "version": VERSION, "output": main_output(context),
        "target": msgspec.to_builtins(context.inputs.target), "control": control,
    }  # fmt: skip
    if control is not None:
        key["seed"] = context.inputs.seed
    return KeptRows(context.folder_of({**key, **identity(context)}))


def _route(
    context: Context, images: Sequence[Known], broken: dict[int, str], *, batch: int
) -> Generator[Progress, None, Route]:
    """How the unedited answers that are not kept yet are found."""
    preprocessing = context.model.preprocessing
    one_size = preprocessing.crop or preprocessing.resize in ("exact", "square")
    if not many(len(images)) or not one_size:
        return Route()
    unknown = unanswered(context, images, "")
    if not unknown:
        return Route()
    quick = known_route(context)
    if quick is not None and not unanswered(context, images, quick.runner):
        return quick

    def first() -> Array | None:
        found = decoded(context, images[: batch_size(context, batch)], dict(broken))
        inputs = [preprocess(pixels, preprocessing) for _, pixels in found]
        return np.stack(inputs) if inputs else None

    route = yield from choose_route(context, images=unknown, first=first)
    return Route() if route.choice.onnx and route.network is None else route


def unanswered(context: Context, images: Sequence[Known], runner: str) -> int:
    """How many images have no unedited answer by a runner yet."""
    with _unedited(context, runner) as kept:
        return sum(not kept.knows(image.sha256) for image in images)


def prepared(context: Context, *, controls: int) -> Compared:
    """Nothing asked yet: the edits, and the controls that are drawn for them."""
    stack = network_edits(context)
    drawn = draw_controls(context, stack, controls)
    dataset = context.inputs.dataset
    count = len(dataset.images) if dataset is not None else 0
    return Compared(
        before=Answers(count), after=Answers(count),
        controls=tuple(Answers(count) for _ in drawn.controls), drawn=drawn, stack=stack,
        broken={},
    )  # fmt: skip


def unknown_images(context: Context, images: Sequence[Known], compared: Compared) -> int:
    """How many images have no row yet with the edits or with a control."""
    edited = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=compared.stack))
    with ExitStack() as open_:
        rows = [
            open_.enter_context(_kept(edited, index))
            for index in (None, *(control.index for control in compared.drawn.controls))
        ]
        return sum(not all(kept.knows(image.sha256) for kept in rows) for image in images)
