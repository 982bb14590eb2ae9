"""Where in the image a feature responds: its activation as a heat map."""

from dataclasses import dataclass

import numpy as np

from interp_gui.analyses.asked import (
    Seen,
    asked_features,
    asked_layer,
    current_image,
    edit_notes,
    run_edited,
    unit,
)
from interp_gui.analyses.unit_maps import Floats, feature_maps, require_positions, unit_maps
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.overlays import upsample
from interp_gui.core.result import Heatmap


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `activation-maps`."""

    count: int = parameter(
        12, help="How many units are shown where none is named: the strongest here.",
        minimum=1, maximum=4096,
    )  # fmt: skip
    upsampled: bool = parameter(
        True, help="Interpolate the map to the image's pixels; off: one value a cell.",
        advanced=True,
    )  # fmt: skip


def strongest_units(maps: Floats, count: int) -> list[int]:
    """Units of maps (units, h, w) with the highest peak, highest first, ties by index."""
    peaks = maps.reshape(maps.shape[0], -1).max(axis=1)
    return [int(u) for u in np.argsort(-peaks, kind="stable")[:count]]


def heatmap(
    values: Floats, seen: Seen, feature: Feature, *, upsampled: bool, notes: tuple[str, ...]
) -> Heatmap:
    """A feature's map (h, w) over what the network saw."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    numbers: dict[str, float | int | str | bool | None] = {
        "maximum": float(values.max()),
        "mean": float(values.mean()),
        "minimum": float(values.min()),
        "row": int(row),
        "column": int(column),
    }
    shown = upsample(values, seen.size) if upsampled else values
    # Rounding alone may leave a trace below zero in a map that has no sign.
    signed = float(values.min()) < -1e-3 * float(np.abs(values).max())
    return Heatmap(
        key=feature.text,
        title=f"Activation of {feature.title}",
        values=shown,
        image=seen.pixels,
        symmetric=signed,
        unit="activation",
        numbers=numbers,
        feature=feature,
        notes=notes,
        provenance={"image_sha256": seen.sha256},
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Heatmap` a feature, keyed by its text, in the order asked."""
    seen = current_image(context)
    features = asked_features(context, heads=True)
    model = context.model.description
    if features:
        layers = [model.layer(name) for name in dict.fromkeys(f.layer for f in features)]
    else:
        layers = [asked_layer(context)]
    for layer in layers:
        require_positions(layer)
    of_heads = {f.layer for f in features if f.heads}
    if any(not f.heads for f in features if f.layer in of_heads):
        raise InvalidValue("Maps of heads and of units of one layer are drawn apart.")
    yield Progress(done=0, total=1, text="Running the model")
    captured = run_edited(context, seen.batch, capture=[layer.name for layer in layers]).captured
    maps = {
        layer.name: unit_maps(captured[layer.name], layer, seen.size, heads=layer.name in of_heads)[
            0
        ]
        for layer in layers
    }
    if not features:
        strongest = strongest_units(maps[layers[0].name], parameters.count)
        features = tuple(unit(context, layers[0].name, u) for u in strongest)
    notes = edit_notes(context)
    for i, feature in enumerate(features):
        context.check()
        name = model.layer(feature.layer).name
        values = feature_maps(maps[name][None], feature)[0]
        yield heatmap(values, seen, feature, upsampled=parameters.upsampled, notes=notes)
        yield Progress(done=i + 1, total=len(features), text="Drawing maps")


ANALYSIS = Analysis(
    id="activation-maps",
    title="Activation maps",
    summary="Where in the image each unit responds, as a heat map over what the network sees.",
    parameters=Parameters,
    needs=("image", "layer", "spatial"),
    produces=("heatmap",),
    run=run,
)
