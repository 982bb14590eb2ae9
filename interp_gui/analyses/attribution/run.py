"""Attributions of many positions of many images, batch by batch, kept as they come."""

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.attribution.answers import Answers, answers_of
from interp_gui.analyses.attribution.masks import masks
from interp_gui.analyses.dataset_pass import broken_notes
from interp_gui.analyses.passes import MEMORY_SHORT, batch_size, halved, identity
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.images import image_sha256
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import load_input
from interp_gui.runtimes.attributing import Attributing, Positions
from interp_gui.runtimes.torch_runtime import TorchRuntime

VERSION = 1
"""Raised whenever the same inputs would give other numbers; part of cache keys."""

CHUNK = 512
"""Positions kept as one value in the cache; a stopped run keeps what it has of the last one."""

TEXT = "Attributing answers to positions"
BEGUN = "attributions-begun"
"""Kind of what a stopped run has of a chunk, whose other rows hold no answer yet."""

Wanted = tuple[str, int]
"""Path of an image, and a position row by row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attributions:
    """What positions argue for.

    Parameters
    ----------
    values
        (n, T) float32; NaN in rows whose image cannot be read.
    strongest
        (n,) int32: index of the largest number of the image's whole output; −1 where it cannot
        be read.
    answers
        What the T numbers are.
    lost
        Sentences for images that cannot be read, or hold something else by now.
    """

    values: NDArray[np.float32]
    strongest: NDArray[np.int32]
    answers: Answers
    lost: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of images that were left out."""
        return broken_notes(dict(enumerate(self.lost)))


def attributions(
    context: Context,
    layer: LayerInfo,
    wanted: Sequence[Wanted],
    *,
    classes: Sequence[int] | None = None,
    batch: int = 0,
    smooth: bool = False,
) -> Generator[Progress | Saved, None, NDArray[np.float32]]:
    """Attribution of each wanted position to every answer, (n, T); see `attributed`."""
    answers = answers_of(context, classes)
    found = yield from attributed(
        context, layer, wanted, answers=answers, batch=batch, smooth=smooth
    )
    return found.values


def attributed(
    context: Context,
    layer: LayerInfo,
    wanted: Sequence[Wanted],
    *,
    answers: Answers,
    hashes: Sequence[str] = (),
    batch: int = 0,
    smooth: bool = False,
) -> Generator[Progress | Saved, None, Attributions]:
    """Attribution of each wanted position to every answer.

    It is the sum over units of h · ∂y/∂h, with h what the layer holds at that position of that
    image and y the number answered with: to first order, by how much that number would fall if
    the layer were zero there. Images are read once for all their positions, wherever in `wanted`
    they stand.

    Parameters
    ----------
    wanted
        Images and positions, in any order, also repeated.
    answers
        Which numbers are attributed to; see `answers_of`.
    hashes
        SHA-256 that each wanted image had when it was recorded: one that holds something else by
        now has no attribution. Empty: whatever the files hold.
    batch
        Positions a step; 0: what suits the device.
    smooth
        Relax maximum pooling: less noisy, but it hides what the network does.

    Raises
    ------
    MissingAbility
        The model has no gradients.
    """
    runtime = context.differentiable
    if not isinstance(runtime, TorchRuntime):
        raise MissingAbility("This model's runtime cannot attribute answers to positions.")
    lost: dict[str, str] = {}
    hashes = yield from _hashes(context, wanted, hashes, lost)
    values = np.full((len(wanted), answers.count), np.nan, np.float32)
    strongest = np.full(len(wanted), -1, np.int32)
    # by content, so that the order asked in and the names of files do not matter
    rows: dict[tuple[str, int], list[int]] = {}
    for row, ((_, place), sha256) in enumerate(zip(wanted, hashes, strict=True)):
        if sha256:
            rows.setdefault((sha256, int(place)), []).append(row)
    paths = {sha256: path for (path, _), sha256 in zip(wanted, hashes, strict=True)}
    order = sorted(rows)
    pass_ = _Pass(
        context=context, layer=layer, answers=answers, smooth=smooth, batch=batch, paths=paths,
        lost=lost, attributing=Attributing(
            runtime=runtime, read=answers.read, strongest=answers.strongest,
            edits=context.inputs.edits, sources=context.sources, smooth=smooth,
            check=context.check,
        ),
    )  # fmt: skip
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        found, best = yield from pass_.chunk(chunk, start, len(order))
        for key, own, index in zip(chunk, found, best, strict=True):
            values[rows[key]] = own
            strongest[rows[key]] = index
    return Attributions(
        values=values, strongest=strongest, answers=answers, lost=tuple(lost.values())
    )


def _hashes(
    context: Context, wanted: Sequence[Wanted], recorded: Sequence[str], lost: dict[str, str]
) -> Generator[Progress, None, list[str]]:
    """Content of each wanted image; empty where it cannot be read or is not the recorded one."""
    known: dict[str, str] = {}
    spoken_s = time.monotonic()
    for (path, _), sha256 in zip(wanted, recorded or ("",) * len(wanted), strict=True):
        if path in known:
            continue
        context.check()
        known[path] = ""
        try:
            found = image_sha256(path)
            if sha256 in ("", found):
                known[path] = found
            else:
                lost[path] = f"{_name(path)} has changed since it was recorded."
        except ImageProblem as problem:
            lost[path] = problem.message
        if time.monotonic() - spoken_s > 0.1:
            spoken_s = time.monotonic()
            yield Progress(text="Identifying images")
    return [known[path] for path, _ in wanted]


