"""At which size two models can be given the same images, and the shapes their layers have then."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from interp_gui.core.errors import Cancelled, InvalidValue, OutOfMemory
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Runtime

_BYTES_A_PASS = 1 << 28

Layers = Sequence[LayerInfo]
Size = tuple[int, int]


@dataclass(frozen=True)
class Common:
    """What two models are compared on.

    Parameters
    ----------
    like
        Both get the images as this model sees them; None: each as it does itself.
    layers
        Of both, with the shapes of their values at that size.
    size
        Height and width in pixels that both are run at; None where they differ.
    """

    like: Runtime | None
    layers: tuple[Layers, Layers]
    size: Size | None


def own_inputs(first: Runtime, second: Runtime) -> Common:
    """Each model gets the images in its own preprocessing."""
    sizes = [model.preprocessing.size for model in (first, second)]
    layers = (first.description.layers, second.description.layers)
    return Common(None, layers, sizes[0] if sizes[0] == sizes[1] else None)


def same_input(
    first: Runtime, second: Runtime, *, check: Callable[[], None] = lambda: None
) -> Common:
    """Both get the images as the first one sees them, or as the second where only it can't adapt.

    Raises
    ------
    InvalidValue
        Neither takes images of the other's size.
    """
    if first.preprocessing.size == second.preprocessing.size:
        return Common(first, own_inputs(first, second).layers, first.preprocessing.size)
    size = first.preprocessing.size
    layers = layers_at(second, size, check=check)
    if layers is not None:
        return Common(first, (first.description.layers, layers), size)
    size = second.preprocessing.size
    layers = layers_at(first, size, check=check)
    if layers is not None:
        return Common(second, (layers, second.description.layers), size)
    told = [
        f"{model.description.name} takes images of {words(model.preprocessing.size)} only"
        for model in (first, second)
    ]
    raise InvalidValue(
        f"The two models cannot be given the same input: {told[0]}, and {told[1]}.",
        hint="Switch 'same input' off, or export the network at the other one's size.",
    )


def layers_at(
    model: Runtime, size: Size, *, check: Callable[[], None] = lambda: None
) -> tuple[LayerInfo, ...] | None:
    """A model's layers with units, as images of another size shape them; None if it takes none."""
    layers = [layer for layer in model.description.layers if layer.units]
    image = np.zeros((1, len(model.preprocessing.mean), *size), np.float32)
    own = model.preprocessing.size
    found = []
    try:
        for part in passes(layers, growth=(size[0] * size[1]) / (own[0] * own[1])):
            check()
            captured = model.forward(image, capture=tuple(each.name for each in part)).captured
            for layer in part:
                found.append(_shaped(layer, captured[layer.name].shape[1:]))
    except (Cancelled, OutOfMemory):
        raise
    except Exception:  # noqa: BLE001 - each network has an exception of its own for such images
        return None
    return tuple(found)


def passes(
    layers: Iterable[LayerInfo], *, images: int = 1, growth: float = 1.0
) -> Iterable[list[LayerInfo]]:
    """Layers in parts whose values together fit into the memory that one pass may take."""
    part: list[LayerInfo] = []
    held = 0.0
    for layer in layers:
        size = 4 * images * growth * int(np.prod(layer.shape))
        if part and held + size > _BYTES_A_PASS:
            yield part
            part, held = [], 0.0
        part.append(layer)
        held += size
    if part:
        yield part


def words(size: Size) -> str:
    """`224 × 224`."""
    return f"{size[0]} × {size[1]}"


def _shaped(layer: LayerInfo, shape: tuple[int, ...]) -> LayerInfo:
    if shape == layer.shape:
        return layer
    return msgspec.structs.replace(layer, shape=shape, token_grid=None)
