"""Passes over the images at hand: what the layer reads, and what networks answer."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from interp_gui.analyses.asked import main_output
from interp_gui.analyses.dataset_pass import Known, decoded, identified, sampled, stacks
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import preprocess
from interp_gui.runtimes.baking.rank_one import KeyedLayer, answers_of
from interp_gui.runtimes.torch_runtime import TorchRuntime

_BATCH = 4
_KEPT_KEYS = 4096


@dataclass
class Measured:
    """What one pass found.

    Parameters
    ----------
    moment
        Second moment of the inputs (n, n), the mean over places and images.
    keys
        Some inputs (k, n), drawn evenly, as random keys.
    owners
        (k,) place in `images` of the image that each key is of.
    mean, deviation
        Of the coordinate of a direction in the outputs; zeros where none was asked for.
    truths
        Class of each image, −1 where it is not known.
    answers
        By network: what it answers to each image.
    """

    images: list[Known]
    moment: NDArray[np.float64]
    keys: NDArray[np.float64]
    owners: NDArray[np.int64]
    deviation: float
    before: NDArray[np.float64]
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def truths(self) -> NDArray[np.int64]:
        """Class of each image, −1 where it is not known."""
        return np.array([image.truth for image in self.images], np.int64)


def vectors_of(value: NDArray[Any], info: LayerInfo) -> NDArray[np.float64]:
    """A batched value as rows: one vector of units a place and image."""
    rows = np.moveaxis(value.astype(np.float64), info.unit_axis, -1)
    return rows.reshape(-1, rows.shape[-1])


def measure(
    context: Context, runtime: TorchRuntime, keyed: KeyedLayer, count: int,
    direction: NDArray[np.float64] | None,
) -> Generator[Progress, None, Measured]:  # fmt: skip
    """Second moment of a layer's inputs, some of them, and the network's answers."""
    broken: dict[int, str] = {}
    known = yield from identified(context, broken)
    chosen = sampled(known, count, seed=context.inputs.seed, stratified=True)
    info = runtime.layer(keyed.reads)
    size = keyed.matrix.shape[1]
    moment, seen = np.zeros((size, size)), 0
    sums = np.zeros(2)
    random = np.random.default_rng(context.inputs.seed)
    keys: list[NDArray[np.float64]] = []
    owners: list[NDArray[np.int64]] = []
    before: list[NDArray[np.float64]] = []
    images: list[Known] = []
    each_image = max(1, _KEPT_KEYS // max(len(chosen), 1))
    output = main_output(context)
    for start in range(0, len(chosen), _BATCH):
        context.check()
        part = decoded(context, chosen[start : start + _BATCH], broken)
        inputs = [preprocess(pixels, runtime.preprocessing) for _, pixels in part]
        first = len(images)
        for batch in stacks(inputs):
            ran = runtime.forward(batch, capture=[keyed.reads])
            rows = vectors_of(ran.captured[keyed.reads], info)
            moment += rows.T @ rows
            seen += len(rows)
            picked = random.permutation(len(rows))[: each_image * len(batch)]
            keys.append(rows[picked])
            owners.append(first + picked // (len(rows) // len(batch)))
            first += len(batch)
            before.append(ran.outputs[output].astype(np.float64))
            if direction is not None:
                along = rows @ (keyed.matrix.T @ direction)
                sums += [float(along.sum()), float((along**2).sum())]
        images += [image for image, _ in part]
        yield Progress(done=start + len(part), total=len(chosen), text="Measuring the layer")
    if not images:
        raise InvalidValue("None of the images at hand can be read.")
    spread = max(sums[1] / seen - (sums[0] / seen) ** 2, 0.0)
    return Measured(
        images, moment / seen, np.concatenate(keys), np.concatenate(owners),
        float(np.sqrt(spread)), np.concatenate(before), broken,
    )  # fmt: skip


def answers(
    context: Context, runtime: TorchRuntime, networks: Sequence[nn.Module], images: Sequence[Known]
) -> Generator[Progress, None, list[NDArray[np.float64]]]:  # fmt: skip
    """What several networks answer to the same images, each (N, outputs).

    Raises
    ------
    ImageProblem
        An image cannot be read any more: its answer of before would stand beside another's.
    """
    found: list[list[NDArray[np.float64]]] = [[] for _ in networks]
    output = main_output(context)
    for start in range(0, len(images), _BATCH):
        gone: dict[int, str] = {}
        part = decoded(context, images[start : start + _BATCH], gone)
        if gone:
            raise ImageProblem(next(iter(gone.values())), hint="Run it again.")
        inputs = [preprocess(pixels, runtime.preprocessing) for _, pixels in part]
        for batch in stacks(inputs):
            for own, network in zip(found, networks, strict=True):
                context.check()
                named: Mapping[str, Any] = answers_of(runtime, network, batch)
                own.append(named[output].astype(np.float64))
                yield Progress(done=start, total=len(images), text="Comparing answers")
    return [np.concatenate(own) for own in found]
