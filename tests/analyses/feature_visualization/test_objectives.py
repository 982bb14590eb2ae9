"""Objectives against numpy, against finite differences, and their bad input."""

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.feature_visualization.fourier import FourierImages
from interp_gui.analyses.feature_visualization.objectives import (
    Scope,
    compile_objective,
    direction,
)
from interp_gui.analyses.feature_visualization.readings import at_place, by_image
from interp_gui.analyses.feature_visualization.transforms import Draw, views
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.objective import parse_objective

MODEL = ModelDescription(
    name="m", format="torch-zip", architecture="x", library="x", parameters=1,
    weights_sha256="0", preprocessing=Preprocessing(), outputs=(OutputInfo(size=4),),
    class_names=("tabby, tabby cat", "goldfish", "crane", "keyboard"),
    layers=(
        LayerInfo(name="maps", kind="Conv2d", axes=("unit", "y", "x"), shape=(5, 4, 6), depth=0),
        LayerInfo(name="last", kind="Swin", axes=("y", "x", "unit"), shape=(4, 6, 5), depth=1),
        LayerInfo(name="tokens", kind="Block", axes=("token", "unit"), shape=(10, 5), depth=2),
        LayerInfo(name="flat", kind="Linear", axes=("unit",), shape=(5,), depth=3),
        LayerInfo(name="bare", kind="Odd", axes=("other",), shape=(5,), depth=4),
    ),
)  # fmt: skip
DIRECTION = as_vectors([0.5, -1.0, 2.0, 0.0, 0.25])


def values_of(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    raw = {
        info.name: torch.randn(2, *info.shape, generator=generator, dtype=dtype)
        for info in MODEL.layers[:4]
    }
    values = {name: by_image(value, MODEL.layer(name)) for name, value in raw.items()}
    values[""] = torch.randn(2, 4, generator=generator, dtype=dtype).unbind(0)
    return raw, values


def evaluate(text, values, slot=1, feature=None):
    vectors = {feature.vector_hash: feature.vectors} if feature and feature.vectors else {}
    compiled = compile_objective(parse_objective(text), Scope(MODEL, feature, vectors))
    return float(compiled.evaluate(values, slot)), compiled


def test_kinds_are_what_they_say():
    raw, values = values_of()
    maps, last, tokens, flat = (raw[n][1].numpy() for n in ("maps", "last", "tokens", "flat"))
    outputs = values[""][1].numpy()
    expected = {
        "channel(maps:3)": maps[3].mean(),
        "channel(maps:1,3)": maps[[1, 3]].mean(),
        "channel(last:3)": last[..., 3].mean(),
        "channel(tokens:2)": tokens[1:, 2].mean(),  # without the class token
        "channel(flat:2)": flat[2],
        "neuron(maps:3)": maps[3, 2, 3],
        "neuron(last:3)": last[2, 3, 3],
        "neuron(maps:3, y=0, x=5)": maps[3, 0, 5],
        "neuron(tokens:2)": tokens[1 + 1 * 3 + 1, 2],
        "neuron(tokens:2, y=2, x=0)": tokens[1 + 2 * 3, 2],
        "neuron(flat:2)": flat[2],
        "layer(maps)": (maps**2).mean(),
        "logit(2)": outputs[2],
        "logit(goldfish)": outputs[1],
        "logit(tabby cat)": outputs[0],
        "channel(maps:3) - 0.5*logit(2)": maps[3].mean() - 0.5 * outputs[2],
        "-(channel(maps:0) + 2) * 3": -(maps[0].mean() + 2) * 3,
    }
    for text, number in expected.items():
        assert evaluate(text, values)[0] == pytest.approx(float(number), rel=1e-9), text


@pytest.mark.parametrize("layer", ["maps", "last", "tokens", "flat"])
@pytest.mark.parametrize("power", [0, 1, 2, 4])
def test_direction_is_projection_times_a_power_of_the_true_cosine(layer, power):
    raw, values = values_of()
    feature = Feature(layer=layer, vectors=DIRECTION)
    h = np.moveaxis(raw[layer][0].numpy(), MODEL.layer(layer).axes.index("unit"), 0).reshape(5, -1)
    if layer == "tokens":
        h = h[:, 1:]
    v = np.asarray(DIRECTION[0])
    cosine = v @ h / (np.linalg.norm(v) * np.linalg.norm(h, axis=0))
    number = np.mean((v @ h) * np.maximum(0.1, cosine) ** power)
    found, compiled = evaluate(f"direction(feature, p={power})", values, 0, feature)
    assert found == pytest.approx(number)
    assert compiled.text == f"direction({feature.text}" + (
        ")" if power == 2 else f", p={float(power)})"
    )


def test_direction_has_a_gradient_from_its_power_at_the_optimum():
    vector = torch.randn(1, 512, dtype=torch.float64) * 2
    h = vector.T.clone()
    assert float(direction(h, vector, 4.0)) == pytest.approx(float(vector.square().sum()))
    tilted = h + torch.randn_like(h)
    assert float(direction(tilted, vector, 4.0) / tilted.norm()) < float(vector.norm())


def test_what_is_asked_for_decides_what_suits():
    _, values = values_of()
    cases = {
        Feature(layer="maps", units=(3,)): "channel(maps:3)",
        Feature(layer="maps"): "layer(maps)",
        Feature(layer="maps", vectors=DIRECTION): "direction(maps:v/",
    }
    for feature, text in cases.items():
        number, compiled = evaluate("feature", values, feature=feature)
        assert compiled.text.startswith(text)
        assert np.isfinite(number)


def test_reading_of_a_picture_is_the_quantity_itself():
    raw, values = values_of(dtype=torch.float32)
    for text, feature in [
        ("feature", Feature(layer="maps", units=(3,))),
        ("neuron", Feature(layer="last", units=(1,))),
        ("layer", Feature(layer="maps")),
        ("logit(2)", None),
    ]:
        number, compiled = evaluate(text, values, 1, feature)
        reading = compiled.reading
        info = MODEL.layer(reading.layer) if reading.layer else None
        units = reading.units(values[reading.layer][1], info)
        assert float(reading.combine(units)) == pytest.approx(number, rel=1e-5)
    _, compiled = evaluate("feature", values, 0, Feature(layer="maps", vectors=DIRECTION))
    v = np.asarray(DIRECTION[0])
    h = raw["maps"][0].numpy().reshape(5, -1)
    units = compiled.reading.units(values["maps"][0], MODEL.layer("maps"))
    projection = (v @ h).mean() / np.linalg.norm(v)
    assert float(compiled.reading.combine(units)) == pytest.approx(projection, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "feature", "error"),
    [
        ("channel", Feature(layer="maps"), InvalidValue),
        ("channel", None, InvalidValue),
        ("channel(maps:9)", None, UnknownName),
        ("channel(mops:1)", None, UnknownName),
        ("channel(bare:0)", None, UnknownName),
        ("logit(9)", None, InvalidValue),
        ("logit(zebra)", None, UnknownName),
        ("logit", Feature(layer="maps", units=(1,)), InvalidValue),
        ("direction(maps:v/0123)", None, UnknownName),
        ("direction", Feature(layer="maps", vectors=as_vectors([1.0, 2.0])), InvalidValue),
    ],
)
def test_bad_input(text, feature, error):
    with pytest.raises(error):
        compile_objective(parse_objective(text), Scope(MODEL, feature, {}))


