"""The analysis `activation-patching`: where in the network the difference of two images lies."""

import time
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from interp_gui.analyses.activation_patching.cells import Cells, cells_of
from interp_gui.analyses.activation_patching.measuring import (
    Cell,
    Effects,
    Way,
    confirm,
    screen,
    values_of,
)
from interp_gui.analyses.activation_patching.metric import check_span, metric_of
from interp_gui.analyses.activation_patching.settings import Parameters
from interp_gui.analyses.activation_patching.showing import results
from interp_gui.analyses.asked import Seen, edit_notes, see
from interp_gui.core.analysis import Analysis, Context, Progress, Steps
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, OutOfMemory
from interp_gui.core.result import Matrix, Table
from interp_gui.core.runtime import differentiable
from interp_gui.core.target import Target

FEW_CELLS = 64
"""So many are all confirmed."""
SHOW_EVERY_S = 1.0
VERSION = 1


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Matrix` (keys `positions`, `heads`) and a `Table` of the strongest cells beside it.

    Of the two images asked about the first is the base and the second the source. Keys of the
    other direction, in which values of the base are put into the source, end in `-back`.
    """
    base, source = _pair(context)
    yield Progress(text="Looking at both images")
    parts = cells_of(context, parameters)
    target, sentence = metric_of(context, base, source)
    notes = (*edit_notes(context), *([sentence] if sentence else []))
    for back in _directions(parameters):
        into, out_of = (source, base) if back else (base, source)
        for cells in parts:
            context.check()
            way = _way(context, into, out_of, cells, target)
            yield from _patched(context, parameters, way, cells, notes, back=back)


def _patched(
    context: Context,
    parameters: Parameters,
    way: Way,
    cells: Cells,
    notes: tuple[str, ...],
    *,
    back: bool,
) -> Steps:
    effects = Effects.unknown(cells)
    screened = differentiable(context.model) is not None

    def told(*, final: bool, note: str = "") -> Iterator[Matrix | Table]:
        said = (*notes, *([note] if note else []))
        return results(
            context, way, cells, effects, notes=said, final=final, back=back, screened=screened
        )

    if screened:
        yield Progress(text="Estimating every cell by its gradient")
        screen(context, way, cells, effects)
        yield from told(final=False)
    chosen = _chosen(context, parameters, cells, effects, screened=screened)
    shown_s = time.monotonic()
    note = ""
    try:
        for step in confirm(context, way, cells, effects, chosen, batch=parameters.batch):
            yield step
            if time.monotonic() - shown_s > SHOW_EVERY_S:
                shown_s = time.monotonic()
                yield from told(final=False)
        strongest = strongest_cells(effects, parameters.confirm)
        yield from confirm(
            context, way, cells, effects, (), exchange=strongest, batch=parameters.batch,
            permutations=parameters.permutations,
        )  # fmt: skip
    except OutOfMemory as problem:
        if not (screened or np.isfinite(effects.exact).any()):
            raise
        note = f"{problem.message} It ended early: what was patched by then is shown."
    yield from told(final=True, note=note)


def strongest_cells(effects: Effects, count: int) -> list[Cell]:
    """Cells by magnitude of their exact effect, but for those drawn at random."""
    drawn = set(effects.random)
    known = [
        (abs(float(effects.exact[cell])), -cell[0], -cell[1])
        for cell in map(tuple, np.argwhere(np.isfinite(effects.exact)))
        if cell not in drawn
    ]
    return [(-row, -column) for _, row, column in sorted(known, reverse=True)[:count]]


def _chosen(
    context: Context, parameters: Parameters, cells: Cells, effects: Effects, *, screened: bool
) -> list[Cell]:
    """Which cells are patched: the strongest and some at random, or all of them."""
    every = cells.all
    if not screened or len(every) <= max(FEW_CELLS, parameters.confirm + parameters.controls):
        return every
    sizes = [abs(float(effects.estimate[cell])) for cell in every]
    order = np.argsort([-size for size in sizes], kind="stable")
    strongest = [every[i] for i in order[: parameters.confirm]]
    rest = [every[i] for i in order[parameters.confirm :]]
    random = np.random.default_rng(context.inputs.seed)
    drawn = random.permutation(len(rest))[: parameters.controls]
    effects.random[:] = [rest[i] for i in sorted(drawn)]
    return [*strongest, *effects.random]


def _pair(context: Context) -> tuple[Seen, Seen]:
    paths = context.inputs.images
    if len(paths) < 2:
        raise InvalidValue(
            "Patching needs two images.",
            hint="Give the base first, then the source: --images BASE SOURCE.",
        )
    base, source = see(context, paths[0]), see(context, paths[1])
    if base.batch.shape != source.batch.shape:
        height, width = base.size
        raise InvalidValue(
            f"'{PurePath(paths[1]).name}' reaches the network with another size than "
            f"'{PurePath(paths[0]).name}' ({height} × {width}).",
            hint="Use images of one size, or a preprocessing that crops.",
        )
    return base, source


def _directions(parameters: Parameters) -> tuple[bool, ...]:
    return {"source to base": (False,), "base to source": (True,), "both": (False, True)}[
        parameters.direction
    ]


def _way(context: Context, base: Seen, source: Seen, cells: Cells, target: Target) -> Way:
    values, of_source = values_of(context, source, cells.layers, target)
    _, of_base = values_of(context, base, (), target)
    check_span(of_base, of_source)
    return Way(
        base=base, source=source, target=target, base_value=of_base, source_value=of_source,
        values=values,
    )  # fmt: skip


def estimate(context: Context, parameters: Parameters) -> Cost:
    """A pass with its gradient, and for every cell that is patched half of a pass."""
    from interp_gui.analyses.costs import forward_s

    whole_s = forward_s(context, path=context.inputs.images[0])
    seconds = 0.0
    for cells in cells_of(context, parameters):
        count = len(cells.all)
        few = max(FEW_CELLS, parameters.confirm + parameters.controls)
        if differentiable(context.model) is not None and count > few:
            count = parameters.confirm + parameters.controls
        count += parameters.permutations * min(parameters.confirm, count)
        # on average half of the layers lie behind the one that is patched
        seconds += (3 + 2 * len(cells.layers) + 0.5 * count) * whole_s
    return Cost(seconds=seconds * len(_directions(parameters)))


ANALYSIS = Analysis(
    id="activation-patching",
    title="Patch from another image",
    summary="Which layers and places carry the difference between two images: values of the "
    "source are put into the base, place by place and head by head.",
    parameters=Parameters,
    needs=("image", "source", "target"),
    produces=("matrix", "table"),
    run=run,
    estimate=estimate,
    version=VERSION,
)
