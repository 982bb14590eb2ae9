"""Layers that can be read and not changed."""

from interp_gui.core.errors import EditProblem
from interp_gui.core.layer import LayerInfo


def require_writable(layer: LayerInfo) -> None:
    """Raise EditProblem for a layer of which opening showed that writing there changes nothing."""
    if not layer.writable:
        raise EditProblem(
            f"{layer.name} can be read but not changed in this model.",
            hint="Choose another layer.",
        )
