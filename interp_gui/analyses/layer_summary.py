"""One row a unit of a layer: what sorts and filters a wall of units."""

from dataclasses import dataclass

import numpy as np

from interp_gui.analyses.asked import asked_layer, edit_notes, run_edited, see, unit
from interp_gui.analyses.real_examples.analysis import survey_layers
from interp_gui.analyses.real_examples.survey import Survey, survey
from interp_gui.analyses.unit_maps import Floats, require_units, unit_maps
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Number, Table

COLUMNS = ("unit", "here_max", "here_mean", "peak", "mean", "active_images", "dead", "best_image")
"""`here_…`: over the current image. `peak`, `mean`, `active_images` (in which the unit exceeds
zero anywhere), `dead`, `best_image` (its name): over the images at hand. None where not known."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `layer-summary`."""

    k: int = parameter(
        9, help="Images recorded a unit: as in real-examples, to share its pass.",
        minimum=1, maximum=100, advanced=True, title="images a unit",
    )  # fmt: skip
    all_layers: bool = parameter(
        True, help="Let the first pass record all layers worth looking at, not only this one.",
        advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step of the pass; 0: what suits the device.", minimum=0, maximum=1024,
        advanced=True,
    )  # fmt: skip


def _rows(layer: LayerInfo, here: Floats | None, found: Survey | None) -> list[tuple[Number, ...]]:
    rows: list[tuple[Number, ...]] = []
    for u in range(layer.units):
        row: list[Number] = [u, None, None, None, None, None, None, None]
        if here is not None:
            row[1:3] = [float(here[u].max()), float(here[u].mean(dtype=np.float64))]
        if found is not None:
            statistics = found.layers[layer.name]
            best = int(statistics.top.items[u, 0])
            dead = bool(statistics.dead[u])
            row[3:] = [
                float(statistics.maximum[u]),
                float(statistics.mean[u]),
                int(statistics.active[u]),
                dead,
                None if dead or best < 0 else found.paths[best].replace("\\", "/").split("/")[-1],
            ]
        rows.append(tuple(row))
    return rows


def _table(
    context: Context, layer: LayerInfo, here: Floats | None, found: Survey | None, *, final: bool
) -> Table:
    numbers: dict[str, Number] = {"units": layer.units}
    notes = edit_notes(context)
    if found is not None:
        statistics = found.layers[layer.name]
        numbers |= {
            "dead_units": int(statistics.dead.sum()),
            "images": statistics.seen,
            "broken_images": len(found.broken),
        }
        notes = (*notes, *found.notes)
    return Table(
        key=layer.name,
        title=f"Units of {layer.name}",
        columns=COLUMNS,
        cells=tuple(_rows(layer, here, found)),
        features=tuple(unit(context, layer.name, u) for u in range(layer.units)),
        numbers=numbers,
        notes=notes,
        provenance=found.provenance(layer.name) if found is not None else {},
        final=final,
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` keyed by the layer: first for the current image, then with the images at hand.

    Either may be missing. The pass over the images is that of `real-examples` and shares its
    cache.
    """
    layer = asked_layer(context)
    require_units(layer)
    has_images = context.inputs.dataset is not None and bool(context.inputs.dataset.images)
    if not context.inputs.images and not has_images:
        raise InvalidValue(
            "An image or a folder of images is needed.", hint="Open some images first."
        )
    here: Floats | None = None
    if context.inputs.images:
        yield Progress(done=0, total=1, text="Running the model")
        seen = see(context, context.inputs.images[0])
        captured = run_edited(context, seen.batch, capture=[layer.name], until=layer.name).captured
        here = unit_maps(captured[layer.name], layer, seen.size)[0]
        yield _table(context, layer, here, None, final=not has_images)
    if has_images:
        recorded = survey_layers(context, [layer], everything=parameters.all_layers)
        found = yield from survey(context, recorded, k=parameters.k, batch=parameters.batch)
        yield _table(context, layer, here, found, final=True)
    yield Progress(done=1, total=1, text="Summarising")


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The pass over the images, as far as it is not known, and one run of the current image."""
    from interp_gui.analyses.costs import forward_s
    from interp_gui.analyses.real_examples.costs import survey_cost

    layer = asked_layer(context)
    recorded = survey_layers(context, [layer], everything=parameters.all_layers)
    total = survey_cost(context, recorded, k=parameters.k, batch=parameters.batch).cost
    for path in context.inputs.images[:1]:
        total += Cost(seconds=forward_s(context, layer=layer.name, path=path))
    return total


ANALYSIS = Analysis(
    id="layer-summary",
    title="Layer summary",
    summary="For each unit of a layer: response to this image, peak over all images, dead or not.",
    parameters=Parameters,
    needs=("layer",),
    uses=("image", "dataset"),
    produces=("table",),
    run=run,
    estimate=estimate,
)
