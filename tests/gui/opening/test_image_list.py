import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.engine.messages import ForgetDataset, RegisterDataset
from interp_gui.gui.opening.image_list import ImageList, counted, inserted, unlisted, without


def entries(*names, label=""):
    return tuple(ImageEntry(path=f"/pictures/{name}.png", label=label) for name in names)


@pytest.fixture
def images(state, bridge, background):
    return ImageList(state, bridge, background)


def listed(state):
    return "".join(e.path[10] for e in state.dataset.images) if state.dataset else ""


def test_adding_and_removing_are_undone_exactly(images, state, qtbot):
    images.add_entries(Dataset(name="first", images=entries(*"abcd")))
    assert (listed(state), state.image) == ("abcd", "/pictures/a.png")
    images.add_entries(Dataset(name="more", images=entries(*"cef")))
    qtbot.waitUntil(lambda: listed(state) == "abcdef")
    assert state.image == "/pictures/e.png", "the first of those that are new is shown"
    assert state.undo.undoText() == "add 2 images"
    images.remove({"/pictures/e.png", "/pictures/b.png"}, current="/pictures/f.png")
    assert (listed(state), state.image) == ("acdf", "/pictures/f.png")
    images.clear()
    assert (state.dataset, state.image) == (None, None)

    seen = []
    while state.undo.canUndo():
        state.undo.undo()
        seen.append((listed(state), state.image, state.dataset.name if state.dataset else ""))
    assert seen == [
        ("acdf", "/pictures/f.png", "6 images"),
        ("abcdef", "/pictures/e.png", "6 images"),
        ("abcd", "/pictures/a.png", "first"),
        ("", None, ""),
    ]
    while state.undo.canRedo():
        state.undo.redo()
    assert state.dataset is None
    state.undo.undo()
    assert listed(state) == "acdf"


def test_a_listed_image_that_is_added_again_is_shown(images, state, qtbot):
    images.add_entries(Dataset(images=entries(*"abc")))
    images.add_entries(Dataset(images=entries("c")))
    qtbot.waitUntil(lambda: state.image == "/pictures/c.png")
    assert state.undo.count() == 1


def test_confirmed_classes_can_be_taken_back_and_outlive_other_changes(images, state, qtbot):
    images.add_entries(Dataset(images=entries(*"ab", label="cat")))
    images.set_classes({"cat": 281})
    images.set_classes({"cat": 281})
    assert state.undo.count() == 2, "what changes nothing is no step"
    images.add_entries(Dataset(images=entries("c", label="dog")))
    qtbot.waitUntil(lambda: listed(state) == "abc")
    assert state.dataset.classes == {"cat": 281}
    state.undo.undo()
    state.undo.undo()
    assert (state.dataset.classes, listed(state)) == ({}, "ab")


def test_two_additions_at_once_keep_both(images, state, qtbot):
    images.add_entries(Dataset(images=entries(*"ab")))
    images.add_entries(Dataset(images=entries(*"cd")))
    images.add_entries(Dataset(images=entries(*"de")))
    qtbot.waitUntil(lambda: len(listed(state)) == 5)
    assert sorted(listed(state)) == list("abcde")


def test_the_engine_is_told_of_each_list_and_keeps_the_last_two(
    images, state, client, greet, qtbot
):
    images.add_entries(Dataset(images=entries(*"abc")))
    assert client.requests == {}
    client.emit(greet())
    qtbot.waitUntil(lambda: bool(client.requests))
    for name in "abc":
        images.remove({f"/pictures/{name}.png"})
    state.undo.undo()
    told = [r for r in client.requests.values() if isinstance(r, RegisterDataset)]
    gone = [r.dataset for r in client.requests.values() if isinstance(r, ForgetDataset)]
    assert told[-1].dataset == state.dataset_handle
    assert told[-1].value == state.dataset
    assert [request.dataset for request in told[:-2]] == gone


@given(st.lists(st.booleans(), max_size=60))
def test_what_is_taken_out_goes_back_to_its_places(gone):
    images = entries(*map(str, range(len(gone))))
    places = np.flatnonzero(gone)
    left = without(images, places)
    assert left == tuple(e for e, out in zip(images, gone, strict=True) if not out)
    assert inserted(left, places, tuple(images[i] for i in places)) == images


def test_unlisted_takes_each_path_once():
    a, b, c = entries(*"abc")
    assert unlisted((a,), (b, a, c, b)) == (b, c)


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 image"), (2, "2 images"), (12000, "12,000 images")]
)
def test_numbers_in_words(count, text):
    assert counted(count) == text
