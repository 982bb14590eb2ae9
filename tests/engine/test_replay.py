import os

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import RecipeMismatch
from interp_gui.core.feature import Feature
from interp_gui.core.images import dataset_sha256, image_sha256
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.core.target import Target
from interp_gui.engine.recipes import batch_group
from interp_gui.engine.reopening import open_for, outputs_for
from interp_gui.engine.replay import (
    check_model,
    differences,
    other_map,
    other_truth,
    replay,
    threads_of,
)

MODEL = ModelDescription(
    name="m.pth", format="torch-zip", architecture="resnet18", library="torchvision",
    config={"num_classes": 10}, parameters=1, weights_sha256="a" * 64,
    preprocessing=Preprocessing(), outputs=(OutputInfo(size=10),),
)  # fmt: skip
FEATURES = tuple(Feature(layer="layer1", units=(i,)) for i in range(5))
RECIPE = Recipe(
    analysis="x", parameters={"steps": 3}, seed=9, preprocessing=Preprocessing(), layer="layer1",
    model=ModelIdentity(
        name="m.pth", weights_sha256="a" * 64, architecture="resnet18", library="torchvision",
        config={"num_classes": 10},
    ),
    features=FEATURES, region=((0.0, 1.0),), target=Target(index=3),
    edits=EditStack((Edit(feature=FEATURES[0], kind="ablate"),)),
)  # fmt: skip


@pytest.fixture
def images(tmp_path):
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    return [str(tmp_path / f"{i}.png") for i in range(4)]


def dataset(paths):
    return Dataset(images=tuple(ImageEntry(path=path, label="x") for path in paths))


def with_(**changes):
    return msgspec.structs.replace(RECIPE, **changes)


def test_everything_that_was_asked_is_asked_again():
    run = replay(RECIPE, MODEL, handle="h").run
    assert (run.analysis, run.model, run.parameters) == ("x", "h", {"steps": 3})
    for name in ("layer", "features", "region", "target", "edits", "seed"):
        assert getattr(run.inputs, name) == getattr(RECIPE, name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights_sha256": "b" * 64}, "weights bbbbbbbbbbbb instead of aaaaaaaaaaaa"),
        ({"architecture": "resnet34"}, "architecture resnet34 instead of resnet18"),
        ({"library": "timm"}, "library timm instead of torchvision"),
        ({"config": {"num_classes": 7}}, "configuration"),
    ],
)
def test_another_model_is_refused_and_all_that_differs_is_named(change, words):
    other = msgspec.structs.replace(MODEL, **change)
    with pytest.raises(RecipeMismatch) as caught:
        check_model(RECIPE.model, other)
    assert words in caught.value.message
    assert caught.value.hint
    check_model(RECIPE.model, msgspec.structs.replace(MODEL, name="renamed.pth", path="elsewhere"))


def test_images_are_found_by_content_in_the_order_of_the_recipe(images):
    wanted = tuple(image_sha256(images[i]) for i in (2, 0))
    plan = replay(with_(images=wanted), MODEL, handle="h", at_hand=dataset(images))
    assert plan.run.inputs.images == (images[2], images[0])
    assert plan.run.inputs.dataset is None, "there was none then"


def test_missing_images_are_named(images):
    wanted = tuple(image_sha256(path) for path in images[:2])
    recipe = with_(images=wanted)
    with pytest.raises(RecipeMismatch) as caught:
        replay(recipe, MODEL, handle="h", at_hand=dataset(images[1:]), needs=("image",))
    assert wanted[0][:12] in caught.value.message
    assert wanted[1][:12] not in caught.value.message
    unused = replay(recipe, MODEL, handle="h", at_hand=dataset(images[1:]), uses=("dataset",))
    assert unused.missing == ()
    plan = replay(recipe, MODEL, handle="h", at_hand=dataset(images[1:]))
    assert len(plan.missing) == 1


def test_the_images_at_hand_must_be_the_same(images):
    recipe = with_(dataset=dataset_sha256(images[:3]))
    plan = replay(recipe, MODEL, handle="h", at_hand=dataset(images[2::-1]), needs=("dataset",))
    assert sorted(plan.run.inputs.dataset.paths) == images[:3]
    assert plan.run.inputs.dataset.labels == ("x",)
    assert plan.missing == ()
    for given in (None, dataset(images)):
        with pytest.raises(RecipeMismatch):
            replay(recipe, MODEL, handle="h", at_hand=given, needs=("dataset",))
        assert replay(recipe, MODEL, handle="h", at_hand=given).missing


def test_the_current_image_need_not_be_one_of_those_at_hand(images):
    recipe = with_(images=(image_sha256(images[3]),), dataset=dataset_sha256(images[:3]))
    plan = replay(recipe, MODEL, handle="h", at_hand=dataset(images), needs=("dataset", "image"))
    assert plan.run.inputs.images == (images[3],)
    assert plan.run.inputs.dataset.paths == tuple(images[:3])


def test_images_that_edits_patch_from_are_at_hand(images):
    edit = Edit(feature=FEATURES[0], kind="patch", source=image_sha256(images[1]))
    plan = replay(with_(edits=EditStack((edit,))), MODEL, handle="h", at_hand=dataset(images))
    assert plan.run.inputs.dataset.paths == (images[1],)


def test_one_result_is_made_with_its_batch_group():
    batch = {"group": ["layer1:4", "layer1:1"], "slot": 1, "size": 2}
    one = with_(result="layer1:1", provenance={"batch": batch})
    plan = replay(one, MODEL, handle="h")
    assert plan.run.inputs.features == (FEATURES[4], FEATURES[1])
    assert plan.result == "layer1:1"
    everything = with_(result="", provenance={"batch": batch})
    assert replay(everything, MODEL, handle="h").run.inputs.features == FEATURES