def test_a_position_is_the_same_place_in_pictures_of_another_size():
    info = LayerInfo(name="maps", kind="Conv2d", axes=("unit", "y", "x"), shape=(1, 7, 14))
    places = torch.arange(4 * 8).reshape(1, 4, 8).float()
    found = [int(at_place(places, info, y, x)) for y, x in ((0, 0), (3, 7), (6, 13), (1, 2))]
    assert found == [0, 2 * 8 + 4, 3 * 8 + 7, 1]
    assert int(at_place(places, info)) == 2 * 8 + 4
    own = torch.arange(7 * 14).reshape(1, 7, 14).float()
    assert [int(at_place(own, info, y, x)) for y, x in ((1, 2), (6, 13))] == [16, 97]
    with pytest.raises(InvalidValue, match="7 × 14"):
        at_place(places, info, 7, 0)


def test_bad_places_and_models_without_classes():
    _, values = values_of()
    for text in ("neuron(maps:1, y=4, x=0)", "neuron(tokens:1, y=0, x=3)"):
        with pytest.raises(InvalidValue, match="outside"):
            evaluate(text, values)
    bare = msgspec.structs.replace(MODEL, outputs=())
    with pytest.raises(MissingAbility):
        compile_objective(parse_objective("logit(1)"), Scope(bare))


@pytest.mark.parametrize(
    "text",
    [
        "channel(maps:1)", "neuron(maps:1, y=1, x=2)", "layer(maps)",
        "direction(feature, p=2)", "0.5*channel(maps:0) * layer(maps) - neuron(maps:2)",
    ],
)  # fmt: skip
def test_gradient_agrees_with_finite_differences(text):
    """From the coefficients through colour, view, network and objective."""
    torch.manual_seed(0)
    feature = Feature(layer="maps", vectors=DIRECTION)
    scope = Scope(MODEL, feature, {feature.vector_hash: feature.vectors})
    compiled = compile_objective(parse_objective(text), scope)
    images = FourierImages(6)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    view = [Draw(first=(0.5, -0.5), scale=1.1, angle=7.0)]

    def objective(coefficients):
        seen = views(images.images(coefficients), view, (6, 6))
        value = torch.tanh(torch.nn.functional.conv2d(seen, weight))
        return compiled.evaluate({"maps": by_image(value, MODEL.layer("maps"))}, 0)

    start = torch.randn(1, *images.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(objective, (start,), atol=1e-6)
