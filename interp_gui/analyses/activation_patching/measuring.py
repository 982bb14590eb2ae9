"""Estimates by gradient of what patching does, and exact effects by patching."""

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.activation_patching.cells import Cells
from interp_gui.analyses.asked import Seen, check_number, main_output
from interp_gui.analyses.variants import Variants, rows_at_once
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.interventions.changes import Change, change_of
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array
from interp_gui.core.target import Target

Cell = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One direction: values of `source` are put into `base`.

    Parameters
    ----------
    base_value, source_value
        The Target for each, unpatched.
    values
        By layer, the source's value.
    """

    base: Seen
    source: Seen
    target: Target
    base_value: float
    source_value: float
    values: dict[str, Array]

    @property
    def span(self) -> float:
        """What an effect of 1 is: the whole way from the base's Target to the source's."""
        return self.source_value - self.base_value


@dataclass(kw_only=True)
class Effects:
    """What is known of the cells, as shares of the way from base to source.

    Attributes
    ----------
    estimate, exact
        (rows, columns), NaN where not known.
    exchanged
        By cell, effects of sources of equal change whose units are exchanged at random.
    random
        Cells that were drawn at random to stand beside the strongest.
    """

    estimate: NDArray[np.float32]
    exact: NDArray[np.float32]
    exchanged: dict[Cell, list[float]] = field(default_factory=dict)
    random: list[Cell] = field(default_factory=list)

    @classmethod
    def unknown(cls, cells: Cells) -> "Effects":
        """Nothing is known yet."""
        shape = (len(cells.layers), len(cells.labels))
        return cls(
            estimate=np.full(shape, np.nan, np.float32), exact=np.full(shape, np.nan, np.float32)
        )


def values_of(
    context: Context, seen: Seen, layers: Sequence[LayerInfo], target: Target
) -> tuple[dict[str, Array], float]:
    """Values of the layers for one image, without the batch axis, and its Target."""
    names = [layer.name for layer in layers]
    ran = context.model.forward(
        seen.batch, capture=names, edits=context.inputs.edits, sources=context.sources
    )
    name = main_output(context)
    rows = ran.outputs[name] if name in ran.outputs else next(iter(ran.outputs.values()))
    value = target.evaluate(rows)
    check_number(value)
    return {layer: ran.captured[layer][0] for layer in names}, float(value[0])


def change_at(
    cells: Cells, cell: Cell, base: NDArray[np.float32], source: NDArray[np.float32]
) -> Change:
    """What patching a cell changes in the base's value of its layer."""
    edit = cells.edit(*cell, "source")
    return change_of(edit, base, cells.layers[cell[0]].axes, source=source)


def screen(context: Context, way: Way, cells: Cells, effects: Effects) -> None:
    """Estimate every cell from one pass forward and backward (attribution patching).

    To first order, patching changes the Target by (source − base) · gradient at the base; it is
    exact where all that follows is linear. Saturation and paths that cancel are missed by it.
    """
    gradients, bases = _gradients(context, way, cells.layers)
    for row, layer in enumerate(cells.layers):
        base, slope = bases[layer.name], gradients[layer.name].astype(np.float64)
        for cell in (cell for cell in cells.all if cell[0] == row):
            change = change_at(cells, cell, base, way.values[layer.name])
            along = np.moveaxis(slope, change.axis, -1)
            if change.picked:
                along = along[..., list(change.picked)]
            moved = float((change.weights * change.delta * along).sum())
            effects.estimate[cell] = moved / way.span


