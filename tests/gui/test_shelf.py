"""The shelf's store: collecting, ordering, naming, and all of it undone again."""

import msgspec
import numpy as np
import pytest
from PySide6.QtGui import QImage

from interp_gui.core.feature import Feature
from interp_gui.core.session.document import ShelfItem
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import clean_tags, shelf_of
from interp_gui.gui.state import OpenModelState


def unit(index, **values):
    return Feature(layer="features.14", units=(index,), **values)


def texts(shelf):
    return [item.feature.text for item in shelf.items]


@pytest.fixture
def shelf(state, model):
    state.set_model(model)
    return shelf_of(state)


@pytest.fixture
def notes(state):
    found = []
    state.notified.connect(found.append)
    return found


def test_one_shelf_to_a_window(state, shelf):
    assert shelf_of(state) is shelf


def test_collecting_keeps_newest_first_and_is_undone(state, shelf, model):
    shelf.collect([unit(7)])
    shelf.collect([unit(8), unit(9)])
    assert texts(shelf) == ["features.14:8", "features.14:9", "features.14:7"]
    assert state.undo.undoText() == "keep 2 features on the shelf"
    first = shelf.items[0]
    assert first.feature.model == model.description.weights_sha256
    assert first.model_name == "small.pth"
    assert first.collected.endswith("+00:00")
    assert len({item.id for item in shelf.items}) == 3
    state.undo.undo()
    assert texts(shelf) == ["features.14:7"]
    assert state.undo.undoText() == "keep features.14:7 on the shelf"
    state.undo.undo()
    assert shelf.items == ()
    state.undo.redo()
    state.undo.redo()
    assert shelf.items[0].id == first.id


def test_the_same_feature_again_moves_to_the_front_and_says_so(state, shelf, notes):
    shelf.collect([unit(7)])
    shelf.update(shelf.items[0].id, note="round things", tags="car")
    shelf.collect([unit(8)])
    assert not notes
    shelf.collect([unit(7)])
    assert texts(shelf) == ["features.14:7", "features.14:8"]
    assert shelf.items[0].note == "round things"
    assert shelf.items[0].tags == ("car",)
    assert notes[0].message == "features.14:7 was on the shelf already; it moved to the front."
    shelf.collect([unit(8), unit(8), unit(7), unit(3)])
    assert texts(shelf) == ["features.14:8", "features.14:7", "features.14:3"]
    assert notes[1].message == ("2 features were on the shelf already; they moved to the front.")
    state.undo.undo()
    assert texts(shelf) == ["features.14:7", "features.14:8"]


def test_twice_the_same_in_one_go_is_one(shelf, notes):
    shelf.collect([unit(7), unit(7)])
    assert texts(shelf) == ["features.14:7"]
    assert not notes


def test_the_same_text_of_another_model_is_another_feature(state, shelf, describe, notes):
    shelf.collect([unit(7)])
    state.set_model(
        OpenModelState("model-2", describe(weights_sha256="f" * 64, name="other.pth"), "/o.pth")
    )
    shelf.collect([unit(7)])
    assert texts(shelf) == ["features.14:7", "features.14:7"]
    assert not notes
    assert [item.model_name for item in shelf.items] == ["other.pth", "small.pth"]


def test_pictures_are_kept_small(shelf):
    image = QImage(600, 300, QImage.Format.Format_RGB32)
    image.fill(0xFF336699)
    shelf.collect([unit(1), unit(2), unit(3)], [image, QImage()])
    wide, null, none = (item.picture for item in shelf.items)
    assert wide.shape == (128, 256, 3)
    assert wide.dtype == np.uint8
    assert tuple(wide[64, 100]) == (0x33, 0x66, 0x99)
    assert null is None
    assert none is None
    shelf.collect([unit(2)], [np.full((40, 30), 9, np.uint8)])  # a known one gains a picture
    assert shelf.items[0].picture.shape == (40, 30, 3)
    shelf.collect([unit(2)])  # and does not lose it
    assert shelf.items[0].picture is not None


def test_removing_several_at_once(state, shelf):
    shelf.collect([unit(i) for i in range(5)])
    ids = [item.id for item in shelf.items]
    shelf.remove([ids[1], ids[3], ids[4], "no such id"])
    assert texts(shelf) == ["features.14:0", "features.14:2"]
    assert state.undo.undoText() == "remove 3 features from the shelf"
    state.undo.undo()
    assert [item.id for item in shelf.items] == ids
    shelf.remove(["no such id"])
    assert state.undo.count() == 2  # nothing to undo: the redo step is still there
    assert state.undo.canRedo()


def test_a_name_on_the_shelf_is_the_name_everywhere(state, shelf):
    shelf.collect([unit(7)])
    item = shelf.items[0]
    shelf.update(item.id, name="wheels")
    assert names_of(state).name(unit(7)) == "wheels"
    assert shelf.items[0].name == "wheels"
    assert state.undo.undoText() == "rename features.14:7"
    names_of(state).set_name(unit(7), "tyres")
    assert shelf.items[0].name == "tyres"
    shelf.remove([item.id])
    assert state.undo.undoText() == "remove tyres from the shelf"
    assert names_of(state).name(unit(7)) == "tyres"
    for _ in range(3):
        state.undo.undo()
    assert shelf.items[0].name == ""


