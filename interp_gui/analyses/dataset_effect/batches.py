"""Asking about one batch of images after the other."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import main_output
from interp_gui.analyses.dataset_effect.answers import Compared
from interp_gui.analyses.dataset_pass import Known, decoded, stacks
from interp_gui.analyses.kept_rows import KeptRows
from interp_gui.core.analysis import Context
from interp_gui.core.edit import EditStack
from interp_gui.core.interventions.measures import divergence_of, shares_of
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.runtime import Array, Capture, Forward
from interp_gui.runtimes.torch_runtime import TorchRuntime

if TYPE_CHECKING:
    from interp_gui.runtimes.prefix import CachedPrefix

SHARED_PASSES = 2
"""From so many controls on, what lies before the edits is kept between them."""

Floats64 = NDArray[np.float64]


class Batches:
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
        names = [layer.name for layer in self._compared.drawn.layers]
        before = [Capture(name, "before") for name in names]
        ran = self._edited.model.forward(
            batch, capture=before, edits=self._compared.stack, sources=self._edited.sources
        )
        yield self._numbers(ran.outputs)
        rows: list[list[Floats64]] = [[] for _ in self._compared.drawn.controls]
        # A control's value is another for each image, which only PyTorch takes in one pass.
        step = len(batch) if isinstance(self._edited.model, TorchRuntime) else 1
        for at in range(0, len(batch) if rows else 0, step):
            real = {each.layer: ran.captured[each][at : at + step] for each in before}
            yield from self._under_controls(batch[at : at + step], real, rows)
        for each in rows:
            yield np.concatenate(each)

    def _under_controls(
        self, batch: Array, real: dict[str, Array], rows: list[list[Floats64]]
    ) -> Generator[None, None, None]:
        """Adds (n, C) for some images to the rows of each control."""
        from interp_gui.runtimes.prefix import CachedPrefix

        compared, drawn = self._compared, self._compared.drawn
        names = [layer.name for layer in drawn.layers]
        runner: Any = self._edited.model
        if len(drawn.controls) >= SHARED_PASSES:
            runner = _Prefix(CachedPrefix(self._edited.model, batch))
        for control, into in zip(drawn.controls, rows, strict=True):
            sources: dict[tuple[str, str], Array] = {}
            for number, layer in enumerate(drawn.layers):
                base = real[layer.name]
                if number:
                    earlier = control.stack(self._upstream(layer), names[:number])
                    base = self._forward(
                        self._edited.model, batch, earlier, sources, capture=layer.name
                    ).captured[layer.name]
                values: list[Array] = []
                for one, other in zip(real[layer.name], base, strict=True):
                    values.append(control.value(self._edited, compared.stack, layer, one, other))
                    yield None
                value = np.stack(values) if len(values) > 1 else values[0]
                sources[layer.name, control.source] = value
            stack = control.stack(compared.stack, names)
            into.append(self._numbers(self._forward(runner, batch, stack, sources).outputs))
            yield None

    def _forward(
        self,
        runner: Any,
        batch: Array,
        stack: EditStack,
        sources: dict[tuple[str, str], Array],
        *,
        capture: str = "",
    ) -> Forward:
        together = {**self._edited.sources, **sources}
        found: Forward = runner.forward(
            batch, capture=[capture] if capture else (), edits=stack, sources=together,
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


class _Prefix:
    """A cached prefix with the face of a runtime."""

    def __init__(self, prefix: "CachedPrefix") -> None:
        self._prefix = prefix

    def forward(self, _batch: Array, **asked: Any) -> Forward:
        return self._prefix.forward(**asked)