def confirm(
    context: Context,
    way: Way,
    cells: Cells,
    effects: Effects,
    chosen: Sequence[Cell],
    *,
    exchange: Sequence[Cell] = (),
    permutations: int = 0,
    batch: int = 0,
) -> Generator[Progress, None, None]:
    """Patch cells one by one; those in `exchange` also with sources of exchanged units."""
    random = np.random.default_rng(context.inputs.seed)
    done, total = 0, len(chosen) + permutations * len(exchange)
    for row, layer in enumerate(cells.layers):
        wanted = [cell for cell in chosen if cell[0] == row and np.isnan(effects.exact[cell])]
        also = [cell for cell in exchange if cell[0] == row]
        jobs = [(cell, False) for cell in wanted]
        jobs += [(cell, True) for cell in also for _ in range(permutations)]
        if not jobs:
            continue
        rows = min(rows_at_once(context, batch), len(jobs))
        variants = Variants(context, way.base.batch, layer, rows=rows, paced=not batch)
        base, source = variants.value[0], way.values[layer.name]
        yield Progress(done=done, total=total, text="Patching cells")
        variants.begin()
        yield Progress(done=done, total=total, text="Patching cells")
        variants.base()
        yield Progress(done=done, total=total, text="Patching cells")
        start = 0
        while start < len(jobs):
            part = jobs[start : start + variants.at_once]
            values = []
            for cell, exchanged in part:
                change = change_at(cells, cell, base, source)
                if exchanged:
                    change = _exchanged(change, layer, random)
                values.append(change.onto(base)[None])
            found = [each for _, some in _targets(variants, values, way) for each in some]
            for (cell, exchanged), effect in zip(part, found, strict=True):
                if exchanged:
                    effects.exchanged.setdefault(cell, []).append(effect)
                else:
                    effects.exact[cell] = effect
            start += len(part)
            done += len(part)
            yield Progress(done=done, total=total, text="Patching cells")


def _targets(
    variants: Variants, values: Sequence[NDArray[np.float32]], way: Way
) -> Iterator[tuple[int, list[float]]]:
    """Effects of values of a layer, as shares of the way, by passes."""
    for start, outputs in variants.answers(values):
        base = variants.base()[: len(outputs), 0]
        moved = way.target.evaluate(outputs[:, 0]) - way.target.evaluate(base)
        yield start, [float(each) / way.span for each in moved]


def _exchanged(change: Change, layer: LayerInfo, random: np.random.Generator) -> Change:
    """A change of the same size at each position, whose units are exchanged at random."""
    if not change.picked:
        return dataclasses.replace(
            change, delta=change.delta[..., random.permutation(change.units)]
        )
    rest = [axis for i, axis in enumerate(layer.axes) if i != change.axis]
    if "unit" not in rest:
        return change
    at = rest.index("unit")
    order = random.permutation(change.delta.shape[at])
    return dataclasses.replace(change, delta=np.take(change.delta, order, axis=at))


def _gradients(
    context: Context, way: Way, layers: Sequence[LayerInfo]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """By layer: the gradient of the base's Target, and the base's value."""
    runtime = context.differentiable
    import torch

    from interp_gui.runtimes.target import evaluate_target

    names = [layer.name for layer in layers]
    with torch.enable_grad():
        # The weights are frozen: only an input that wants a gradient makes torch keep a graph.
        x = torch.tensor(np.asarray(way.base.batch), device=context.model.device)
        traced = runtime.trace(
            x.requires_grad_(True), capture=names, edits=context.inputs.edits,
            sources=context.sources,
        )  # fmt: skip
        output = traced.outputs.get(main_output(context))
        if output is None:
            output = next(iter(traced.outputs.values()))
        value = evaluate_target({way.target.output: output}, way.target)
        found: Sequence[torch.Tensor | None] = [None] * len(names)
        if value.requires_grad:  # not where edits put all that follows in place
            wanted = [traced.captured[name] for name in names]
            found = torch.autograd.grad(value.sum(), wanted, allow_unused=True)
    bases = {name: traced.captured[name].detach().cpu().numpy()[0] for name in names}
    slopes = {
        name: np.zeros_like(bases[name]) if slope is None else slope.detach().cpu().numpy()[0]
        for name, slope in zip(names, found, strict=True)
    }
    return slopes, bases
