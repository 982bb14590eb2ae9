import contextlib
import json

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.core.errors import FileProblem, RecipeMismatch
from interp_gui.core.export import export_bytes, export_result, read_recipe
from interp_gui.core.export.recipes import recipe_from_bytes
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.core.result import Picture
from interp_gui.core.target import Target

PICTURE = Picture(key="p", title="t", pixels=np.zeros((4, 4, 3), np.uint8))
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), finite, text)
floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def recipes(draw):
    width = draw(st.integers(1, 4))
    vectors = draw(st.lists(st.tuples(*[floats32] * width), min_size=1, max_size=3))
    return Recipe(
        analysis=draw(text.filter(bool)),
        parameters=draw(st.dictionaries(text, scalars, max_size=4)),
        seed=draw(st.integers(0, 2**62)),
        model=ModelIdentity(
            name=draw(text), weights_sha256="0" * 64, architecture=draw(text), library="torchvision"
        ),
        preprocessing=Preprocessing(),
        images=tuple(draw(st.lists(text, max_size=3))),
        layer="features.14",
        features=(
            Feature(layer="features.14", units=(3, 9), name=draw(text)),
            Feature(layer="x#1/in", vectors=tuple(vectors)),
        ),
        region=tuple(draw(st.lists(st.tuples(floats32, floats32), max_size=3))),
        target=Target(kind="logit_difference", index=3, versus=draw(st.integers(0, 999))),
        environment=Environment(versions=draw(st.dictionaries(text, text, max_size=3))),
        provenance=draw(st.dictionaries(text, st.lists(scalars, max_size=3), max_size=3)),
    )


@pytest.mark.parametrize("format", ["png", "svg", "pdf", "npz"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipe=recipes())
def test_round_trip(format, recipe):
    data = export_bytes(PICTURE, format, recipe=recipe)
    assert recipe_from_bytes(data, "x") == recipe


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_files_are_a_mismatch_and_nothing_else(data):
    whole = _whole(data.draw(st.sampled_from(["png", "svg", "pdf", "npz"])))
    kind = data.draw(st.sampled_from(["cut", "flip"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    damaged = whole[:at] if kind == "cut" else flipped
    with contextlib.suppress(RecipeMismatch):
        assert isinstance(recipe_from_bytes(damaged, "x"), Recipe)


_RECIPE = Recipe(
    analysis="predict",
    model=ModelIdentity(name="n", weights_sha256="0", architecture="a", library="l"),
    preprocessing=Preprocessing(),
)


def _whole(format):
    return export_bytes(PICTURE, format, recipe=_RECIPE)


@pytest.mark.parametrize("format", ["png", "svg", "pdf", "npz"])
def test_signs_that_xml_forbids_survive(format):
    recipe = msgspec.structs.replace(_RECIPE, provenance={"said": ["\ufffe and \uffff \x7f"]})
    assert recipe_from_bytes(export_bytes(PICTURE, format, recipe=recipe), "x") == recipe


def test_long_recipes_survive_png(recipe, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 2048)).astype(np.float32)
    long = msgspec.structs.replace(
        recipe, features=(Feature(layer="x", vectors=tuple(map(tuple, vectors.tolist()))),)
    )
    assert len(long.to_json()) > 1 << 20
    assert read_recipe(export_result(PICTURE, tmp_path / "x.png", recipe=long)) == long


def test_json_and_result_json(recipe, tmp_path):
    bare, document = tmp_path / "recipe.json", tmp_path / "result.json"
    bare.write_text(recipe.to_json())
    document.write_text(
        json.dumps({"analysis": "x", "results": [], "recipe": json.loads(recipe.to_json())})
    )
    assert read_recipe(bare) == recipe == read_recipe(document)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"{}", b"[1]", b'{"analysis": 3}', b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"PK\3\4",
     b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff\xe0 jpeg", b'{"recipe": {}}',
     b'{"analysis": "x"}', b"<svg><", b"{"],
)  # fmt: skip
def test_what_holds_no_recipe_says_so(content, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(RecipeMismatch) as caught:
        read_recipe(path)
    assert "\n" not in caught.value.message


def test_a_newer_recipe_asks_for_an_update(recipe, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(recipe.to_json().replace('"version": 1', '"version": 99'))
    with pytest.raises(RecipeMismatch, match="newer"):
        read_recipe(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileProblem, match="no file"):
        read_recipe(tmp_path / "x.png")
    with pytest.raises(FileProblem, match="folder"):
        read_recipe(tmp_path)