def test_a_name_that_a_feature_brings_comes_and_goes_with_it(state, shelf):
    shelf.collect([unit(7, name="from elsewhere")])
    assert shelf.items[0].name == "from elsewhere"
    assert shelf.items[0].feature.name == ""
    assert names_of(state).name(unit(7)) == "from elsewhere"
    state.undo.undo()
    assert names_of(state).name(unit(7)) == ""
    names_of(state).set_name(unit(7), "mine")
    shelf.collect([unit(7, name="from elsewhere")])
    assert shelf.items[0].name == "mine"


def test_notes_and_tags_are_undone(state, shelf):
    shelf.collect([unit(7)])
    item = shelf.items[0].id
    shelf.update(item, note="fires on spokes")
    shelf.update(item, tags=["#Car", "car", "side view"])
    assert shelf.items[0].tags == ("Car", "side-view")
    assert state.undo.undoText() == "tags of features.14:7"
    count = state.undo.count()
    shelf.update(item, note="fires on spokes")
    shelf.update(item, tags="Car, #side-view")
    shelf.update("no such id", note="x")
    assert state.undo.count() == count
    state.undo.undo()
    assert shelf.items[0].tags == ()
    assert shelf.items[0].note == "fires on spokes"
    state.undo.undo()
    assert shelf.items[0].note == ""


def test_tagging_several(state, shelf):
    shelf.collect([unit(1), unit(2), unit(3)])
    ids = [item.id for item in shelf.items]
    shelf.update(ids[0], tags="Dog")
    shelf.tag(ids[:2], ["dog", "fur"])
    assert [item.tags for item in shelf.items] == [("Dog", "fur"), ("dog", "fur"), ()]
    assert state.undo.undoText() == "tag 2 features #dog #fur"
    shelf.tag(ids, remove=["DOG"])
    assert [item.tags for item in shelf.items] == [("fur",), ("fur",), ()]
    state.undo.undo()
    state.undo.undo()
    assert [item.tags for item in shelf.items] == [("Dog",), (), ()]


def test_moving(state, shelf):
    shelf.collect([unit(i) for i in range(5)])
    ids = [item.id for item in shelf.items]
    shelf.move([ids[3], ids[0]], 5)
    assert texts(shelf)[-2:] == ["features.14:0", "features.14:3"]
    state.undo.undo()
    shelf.move([ids[4]], 1)
    assert [item.id for item in shelf.items] == [ids[0], ids[4], ids[1], ids[2], ids[3]]
    assert state.undo.undoText() == "move features.14:4 on the shelf"
    state.undo.undo()
    count = state.undo.count()
    shelf.move([ids[1]], 1)
    shelf.move([ids[1]], 2)  # before its own follower: where it is
    shelf.move([], 0)
    assert state.undo.count() == count
    assert [item.id for item in shelf.items] == ids


@pytest.mark.parametrize("place", range(5))
def test_dropped_between_cards_it_lands_there(shelf, place):
    shelf.collect([unit(i) for i in range(4)])
    shelf.collect([unit(9)], place=place)
    expected = [f"features.14:{i}" for i in range(4)]
    expected.insert(place, "features.14:9")
    assert texts(shelf) == expected


def test_restoring_a_session_empties_the_history(state, shelf):
    shelf.collect([unit(7)])
    told = []
    shelf.changed.connect(lambda: told.append(1))
    kept = ShelfItem(id="a1", feature=unit(3, model="e" * 64), name="eyes", note="n")
    shelf.restore([kept])
    assert texts(shelf) == ["features.14:3"]
    assert shelf.items[0].name == "eyes"
    assert names_of(state).snapshot() == {"e" * 64: {"features.14:3": "eyes"}}
    assert not state.undo.canUndo()
    assert told


def test_what_is_kept_can_be_written_and_read(shelf):
    shelf.collect([unit(7)])
    shelf.update(shelf.items[0].id, name="wheels", note="n", tags="a, b")
    data = msgspec.json.encode(shelf.items)
    read = msgspec.json.decode(data, type=tuple[ShelfItem, ...])
    assert msgspec.to_builtins(read) == msgspec.to_builtins(shelf.items)


def test_collecting_tells_which(shelf):
    told = []
    shelf.collected.connect(told.append)
    shelf.collect([unit(7)])
    shelf.collect([unit(8), unit(7)])
    shelf.collect([])
    assert [len(ids) for ids in told] == [1, 2]
    assert told[1] == tuple(item.id for item in shelf.items)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ()),
        (" , ;# ", ()),
        ("#a #b", ("a", "b")),
        ("side view, dog", ("side-view", "dog")),
        ("Dog, dog, DOG, cat", ("Dog", "cat")),
        (["a", "b, a"], ("a", "b")),
    ],
)
def test_tags_as_typed(typed, kept):
    assert clean_tags(typed) == kept


def test_a_note_that_is_typed_is_one_step(state, shelf):
    shelf.collect([unit(7)])
    item = shelf.items[0].id
    for note in ("w", "wh", "whe"):
        shelf.update(item, note=note, merge="note")
    assert state.undo.count() == 2
    state.undo.undo()
    assert shelf.items[0].note == ""
    state.undo.redo()
    assert shelf.items[0].note == "whe"


def test_one_tag_for_another_in_one_step(state, shelf):
    shelf.collect([unit(1), unit(2)])
    ids = [item.id for item in shelf.items]
    shelf.tag(ids, ["dog"])
    shelf.tag(ids, ["cat"], remove=["dog"])
    assert [item.tags for item in shelf.items] == [("cat",), ("cat",)]
    state.undo.undo()
    assert [item.tags for item in shelf.items] == [("dog",), ("dog",)]