@dataclass(frozen=True, kw_only=True)
class _Pass:
    context: Context
    layer: LayerInfo
    answers: Answers
    smooth: bool
    batch: int
    paths: dict[str, str]
    lost: dict[str, str]
    attributing: Attributing

    def chunk(
        self, chunk: list[tuple[str, int]], done: int, total: int
    ) -> Generator[Progress, None, tuple[NDArray[np.float32], NDArray[np.int32]]]:
        """Attributions (m, T) and strongest answers (m,) of one chunk, from the cache if there."""
        context = self.context
        context.check()
        key = self._key(chunk)
        stored = context.recall(key)
        if stored is not None:
            yield Progress(done=done + len(chunk), total=total, text=TEXT)
            return np.asarray(stored["values"]), np.asarray(stored["strongest"])
        begun = context.recall({**key, "kind": BEGUN})
        if begun is not None:
            values, strongest = np.array(begun["values"]), np.array(begun["strongest"])
        else:
            values = np.full((len(chunk), self.answers.count), np.nan, np.float32)
            strongest = np.full(len(chunk), -1, np.int32)
        known = int((strongest >= 0).sum())
        try:
            yield Progress(done=done + known, total=total, text=TEXT)
            yield from self._steps(chunk, values, strongest, done=done, total=total)
        except BaseException:  # stopped: the next run goes on from here
            if context.cache is not None and int((strongest >= 0).sum()) > known:
                context.cache.put({**key, "kind": BEGUN}, _value(values, strongest))
            raise
        if context.cache is not None and (strongest >= 0).all():
            context.cache.put(key, _value(values, strongest))
        return values, strongest

    def _steps(
        self,
        chunk: list[tuple[str, int]],
        values: NDArray[np.float32],
        strongest: NDArray[np.int32],
        *,
        done: int,
        total: int,
    ) -> Generator[Progress, None, None]:
        """Fill in what is missing, in the same batches as a run that was never stopped."""
        context = self.context
        images = {
            sha256: [i for i, _ in group]
            for sha256, group in groupby(enumerate(chunk), lambda each: each[1][0])
        }
        size, position = batch_size(context, self.batch), 0
        steps = _steps(images, size)
        while position < len(steps):
            if all((strongest[members] >= 0).all() for members in steps[position].values()):
                position += 1
                continue
            context.check()
            try:
                self._step(chunk, steps[position], values, strongest)
            except MEMORY_SHORT as problem:
                size = halved(context, size, problem)
                left: dict[str, list[int]] = {sha256: [] for sha256 in images}
                for step in steps[position:]:
                    for sha256, members in step.items():
                        left[sha256] = [*left[sha256], *members]
                steps, position = _steps({s: m for s, m in left.items() if m}, size), 0
                continue
            position += 1
            reached = done + int((strongest >= 0).sum())
            yield Progress(done=reached, total=total, text=TEXT)

    def _step(
        self,
        chunk: list[tuple[str, int]],
        step: dict[str, list[int]],
        values: NDArray[np.float32],
        strongest: NDArray[np.int32],
    ) -> None:
        context = self.context
        inputs, members = [], []
        for sha256, own in step.items():
            path = self.paths[sha256]
            try:
                seen = load_input(path, context.model.preprocessing)
                same = image_sha256(path) == sha256  # looked at behind the reading
            except ImageProblem as problem:
                self.lost[path] = problem.message
                continue
            if not same:
                self.lost[path] = f"{_name(path)} has changed while the images were read."
                continue
            inputs.append(seen)
            members.append(own)
            if seen.shape[1:] != context.model.preprocessing.size:
                raise InvalidValue(
                    f"{_name(path)} does not have the size of the network's input.",
                    hint="Switch cropping on, or resize to an exact size.",
                )
        if not inputs:
            return
        repeats = len(members[0])
        places = [chunk[i][1] for own in members for i in own]
        positions = Positions(
            layer=self.layer.name, repeats=repeats,
            mask=masks(self.layer, places, context.model.preprocessing.size),
        )  # fmt: skip
        with self.attributing.runtime.cancel_with(context.check):
            found = self.attributing.attribute(np.stack(inputs), positions)
        rows = [i for own in members for i in own]
        values[rows] = found.values.cpu().numpy()
        strongest[rows] = found.strongest.cpu().numpy()

    def _key(self, chunk: list[tuple[str, int]]) -> dict[str, Any]:
        digest = hashlib.sha256("\n".join(f"{sha256} {place}" for sha256, place in chunk).encode())
        return {
            "kind": "attributions", "version": VERSION, "layer": self.layer.name,
            "positions": digest.hexdigest(), "smooth": self.smooth, **self.answers.key(),
            **identity(self.context),
        }  # fmt: skip


def _name(path: str) -> str:
    return f"'{Path(path).name}'"


def _value(values: NDArray[np.float32], strongest: NDArray[np.int32]) -> dict[str, Any]:
    return {"values": values, "strongest": strongest}


def _steps(images: dict[str, list[int]], size: int) -> list[dict[str, list[int]]]:
    """Batches of at most `size` positions, with equally many of each of their images."""
    parts: list[tuple[int, str, list[int]]] = []
    for sha256, members in images.items():
        for start in range(0, len(members), size):
            own = members[start : start + size]
            parts.append((len(own), sha256, own))
    parts.sort(key=lambda part: -part[0])
    steps: list[dict[str, list[int]]] = []
    for count, group in groupby(parts, lambda part: part[0]):
        few = list(group)
        images_a_step = max(1, size // count)
        for start in range(0, len(few), images_a_step):
            step: dict[str, list[int]] = {}
            for _, sha256, own in few[start : start + images_a_step]:
                if sha256 in step:  # two parts of one image: a step of its own
                    steps.append({sha256: own})
                else:
                    step[sha256] = own
            steps.append(step)
    return steps
