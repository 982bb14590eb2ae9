"""Edits on the command line: files and options, the document, exports made again, bad input."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.cli.interventions import _percentile
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.export import read_recipe
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import EditEffect
from tests.cli.conftest import LAYER, randomise

UNIT = f"{LAYER}:7"


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A network whose passes take little: many are made here."""
    from torchvision.models import squeezenet1_1

    path = tmp_path_factory.mktemp("intervened") / "net.pth"
    torch.save(randomise(squeezenet1_1(weights=None, num_classes=10), 4).state_dict(), path)
    return str(path)


@pytest.fixture
def intervene(run_json, small, photographs, tmp_path):
    def command(*words, images=True, out="out", analysis="intervene"):
        given = ("--images", photographs) if images else ()
        return run_json(
            "run", analysis, "--model", small, *given, "--preprocessing",
            '{"size": [64, 64], "resize": "exact", "crop": false}', "--out", tmp_path / out, *words,
        )  # fmt: skip

    return command


def test_the_document_is_as_promised(intervene, photographs, tmp_path):
    code, document = intervene(
        "--ablate", UNIT, "--scale", f"{LAYER}:3=0.5", "--steer", f"{LAYER}:2@1,1=3",
        "--controls", "4",
    )  # fmt: skip
    assert code == 0, document
    images, edits = document["images"], document["edits"]
    names = sorted(path.name for path in photographs.iterdir())
    assert [image["path"].rsplit("/", 1)[-1] for image in images] == names
    for image in images:
        assert len(image["before"]["top"]) == len(image["after"]["top"]) == 5
        assert {"index", "name", "probability", "logit"} <= set(image["after"]["top"][0])
        before, after = (
            {one["index"]: one["logit"] for one in image[when]["top"]}
            for when in ("before", "after")
        )
        top = next(iter(before))
        if top in after:
            assert image["target_change"] == pytest.approx(after[top] - before[top], abs=1e-5)
    assert [edit["name"] for edit in edits] == [
        f"Switch off {UNIT}",
        f"Scale × 0.5 {LAYER}:3",
        f"Steer + 3 σ {LAYER}:2 @1,1",
    ]
    for edit in edits:
        assert edit["hits"] == 3
        assert edit["change"] > 0
        assert edit["state"] == "effective"
        assert 0 <= edit["random_percentile"] <= 100
    assert "answer" in document["summary"]
    kept = document["recipe"]["edits"]["edits"]
    assert kept[0]["baseline"]["kind"] == "mean"
    assert len(kept[2]["deviation"]) == 1
    assert [edit["observed"]["images"] for edit in kept] == [3, 3, 3]
    written = tmp_path / "out" / document["results"][0]["file"]
    rows = list(csv.reader(written.with_suffix(".csv").open()))
    assert rows[0] == ["output", "before", "after", "difference"]
    assert len(rows) == 11


