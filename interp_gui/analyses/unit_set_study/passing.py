"""Removing many sets of units from the same images: what lies before the layer is run once."""

import hashlib
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import main_output
from interp_gui.analyses.dataset_pass import Known, decoded, stacks
from interp_gui.analyses.kept_rows import KeptRows, kept_rows, unkept_notes
from interp_gui.analyses.passes import MEMORY_SHORT, batch_size, halved, identity
from interp_gui.analyses.unit_set_study.sets import UnitSet
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import Baseline, Edit
from interp_gui.core.errors import ImageProblem
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.runtime import Array

if TYPE_CHECKING:
    from interp_gui.runtimes.prefix import CachedPrefix

VERSION = 1
"""Raised whenever the same images would give other rows; part of cache keys."""

TOGETHER = 64
"""So many sets are kept as one piece: what a cancelled run loses at most of a batch."""
_SPEAK_EVERY_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Study:
    """What all passes of a study have in common.

    Parameters
    ----------
    index
        The class studied.
    means
        (units,) what removed units become; None for zero.
    """

    context: Context
    layer: LayerInfo
    index: int
    means: NDArray[np.float64] | None
    batch: int = 0

    @property
    def kind(self) -> str:
        """What the outputs are."""
        outputs = self.context.model.description.outputs
        name = main_output(self.context)
        return next((o.kind for o in outputs if o.name == name), "softmax")

    def edit(self, units: UnitSet) -> Edit:
        """What removes units."""
        baseline = Baseline()
        if self.means is not None:
            values = tuple(float(self.means[u]) for u in units)
            baseline = Baseline("mean", values=values)
        return Edit(
            feature=Feature(layer=self.layer.name, units=units), kind="ablate", baseline=baseline
        )

    def key(self, sets: Sequence[UnitSet]) -> dict[str, Any]:
        """What rows of some sets are kept under."""
        digest = hashlib.sha256(repr(list(sets)).encode()).hexdigest()
        means = b"" if self.means is None else self.means.astype("<f8").tobytes()
        return {
            "kind": "unit-sets", "version": VERSION, "output": main_output(self.context),
            "layer": self.layer.name, "class": self.index, "sets": digest,
            "means": hashlib.sha256(means).hexdigest() if means else "",
            **identity(self.context),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What images are answered with each set removed.

    Parameters
    ----------
    images
        Those that could be read.
    answers, odds
        (N, S) class that is answered, and log-odds of the class studied.
    unkept
        What has to be said where rows could not be kept.
    """

    images: tuple[Known, ...]
    answers: NDArray[np.int32]
    odds: NDArray[np.float32]
    unkept: tuple[str, ...] = ()

    @property
    def truths(self) -> NDArray[np.int32]:
        """(N,) class that each image should get."""
        return np.array([image.truth for image in self.images], np.int32)


def outcomes(
    study: Study,
    images: Sequence[Known],
    sets: Sequence[UnitSet],
    broken: dict[int, str],
    *,
    text: str,
) -> Generator[Progress, None, Outcomes]:
    """Remove each set of units from each image, from what is kept where that is known."""
    context = study.context
    pieces = [sets[at : at + TOGETHER] for at in range(0, len(sets), TOGETHER)]
    with ExitStack() as open_:
        kept = [open_.enter_context(kept_rows(context, study.key(piece))) for piece in pieces]
        unknown = [x for x in images if not all(rows.knows(x.sha256) for rows in kept)]
        total, at = len(images) * len(sets), 0
        done = total - len(unknown) * len(sets)
        yield Progress(done=done, total=total, text=text)
        while at < len(unknown):
            step = batch_size(context, study.batch)
            part, told = unknown[at : at + step], 0
            try:
                for count in _batch(study, part, pieces, kept, broken):
                    told += count
                    yield Progress(done=min(done + told, total), total=total, text=text)
            except MEMORY_SHORT as problem:
                halved(context, step, problem)
                continue
            at, done = at + len(part), done + len(part) * len(sets)
        fine = tuple(image for image in images if image.place not in broken)
        hashes = [image.sha256 for image in fine]
        found = [rows.rows(hashes) for rows in kept]
        yield Progress(done=total, total=total, text=text)
    if len({image.truth == study.index for image in fine}) < 2:
        raise ImageProblem(
            "Of one half, no image of the class or none of the others can be read.",
            hint=next(iter(broken.values()), ""),
        )
    return Outcomes(
        images=fine,
        answers=np.concatenate([f["answers"] for f in found], axis=1),
        odds=np.concatenate([f["odds"] for f in found], axis=1),
        unkept=unkept_notes(*kept),
    )


def _batch(
    study: Study,
    images: Sequence[Known],
    pieces: Sequence[Sequence[UnitSet]],
    kept: Sequence[KeptRows],
    broken: dict[int, str],
) -> Generator[int, None, None]:
    """Fill in what is not known of a few images; yields how many passes of an image were made."""
    from interp_gui.runtimes.prefix import CachedPrefix

    context = study.context
    found = decoded(context, images, broken)
    inputs = [preprocess(pixels, context.model.preprocessing) for _, pixels in found]
    at = 0
    for stack in stacks(inputs):
        part = [image for image, _ in found[at : at + len(stack)]]
        at += len(stack)
        hashes = [image.sha256 for image in part]
        prefix = CachedPrefix(context.model, stack)
        for piece, rows in zip(pieces, kept, strict=True):
            if all(map(rows.knows, hashes)):
                continue
            answers = np.zeros((len(part), len(piece)), np.int32)
            odds = np.zeros((len(part), len(piece)), np.float32)
            spoken_s, quiet = time.monotonic(), 0
            for column, units in enumerate(piece):
                context.check()
                logits = _logits(study, prefix, stack, units)
                answers[:, column] = logits.argmax(axis=1)
                odds[:, column] = log_odds(logits, study.index, study.kind)
                quiet += len(part)
                if time.monotonic() - spoken_s > _SPEAK_EVERY_S:
                    yield quiet
                    spoken_s, quiet = time.monotonic(), 0
            good = np.asarray(np.isfinite(odds).all(axis=1))
            for image in (image for image, fine in zip(part, good, strict=True) if not fine):
                broken[image.place] = f"The answer for '{image.entry.name}' is not a number."
            rows.add(
                [sha256 for sha256, fine in zip(hashes, good, strict=True) if fine],
                {"answers": answers[good], "odds": odds[good]},
            )
            yield quiet


def _logits(
    study: Study, prefix: "CachedPrefix", batch: Array, units: UnitSet
) -> NDArray[np.float64]:
    """(N, C) main output with a set of units removed; the edits asked for come first."""
    context = study.context
    asked = context.inputs.edits
    edits = (*asked.active, study.edit(units)) if units else asked.active
    stack = msgspec.structs.replace(asked.in_force(), edits=edits, image_edits=())
    outputs = prefix.forward(edits=stack, sources=context.sources).outputs
    name = main_output(context)
    rows = np.asarray(outputs[name] if name in outputs else next(iter(outputs.values())))
    values = np.asarray(rows, np.float64)
    return values if values.ndim < 3 else values.reshape(*values.shape[:2], -1).mean(axis=2)


def log_odds(logits: NDArray[np.float64], index: int, kind: str) -> NDArray[np.float64]:
    """(N,) logarithm of p / (1 − p) of one class, from outputs (N, C).

    Unlike the probability it still moves where the network is sure.
    """
    own = logits[:, index]
    if kind == "sigmoid" or logits.shape[1] < 2:
        return own
    others = np.delete(logits, index, axis=1)
    top = others.max(axis=1)
    found: NDArray[np.float64] = own - top - np.log(np.exp(others - top[:, None]).sum(axis=1))
    return found
