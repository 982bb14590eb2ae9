from types import SimpleNamespace

import pytest

from interp_gui.core.layer import LayerInfo
from interp_gui.gui.opening.model_list import first_layer


def layer(name, *shape):
    axes = ("unit", "y", "x")[: len(shape)]
    return LayerInfo(name=name, kind="Conv2d", axes=axes, shape=shape, worthwhile=True)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((layer("early", 8, 56, 56), layer("late", 64, 7, 7), layer("pool", 64, 1, 1)), "late"),
        ((layer("late", 64, 7, 7), layer("head", 10)), "late"),
        ((layer("pool", 64, 1, 1),), ""),
    ],
)
def test_the_last_layer_with_places_is_shown_first(layers, expected):
    assert first_layer(SimpleNamespace(layers=layers)) == expected
