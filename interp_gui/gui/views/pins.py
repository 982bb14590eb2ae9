"""What a view can hold fast, and whether it fits another model. Free of Qt's widgets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.target import Target
from interp_gui.gui.state import AppState, OpenModelState

Pin = Literal["model", "image", "target", "layer", "feature"]
PINS: tuple[Pin, ...] = get_args(Pin)


def complete(pins: Iterable[Pin]) -> frozenset[Pin]:
    """The same with what belongs to them: a unit is one of its layer."""
    found = frozenset(pins)
    return found | {"layer"} if "feature" in found else found


def same_model(one: OpenModelState | None, other: OpenModelState | None) -> bool:
    """Whether both are the same open model, or none."""
    return (one.handle if one else None) == (other.handle if other else None)


def fits_layer(model: OpenModelState | None, layer: str) -> bool:
    """Whether a model has a layer of that address."""
    return model is not None and any(x.name == layer for x in model.description.layers)


def fits_target(model: OpenModelState | None, target: Target) -> bool:
    """Whether a model has that output and class."""
    if model is None:
        return False
    outputs = {output.name for output in model.description.outputs}
    count = model.description.class_count
    return (not target.output or target.output in outputs) and (
        target.index is None or target.index < max(count, 1)
    )


def moved(feature: Feature | None, model: OpenModelState | None) -> Feature | None:
    """The unit of the same address in another model; None if that has none."""
    if feature is None or model is None:
        return None
    try:
        feature.check(model.description.layer(feature.layer))
    except InterpError:
        return None
    weights = model.description.weights_sha256
    if feature.model in ("", weights):
        return feature
    return msgspec.structs.replace(feature, model=weights)


def pin_text(state: AppState, pins: Iterable[Pin]) -> str:
    """What a view holds fast, in one line: `features.14:7 · cat.png`."""
    held = frozenset(pins)
    parts = []
    model = state.model
    if "model" in held and model is not None and (len(state.models) > 1 or held == {"model"}):
        parts.append(model.description.name)
    if "feature" in held and state.feature is not None:
        parts.append(state.feature.title)
    elif "layer" in held and state.layer:
        parts.append(state.layer)
    if "image" in held and state.image:
        parts.append(Path(state.image).name)
    if "target" in held and model is not None and held != frozenset(PINS):
        parts.append(state.target.title(model.description))
    return " · ".join(parts)


def to_plain(values: Mapping[Pin, Any]) -> dict[str, Any]:
    """Pinned values as JSON can hold them; a model by its weights."""
    return {
        name: value.description.weights_sha256
        if isinstance(value, OpenModelState)
        else msgspec.to_builtins(value)
        for name, value in values.items()
        if value
    }


def to_values(plain: object) -> dict[Pin, Any]:
    """What `to_plain` gave, each of its own type; the rest of whatever it is is left out."""
    kinds: dict[Pin, Any] = {
        "model": str, "image": str, "target": Target, "layer": str, "feature": Feature,
    }  # fmt: skip
    values: dict[Pin, Any] = {}
    for name, kind in kinds.items():
        if isinstance(plain, dict) and plain.get(name) is not None:
            try:
                values[name] = msgspec.convert(plain[name], kind)
            except (msgspec.MsgspecError, InterpError, ValueError, RecursionError):
                continue
    return values
