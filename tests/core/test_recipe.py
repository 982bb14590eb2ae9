"""Recipes survive the trip through JSON, and say why where they cannot be read."""

import json

import msgspec
import numpy as np
import pytest

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import RecipeMismatch
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe


def recipe():
    direction = Feature(layer="a.b", vectors=as_vectors(np.linspace(-1, 1, 7)))
    return Recipe(
        analysis="feature-visualization",
        parameters={"steps": 64, "size": 128, "objective": "channel", "rate": 0.05},
        seed=3,
        model=ModelIdentity(
            name="m.pth", weights_sha256="0" * 64, architecture="resnet18", library="torchvision"
        ),
        preprocessing=Preprocessing(),
        features=(Feature(layer="a.b#1", units=(3,)), direction),
        edits=EditStack((Edit(feature=direction, kind="add", amount=2.0),)),
        environment=Environment(versions={"torch": "2.15"}),
        provenance={"batch": {"slot": 1, "group": ["x"]}},
    )


def test_json_round_trip_keeps_everything():
    assert Recipe.from_json(recipe().to_json()) == recipe()


def test_directions_are_kept_in_full():
    back = Recipe.from_json(recipe().to_json())
    np.testing.assert_array_equal(back.features[1].matrix(), recipe().features[1].matrix())


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 1}', "\x00", '{"version": "1"}']
)
def test_what_is_no_recipe_is_refused_in_words(text):
    with pytest.raises(RecipeMismatch, match="not a recipe"):
        Recipe.from_json(text)


def test_a_newer_format_is_refused_in_words():
    newer = json.loads(recipe().to_json()) | {"version": 2}
    with pytest.raises(RecipeMismatch, match="newer version"):
        Recipe.from_json(json.dumps(newer))


def test_a_sheet_keeps_the_recipe_of_every_picture():
    one, other = recipe(), msgspec.structs.replace(recipe(), seed=4)
    sheet = Recipe.of_sheet([one, other])
    assert Recipe.from_json(sheet.to_json()).contents == (one, other)
    assert Recipe.of_sheet([one, None]) is None
    assert Recipe.of_sheet([]) is None


def test_results_of_one_run_share_its_key():
    def made(result, slot, seed=3):
        batch = {"group": ["x", "y"], "slot": slot}
        return msgspec.structs.replace(
            recipe(), result=result, seed=seed, provenance={"batch": batch}
        )

    assert made("x", 0).run_key == made("y", 1).run_key
    assert made("x", 0).run_key != made("x", 0, seed=5).run_key
