"""From one unit to the next, in the order of the layer wall."""

from interp_gui.core.feature import Feature
from interp_gui.gui.shared import order_of
from interp_gui.gui.state import AppState


def neighbour(state: AppState, feature: Feature | None, by: int) -> Feature | None:
    """The unit `by` places on from a feature; None at either end, or where there is no layer.

    Where no feature is given, the first of the current layer.
    """
    model = state.model
    if model is None:
        return None
    units = {layer.name: layer.units for layer in model.description.layers}
    weights = model.description.weights_sha256
    if feature is None:
        if not units.get(state.layer):
            return None
        first = Feature(layer=state.layer, units=(0,), model=weights)
        return order_of(state).first(first)
    return order_of(state).neighbour(feature, by, units=units.get(feature.layer, 0))


def step(state: AppState, by: int) -> None:
    """Make the unit `by` places on current: in a pinned view its own, else everyone's."""
    there = neighbour(state, state.feature, by)
    if there is not None:
        state.set_feature(there)
