import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.gui.panels.images.filter_bar import written
from interp_gui.gui.panels.images.query import (
    ADDED,
    BROKEN,
    COLUMN,
    CORRECT,
    LABEL,
    NAME,
    PREDICTION,
    PROBABILITY,
    Arrangement,
    Knowledge,
    arrange,
    parse,
)
from interp_gui.gui.panels.images.source import Asked
from interp_gui.gui.panels.images.table import read_table

ROWS = (
    ("img10", "cat", {"split": "val", "age": "9"}),
    ("img2", "cat", {"split": "train", "age": "70"}),
    ("Beach at noon", "big dog", {"split": "val"}),
    ("img1", "", {"age": "12.5"}),
)
DATASET = Dataset(
    images=tuple(
        ImageEntry(path=f"/p/{name}.png", label=label, metadata=metadata, group=name[0])
        for name, label, metadata in ROWS
    ),
    classes={"cat": 0, "big dog": 1},
)
TABLE = read_table(DATASET)
ASKED = Asked(
    paths=tuple(DATASET.paths[i] for i in (3, 0, 1)),
    classes=np.array([1, 0, 1], np.int32),
    probability=np.array([0.9, 0.4, 0.6], np.float32),
    names=("tabby", "hound"),
)
KNOWN = Knowledge(ASKED.align(TABLE, DATASET.classes), frozenset({"/p/img2.png", "/gone.png"}))


def rows(text="", sort=ADDED, *, descending=False, known=KNOWN):
    return arrange(TABLE, Arrangement(text, sort, descending), known).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("label:cat", [0, 1]),
        ("LABEL:CAT", [0, 1]),
        ("label:dog", [2]),
        ('label:"big dog"', [2]),
        ("label:", [3]),
        ("-label:cat", [2, 3]),
        ("label:cat split:val", [0]),
        ("split:val beach", [2]),
        ('"at noon"', [2]),
        ("img1", [0, 3]),
        ("name:img1", [0, 3]),
        ("wrong", [1]),
        ("right", [0]),
        ("unpredicted", [2]),
        ("broken", [1]),
        ("-broken", [0, 2, 3]),
        ("unlabelled", [3]),
        ("pred:hound", [1, 3]),
        ("pred:hou", [1, 3]),
        ("prob>0.5", [1, 3]),
        ("prob<50%", [0]),
        ("label:cat pred:hound wrong", [1]),
        ("nothing:of-this", []),
        ("label:mouse", []),
    ],
)
def test_a_filter_shows_what_its_words_say(text, expected):
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("sort", "expected", "reverse"),
    [
        (ADDED, [0, 1, 2, 3], [3, 2, 1, 0]),
        (NAME, [2, 3, 1, 0], [0, 1, 3, 2]),
        (LABEL, [2, 0, 1, 3], [0, 1, 2, 3]),
        (f"{COLUMN}age", [0, 3, 1, 2], [1, 3, 0, 2]),
        (PREDICTION, [1, 3, 0, 2], [0, 1, 3, 2]),
        (PROBABILITY, [0, 1, 3, 2], [3, 1, 0, 2]),
        (CORRECT, [1, 0, 2, 3], [0, 1, 2, 3]),
        (BROKEN, [1, 0, 2, 3], [0, 2, 3, 1]),
        (f"{COLUMN}gone", [0, 1, 2, 3], [0, 1, 2, 3]),
    ],
)
def test_sorting_puts_the_unknown_last_in_either_direction(sort, expected, reverse):
    assert rows(sort=sort) == expected
    assert rows(sort=sort, descending=True) == reverse


def test_without_answers_nothing_is_wrong_or_right():
    nothing = Knowledge()
    assert rows("wrong", known=nothing) == rows("right", known=nothing) == []
    assert rows("prob>0", known=nothing) == rows("pred:hound", known=nothing) == []
    assert rows("unpredicted", known=nothing) == [0, 1, 2, 3]
    assert rows(sort=PROBABILITY, known=nothing) == [0, 1, 2, 3]


def test_columns_count_their_values():
    assert TABLE.label.values == ("big dog", "cat")
    assert TABLE.label.counts.tolist() == [1, 2]
    assert TABLE.metadata["age"].values == ("9", "12.5", "70"), "in the order of numbers"
    assert KNOWN.predictions.column.values == ("hound", "tabby")


@given(st.text(max_size=40))
def test_whatever_is_typed_means_something(text):
    shown = rows(text)
    assert sorted(set(shown)) == sorted(shown)
    assert set(shown) <= {0, 1, 2, 3}


values = st.text(st.characters(exclude_characters='"', exclude_categories=["C"]), max_size=12)


@given(st.sampled_from(["label", "my column", "a:b"]), values, st.booleans())
def test_a_written_term_is_read_back(key, value, negated):
    (term,) = parse(written(key, value, negated=negated))
    assert (term.key, term.value, term.negated) == (key, value, negated)


def test_no_images_at_all():
    empty = read_table(None)
    assert arrange(empty, Arrangement("wrong cat", NAME), Knowledge()).tolist() == []
