import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp_gui.checkpoints.outputs import guess_output
from interp_gui.checkpoints.scoring import (
    FEWEST_IMAGES,
    MOST_IMAGES,
    clear_winner,
    hits,
    labelled_images,
)
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.core.model import Preprocessing


def dataset(labels, classes=None):
    entries = tuple(ImageEntry(path=f"{i}.png", label=label) for i, label in enumerate(labels))
    return Dataset(images=entries, classes=classes or {})


def test_labelled_images_take_the_classes_in_turn():
    found = labelled_images(
        dataset(["a"] * 100 + ["b"] * 10 + ["c", ""], {"a": 0, "b": 2}), (), classes=3
    )
    assert len(found) == MOST_IMAGES
    assert [index for _, index in found[:4]] == [0, 2, 0, 2]
    assert sum(index == 2 for _, index in found) == 10


def test_labels_confirmed_for_another_model_count_by_what_they_say():
    at_hand = dataset(["cat", "dog", "cat"], {"cat": 281, "dog": 207})
    found = labelled_images(at_hand, ("dog", "cat"), classes=2)
    assert sorted(found) == [("0.png", 1), ("1.png", 0), ("2.png", 1)]
    # names unknown: folders as many as classes stand for them in sorted order
    assert sorted(labelled_images(at_hand, (), classes=2)) == [
        ("0.png", 0), ("1.png", 1), ("2.png", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("classes", [0, 1])
def test_without_classes_there_is_nothing_to_score(classes):
    assert labelled_images(dataset(["a", "b"]), (), classes=classes) == ()


class Brightness(nn.Module):
    def forward(self, x):
        bright = x.mean((1, 2, 3))
        return torch.stack([-bright, bright], 1)


def test_right_answers_are_counted_and_broken_images_are_wrong_ones(tmp_path):
    for i, level in enumerate([10, 250, 20]):
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    images = tuple((str(tmp_path / f"{i}.png"), truth) for i, truth in enumerate([0, 1, 1, 0]))
    sees = Preprocessing(size=(8, 8), resize_px=8)
    assert hits(Brightness(), sees, images).tolist() == [True, True, False, False]
    assert hits(nn.Linear(3, 2), sees, images) is None  # takes no images


def scores(*right, total):
    return [np.arange(total) < count for count in right]


def test_the_best_wins_only_by_more_than_chance():
    assert clear_winner(scores(30, 10, 8, total=40)) == 0
    assert clear_winner(scores(10, 30, 8, total=40)) == 1
    assert clear_winner(scores(30, 27, 8, total=40)) is None  # not better than the second
    assert clear_winner(scores(30, 30, total=40)) is None
    assert clear_winner(scores(15, 0, total=FEWEST_IMAGES - 1)) is None
    assert clear_winner([np.ones(40, bool), None]) is None
    # 6 against 0 is significant alone (p = 0.03) and not among many candidates
    assert clear_winner(scores(26, 20, total=40)) == 0
    assert clear_winner(scores(26, *[20] * 5, total=40)) is None


@pytest.mark.parametrize(
    ("size", "options", "kind", "noted"),
    [
        (5, {}, "softmax", False),
        (1, {}, "scalar", True),
        (512, {"embedding": True}, "embedding", True),
        (21, {"is_map": True}, "map", False),
        (5, {"hint": "sigmoid"}, "sigmoid", True),
        (5, {"hint": "scalar"}, "scalar", True),
        (1, {"hint": "softmax"}, "scalar", True),
        (5, {"hint": "rubbish"}, "softmax", False),
        (5, {"hint": "sigmoid", "chosen": "embedding"}, "embedding", False),
    ],
)
def test_outputs_are_guessed_and_said_where_not_plain(size, options, kind, noted):
    output, notes = guess_output(size, **options)
    assert (output.kind, output.size, bool(notes)) == (kind, size, noted)


def test_outputs_that_make_no_sense_are_refused():
    with pytest.raises(InvalidValue):
        guess_output(1, chosen="softmax")
    with pytest.raises(UnknownName):
        guess_output(3, chosen="logits")
