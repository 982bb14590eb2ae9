"""Which of several architectures that take the same tensors a file is opened as, or the question.

The networks are resnet18 of torchvision and timm and timm's resnetblur18, at 48 pixels: the first
two compute the same, the third takes the same tensors and answers otherwise.
"""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.checkpoints.deciding import decide
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import Architecture, PublishedWeights
from interp_gui.checkpoints.match import Hints, Match, Recognition, Wishes
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import Cancelled, UnknownArchitecture
from interp_gui.core.model import Preprocessing
from interp_gui.core.opening import OpenChoice, quietly
from interp_gui.core.preprocessing import load_input

CLASSES = 40
SEES = Preprocessing(size=(48, 48), resize_px=48)
SEES_OTHERWISE = Preprocessing(size=(48, 48), resize_px=54, interpolation="bicubic")


@pytest.fixture(scope="module")
def resnet(reference):
    return reference("resnet18", num_classes=CLASSES).state_dict()


@pytest.fixture
def tensors(resnet):
    return dict(resnet)


def match(library, name, *, sees=SEES, sha256="", size_mib=0.0, certain=True, outputs=CLASSES):
    weights = PublishedWeights(
        name="V1", file="v1.pth", sha256=sha256, size_mib=size_mib, preprocessing=sees,
        outputs=outputs,
    )  # fmt: skip
    return Match(
        architecture=Architecture(name=name, weights=(weights,)),
        library=library,
        classes=CLASSES,
        config={"num_classes": CLASSES},
        certain=certain,
    )


PLAIN = match("torchvision", "resnet18")
TIMM = match("timm", "resnet18", sees=SEES_OTHERWISE)
BLUR = match("timm", "resnetblur18")


def deciding(
    tmp_path, tensors, *matches, hints=Hints(), name="mine.pth", earlier=OpenChoice(),
    labelled=None, tell=quietly, **choice,
):  # fmt: skip
    path = tmp_path / name
    path.write_bytes(b"the bytes of " + name.encode())
    return decide(
        Recognition(matches=matches),
        tensors,
        file=CheckpointFile(path=path, format="torch-zip", size_bytes=path.stat().st_size),
        weights_sha256="ab",
        hints=hints,
        wishes=Wishes(choice=OpenChoice(**choice), labelled=labelled, tell=tell),
        earlier=earlier,
    )


def question(*args, **options):
    with pytest.raises(UnknownArchitecture) as caught:
        deciding(*args, **options)
    return caught.value.question


def test_networks_that_answer_alike_count_as_one(tmp_path, tensors):
    found = deciding(tmp_path, tensors, TIMM, PLAIN)
    assert found.match is PLAIN
    assert found.alternatives == ()
    assert found.choice == OpenChoice()
    assert any("timm:resnet18 (" in note and "bicubic" in note for note in found.notes)


def test_networks_that_answer_otherwise_are_asked_about(tmp_path, tensors):
    asked = question(tmp_path, tensors, BLUR, TIMM, PLAIN)
    assert [each.name for each in asked.candidates] == ["torchvision:resnet18", "timm:resnetblur18"]
    assert asked.candidates[0].same == ("timm:resnet18",)
    assert asked.candidates[0].differs == ()
    differs = asked.candidates[1].differs
    assert any("anti-alias" in each for each in differs)
    assert any("stride 1 instead of 2" in each for each in differs)
    assert all(each.certain and each.score is None and each.why for each in asked.candidates)
    assert asked.weights_sha256 == "ab"
    assert "2 networks" in asked.sentence


def test_a_file_name_ranks_and_does_not_decide(tmp_path, tensors):
    asked = question(tmp_path, tensors, PLAIN, TIMM, BLUR, name="resnetblur18_a1.pth")
    assert asked.candidates[0].name == "timm:resnetblur18"
    assert "file's name" in asked.candidates[0].why
    assert asked.candidates[1].differs


def test_what_is_asked_for_decides_and_the_others_are_told(tmp_path, tensors):
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, architecture="timm:resnetblur18")
    assert found.match is BLUR
    assert found.choice.architecture == "timm:resnetblur18"
    assert [each.name for each in found.alternatives] == ["torchvision:resnet18", "timm:resnet18"]
    assert all(each.differs for each in found.alternatives)