@pytest.mark.parametrize(
    "provenance",
    [{}, {"batch": 3}, {"batch": {}}, {"batch": {"group": "x"}}, {"batch": {"group": ["y:1"]}},
     {"batch": {"group": [[1]]}}],
)  # fmt: skip
def test_a_provenance_without_group_keeps_all_features(provenance):
    assert batch_group(FEATURES, provenance) == FEATURES


def test_differences_are_sentences():
    then = Environment(
        device="cuda:0", threads=8, versions={"torch": "2.10", "gone": "1", "same": "1"}
    )
    now = Environment(device="cpu", threads=2, versions={"torch": "2.11", "same": "1", "new": "1"})
    found = differences(with_(environment=then), now)
    assert found == [
        "The device is cpu instead of cuda:0.",
        "There are 2 threads instead of 8.",
        "gone is not installed instead of 1.",
        "torch is 2.11 instead of 2.10.",
    ]
    assert differences(with_(environment=now), now) == []


def test_threads_are_those_of_the_recipe_for_the_while():
    import torch

    before = torch.get_num_threads()
    with threads_of(with_(environment=Environment(threads=before + 1))):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with threads_of(with_(environment=Environment(threads=0))):
        assert torch.get_num_threads() == before


def test_the_runtime_is_that_of_the_recipe_for_the_while_and_another_is_told(monkeypatch):
    def runtime():
        return os.environ.get("INTERP_GUI_RUNTIME")

    own, other = Environment(), Environment(runtime="onnxruntime 1.32.0")
    monkeypatch.delenv("INTERP_GUI_RUNTIME")
    for environment, asked in ((own, "torch"), (other, "onnx")):
        with threads_of(with_(environment=environment)):
            assert runtime() == asked
        assert runtime() is None
    assert not differences(with_(environment=other), other)
    (told,) = differences(with_(environment=other), own)
    assert told == "It is computed on the model's own runtime, not onnxruntime 1.32.0."


def test_classes_are_those_of_the_recipe_or_of_the_images_given(images):
    at_hand = Dataset(images=dataset(images[:3]).images, classes={"x": 1})
    recipe = with_(dataset=dataset_sha256(images[:3]))
    plain = replay(recipe, MODEL, handle="h", at_hand=at_hand, needs=("dataset",))
    assert plain.run.inputs.dataset.classes == {"x": 1}
    told = with_(dataset=dataset_sha256(images[:3]), provenance={"classes": {"x": 4}})
    kept = replay(told, MODEL, handle="h", at_hand=at_hand, needs=("dataset",))
    assert kept.run.inputs.dataset.classes == {"x": 4}
    odd = with_(dataset=dataset_sha256(images[:3]), provenance={"classes": {"x": "y"}})
    odd_plan = replay(odd, MODEL, handle="h", at_hand=at_hand, needs=("dataset",))
    assert odd_plan.run.inputs.dataset.classes == {"x": 1}


def test_other_labels_are_told():
    one, other = with_(provenance={"truth_sha256": "a"}), with_(provenance={"truth_sha256": "b"})
    assert other_truth(one, one) == []
    assert other_truth(with_(), one) == []
    assert "labels" in other_truth(one, other)[0]


def test_outputs_count_as_what_they_were_taken_for():
    shares = (OutputInfo(size=10, kind="sigmoid"),)
    wanted = msgspec.structs.replace(RECIPE.model, outputs=shares)
    assert outputs_for(wanted, MODEL) == shares
    with pytest.raises(RecipeMismatch, match="sigmoid"):
        check_model(wanted, MODEL)
    changed = msgspec.structs.replace(MODEL, outputs=shares)
    assert outputs_for(wanted, changed) == ()
    check_model(wanted, changed)
    # older recipes do not say; other outputs altogether are another model's
    assert outputs_for(RECIPE.model, MODEL) == ()
    check_model(RECIPE.model, changed)
    other = msgspec.structs.replace(RECIPE.model, outputs=(OutputInfo(size=3),))
    assert outputs_for(other, MODEL) == ()


def test_what_stood_in_a_heads_gaps_is_asked_for_again():
    asked = []
    wanted = msgspec.structs.replace(
        RECIPE.model, config={"num_classes": 10, "head": ["gelu", "dropout"]}
    )
    open_for(wanted, asked.append)
    assert asked == [OpenChoice(architecture="torchvision:resnet18", head=("gelu", "dropout"))]


def test_versions_that_one_result_depends_on_become_its_environment():
    from interp_gui.core.result import Table
    from interp_gui.engine.recipes import recipe_of_result

    run = with_(environment=Environment(versions={"torch": "2.10"}))
    made = {"versions": {"numba": "0.61"}, "runtime": "onnxruntime 1.32", "atlas_sha256": "ab"}
    result = Table(key="t", title="t", columns=("a",), cells=((1,),), provenance=made)
    found = recipe_of_result(run, result)
    assert found.environment.versions == {"torch": "2.10", "numba": "0.61"}
    assert found.environment.runtime == "onnxruntime 1.32"
    assert found.provenance == {"atlas_sha256": "ab"}
    again = Environment(versions={"torch": "2.10", "numba": "0.70"}, runtime="onnxruntime 1.32")
    assert differences(found, again) == ["numba is 0.70 instead of 0.61."]


def test_a_map_that_came_out_otherwise_is_told():
    then = with_(provenance={"atlas_sha256": "a"})
    assert other_map(then, then) == []
    assert other_map(with_(provenance={}), then) == []
    assert "map" in other_map(then, with_(provenance={"atlas_sha256": "b"}))[0]
