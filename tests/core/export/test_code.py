"""Commands and lines of Python: what they say. That they make the same is tested in tests/cli."""

import ast
import shlex

import msgspec
import pytest

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InvalidValue
from interp_gui.core.export.code import (
    MOST_INLINE_BYTES,
    RECIPE_FILE,
    command_line,
    python_lines,
    read_preprocessing,
)
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.core.target import Target

UNIT = Feature(layer="features.14", units=(7,), name='it\'s a "name"')
BASE = Recipe(
    analysis="feature-visualization",
    model=ModelIdentity(name="net.pth", weights_sha256="a" * 64, architecture="n", library="t"),
    preprocessing=Preprocessing(),
    parameters={"objective": "channel(features.14:7) - 0.5*logit(281)", "steps": 256, "on": True},
    features=(UNIT,),
    environment=Environment(threads=2),
    result="features.14:7",
)
INFO = AnalysisInfo(
    id="feature-visualization", title="", summary="", needs=(), produces=(),
    parameters=(
        ParameterInfo(name="steps", title="", kind="int", default=256, help=""),
        ParameterInfo(name="on", title="", kind="bool", default=False, help=""),
    ),
)  # fmt: skip


def changed(**fields):
    return msgspec.structs.replace(BASE, **fields)


def words(recipe, **options):
    return shlex.split(command_line(recipe, **options).replace("\\\n", " "))


def value(line, option):
    return line[line.index(option) + 1]


def test_a_command_says_all_in_options():
    line = words(BASE, model="my models/net's.pth", out="out dir", preprocessing=Preprocessing())
    assert line == [
        "interp-gui", "run", "feature-visualization", "--model", "my models/net's.pth",
        "--feature", "features.14:7", "--set", "objective=channel(features.14:7) - 0.5*logit(281)",
        "--set", "steps=256", "--set", "on=true", "--threads", "2", "--out", "out dir",
    ]  # fmt: skip


def test_what_is_usual_is_left_out_where_it_is_known():
    line = words(BASE, info=INFO, preprocessing=BASE.preprocessing)
    assert "steps=256" not in line
    assert "on=true" in line
    assert "--preprocessing" not in line
    assert "--seed" not in line
    assert value(words(BASE), "--preprocessing") == "{}", "that of the checkpoint may be another"


def test_images_are_named_as_far_as_the_recipe_has_them():
    one = changed(images=("b" * 64,))
    assert "--images" not in words(one)
    assert value(words(one, image="a b.png"), "--image") == "a b.png"
    both = changed(images=("b" * 64,), dataset="c" * 64)
    line = words(both, images=("one", "two dirs"))
    at = line.index("--images")
    assert line[at : at + 3] == ["--images", "one", "two dirs"]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target(), None),
        (Target(index=3), "logit:3"),
        (Target(kind="probability", index=3), "probability:3"),
        (Target(kind="logit_difference", index=3, versus=4), "3 - 4"),
    ],
)
def test_targets(target, text):
    line = words(changed(target=target))
    assert (value(line, "--target") if text else "--target" not in line) == (text or True)


@pytest.mark.parametrize(
    "fields",
    [
        {"features": (Feature(layer="features.14", vectors=((0.1, -0.2),)),)},
        {"edits": EditStack(edits=(Edit(feature=UNIT, kind="ablate"),))},
        {"region": ((0.0, 1.0),)},
        {"images": ("b" * 64, "c" * 64)},
        {"target": Target(kind="similarity", reference=(1.0, 2.0))},
        {"provenance": {"truth_sha256": "d" * 64}},
        {"contents": (BASE, BASE)},
    ],
)
def test_what_options_cannot_say_takes_the_recipe_along(fields):
    recipe = changed(**fields)
    line = words(recipe, image="i.png")
    assert line[:2] == ["interp-gui", "run"]
    assert Recipe.from_json(value(line, "--recipe")) == recipe
    assert ("i.png" in line) == bool(recipe.images)
    assert value(words(recipe, recipe_file="it's.png"), "--recipe") == "it's.png"
    scope = _executed(python_lines(recipe))
    assert Recipe.from_json(scope["asked"][0][0]) == recipe


def test_a_recipe_too_long_for_a_command_names_a_file():
    vectors = ((0.123456789,) * 2000,) * 8
    recipe = changed(features=(Feature(layer="features.14", vectors=vectors),))
    assert len(msgspec.json.encode(recipe)) > MOST_INLINE_BYTES
    assert value(words(recipe), "--recipe") == RECIPE_FILE


def test_lines_of_python_ask_for_the_same():
    recipe = changed(
        images=("b" * 64,), dataset="c" * 64, layer="features.14", seed=5, target=Target(index=3)
    )
    text = python_lines(recipe, model="it's.pth", image="a b.png", images=("dir",), info=INFO)
    scope = _executed(text)
    (path, opened), (analysis, asked) = scope["asked"]
    assert path == "it's.pth"
    assert opened == {"preprocessing": "{}", "threads": 2}
    assert analysis == "feature-visualization"
    assert asked == {
        "image": "a b.png", "images": ["dir"], "layer": "features.14",
        "features": ["features.14:7"], "target": "logit:3", "seed": 5,
        "settings": {"objective": BASE.parameters["objective"], "on": True},
    }  # fmt: skip
    assert scope["result"] == "features.14:7"


def _executed(text):
    """Run the lines over a stand-in that writes down what it is asked."""
    ast.parse(text)
    assert all(len(line) < 100 for line in text.splitlines() if "{" not in line)
    asked = []

    class Results:
        def __getitem__(self, key):
            return key

    class Model:
        def run(self, analysis, **options):
            asked.append((analysis, options))
            return Results()

    def open_model(path, **options):
        asked.append((path, options))
        return Model()

    def replay(recipe, **options):
        asked.append((recipe, options))
        return Results()

    scope = {"open_model": open_model, "replay": replay}
    body = "\n".join(line for line in text.splitlines() if not line.startswith("from "))
    exec(body, scope)
    return {**scope, "asked": asked}


def test_preprocessing_goes_there_and_back():
    other = Preprocessing(size=(96, 128), resize="exact", mean=(0.5,), std=(0.2,), window=(3, 900))
    line = words(changed(preprocessing=other))
    assert read_preprocessing(value(line, "--preprocessing")) == other
    assert read_preprocessing("{}") == Preprocessing()


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"sizes": 3}', '{"size": "big"}', "3"])
def test_what_is_no_preprocessing_is_refused_in_words(text):
    with pytest.raises(InvalidValue) as problem:
        read_preprocessing(text)
    assert problem.value.hint