def test_lines_for_people(run, small, photographs, tmp_path):
    code, out, errors = run(
        "run", "intervene", "--model", small, "--images", photographs, "--ablate", UNIT,
        "--baseline", "zero", "--controls", "0", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, errors
    lines = out.splitlines()
    assert lines[0].startswith("photo0.png: class ")
    assert " → class " in lines[0]
    assert lines[3].startswith(f"Switch off {UNIT}: changes ")
    assert lines[5].startswith("3 results in ")


def test_a_picture_is_made_again_with_equal_numbers(intervene, run_json, small, photographs,
                                                    tmp_path):  # fmt: skip
    code, document = intervene("--ablate", UNIT, "--steer", f"{LAYER}:2=99", "--controls", "3")
    assert code == 0, document
    picture = tmp_path / "out" / document["results"][2]["file"]
    recipe = read_recipe(picture)
    assert len(recipe.images) == 1
    # the one image alone makes it again, under any name
    moved = tmp_path / "moved.png"
    third = sorted(photographs.iterdir())[2]
    moved.write_bytes(third.read_bytes())
    code, again = run_json(
        "run", "--recipe", picture, "--model", small, "--images", moved, "--out", tmp_path / "again"
    )
    assert code == 0, again
    assert again["results"][0]["numbers"] == document["results"][2]["numbers"]
    assert again["images"][0]["after"] == document["images"][2]["after"]
    assert again["replay"]["differences"] == []
    # and the whole document makes all of them
    code, every = run_json(
        "run", "--recipe", tmp_path / "out" / "result.json", "--model", small, "--images",
        photographs, "--out", tmp_path / "every",
    )  # fmt: skip
    assert code == 0, every
    # what was ever observed is part of what was asked
    assert "beyond any observed" in document["edits"][1]["warning"]
    assert every["edits"] == document["edits"]
    assert [one["numbers"] for one in every["results"]] == [
        one["numbers"] for one in document["results"]
    ]


def test_edits_come_from_a_file_or_a_picture(intervene, tmp_path):
    edits = (
        Edit(feature=Feature(layer=LAYER, units=(7,)), kind="ablate"),
        Edit(feature=Feature(layer=LAYER, units=(3,)), kind="scale", amount=0.5, enabled=False),
    )
    file = tmp_path / "edits.json"
    file.write_text(EditStack(edits).to_json())
    code, document = intervene("--edits", file, "--controls", "0")
    assert code == 0, document
    assert [edit["state"] for edit in document["edits"]] == ["effective", "off"]
    picture = tmp_path / "out" / document["results"][0]["file"]
    code, again = intervene("--edits", picture, "--controls", "0", out="again")
    assert code == 0, again
    assert again["images"] == document["images"]
    # behind those of the file
    code, more = intervene("--edits", file, "--ablate", f"{LAYER}:1", "--controls", "0", out="m")
    assert [edit["name"][-2:] for edit in more["edits"]] == [":7", ":3", ":1"]


def test_any_analysis_runs_under_edits(intervene, tmp_path):
    code, plain = intervene(analysis="predict", out="a")
    assert code == 0, plain
    code, edited = intervene("--ablate", LAYER, analysis="predict", out="b")
    assert code == 0, edited
    assert (
        "1 edit" in edited["results"][0]["notes"][0]
        or "an edit" in edited["results"][0]["notes"][0]
    )
    assert plain["results"][0]["numbers"] != edited["results"][0]["numbers"]


def test_a_baseline_of_the_analysis_is_still_its_setting(intervene):
    code, document = intervene(
        "--layer", LAYER, "--baseline", "zero", "--set", "count=2", "--set", "confirm=1",
        "--set", "controls=1", analysis="unit-ranking",
    )  # fmt: skip
    assert code == 0, document
    assert document["recipe"]["parameters"]["baseline"] == "zero"


def stack_of(**fields):
    feature = fields.pop("feature", Feature(layer=LAYER, units=(7,)))
    return EditStack((Edit(feature=feature, kind="ablate"),)).to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (stack_of(feature=Feature(layer=LAYER, units=(900,))), "Edit 1 of 'edits.json' (ablate"),
        (stack_of(feature=Feature(layer="nowhere", units=(1,))), "no layer named 'nowhere'"),
        ('{"version": 99, "edits": []}', "newer version"),
        ('{"edits": []}', "not a file of edits"),
        ('{"hello": 1}', "another program"),
        ('{"version": 2, "edits": [{"amount": NaN}]}', "'NaN' where a number belongs"),
        ('{"version": 2, "edi', "is damaged"),
        ("[1, 2]", "'edits.json' holds no edits"),
        ("[]", "'edits.json' holds no edits"),
        ("", "'edits.json' holds no edits"),
        ("\x00\x01\x7f" * 50, "'edits.json' holds no edits"),
        ('{"version": 2, "edits": ' + "[" * 100_000, "nested too deeply"),
        ('{"version": 2, "edits": []}' + " " * (17 << 20), "too large"),
        (stack_of().replace('"ablate"', '"scale","amount":1e39'), "is too large"),
        (
            EditStack(
                (Edit(feature=Feature(layer=LAYER, units=(7,)), kind="ablate"),), solo=3
            ).to_json(),
            "stands alone",
        ),
        ('{"version": 2, "edits": [{"feature": 3}]}', "cannot be read"),
        (stack_of().replace('"ablate"', '"add","amount":1e999'), ""),
        (EditStack().to_json(), "no edit in force"),
    ],
)
def test_files_that_do_not_fit(intervene, tmp_path, text, message):
    file = tmp_path / "edits.json"
    file.write_text(text)
    code, document = intervene("--edits", file)
    assert code == 1
    assert message in document["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ablate", f"{LAYER}:900"), "has no unit 900"),
        (("--ablate", f"{UNIT}@t3"), "needs a layer with tokens"),
        (("--scale", f"{UNIT}@90,0=2"), "Edit 1 (scale"),
        (("--edits", "/nowhere/edits.json"), "There is no file"),
        ((), "no edit in force"),
        (("--ablate", LAYER, "--baseline", "mean"), "no one mean"),
    ],
)
def test_options_that_do_not_fit(intervene, words, message):
    code, document = intervene(*words)
    assert code == 1
    assert message in document["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scale", UNIT), "does not say how much"),
        (("--scale", f"{UNIT}=much"), "does not say how much"),
        (("--scale", f"{UNIT}=nan"), "not a finite number"),
        (("--steer", f"{UNIT}=inf"), "not a finite number"),
        (("--ablate", UNIT, "--baseline", "median"), "is no baseline"),
    ],
)
def test_what_is_typed_wrong_is_refused_before_a_model_is_opened(
    intervene, monkeypatch, words, message
):
    monkeypatch.setattr("interp_gui.cli.running.open_model", None)
    code, document = intervene(*words)
    assert code == 2
    assert message in document["error"]["message"]


