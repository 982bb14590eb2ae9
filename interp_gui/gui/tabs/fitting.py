"""What some analyses need beyond their declaration, said before they are run."""

from collections.abc import Mapping
from typing import Any

from interp_gui.core.layer import LayerInfo
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import current_layer

RANK_ONE, SWEEP, PATCHING = "rank-one-edit", "ablation-sweep", "activation-patching"
_LINEAR_ROLES = (
    "convolution", "linear", "mlp", "attention", "query", "key", "value", "head",
)  # fmt: skip
"""Layers whose value a linear map may make; whether it does is known once it is run."""


def maybe_linear(layer: LayerInfo) -> bool:
    """Whether a linear layer or a convolution may make a layer's value."""
    if layer.units <= 0:
        return False
    if layer.role:
        return layer.role in _LINEAR_ROLES
    return layer.kind.endswith("Linear") or layer.kind in ("Conv1d", "Conv2d", "Conv3d", "Conv1D")


def why_unfit(analysis: str, state: AppState, values: Mapping[str, Any]) -> str:
    """Why an analysis would refuse what is chosen, and what to do; empty if it would not."""
    layer = current_layer(state)
    if analysis == RANK_ONE and layer is not None and not maybe_linear(layer):
        return (
            f"{layer.name} is a {layer.kind}. Choose a layer that is a linear layer or a 1×1 "
            "convolution: the list above has them."
        )
    if analysis == SWEEP and values.get("accuracy") and not _labelled(state):
        return (
            "Right answers are counted over labelled images. Open a folder of classes and match "
            "its labels, or leave Accuracy out."
        )
    return ""


def _labelled(state: AppState) -> bool:
    data = state.dataset
    return data is not None and any(label in data.classes for label in data.labels)


def target_words(analysis: str, state: AppState) -> str:
    """What an analysis takes for Target where nobody chose one; empty for the shared one."""
    model, target = state.model, state.target
    if analysis != PATCHING or model is None or target.chosen or target.kind == "scalar":
        return ""
    if not model.description.class_count:
        return ""
    return "logit of the source's answer − logit of the base's, as none was chosen"
