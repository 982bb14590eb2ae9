import numpy as np
import pytest

from interp_gui.core.feature import Feature
from interp_gui.core.result import Picture
from interp_gui.core.session.document import KeptResult, ShelfItem


@pytest.fixture
def item():
    """Makes a shelf item."""

    def make(item_id, **values):
        feature = Feature(layer="features.14", units=(int(item_id[-1]),), model="b0353104" * 8)
        given = {"id": item_id, "feature": feature, "picture": np.full((8, 8, 3), 7, np.uint8)}
        return ShelfItem(**{**given, **values})

    return make


@pytest.fixture
def kept():
    """Makes a kept result."""

    def make(item_id, **values):
        pixels = np.full((8, 8, 3), 9, np.uint8)
        result = Picture(key="p", title=f"picture {item_id}", pixels=pixels)
        return KeptResult(**{"id": item_id, "result": result, **values})

    return make
