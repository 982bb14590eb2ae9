"""Which places of a model an edit may name."""

import msgspec
import pytest

from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.fitting import why_no_place
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, Preprocessing
from interp_gui.core.place import Place

LAYERS = (
    LayerInfo(name="conv", kind="Conv2d", axes=("unit", "y", "x"), shape=(4, 7, 7)),
    LayerInfo(name="block", kind="Block", axes=("token", "unit"), shape=(50, 4)),
)


def model(**preprocessing):
    return ModelDescription(
        name="m", format="torch-zip", architecture="a", library="l", parameters=1,
        weights_sha256="ab", preprocessing=Preprocessing(**preprocessing), outputs=(),
        layers=LAYERS,
    )  # fmt: skip


def edit(layer, place):
    return Edit(feature=Feature(layer=layer, units=(1,)), kind="ablate", place=Place.parse(place))


@pytest.mark.parametrize(("layer", "place"), [("conv", "@9,20"), ("block", "@t70")])
def test_where_images_keep_their_sizes_a_place_may_lie_beyond_the_default_input(layer, place):
    fixed, own = model(), model(resize="none", crop=False)
    assert why_no_place(edit(layer, place), fixed)
    assert why_no_place(edit(layer, place), own) == ""
    assert why_no_place(edit(layer, place), model(resize="none", crop=True))
    # what no size has is refused all the same
    assert why_no_place(edit("conv", "@-1,2"), own)
    assert "tokens" in why_no_place(edit("conv", "@t3"), own)
    assert "rows and columns" in why_no_place(edit("block", "@1,2"), own)


@pytest.mark.parametrize("rule", ["shorter", "exact", "square", "none"])
def test_inputs_differ_in_size_only_where_nothing_makes_them_equal(rule):
    uncropped = msgspec.structs.replace(Preprocessing(), resize=rule, crop=False)
    assert uncropped.varying == (rule in ("shorter", "none"))
    assert not msgspec.structs.replace(uncropped, crop=True).varying
