"""How much a map hangs on its seed, and how true it is to what it was made from."""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_layer
from interp_gui.analyses.atlas.about import parse_about
from interp_gui.analyses.atlas.comparing import near_on_map, procrustes, shared
from interp_gui.analyses.atlas.costs import atlas_cost, layout_s, points_of
from interp_gui.analyses.atlas.layouts import Laid, Plan
from interp_gui.analyses.atlas.make import laid_for, quiet
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.core.analysis import Analysis, Context, Progress, Saved, Steps, parameter
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.cost import Cost
from interp_gui.core.result import Number, Table

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Parameters(AtlasSettings):
    """Settings of `atlas-stability`: those of the atlas, and what is compared."""

    seeds: int = parameter(
        5, help="Maps that are made, with as many seeds; the first is that of the run.",
        minimum=2, maximum=50,
    )  # fmt: skip
    nearest: int = parameter(
        15, help="Nearest points of each point on a map that are compared.", minimum=1,
        maximum=500, title="nearest points",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Compared:
    """Maps of the same M different vectors under several seeds, compared pair by pair.

    Parameters
    ----------
    pairs
        Of each pair: places of both in the list of maps, Procrustes residual, mean share of
        nearest points on one map that are so on the other.
    stable
        (M,) that share of each point, mean over all pairs.
    true
        (M,) share of its nearest points on a map that are so among the vectors, mean over maps.
    """

    pairs: tuple[tuple[int, int, float, float], ...]
    stable: Floats
    true: Floats


def compared(maps: list[Floats], among: NDArray[np.int64]) -> Compared:
    """Compare maps (M, 2) with each other, and with nearest vectors (M, k)."""
    k = among.shape[1]
    near = [near_on_map(xy, k) for xy in maps]
    stable = np.zeros(len(maps[0]))
    pairs = []
    for i, j in combinations(range(len(maps)), 2):
        kept = shared(near[i], near[j])
        stable += kept
        pairs.append((i, j, procrustes(maps[i], maps[j]), float(kept.mean())))
    true = np.mean([shared(each, among) for each in near], axis=0)
    return Compared(tuple(pairs), (stable / len(pairs)).astype(np.float32), true.astype(np.float32))


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Table` (key `stability`): a row for each pair of maps.

    Its `values` hold a number for each point of the atlas that `activation-atlas` makes with the
    same settings: `values`, the share of nearest points on the map that stay so over seeds, and
    `true`, the share that are nearest in the layer too.
    """
    atlas = yield from quiet(context, parameters)
    plan = Plan(atlas.vectors, metric=parameters.metric)
    k = min(parameters.nearest, plan.count - 1)
    first = context.inputs.seed
    seeds = [first + i for i in range(parameters.seeds)]
    maps = yield from _maps(context, parameters, atlas, plan, seeds)
    firsts = plan.distinct.first
    if k < 1:
        found = Compared((), np.ones(plan.count, np.float32), np.ones(plan.count, np.float32))
    else:
        near = yield from plan.near(k, context.check)
        yield Progress(done=len(seeds), total=len(seeds), text="Comparing maps")
        context.check()
        found = compared([laid.xy[firsts] for laid in maps], near.ends[:, :k].astype(np.int64))
    yield _table(parameters, atlas, plan, seeds, maps[0], found, k)


def _maps(
    context: Context, parameters: Parameters, atlas: Atlas, plan: Plan, seeds: list[int]
) -> Generator[Progress | Saved, None, list[Laid]]:
    about = parse_about(parameters.about, context.model.description)
    maps = []
    for done, seed in enumerate(seeds):
        steps = laid_for(context, parameters, plan, about, atlas.weight, seed=seed)
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                maps.append(stop.value)
                break
            part = step.done / step.total if step.total else 0.0
            yield Progress(
                done=round(100 * (done + part)), total=100 * len(seeds),
                text=f"Map {done + 1} of {len(seeds)}: {step.text[:1].lower()}{step.text[1:]}",
            )  # fmt: skip
    return maps


def _table(
    parameters: Parameters,
    atlas: Atlas,
    plan: Plan,
    seeds: list[int],
    laid: Laid,
    found: Compared,
    k: int,
) -> Table:
    back = plan.distinct.back
    numbers: dict[str, Number] = {
        "points": len(back), "different_points": plan.count, "seeds": len(seeds), "nearest": k,
    }  # fmt: skip
    notes: tuple[str, ...] = ()
    if found.pairs:
        numbers |= {
            "kept_share": float(np.mean([pair[3] for pair in found.pairs])),
            "true_share": float(found.true.mean()),
            "chance_share": k / (plan.count - 1),
            "procrustes_residual": float(np.mean([pair[2] for pair in found.pairs])),
        }
    else:
        notes = ("There is one place on the map: nothing can change.",)
    if laid.layout == "pca":
        notes = (*notes, "Principal components hang on no seed.")
    rows: list[tuple[Number, ...]] = [
        (seeds[i], seeds[j], residual, kept) for i, j, residual, kept in found.pairs
    ]
    values: dict[str, NDArray[Any]] = {"values": found.stable[back], "true": found.true[back]}
    return Table(
        key="stability", title=f"Stability of the atlas of {atlas.layer}",
        columns=("seed", "other seed", "difference of shape", "nearest points kept"),
        cells=tuple(rows), values=values, numbers=numbers, notes=notes,
        provenance={
            "atlas_sha256": atlas.provenance["atlas_sha256"], "batch": parameters.batch,
            **{name: value for name, value in atlas.provenance.items() if name != "atlas_sha256"},
        },
    )  # fmt: skip


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The atlas, and as many further layouts."""
    layer = asked_layer(context)
    cost = atlas_cost(context, layer, parameters, labels=False)
    points = points_of(context, layer, parameters)
    more = (parameters.seeds - 1) * layout_s(points, layer.units, parameters)
    return cost + Cost(seconds=more)


ANALYSIS = Analysis(
    id="atlas-stability",
    title="Stability of an atlas",
    summary="How much the map of a layer changes over seeds, and how far points that are near on "
    "it are near in the layer.",
    parameters=Parameters,
    needs=("dataset", "layer"),
    produces=("table",),
    run=run,
    estimate=estimate,
)
