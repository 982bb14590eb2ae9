import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.engine.messages import ForgetDataset, RegisterDataset
from interp_gui.gui.opening.image_list import ImageList, counted
from interp_gui.gui.opening.merging import inserted, merge, replaced, unlisted, without


def entries(*names, label=""):
    return tuple(ImageEntry(path=f"/pictures/{name}.png", label=label) for name in names)


@pytest.fixture
def images(state, bridge, background):
    return ImageList(state, bridge, background)


@pytest.fixture
def messages_of(state):
    found = []
    state.notified.connect(lambda note: found.append(note.message))
    return lambda _state: found


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


def test_labels_of_listed_images_are_taken_over_and_given_back(images, state, messages_of, qtbot):
    a, b, c = entries(*"abc")
    b = msgspec.structs.replace(b, label="old", metadata={"age": "7", "site": "x"}, group="p1")
    images.add_entries(Dataset(name="first", images=(a, b, c)))
    state.set_image(c.path)
    table = (
        msgspec.structs.replace(b, label="cat", metadata={"age": "8", "eye": "left"}, group=""),
        msgspec.structs.replace(a, label="dog"),
        c,
        *entries("d", label="cat"),
    )
    before = state.dataset
    images.add_entries(Dataset(name="table", images=table), take_over=True)
    qtbot.waitUntil(lambda: listed(state) == "abcd")
    after = state.dataset
    assert [entry.label for entry in after.images] == ["dog", "cat", "", "cat"]
    assert after.images[1].metadata == {"age": "8", "site": "x", "eye": "left"}
    assert after.images[1].group == "p1", "what the table leaves open stays"
    assert state.undo.undoText() == "add 1 image and take over labels of 2 images"
    assert messages_of(state) == ["Labels of 2 images were taken over."]
    for _ in range(2):
        state.undo.undo()
        assert (state.dataset, state.image) == (before, c.path)
        state.undo.redo()
        assert (state.dataset, state.image) == (after, "/pictures/d.png")
    assert state.undo.count() == 2, "new images and labels are one step"


def test_a_table_of_listed_images_alone_leaves_the_image_in_front(
    images, state, messages_of, client, greet, qtbot
):
    client.emit(greet())
    images.add_entries(Dataset(name="first", images=entries(*"abc")))
    images.set_classes({"cat": 281})
    before = state.dataset
    images.add_entries(Dataset(images=entries("b", label="cat")), take_over=True)
    qtbot.waitUntil(lambda: state.dataset is not before)
    after = state.dataset
    assert (after.name, after.classes, state.image) == ("first", {"cat": 281}, "/pictures/a.png")
    told = [r for r in client.requests.values() if isinstance(r, RegisterDataset)]
    assert (told[-1].dataset, told[-1].value) == (state.dataset_handle, after)
    state.set_image("/pictures/c.png")
    state.undo.undo()
    assert (state.dataset, state.image) == (before, "/pictures/c.png")
    images.add_entries(Dataset(images=entries("b")), take_over=True)
    qtbot.waitUntil(lambda: state.image == "/pictures/b.png")
    assert state.dataset == before, "a table that tells nothing changes nothing"
    told_more = msgspec.structs.replace(entries("a")[0], metadata={"age": "7"})
    images.add_entries(Dataset(images=(told_more,)), take_over=True)
    qtbot.waitUntil(lambda: state.dataset.columns == ("age",))
    assert messages_of(state)[-1] == "Columns of 1 image were taken over."


def test_files_that_are_added_again_keep_the_labels_of_the_table(images, state, qtbot):
    images.add_entries(Dataset(images=entries(*"ab", label="cat")))
    images.add_entries(Dataset(images=entries("b", label="folder")))
    qtbot.waitUntil(lambda: state.image == "/pictures/b.png")
    assert state.dataset.labels == ("cat",)
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


@given(st.lists(st.sampled_from(["", "cat", "dog"]), max_size=8), st.data())
def test_merging_is_undone_by_the_entries_before(labels, data):
    known = tuple(
        ImageEntry(path=f"/pictures/{i}.png", label=label) for i, label in enumerate(labels)
    )
    rows = st.tuples(st.integers(0, 12), st.sampled_from(["", "cat", "cow"]))
    wanted = dict(data.draw(st.lists(rows, max_size=10)))
    found = tuple(ImageEntry(path=f"/pictures/{i}.png", label=x) for i, x in wanted.items())
    merged = merge(known, found)
    after = replaced(known, merged.places, merged.after)
    assert [e.label for e in after] == [wanted.get(i) or was for i, was in enumerate(labels)]
    assert replaced(after, merged.places, merged.before) == known
    assert merged.fresh == unlisted(known, found)
    changed = [i for i, entry in enumerate(known) if after[i] != entry]
    assert list(merged.places) == changed


def test_unlisted_takes_each_path_once():
    a, b, c = entries(*"abc")
    assert unlisted((a,), (b, a, c, b)) == (b, c)


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 image"), (2, "2 images"), (12000, "12,000 images")]
)
def test_numbers_in_words(count, text):
    assert counted(count) == text
