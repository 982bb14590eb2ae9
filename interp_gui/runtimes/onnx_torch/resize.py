"""Resize and Upsample: every number of the result as a weighted sum along one axis at a time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.runtimes.onnx_torch.node import Builder, Built, Node, bounded, computed, whole


@dataclass(frozen=True)
class _How:
    mode: str
    coordinates: str
    rounding: str
    cubic: float
    exclude_outside: bool
    antialias: bool

    def places(self, extent: int, wanted: int, scale: float) -> NDArray[np.float64]:
        """Coordinates in the input of every number of the result."""
        x = np.arange(wanted, dtype=np.float64)
        if self.coordinates == "asymmetric":
            return x / scale
        if self.coordinates == "align_corners":
            return x * (extent - 1) / (wanted - 1) if wanted > 1 else np.zeros(wanted)
        if self.coordinates == "tf_half_pixel_for_nn":
            return (x + 0.5) / scale
        if self.coordinates == "pytorch_half_pixel" and wanted == 1:
            return np.zeros(1)
        if self.coordinates == "half_pixel_symmetric":
            shift = extent / 2 * (1 - wanted / (extent * scale))
            return shift + (x + 0.5) / scale - 0.5
        return (x + 0.5) / scale - 0.5

    def weights(self, extent: int, wanted: int, scale: float) -> NDArray[np.float64]:
        """(wanted, extent): how much each number of the input counts."""
        matrix = np.zeros((wanted, extent))
        for row, place in enumerate(self.places(extent, wanted, scale)):
            if self.mode == "nearest":
                matrix[row, min(max(self._rounded(place), 0), extent - 1)] = 1.0
            else:
                self._spread(matrix[row], place, scale)
        return matrix

    def _rounded(self, place: float) -> int:
        if self.rounding == "floor":
            return math.floor(place)
        if self.rounding == "ceil":
            return math.ceil(place)
        if self.rounding == "round_prefer_ceil":
            return math.floor(place + 0.5)
        return math.ceil(place - 0.5)

    def _spread(self, row: NDArray[np.float64], place: float, scale: float) -> None:
        stretch = min(scale, 1.0) if self.antialias else 1.0
        reach = (1 if self.mode == "linear" else 2) / stretch
        first = math.floor(place - reach) + 1
        taken = [(i, self._kernel((i - place) * stretch))
                 for i in range(first, math.ceil(place + reach))]  # fmt: skip
        if self.exclude_outside:
            taken = [(i, w) for i, w in taken if 0 <= i < len(row)]
        total = sum(w for _, w in taken)
        if total == 0:  # a place that falls on one number alone
            taken, total = [(min(max(round(place), 0), len(row) - 1), 1.0)], 1.0
        for index, weight in taken:
            row[min(max(index, 0), len(row) - 1)] += weight / total

    def _kernel(self, distance: float) -> float:
        d, a = abs(distance), self.cubic
        if self.mode == "linear":
            return max(1.0 - d, 0.0)
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


class _Resizer:
    """Resizes axes one after the other, remembering the weights of extents that it has met."""

    def __init__(self, how: _How) -> None:
        self._how = how
        self._known: dict[tuple[int, int, float], NDArray[np.float64]] = {}

    def axis(self, x: Tensor, axis: int, wanted: int, scale: float) -> Tensor:
        """Make one axis longer or shorter."""
        extent = x.shape[axis]
        bounded([*x.shape[:axis], wanted, *x.shape[axis + 1 :]])
        bounded([extent, wanted])
        key = (extent, wanted, scale)
        if key not in self._known:
            self._known[key] = self._how.weights(extent, wanted, scale)
        weights = self._known[key]
        if self._how.mode == "nearest":
            return x.index_select(axis, torch.tensor(weights.argmax(axis=1), device=x.device))
        matrix = torch.tensor(weights, dtype=x.dtype, device=x.device)
        return torch.matmul(x.movedim(axis, -1), matrix.T).movedim(-1, axis)


def _resize(node: Node) -> Built:
    mode = node.attribute("mode", "nearest")
    old = node.op == "Upsample" or node.opset < 11
    how = _How(
        mode=mode,
        coordinates=node.attribute(
            "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
        ),
        rounding=node.attribute("nearest_mode", "floor" if old else "round_prefer_floor"),
        cubic=node.attribute("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.attribute("exclude_outside", 0)),
        antialias=bool(node.attribute("antialias", 0)),
    )
    if how.coordinates == "tf_crop_and_resize":
        raise node.refused("crops while it resizes")
    if mode not in ("nearest", "linear", "cubic"):
        raise node.refused(f"interpolates by '{mode}'")
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    declared, axes = node.attribute("scales"), node.attribute("axes")
    resizer = _Resizer(how)
    still = _unchanged(node, axes)

    def resize(
        x: Tensor, first: Tensor | None = None, second: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        scales = first if old else second
        chosen = list(axes) if axes is not None else list(range(x.ndim))
        if sizes is not None and sizes.numel():
            wanted = whole(sizes)
            each = [w / x.shape[a] for w, a in zip(wanted, chosen, strict=True)]
            if policy != "stretch":
                each = [(min if policy == "not_larger" else max)(each)] * len(each)
                wanted = [int(e * x.shape[a] + 0.5) for e, a in zip(each, chosen, strict=True)]
        else:
            each = _numbers(scales) if scales is not None else list(declared)
            # in single precision, as ONNX Runtime counts: it decides at whole numbers
            wanted = [int(np.float32(x.shape[a]) * np.float32(e))
                      for e, a in zip(each, chosen, strict=True)]  # fmt: skip
        for axis, length, scale in zip(chosen, wanted, each, strict=True):
            if axis % x.ndim not in still and (length != x.shape[axis] or scale != 1):
                x = resizer.axis(x, axis, length, scale)
        return x

    return computed(node, resize, host=(1, 2, 3))


def _unchanged(node: Node, axes: Sequence[int] | None) -> set[int]:
    """Axes that a size given for one image leaves as they are: those must not be resized back."""
    shape = node.shapes[0]
    sizes = node.constant(3)
    if not node.single or sizes is None or not sizes.numel():
        return set()
    chosen = list(axes) if axes is not None else list(range(len(shape)))
    return {
        a % len(shape) for a, n in zip(chosen, whole(sizes), strict=True) if shape[a] == n
    }  # fmt: skip


def _numbers(value: Tensor) -> list[float]:
    return [float(v) for v in value.flatten().tolist()]


RESIZES: Mapping[str, Builder] = {"Resize": _resize, "Upsample": _resize}