def test_shares_of_random_features_have_a_digit_that_means_something():
    ran = [
        EditEffect(
            index=0, state="effective", effect=0.55, controls=tuple(i / 100 for i in range(100))
        )
    ]
    assert _percentile(ran) == 55.0
    three = [EditEffect(index=0, state="effective", effect=1.5, controls=(0.0, 1.0, 2.0))]
    assert _percentile(three) == 66.7


def test_without_images_at_hand_zero_is_said(run, small, photographs, tmp_path):
    image = sorted(photographs.iterdir())[0]
    words = ("run", "intervene", "--model", small, "--image", image, "--out", tmp_path / "out")
    code, _, errors = run(*words, "--ablate", UNIT, "--controls", "0")
    assert code == 0, errors
    assert "Without images, features are set to zero" in errors
    code, _, errors = run(*words, "--ablate", UNIT, "--baseline", "mean")
    assert code == 1
    assert "no images to take a mean over" in errors


def test_a_recipe_fixes_its_edits(run):
    code, _, errors = run("run", "--recipe", "{}", "--ablate", UNIT, "--out", "x")
    assert code == 2
    assert "a recipe fixes --ablate" in errors


def test_edits_of_another_model_are_told(run, small, photographs, tmp_path):
    file = tmp_path / "edits.json"
    feature = Feature(layer=LAYER, units=(7,), model="ef" * 32)
    mean = Baseline("mean", values=(0.5,), source="x")
    edit = Edit(feature=feature, kind="ablate", baseline=mean)
    file.write_text(EditStack((edit,)).to_json())
    code, _, errors = run(
        "run", "intervene", "--model", small, "--images", photographs, "--edits", file,
        "--controls", "0", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, errors
    assert "made on a model with other weights" in errors


def test_broken_images_do_not_stop_the_others(intervene, photographs):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(photographs / "black.png")
    (photographs / "broken.png").write_bytes(b"no image")
    code, document = intervene("--ablate", UNIT, "--controls", "0")
    assert code == 0, document
    assert len(document["images"]) == 4
    assert json.dumps(document["images"])


def names_of(document):
    return [edit["name"] for edit in document["edits"]]


def test_several_features_follow_one_option_in_the_order_typed(intervene):
    code, document = intervene(
        "--ablate", f"{LAYER}:1", f"{LAYER}:2", "--scale", f"{LAYER}:3=0.5", f"{LAYER}:4=2",
        "--ablate", f"{LAYER}:5", "--steer", f"{LAYER}:6=-1", f"{LAYER}:7@1,1=2",
        "--controls", "0",
    )  # fmt: skip
    assert code == 0, document
    assert names_of(document) == [
        f"Switch off {LAYER}:1", f"Switch off {LAYER}:2", f"Scale × 0.5 {LAYER}:3",
        f"Scale × 2 {LAYER}:4", f"Switch off {LAYER}:5", f"Steer − 1 σ {LAYER}:6",
        f"Steer + 2 σ {LAYER}:7 @1,1",
    ]  # fmt: skip


@pytest.mark.parametrize("last", ["--ablate", "--images"])
def test_the_analysis_may_stand_behind_options_of_several_words(
    run_json, small, photographs, tmp_path, last
):
    options = {
        "--ablate": ["--ablate", f"{LAYER}:1", LAYER],
        "--images": ["--images", photographs],
    }  # fmt: skip
    first = next(name for name in options if name != last)
    code, document = run_json(
        "run", "--model", small, *options[first], "--baseline", "zero", "--out", tmp_path / "out",
        *options[last], "intervene", "--set", "controls=0",
    )  # fmt: skip
    assert code == 0, document
    assert document["analysis"] == "intervene"
    assert names_of(document) == [f"Switch off {LAYER}:1", f"Switch off {LAYER}"]


def test_the_edits_of_a_run_are_kept_as_a_file_that_others_take(intervene, tmp_path):
    code, document = intervene(
        "--ablate", UNIT, "--steer", f"{LAYER}:2=1", "--controls", "0"
    )  # fmt: skip
    assert code == 0, document
    assert document["edits_file"] == "edits.json"
    kept = tmp_path / "out" / "edits.json"
    stack = EditStack.from_json(kept.read_bytes())
    assert [edit.kind for edit in stack.edits] == ["ablate", "add"]
    assert stack.edits[0].baseline.kind == "mean"
    assert stack.edits[1].deviation
    code, again = intervene("--edits", kept, "--controls", "0", out="again")
    assert code == 0, again
    assert again["images"] == document["images"]
    assert again["edits"] == document["edits"]
    code, plain = intervene(analysis="predict", out="plain")
    assert "edits_file" not in plain
    assert not (tmp_path / "plain" / "edits.json").exists()


def test_an_answer_that_is_no_number_is_the_summary(intervene):
    code, document = intervene("--scale", f"{LAYER}:7=3e38", "--controls", "2")
    assert code == 0
    assert document["summary"] == "The answer is not a number with these edits."
    assert document["edits"][0]["state"] == "broken"
    assert document["edits"][0]["effect"] is None
    assert {image["problem"] for image in document["images"]} == {document["summary"]}


def test_edits_that_all_failed_are_not_told_as_an_answer_that_stays(intervene, tmp_path):
    """A patch from an image that is not at hand: nothing was in force."""
    patch = Edit(feature=Feature(layer=LAYER, units=(7,)), kind="patch", source="0" * 64)
    file = tmp_path / "edits.json"
    file.write_text(EditStack((patch,)).to_json())
    code, document = intervene("--edits", file, "--controls", "0")
    assert code == 0
    assert document["edits"][0]["state"] == "failed"
    assert document["summary"] == "Nothing was changed: none of the edits could run."
    code, document = intervene("--edits", file, "--ablate", UNIT, "--controls", "0", out="two")
    assert document["summary"].startswith("1 of 2 edits could not run and changed nothing. The ")
