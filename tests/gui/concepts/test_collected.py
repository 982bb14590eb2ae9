"""Examples on two sides: added, moved, swapped, undone, kept."""

import numpy as np
import pytest

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.examples import Example
from interp_gui.core.result import GridItem
from interp_gui.gui.concepts.brushed import box_of
from interp_gui.gui.concepts.collected import WITH, WITHOUT, concept_examples_of
from interp_gui.gui.concepts.menus import examples_of_items

A, B, C = (Example(f"/pictures/{name}.png") for name in "abc")
PART = Example("/pictures/a.png", (0.0, 0.25, 0.5, 1.0))


@pytest.fixture
def examples(state):
    return concept_examples_of(state)


def test_there_is_one_collection_a_window(state, examples):
    assert concept_examples_of(state) is examples


def test_what_is_added_again_counts_once_and_a_part_is_another_example(examples):
    assert examples.add(WITH, [A, B, A, PART]) == 3
    assert examples.add(WITH, [B]) == 0
    assert examples.side(WITH) == (A, B, PART)


def test_an_example_stands_on_one_side_only(examples):
    examples.add(WITH, [A, B])
    examples.add(WITHOUT, [B, C])
    assert examples.side(WITH) == (A,)
    assert examples.side(WITHOUT) == (B, C)


def test_every_change_can_be_undone_and_done_again(state, examples):
    examples.add(WITH, [A, B])
    examples.add(WITHOUT, [B])
    examples.swap()
    examples.remove(WITHOUT, [0])
    assert examples.sides == {WITH: (B,)}
    examples.clear(WITH)
    assert examples.empty
    texts = [state.undo.text(i).splitlines()[0] for i in range(state.undo.count())]
    assert texts == [
        "Add 2 examples to With", "Add an example to Without", "Swap With and Without",
        "Take an example from Without", "Empty With",
    ]  # fmt: skip
    for _ in range(3):
        state.undo.undo()
    assert examples.sides == {WITH: (A,), WITHOUT: (B,)}
    state.undo.undo()
    assert examples.sides == {WITH: (A, B)}
    state.undo.redo()
    assert examples.sides == {WITH: (A,), WITHOUT: (B,)}


def test_groups_are_those_of_the_images_at_hand(state, examples):
    entries = (ImageEntry(path=A.path, group="patient 3"), ImageEntry(path=B.path))
    state.set_dataset(Dataset(images=entries), "d")
    examples.add(WITH, [A, B, PART])
    assert [example.group for example in examples.side(WITH)] == ["patient 3", "", "patient 3"]


def test_a_snapshot_gives_it_back_and_nonsense_is_left_out(examples):
    examples.add(WITH, [A, PART])
    kept = examples.snapshot()
    examples.clear(WITH)
    examples.restore(kept)
    assert examples.side(WITH) == (A, PART)
    for nonsense in (None, 3, {"with": [{"box": 1}]}, {"with": [{"path": "x", "box": [2, 0, 1]}]}):
        examples.restore(nonsense)
        assert examples.empty


def test_a_box_lies_around_what_is_brushed():
    weights = np.zeros((56, 56), np.float32)
    assert box_of(weights) is None
    weights[14:28, 7:14] = 1.0
    weights[13, 7] = 0.2
    assert box_of(weights) == (0.25, 0.125, 0.5, 0.25)
    faint = np.zeros((4, 4), np.float32)
    faint[3, 3] = 0.1
    assert box_of(faint) == (0.75, 0.75, 1.0, 1.0)


def test_a_card_that_is_cut_out_stands_for_what_it_shows(state, model):
    from interp_gui.core.feature import Feature

    state.set_models((model,))
    state.set_model(model)
    cut = (0.1, 0.2, 0.6, 0.7)
    item = GridItem(
        title="x", pixels=np.zeros((4, 4, 3), np.uint8), image=A.path, box=cut,
        feature=Feature(layer="features.14", units=(3,)), numbers={"row": 0, "column": 6},
    )  # fmt: skip
    (example,) = examples_of_items(state, [item])
    assert example.box == cut


def test_a_card_of_a_unit_stands_for_the_place_where_it_is_strongest(state, model):
    from interp_gui.core.feature import Feature

    state.set_models((model,))
    state.set_model(model)
    pixels = np.zeros((4, 4, 3), np.uint8)
    unit = Feature(layer="features.14", units=(3,))

    def card(**numbers):
        return GridItem(title="x", pixels=pixels, feature=unit, image=A.path, numbers=numbers)

    (example,) = examples_of_items(state, [card(row=0, column=6)])
    assert example.box == pytest.approx((0.0, 6 / 7, 1 / 7, 1.0))
    assert examples_of_items(state, [card(row=9, column=0), card()]) == (A,)
    assert examples_of_items(state, [GridItem(title="x", pixels=pixels)]) == ()