def test_alternatives_are_grouped_as_in_the_question(tmp_path, tensors):
    asked = question(tmp_path, tensors, PLAIN, TIMM, BLUR)
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, architecture="timm:resnetblur18")
    (only,) = found.alternatives
    assert (only.name, only.same) == ("torchvision:resnet18", ("timm:resnet18",))
    assert only.differs
    earlier = OpenChoice(architecture="timm:resnet18")
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, earlier=earlier)
    assert [each.name for each in found.alternatives] == ["timm:resnetblur18"]
    assert len(asked.candidates) == 1 + len(found.alternatives)


def test_what_is_compared_is_told(tmp_path, tensors):
    said = []
    with pytest.raises(UnknownArchitecture):
        deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, tell=said.append)
    assert "Comparing 3 networks that fit" in said


def test_a_comparison_can_be_ended(tmp_path, tensors):
    calls = []

    def tell(text):
        calls.append(text)
        if len(calls) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, tell=tell)
    assert len(calls) == 3


def test_a_bare_name_is_taken_where_it_is_not_ambiguous(tmp_path, tensors):
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, architecture="resnet18")
    assert found.match is PLAIN
    assert found.choice.architecture == "torchvision:resnet18"
    assert deciding(tmp_path, tensors, BLUR, PLAIN, architecture="resnetblur18").match is BLUR


def test_what_was_decided_before_decides_until_something_else_is_asked_for(tmp_path, tensors):
    earlier = OpenChoice(architecture="timm:resnetblur18")
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, earlier=earlier)
    assert found.match is BLUR
    assert any("as decided before" in note for note in found.notes)
    asked = deciding(
        tmp_path, tensors, PLAIN, BLUR, earlier=earlier, architecture="torchvision:resnet18"
    )
    assert asked.match is PLAIN


def test_a_choice_that_no_longer_fits_is_asked_again(tmp_path, tensors):
    earlier = OpenChoice(architecture="timm:resnet19")
    asked = question(tmp_path, tensors, PLAIN, BLUR, earlier=earlier)
    assert asked.choice.architecture == ""


def test_the_hash_of_a_published_file_decides(tmp_path, tensors):
    digest = hashlib.sha256(b"the bytes of mine.pth").hexdigest()
    published = match("timm", "resnetblur18", sha256=digest[:8])
    found = deciding(tmp_path, tensors, PLAIN, TIMM, published)
    assert found.match is published
    assert found.alternatives == ()
    assert any("by the file's hash" in note for note in found.notes)
    other = match("timm", "resnetblur18", sha256="00000000")
    assert question(tmp_path, tensors, PLAIN, TIMM, other).candidates


def test_what_the_file_calls_itself_decides(tmp_path, tensors):
    hints = Hints(architecture="resnetblur18.a1_in1k", library="timm")
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, hints=hints)
    assert found.match is BLUR
    assert any("calls itself resnetblur18" in note for note in found.notes)
    assert "torchvision:resnet18" in [each.name for each in found.alternatives]
    # without a library both are meant, and answer alike
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, hints=Hints(architecture="resnet18"))
    assert found.match is PLAIN


def test_what_a_file_calls_itself_is_not_believed_against_its_tensors(tmp_path, tensors):
    hints = Hints(architecture="vgg16", library="torchvision")
    assert question(tmp_path, tensors, PLAIN, BLUR, hints=hints).candidates
    found = deciding(tmp_path, tensors, PLAIN, hints=hints)
    assert any("calls itself vgg16" in note for note in found.notes)


def test_order_and_shapes_alone_never_open(tmp_path, tensors):
    unsure = dataclasses.replace(PLAIN, certain=False)
    for hints in (Hints(), Hints(architecture="resnet18", library="torchvision")):
        asked = question(tmp_path, tensors, unsure, hints=hints, name="resnet18.pth")
        assert [each.certain for each in asked.candidates] == [False]
        assert asked.code
    digest = hashlib.sha256(b"the bytes of mine.pth").hexdigest()
    published = match("torchvision", "resnet18", sha256=digest[:8], certain=False)
    assert question(tmp_path, tensors, published).candidates
    chosen = deciding(tmp_path, tensors, unsure, architecture="torchvision:resnet18")
    assert any("may be exchanged" in note for note in chosen.notes)


def diverged(tensors, *keys):
    for key in keys:
        tensors[key] = torch.full_like(tensors[key], float("nan"))
    return tensors


