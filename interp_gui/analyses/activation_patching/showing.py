"""What patching found, as a matrix and a table of the strongest cells."""

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from interp_gui.analyses.activation_patching.cells import Cells
from interp_gui.analyses.activation_patching.measuring import Cell, Effects, Way
from interp_gui.core.analysis import Context
from interp_gui.core.feature import Feature
from interp_gui.core.result import Matrix, Number, Table

COLUMNS = (
    "layer", "place", "estimate", "effect", "random source, mean", "random source, largest",
    "percentile of random cells", "chosen by",
)  # fmt: skip
"""`effect`: (patched − base) / (source − base) of the Target, by patching; `estimate`: the same to
first order, by gradient. `random source`: magnitude of the effect of equal changes whose units are
exchanged at random. `percentile of random cells`: share of random cells that do less. `chosen by`:
`estimate`, or `chance` for one of the random cells, which shows what estimates miss."""


def results(
    context: Context,
    way: Way,
    cells: Cells,
    effects: Effects,
    *,
    notes: tuple[str, ...],
    final: bool,
    back: bool,
    screened: bool,
) -> Iterator[Matrix | Table]:
    """The matrix, and where cells were confirmed the table of the strongest."""
    suffix = "-back" if back else ""
    source, base = PurePath(way.source.path).name, PurePath(way.base.path).name
    what = way.target.title(context.model.description)
    about = f"{source} → {base}"
    confirmed = np.isfinite(effects.exact)
    numbers: dict[str, Number] = {
        "target_base": way.base_value, "target_source": way.source_value, "target_of": what,
        "cells": len(cells.all), "confirmed": int(confirmed.sum()),
    }  # fmt: skip
    numbers |= _agreement(effects)
    model = context.model.description.weights_sha256
    all_exact = not screened or int(confirmed.sum()) == len(cells.all)
    told = (*notes, *_notes(cells, numbers, all_exact=all_exact))
    yield Matrix(
        key=f"{cells.key}{suffix}",
        title=f"{about}: what each {'head' if cells.heads else 'position'} carries over of the "
        f"{what}",
        values=effects.exact.copy() if not screened else effects.estimate.copy(),
        exact=None if not screened else effects.exact.copy(),
        row_labels=tuple(layer.name for layer in cells.layers),
        column_labels=cells.labels,
        row_title="layer",
        column_title=cells.column_title,
        unit="share of the way from base to source",
        row_features=tuple(Feature(layer=layer.name, model=model) for layer in cells.layers),
        column_places=cells.places,
        column_heads=cells.heads,
        edit_kind="patch",
        edit_source=way.source.sha256,
        numbers=numbers,
        notes=told,
        final=final,
    )
    if confirmed.any():
        yield _table(cells, effects, f"{cells.key}-strongest{suffix}", about, final=final)


def _agreement(effects: Effects) -> dict[str, Number]:
    """How well estimates tell what patching does, where both are known."""
    both = np.isfinite(effects.exact) & np.isfinite(effects.estimate)
    found: dict[str, Number] = {}
    if both.sum() >= 3:
        one, other = effects.estimate[both], effects.exact[both]
        if one.std() > 0 and other.std() > 0:
            found["estimates_correlate"] = float(np.corrcoef(one, other)[0, 1])
    random = [abs(float(effects.exact[c])) for c in effects.random if np.isfinite(effects.exact[c])]
    if random:
        found |= {
            "random_cells": len(random), "random_cells_mean": float(np.mean(random)),
            "random_cells_largest": max(random),
        }  # fmt: skip
    return found


def _notes(cells: Cells, numbers: dict[str, Number], *, all_exact: bool) -> Iterator[str]:
    yield "0: the Target stays that of the base; 1: it becomes that of the source."
    if cells.note:
        yield cells.note
    if not all_exact:
        yield (
            "Cells with a dot were patched; the others are estimates by gradient, which miss "
            "saturation and effects that cancel."
        )


def _table(cells: Cells, effects: Effects, key: str, about: str, *, final: bool) -> Table:
    known = [(int(row), int(column)) for row, column in np.argwhere(np.isfinite(effects.exact))]
    drawn = set(effects.random)
    random = [abs(float(effects.exact[cell])) for cell in (effects.random or known)]
    listed = sorted(known, key=lambda cell: -abs(float(effects.exact[cell])))
    if not effects.random:
        listed = [cell for cell in listed if cell in effects.exchanged] or listed
    return Table(
        key=key,
        title=f"{about}: the strongest cells",
        columns=COLUMNS,
        cells=tuple(
            (*_row(cells, effects, cell, random), "chance" if cell in drawn else "estimate")
            for cell in listed
        ),
        final=final,
    )


def _row(cells: Cells, effects: Effects, cell: Cell, random: list[float]) -> tuple[Number, ...]:
    exact = float(effects.exact[cell])
    estimate = float(effects.estimate[cell])
    exchanged = [abs(each) for each in effects.exchanged.get(cell, ())]
    label = cells.labels[cell[1]]
    return (
        cells.layers[cell[0]].name,
        f"head {label}" if cells.heads else label,
        estimate if np.isfinite(estimate) else None,
        exact,
        float(np.mean(exchanged)) if exchanged else None,
        max(exchanged) if exchanged else None,
        100.0 * float(np.mean([each < abs(exact) for each in random])) if random else None,
    )
