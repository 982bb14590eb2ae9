"""Answers for many values of one layer, several in one pass; what lies before it runs once.

An edit is the same for all images of a batch. Here each row of a batch gets a value of its own, as
a whole-layer patch that holds one value a row: a sweep then costs the layers behind, and several
edits together cost less than one by one.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import check_number, main_output
from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import EditProblem, InterpError, OutOfMemory
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array

ROWS_CPU, ROWS_OTHER = 8, 64
"""Rows a pass: more save little and make passes long."""
QUICK_S = 0.08
"""Passes of a paced sweep take no longer where one row allows it: a request by hand that comes
meanwhile waits for one of them."""
_ALIKE = 1e-3  # of the answer's scale: rows in a batch are rounded otherwise than alone
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
    paced
        Whether there are fewer rows where a pass would take long (`QUICK_S`).

    Attributes
    ----------
    value
        (c, …) the layer's value for the images.
    answer
        (c, K) the main output for them, with positions where it is a map.
    """

    def __init__(
        self, context: Context, batch: Array, layer: LayerInfo, *, rows: int = ROWS_CPU,
        paced: bool = False,
    ) -> None:  # fmt: skip
        require_writable(layer)
        self._context, self._batch, self._layer = context, np.asarray(batch), layer
        self._copies = max(1, rows // len(self._batch))
        self._paced = paced
        self._alone: Any = None
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
        """How many values one pass takes; known once `base` was asked for."""
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
            self.base()
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
                self.begin()
                self._base = self._first()
            except OutOfMemory as problem:
                self._fewer(problem)
        return self._base

    def begin(self) -> None:
        """Keep what lies before the layer, by a pass with one value: a short step before `base`."""
        if self._alone is not None:
            return
        from interp_gui.runtimes.prefix import CachedPrefix

        alone = CachedPrefix(self._context.model, self._batch)
        self._answered(alone, [self.value])
        if self._paced and self._copies > 1:
            started_s = time.perf_counter()
            self._answered(alone, [self.value])
            took_s = time.perf_counter() - started_s
            while self._copies > 1 and self._copies * took_s > QUICK_S:
                self._copies //= 2
        self._alone = alone

    def _first(self) -> NDArray[Any]:
        """The images' own value at each place: from what is kept of one, else through all."""
        own = [self.value] * self._copies
        if self._copies == 1:
            self._prefix = self._alone
            return self._answered(self._prefix, own)
        self._prefix = self._alone.repeated(self._copies)
        if self._prefix is not None:
            found = self._tried(own)
            if found is not None:
                return found
        from interp_gui.runtimes.prefix import CachedPrefix

        batch = np.tile(self._batch, (self._copies, 1, 1, 1))
        self._prefix = CachedPrefix(self._context.model, batch)
        return self._answered(self._prefix, own)

    def _tried(self, own: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
        """The same, if rows are apart from each other in this network; else None."""
        try:
            found = self._answered(self._prefix, own)
        except OutOfMemory:
            raise
        except (InterpError, RuntimeError, ValueError):  # what is kept does not fit more rows
            return None
        scale = max(1.0, float(np.abs(self.answer).max()))
        if found.shape[1:] != self.answer.shape:
            return None
        return found if np.abs(found - self.answer).max() <= _ALIKE * scale else None

    def _run(self, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        # What is missing in the last pass is filled up: the batch stays the same, and what lies
        # before the layer is kept.
        return self._answered(self._prefix, [*values, *[self.value] * (self._copies - len(values))])

    def _answered(self, prefix: Any, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """(n, c, K) the main output for n values, by a prefix for as many."""
        stacked = np.concatenate([np.asarray(each, np.float32) for each in values])
        patch = Edit(feature=Feature(layer=self._layer.name), kind="patch", source=_SOURCE)
        asked = self._context.inputs.edits.in_force()
        # behind the edits asked for: at this layer they are part of the value already
        stack = EditStack(edits=(*asked.edits, patch))
        source = stacked if len(stacked) > 1 else stacked[0]
        sources = {**self._context.sources, (self._layer.name, _SOURCE): source}
        outputs = self._output(prefix.forward(edits=stack, sources=sources).outputs)
        return outputs.reshape(len(values), len(self._batch), *outputs.shape[1:])

    def _output(self, outputs: dict[str, Array]) -> NDArray[Any]:
        name = main_output(self._context)
        return outputs[name] if name in outputs else next(iter(outputs.values()))

    def _fewer(self, problem: OutOfMemory) -> None:
        from interp_gui.runtimes.memory import free_memory

        self._alone = self._prefix = self._base = None
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