@pytest.mark.parametrize(
    "keys", [("fc.weight",), ("bn1.running_var", "layer1.0.conv1.weight", "fc.bias")]
)
def test_networks_whose_answers_are_no_numbers_are_told_apart(tmp_path, tensors, keys):
    assert deciding(tmp_path, diverged(tensors, *keys), TIMM, PLAIN).match is PLAIN
    asked = question(tmp_path, tensors, BLUR, TIMM, PLAIN)
    assert [each.name for each in asked.candidates] == ["torchvision:resnet18", "timm:resnetblur18"]
    assert asked.candidates[0].same == ("timm:resnet18",)
    assert "not finite" in asked.sentence
    assert "fc." in asked.sentence
    assert all(torch.isnan(tensors[key]).all() for key in keys)  # those that are opened


def test_a_variance_below_zero_does_not_hide_that_networks_are_the_same(tmp_path, tensors):
    tensors["bn1.running_var"] = -tensors["bn1.running_var"]
    assert deciding(tmp_path, tensors, TIMM, PLAIN).match is PLAIN


def test_a_probe_that_tells_nothing_decides_nothing(tmp_path, tensors):
    tensors["fc.weight"] = torch.zeros_like(tensors["fc.weight"])
    tensors["fc.bias"] = torch.zeros_like(tensors["fc.bias"])
    asked = question(tmp_path, tensors, PLAIN, TIMM)
    assert len(asked.candidates) == 2
    assert all(asked.candidates[1].differs)


def test_candidates_beyond_the_first_many_are_not_passed_over(tmp_path, tensors, monkeypatch):
    monkeypatch.setattr("interp_gui.checkpoints.deciding.MOST_PROBED", 2)
    asked = question(tmp_path, tensors, PLAIN, TIMM, BLUR)
    assert [each.name for each in asked.candidates] == ["torchvision:resnet18", "timm:resnetblur18"]
    assert "not tried" in asked.candidates[1].why


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = []
    for i in range(30):
        cells = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        paths.append(str(folder / f"{i}.png"))
        Image.fromarray(cells).resize((56, 48)).save(paths[-1])
    return paths


def labelled(paths, classes):
    return Dataset(
        images=tuple(ImageEntry(path=p, label=str(c)) for p, c in zip(paths, classes, strict=True)),
        classes={str(c): int(c) for c in classes},
    )


def logits(tensors, name, paths):
    import timm

    module = timm.create_model(name, num_classes=CLASSES).eval()
    module.load_state_dict(tensors)
    with torch.no_grad():
        return module(torch.from_numpy(np.stack([load_input(path, SEES) for path in paths])))


def answers(tensors, name, paths):
    return logits(tensors, name, paths).argmax(1).tolist()


def test_labelled_images_decide_where_one_is_clearly_better(tmp_path, tensors, pictures):
    # so that random weights answer with more than one class
    tensors["fc.bias"] = tensors["fc.bias"] - logits(tensors, "resnetblur18", pictures).mean(0)
    truth = answers(tensors, "resnetblur18", pictures)
    assert len(set(truth)) > 3
    others = answers(tensors, "resnet18", pictures)
    assert sum(a != b for a, b in zip(truth, others, strict=True)) > 10
    found = deciding(tmp_path, tensors, PLAIN, TIMM, BLUR, labelled=labelled(pictures, truth))
    assert found.match is BLUR
    assert found.choice.architecture == "timm:resnetblur18"  # kept for when they are not at hand
    assert any("30 of 30 right" in note for note in found.notes)
    assert [(each.name, each.same) for each in found.alternatives] == [
        ("torchvision:resnet18", ("timm:resnet18",))
    ]


def test_labelled_images_that_tell_nothing_only_rank(tmp_path, tensors, pictures):
    truth = answers(tensors, "resnet18", pictures)
    truth = [c if i < 2 else (c + 1 + i) % CLASSES for i, c in enumerate(truth)]
    asked = question(tmp_path, tensors, BLUR, PLAIN, labelled=labelled(pictures, truth))
    assert asked.candidates[0].name == "torchvision:resnet18"
    assert asked.candidates[0].score >= asked.candidates[1].score
    assert "of 30 labelled images" in asked.candidates[0].why


def test_few_labelled_images_only_rank(tmp_path, tensors, pictures):
    truth = answers(tensors, "resnetblur18", pictures)[:15]
    asked = question(tmp_path, tensors, BLUR, PLAIN, labelled=labelled(pictures[:15], truth))
    assert asked.candidates[0].name == "timm:resnetblur18"
    assert asked.candidates[0].score == 1.0
