"""Answers for many values of one layer, several in one pass; what lies before it runs once.

An edit is the same for all images of a batch. Here each row of a batch gets a value of its own, as
a whole-layer patch that holds one value a row: a sweep then costs the layers behind, and several
edits together cost less than one by one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import check_number, main_output
from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import EditProblem, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array

ROWS_CPU, ROWS_OTHER = 8, 64
"""Rows a pass: more save little and make the first pass, through all layers, long."""
_SOURCE = "rows of a sweep"
"""Stands where the hash of a patch's image stands; no hash is like it."""


def rows_at_once(context: Context, asked: int = 0) -> int:
    """Rows a pass as asked, or what suits the device; one where rows cannot differ."""
    from interp_gui.runtimes.torch_runtime import TorchRuntime

    if not isinstance(context.model, TorchRuntime):
        return 1
    wanted = asked or (ROWS_CPU if context.model.device == "cpu" else ROWS_OTHER)
    return min(wanted, int(context.probes.get(_fits(context), wanted)))


def require_writable(layer: LayerInfo) -> None:
    """Raise EditProblem for a layer whose value can be read and not changed."""
    if not layer.writable:
        raise EditProblem(
            f"{layer.name} can be read but not changed in this model.",
            hint="Choose another layer.",
        )


class Variants:
    """The network behind one layer, for one image or a few of one size.

    Parameters
    ----------
    batch
        The images (c, C, H, W), preprocessed.
    layer
        Whose value is varied; the edits asked for are in force before and behind it.
    rows
        At most so many rows a pass (at least one for each image); fewer after memory was short.

    Attributes
    ----------
    value
        (c, …) the layer's value for the images.
    answer
        (c, K) the main output for them, with positions where it is a map.
    """

    def __init__(
        self, context: Context, batch: Array, layer: LayerInfo, *, rows: int = ROWS_CPU
    ) -> None:
        require_writable(layer)
        self._context, self._batch, self._layer = context, np.asarray(batch), layer
        self._copies = max(1, rows // len(self._batch))
        self._prefix: Any = None
        self._base: NDArray[Any] | None = None
        plain = context.model.forward(
            self._batch, capture=[layer.name], edits=context.inputs.edits, sources=context.sources
        )
        self.value: Array = plain.captured[layer.name]
        self.answer: NDArray[Any] = self._output(plain.outputs)
        check_number(self.answer)

    @property
    def at_once(self) -> int:
        """How many values one pass takes."""
        return self._copies

    def answers(self, values: Sequence[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
        """The main output for each of the values, by passes of `at_once`.

        Parameters
        ----------
        values
            (c, …) each: what the layer's value becomes for each image.

        Yields
        ------
        The index of the first value of a pass, and (n, c, K) outputs. Outputs for the images' own
        value are exactly those of `base`, at the same place of a pass.

        Raises
        ------
        OutOfMemory
            Memory does not take one value.
        """
        done = 0
        while done < len(values):
            part = values[done : done + self._copies]
            self._context.check()
            try:
                outputs = self._run(part)
            except OutOfMemory as problem:
                self._fewer(problem)
                continue
            yield done, outputs[: len(part)]
            done += len(part)

    def base(self) -> NDArray[Any]:
        """(n, c, K) the main output for the images' own value, at each place of a pass.

        One image in a batch of several is rounded otherwise than alone; effects are differences at
        the same place, so that changing nothing has an effect of exactly zero.
        """
        while self._base is None:
            try:
                self._base = self._run([self.value] * self._copies)
            except OutOfMemory as problem:
                self._fewer(problem)
        return self._base

    def _run(self, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        # What is missing in the last pass is filled up: the batch stays the same, and what lies
        # before the layer is kept.
        filled = [*values, *[self.value] * (self._copies - len(values))]
        stacked = np.concatenate([np.asarray(each, np.float32) for each in filled])
        patch = Edit(feature=Feature(layer=self._layer.name), kind="patch", source=_SOURCE)
        asked = self._context.inputs.edits.in_force()
        # behind the edits asked for: at this layer they are part of the value already
        stack = EditStack(edits=(*asked.edits, patch))
        source = stacked if len(stacked) > 1 else stacked[0]
        sources = {**self._context.sources, (self._layer.name, _SOURCE): source}
        if self._prefix is None:
            from interp_gui.runtimes.prefix import CachedPrefix

            batch = np.tile(self._batch, (self._copies, 1, 1, 1))
            self._prefix = CachedPrefix(self._context.model, batch)
        outputs = self._output(self._prefix.forward(edits=stack, sources=sources).outputs)
        return outputs.reshape(self._copies, len(self._batch), *outputs.shape[1:])

    def _output(self, outputs: dict[str, Array]) -> NDArray[Any]:
        name = main_output(self._context)
        return outputs[name] if name in outputs else next(iter(outputs.values()))

    def _fewer(self, problem: OutOfMemory) -> None:
        from interp_gui.runtimes.memory import free_memory

        self._prefix = self._base = None
        free_memory(self._context.model.device)
        if self._copies <= 1:
            raise problem
        self._copies //= 2
        rows = self._copies * len(self._batch)
        self._context.probes[_fits(self._context)] = rows


def _fits(context: Context) -> str:
    model = context.model.description
    return (
        f"rows a pass: {model.weights_sha256} {model.architecture} "
        f"{context.model.preprocessing.size} {context.model.device}"
    )
