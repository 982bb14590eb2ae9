"""What an architecture's shapes follow from, found by building it several times without weights."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from torch import nn

from interp_gui.checkpoints.building import build_empty, first_convolution
from interp_gui.checkpoints.index import COUNTER, Architecture, Grown, HeadPlace, Shapes, Stem
from interp_gui.checkpoints.positions import Size, fit

CLASSES = 1000
_OTHER_CLASSES = 7
_CHANNELS, _OTHER_CHANNELS = 3, 5
_WINDOW_TABLE = "attn.relative_position_bias_table"
_STATISTICS = ("running_mean", "running_var")
_DERIVED = re.compile(r"(relative_position_index|relative_coords_table)$")
_HEAD_LAYERS = (
    nn.Linear, nn.Dropout, nn.ReLU, nn.GELU, nn.Tanh, nn.SiLU, nn.Hardswish, nn.BatchNorm1d,
    nn.LayerNorm, nn.Identity,
)  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """A network that was built for given classes, channels and size."""

    module: nn.Module
    shapes: Shapes
    config: Mapping[str, Any]


def probe(library: str, name: str, *, size: Size, size_option: str, fixed: bool) -> Architecture:
    """The index entry of an architecture, its published weights aside.

    Parameters
    ----------
    size
        Height and width in pixels that it is built for unless told.
    size_option
        Option of the builder that might take another one.
    """
    usual = _build(library, name, {"num_classes": CLASSES})
    other = _other(library, name, size, size_option)
    wide = tuple(int(side) for side in _sides(other.config.get(size_option, size)))
    head = _head(usual, other)
    stems = _stems(library, usual, other)
    explained = {*head, *(stem.key for stem in stems)}
    grown = _grown(usual, other, explained, size, (wide[0], wide[1]))
    window = 0
    if not grown and size_option in other.config:
        grown, window = _windows(library, name, usual, explained, size, size_option)
    return Architecture(
        name=name,
        tensors=usual.shapes,
        head=head,
        bare=_bare(library, name, usual),
        places=_places(usual.module, head),
        stems=stems,
        grown=grown,
        size=size,
        size_option=size_option if size_option in other.config else "",
        window=window,
        fixed_size=fixed,
        optional=_optional(usual.module),
        surplus=_surplus(usual.module),
    )


def _build(library: str, name: str, config: Mapping[str, Any]) -> _Seen:
    module = build_empty(library, name, config)
    shapes = {
        key: tuple(value.shape)
        for key, value in module.state_dict().items()
        if not key.endswith(COUNTER)
    }
    return _Seen(module, shapes, config)


def _other(library: str, name: str, size: Size, size_option: str) -> _Seen:
    """The network for other classes, and other channels and another size where it takes them."""
    classes: dict[str, Any] = {"num_classes": _OTHER_CLASSES}
    channels = {"in_chans": _OTHER_CHANNELS}
    sizes: list[Any] = [(2 * size[0], 3 * size[1])] if library == "timm" else []
    if size[0] == size[1]:
        sizes.append(2 * size[0])
    if not size_option:
        sizes = []
    tries = [{**classes, **channels, size_option: each} for each in sizes]
    tries.append({**classes, **channels})
    tries.extend({**classes, size_option: each} for each in sizes)
    for config in tries:
        try:
            return _build(library, name, config)
        except (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, KeyError):
            continue  # it takes no such option, or no such size
    return _build(library, name, classes)


def _sides(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _head(usual: _Seen, other: _Seen) -> tuple[str, ...]:
    """Tensors that grow with the classes: weights first, those of auxiliary parts last."""
    found = [
        key
        for key, shape in usual.shapes.items()
        if shape[:1] == (CLASSES,) and other.shapes.get(key, ())[:1] == (_OTHER_CLASSES,)
    ]
    found.sort(key=lambda key: (key.lower().startswith("aux"), not key.endswith("weight")))
    return tuple(found)


def _stems(library: str, usual: _Seen, other: _Seen) -> tuple[Stem, ...]:
    if library == "torchvision":
        path, first = first_convolution(usual.module)
        takes_any = first.groups == 1 and first.in_channels == _CHANNELS
        return (Stem(f"{path}.weight"),) if takes_any else ()
    if "in_chans" not in other.config:
        return ()
    found = []
    for key, shape in usual.shapes.items():
        wide = other.shapes.get(key, shape)
        if len(shape) < 2 or len(wide) != len(shape) or wide[1] == shape[1]:
            continue
        per_channel = shape[1] // _CHANNELS
        if shape[1] == _CHANNELS * per_channel and wide[1] == _OTHER_CHANNELS * per_channel:
            found.append(Stem(key, per_channel))
    return tuple(found)


def _grown(
    usual: _Seen, other: _Seen, explained: Iterable[str], size: Size, wide: Size
) -> tuple[Grown, ...]:
    """Axes that grow with the image; none where one of them follows no known rule."""
    known = frozenset(explained)
    found = []
    if usual.shapes.keys() != other.shapes.keys():
        return ()
    for key, shape in usual.shapes.items():
        grown = other.shapes[key]
        if grown == shape or key in known:
            continue
        if len(grown) != len(shape):
            return ()
        for axis, (before, after) in enumerate(zip(shape, grown, strict=True)):
            if before != after:
                rule = fit(key, axis, {size: before, wide: after})
                if rule is None:
                    return ()
                found.append(rule)
    return tuple(found)


def _windows(
    library: str,
    name: str,
    usual: _Seen,
    explained: Iterable[str],
    size: Size,
    size_option: str,
) -> tuple[tuple[Grown, ...], int]:
    """Axes that grow with windows that grow with the image, and the side of the usual windows."""
    lengths = [shape[0] for key, shape in usual.shapes.items() if key.endswith(_WINDOW_TABLE)]
    window = (math.isqrt(max(lengths, default=0)) + 1) // 2
    if not lengths or (2 * window - 1) ** 2 != max(lengths):
        return (), 0
    wide = (2 * size[0], 3 * size[1])
    config = {
        "num_classes": _OTHER_CLASSES,
        size_option: wide,
        "window_size": (2 * window, 3 * window),
    }
    try:
        other = _build(library, name, config)
    except (TypeError, ValueError, AssertionError, RuntimeError):
        return (), 0
    grown = _grown(usual, other, explained, size, wide)
    return grown, window if grown else 0


def _bare(library: str, name: str, usual: _Seen) -> tuple[str, ...]:
    if library == "torchvision":
        return ()
    try:
        bare = _build(library, name, {"num_classes": 0}).shapes
    except (TypeError, ValueError, AssertionError, RuntimeError, AttributeError):
        return ()
    same = all(usual.shapes.get(key) == shape for key, shape in bare.items())
    return tuple(key for key in usual.shapes if key not in bare) if same else ()


def _places(module: nn.Module, head: tuple[str, ...]) -> tuple[HeadPlace, ...]:
    """The module of the only head, and chains around it that a chain of one's own can replace."""
    weights = [key for key in head if key.endswith("weight") and not key.lower().startswith("aux")]
    if len(weights) != 1:
        return ()
    path = weights[0].removesuffix(".weight")
    linear = module.get_submodule(path)
    if not _is_linear(linear):
        return ()
    places = [HeadPlace(path, linear.in_features)]
    while "." in path:
        path = path.rpartition(".")[0]
        around = module.get_submodule(path)
        parts = list(around.children())
        if not isinstance(around, nn.Sequential) or not all(type(p) in _HEAD_LAYERS for p in parts):
            break
        first = next(part for part in parts if isinstance(part, nn.Linear | nn.BatchNorm1d))
        takes = first.in_features if isinstance(first, nn.Linear) else first.num_features
        places.append(HeadPlace(path, takes))
    return tuple(places)


def _is_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether it is a plain linear layer; timm has one of that name that also casts."""
    return isinstance(module, nn.Linear) and type(module).__name__ == "Linear"


def _optional(module: nn.Module) -> tuple[str, ...]:
    """Saved buffers that were computed while it was built."""
    saved = module.state_dict().keys()
    return tuple(
        key
        for key, value in module.named_buffers()
        if key in saved
        and (_DERIVED.search(key) or not value.is_floating_point())
        and not key.endswith((*_STATISTICS, COUNTER))
    )


def _surplus(module: nn.Module) -> tuple[str, ...]:
    """Buffers that are not saved."""
    saved = module.state_dict().keys()
    return tuple(key for key, _ in module.named_buffers() if key not in saved)
