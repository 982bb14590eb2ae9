"""Recording activations as an analysis of its own: what it gives are figures of every unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interp_gui.analyses.asked import asked_layer, edit_notes, unit
from interp_gui.analyses.harvest.passing import harvest
from interp_gui.analyses.harvest.record import Harvest, LayerRecord
from interp_gui.analyses.harvest.spec import MOST_KEPT, MOST_POSITIONS, HarvestSpec
from interp_gui.core.analysis import Analysis, Context, Need, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Number, Table

SHOWN_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)

COLUMNS = (
    "unit", "mean", "deviation", "lowest", "peak",
    *(f"peaks_{share:.0%}".replace("%", "_percent") for share in SHOWN_SHARES),
    "active_images", "dead", "not_a_number_images", "strongest_image",
)  # fmt: skip
"""`mean`, `deviation`, `lowest`, `peak`: over all positions of all images. `peaks_…`: quantiles
of the images' peaks. `active_images`: in which the unit exceeds zero anywhere."""

LABEL_COLUMNS = ("label", "images", "above_the_others")
_MOST_LABELS, _NAMED_UNITS = 1000, 8


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `harvest`."""

    layers: str = parameter(
        "", help="Further layers recorded in the same pass, separated by commas."
    )
    all_layers: bool = parameter(
        False, help="Record all layers worth looking at, in the same pass."
    )
    positions: int = parameter(
        1, help="Random positions of each image whose vectors are kept, for atlases.",
        minimum=1, maximum=MOST_POSITIONS, title="positions an image",
    )  # fmt: skip
    skip_edges: bool = parameter(
        True, help="Leave positions at the border out, where padding shows.", advanced=True
    )
    k: int = parameter(
        64, help="Strongest images found of each unit.", minimum=1, maximum=MOST_KEPT,
        title="images a unit", advanced=True,
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step; 0: what suits the device.", minimum=0, maximum=1024, advanced=True
    )


def asked_layers(context: Context, parameters: Parameters) -> list[LayerInfo]:
    """The layers to be recorded, in order of execution."""
    model = context.model.description
    names = [name.strip() for name in parameters.layers.split(",") if name.strip()]
    found = {model.layer(name).name: model.layer(name) for name in names}
    if parameters.all_layers:
        found |= {x.name: x for x in model.layers if x.worthwhile and x.units}
    if context.inputs.layer or context.inputs.features or not found:
        layer = asked_layer(context)
        found[layer.name] = layer
    return sorted(found.values(), key=lambda layer: layer.depth)


def spec_of(context: Context, parameters: Parameters) -> HarvestSpec:
    """What is recorded of each image."""
    return HarvestSpec(
        positions=parameters.positions, skip_edges=parameters.skip_edges, k=parameters.k,
        seed=context.inputs.seed,
    )  # fmt: skip


def run(context: Context, parameters: Parameters) -> Steps:
    """A `Table` a layer, keyed by its name; one of the labels too where images have labels."""
    layers = asked_layers(context, parameters)
    spec = spec_of(context, parameters)
    found = yield from harvest(context, layers, spec, batch=parameters.batch)
    for done, layer in enumerate(layers):
        context.check()
        yield Progress(done=done, total=len(layers), text="Summarising units")
        yield _table(context, found, found.layers[layer.name])
        labels = {image.label for image in found.images} - {""}
        if 1 < len(labels) <= _MOST_LABELS:
            yield _label_table(context, found, found.layers[layer.name])
    yield Progress(done=len(layers), total=len(layers), text="Summarising units")


def _table(context: Context, found: Harvest, record: LayerRecord) -> Table:
    layer = record.layer
    numbers: dict[str, Number] = {
        "units": layer.units, "images": record.count, "broken_images": len(found.broken),
        "rows": record.grid[0], "columns": record.grid[1], "vectors": len(record.vector_image),
        "outlying_tokens": record.outliers, "dead_units": int(record.dead.sum()),
        "not_a_number_units": int((record.not_a_number > 0).sum()),
        "store_bytes": found.disk_bytes.get(layer.name, 0), "recorded_now": found.recorded,
    }  # fmt: skip
    names = [image.path.replace("\\", "/").split("/")[-1] for image in found.images]
    return Table(
        key=layer.name,
        title=f"Activations of {layer.name}",
        columns=COLUMNS,
        cells=tuple(_rows(record, names)),
        features=tuple(unit(context, layer.name, u) for u in range(layer.units)),
        numbers=numbers,
        notes=(*edit_notes(context), *_notes(record), *found.notes),
        provenance=found.provenance(layer.name),
    )


def _rows(record: LayerRecord, names: Sequence[str]) -> list[tuple[Number, ...]]:
    deviation = np.sqrt(record.unit_variance)
    quantiles = record.peak_quantiles(SHOWN_SHARES)
    best = record.top.items[:, 0]
    return [
        (
            u, _number(record.unit_mean[u]), _number(deviation[u]), _number(record.minimum[u]),
            _number(record.maximum[u]), *(_number(value) for value in quantiles[:, u]),
            int(record.active[u]), bool(record.dead[u]), int(record.not_a_number[u]),
            None if record.dead[u] or best[u] < 0 else names[best[u]],
        )
        for u in range(record.layer.units)
    ]  # fmt: skip


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _notes(record: LayerRecord) -> tuple[str, ...]:
    notes: list[str] = []
    if record.dead.all():
        notes.append("Every unit is the same number in all images at hand.")
    if record.grid == (1, 1):
        notes.append("The layer has no positions: each image gives one vector.")
    if record.outliers:
        notes.append(
            f"{record.outliers} patch tokens of outlying norm give no vectors: large transformers "
            "keep other things than their place in these."
        )
    if record.count < 100:
        notes.append(f"Figures of only {record.count} image{'' if record.count == 1 else 's'}.")
    return tuple(notes)


def _label_table(context: Context, found: Harvest, record: LayerRecord) -> Table:
    """Per label the units whose peaks are most above those of other labels, in deviations."""
    by_label = found.label_peaks(record.layer.name)
    spread = by_label.means.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (by_label.means - by_label.means.mean(axis=0)) / spread
    above = np.where(np.isfinite(above), above, -np.inf)
    order = np.argsort(-above, axis=1, kind="stable")[:, :_NAMED_UNITS]
    cells = tuple(
        (name, int(count), ", ".join(str(u) for u in units))
        for name, count, units in zip(by_label.names, by_label.counts, order, strict=True)
    )
    means = {
        f"mean_{row:04d}": values.astype(np.float32) for row, values in enumerate(by_label.means)
    }
    return Table(
        key=f"{record.layer.name} by label",
        title=f"Labels in {record.layer.name}",
        columns=LABEL_COLUMNS,
        cells=cells,
        values=means,
        numbers={"labels": len(cells), "images": int(by_label.counts.sum())},
        notes=(*edit_notes(context), "Units by how far their mean peak is above other labels'."),
        provenance=found.provenance(record.layer.name),
    )


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The pass over the images that are not recorded yet."""
    from interp_gui.analyses.harvest.costs import harvest_cost

    layers = asked_layers(context, parameters)
    return harvest_cost(context, layers, spec_of(context, parameters), batch=parameters.batch)


def _spares(parameters: Parameters) -> tuple[Need, ...]:
    return ("layer",) if parameters.all_layers or parameters.layers.strip() else ()


ANALYSIS = Analysis(
    id="harvest",
    title="Record activations",
    summary="What every unit does in every image at hand, kept for atlases and examples.",
    parameters=Parameters,
    needs=("dataset", "layer"),
    spares=_spares,
    produces=("table",),
    run=run,
    estimate=estimate,
)
