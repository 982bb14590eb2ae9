"""Which value of an ONNX graph is which layer of the torch network that it was exported from.

Exporters fold norms into convolutions, fuse and split, so a name alone proves nothing: a value
bears a torch layer's name only where the two agree in value.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array, Runtime
from interp_gui.runtimes.onnx.runtime import OnnxRuntime

TOLERANCE = 1e-4
"""Largest difference, in parts of the layer's scale, of values that count as the same."""


def verify_names(
    onnx: OnnxRuntime, torch_runtime: Runtime, batch: Array, *, tolerance: float = TOLERANCE
) -> dict[str, str]:
    """Addresses of torch layers that have their very value in an ONNX graph.

    Parameters
    ----------
    batch
        Preprocessed (N, C, H, W); the more varied, the better it tells layers apart.

    Returns
    -------
    Torch address -> ONNX address. A layer whose value several ONNX values equal gets the one
    whose address begins with its own, then the last of them, which others read. Layers without an
    equal are left out, as are those that are the same for every image.
    """
    theirs = torch_runtime.forward(
        batch, capture=[layer.name for layer in torch_runtime.description.layers]
    ).captured
    ours = onnx.forward(batch, capture=[layer.name for layer in onnx.description.layers]).captured
    by_shape: dict[tuple[int, ...], list[tuple[LayerInfo, NDArray[Any]]]] = {}
    for layer in onnx.description.layers:
        by_shape.setdefault(ours[layer.name].shape, []).append((layer, ours[layer.name]))
    names: dict[str, str] = {}
    for info in torch_runtime.description.layers:
        value = theirs[info.name]
        if len(value) > 1 and np.array_equal(value[0], value[-1]):
            continue
        equal = [
            layer
            for layer, found in by_shape.get(value.shape, [])
            if _agree(found, value, tolerance)
        ]
        if equal:
            own = [layer for layer in equal if layer.name.startswith(f"{info.name}.")]
            names[info.name] = (own or equal)[-1].name
    return names


def _agree(one: NDArray[Any], other: NDArray[Any], tolerance: float) -> bool:
    scale = float(np.abs(other).max(initial=0.0))
    return bool(np.abs(one - other).max(initial=0.0) <= tolerance * scale) and scale > 0
