"""What is written while a person works."""

import threading

import numpy as np
import pytest
from PySide6.QtWidgets import QDialog

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import OutputProblem
from interp_gui.core.feature import Feature
from interp_gui.core.result import Picture
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session import autosave, recovery
from interp_gui.gui.session.owner import Owner
from interp_gui.gui.session.recovery import RecoveryFolder, recover, recovery_root
from interp_gui.gui.session.recovery_dialog import RecoveryDialog
from interp_gui.gui.shelf import shelf_of


def unit(number):
    return Feature(layer="features.14", units=(number,), model="b0353104" * 8)


def folders():
    root = recovery_root()
    return list(root.iterdir()) if root.exists() else []


def messages(window):
    return [toast.note.message for toast in window.toasts.shown]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(autosave, "DELAY_MS", 30)
    monkeypatch.setattr(autosave, "RETRY_MS", 30)


def test_a_window_in_which_nothing_happens_writes_nothing(window, qtbot):
    qtbot.wait(50)
    assert folders() == []


def test_what_is_collected_is_written_before_anything_else_happens(window):
    shelf_of(window.state).collect([unit(3)], [np.full((9, 9, 3), 8, np.uint8)])
    # no event was processed since
    found = recover(window.sessions.autosave.folder.path)
    assert [item.feature.units for item in found.document.shelf] == [(3,)]
    assert (found.document.shelf[0].picture == 8).all()


def test_what_is_kept_is_written_before_anything_else_happens(window):
    picture = Picture(key="p", title="a picture", pixels=np.zeros((4, 4, 3), np.uint8))
    kept_of(window.state).keep(picture, None)
    found = recover(window.sessions.autosave.folder.path)
    assert found.document.kept[0].result.title == "a picture"


def test_a_whole_selection_is_written_before_anything_else_happens(window):
    shelf_of(window.state).collect([unit(i) for i in range(20)])
    found = recover(window.sessions.autosave.folder.path)
    assert len(found.document.shelf) == 20


@pytest.fixture
def put(monkeypatch):
    """How many items were written at a time, and whether on the event loop."""
    found, write = [], RecoveryFolder.put_items

    def put_items(folder, items):
        is_main = threading.current_thread() is threading.main_thread()
        found.append((len(items), "on the loop" if is_main else "in a worker"))
        write(folder, items)

    monkeypatch.setattr(RecoveryFolder, "put_items", put_items)
    return found


def test_what_is_much_is_written_by_a_worker_that_waits_for_nothing(
    window, monkeypatch, qtbot, put
):
    monkeypatch.setattr(autosave.Autosave, "_save", lambda self: None)
    shelf_of(window.state).collect([unit(i) for i in range(60)])
    qtbot.waitUntil(lambda: len(put) == 2)
    assert put == [(25, "on the loop"), (35, "in a worker")]
    folder = window.sessions.autosave.folder.path
    qtbot.waitUntil(lambda: len(recover(folder).document.shelf) == 60)


@pytest.mark.parametrize("size", [2000, 60])
def test_much_at_once_is_written_off_the_event_loop(window, quick, qtbot, put, size):
    if size == 2000:
        pixels = np.zeros((size, size, 3), np.uint8)
        kept_of(window.state).keep(Picture(key="p", title="large", pixels=pixels), None)
    else:
        shelf_of(window.state).collect([unit(i) for i in range(size)])
    with qtbot.waitSignal(window.sessions.autosave.saved):
        pass
    document = recover(window.sessions.autosave.folder.path).document
    assert len(document.kept) + len(document.shelf) == (1 if size == 2000 else size)
    assert put[1][1] == "in a worker"


def test_everything_else_follows_soon(window, model, quick, qtbot):
    with qtbot.waitSignal(window.sessions.autosave.saved):
        window.state.set_model(model)
        window.state.set_layer("features.1")
        window.documents.images.restore(Dataset(images=(ImageEntry(path="/photos/a.png"),)))
    found = recover(window.sessions.autosave.folder.path)
    assert found.document.layer == "features.1"
    assert [entry.path for entry in found.document.dataset.images] == ["/photos/a.png"]


def test_a_stream_of_changes_does_not_put_writing_off(window, quick, qtbot):
    saved = []
    window.sessions.autosave.saved.connect(lambda: saved.append(1))
    numbers = iter(range(10_000))

    def change():
        window.state.set_layer(f"features.{next(numbers)}")
        return recover_layer(window)

    def recover_layer(window):
        folder = window.sessions.autosave.folder.path
        return (folder / recovery.MAIN).exists()

    qtbot.waitUntil(change)


def test_many_images_are_written_once(window, quick, qtbot, monkeypatch):
    window.documents.images.restore(
        Dataset(images=tuple(ImageEntry(path=f"/photos/{i}.png") for i in range(5000)))
    )
    with qtbot.waitSignal(window.sessions.autosave.saved):
        pass
    folder = window.sessions.autosave.folder.path
    before = (folder / recovery.DATASET).stat()
    with qtbot.waitSignal(window.sessions.autosave.saved):
        window.state.set_layer("features.1")
    after = (folder / recovery.DATASET).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_closing_leaves_nothing(window, quick, qtbot):
    shelf_of(window.state).collect([unit(3)])
    assert folders()
    window.close()
    assert folders() == []


def test_an_interrupt_leaves_what_was_not_saved(window, quick, qtbot):
    shelf_of(window.state).collect([unit(3)])
    qtbot.waitUntil(lambda: window.sessions.is_modified)
    window.sessions.keep_recovery()
    window.close()
    assert len(recover(folders()[0]).document.shelf) == 1


def test_who_wants_no_copy_gets_none(window, settings, quick, qtbot):
    settings.prefer(autosave=False)
    shelf_of(window.state).collect([unit(3)])
    qtbot.wait(80)
    assert folders() == []


def test_a_folder_that_cannot_be_written_is_said_once_and_tried_again(
    window, quick, qtbot, monkeypatch
):
    calls = []

    def refuse(*_args, **_options):
        calls.append(1)
        raise OutputProblem("The disk is full.", hint="Make room.")

    with monkeypatch.context() as patch:
        patch.setattr("interp_gui.core.session.files.write_session", refuse)
        shelf_of(window.state).collect([unit(3)])
        shelf_of(window.state).collect([unit(4)])
        qtbot.waitUntil(lambda: len(calls) > 4)
    told = [text for text in messages(window) if "not being kept" in text]
    assert len(told) == 1
    with qtbot.waitSignal(window.sessions.autosave.saved):
        pass
    assert len(recover(folders()[0]).document.shelf) == 2


def test_a_data_folder_that_is_none_does_no_harm(window, quick, qtbot, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("INTERP_GUI_DATA", str(tmp_path / "file"))
    shelf_of(window.state).collect([unit(3)])
    qtbot.waitUntil(lambda: any("not being kept" in text for text in messages(window)))
    assert len(shelf_of(window.state).items) == 1


# --- giving it back --------------------------------------------------------------------------


@pytest.fixture
def left(item, kept, monkeypatch):
    """What a window left that was killed."""
    from interp_gui.core.session.document import ModelRef, SessionDocument

    owner = Owner(pid=2**22 + 1, started_s=1.0, host=Owner.this("").host, window="gone" * 8)
    folder = RecoveryFolder(owner)
    folder.save(
        SessionDocument(
            models=(ModelRef(path="/models/a.pth", weights_sha256="ab", name="a.pth"),),
            shelf=(item("a1"), item("a2")), kept=(kept("k1"),), saved="2026-03-04T10:20:00+00:00",
        ),
        "", folder.known,
    )  # fmt: skip
    folder.put_items((item("a3"),))
    return folder.path


def offered(window, qtbot):
    found = []
    window.sessions.offer_recovery().offered.connect(found.append)
    qtbot.waitUntil(lambda: bool(found))
    return found[0]


def test_what_was_left_is_named_and_comes_back(window, left, quick, qtbot):
    dialog = offered(window, qtbot)
    words = dialog.list.item(0).text()
    assert "a.pth" in words
    assert "3 features collected, 1 result kept" in words
    assert "4 March 2026" in words
    dialog.restore_button.click()
    qtbot.waitUntil(lambda: len(shelf_of(window.state).items) == 3)
    missing = next(d for d in window.findChildren(QDialog) if d.isVisible() and d is not dialog)
    missing.skip.click()
    qtbot.waitUntil(lambda: window.sessions.is_modified)
    assert len(kept_of(window.state).items) == 1
    # only when it is written in this window's own folder does the old one go
    qtbot.waitUntil(
        lambda: [p.name for p in folders()] == [window.sessions.autosave.folder.path.name]
    )
    document = recover(folders()[0]).document
    assert len(document.shelf) == 3
    assert document.models[0].path == "/models/a.pth"


def test_later_leaves_it_for_the_next_start(window, left, qtbot):
    offered(window, qtbot).later_button.click()
    assert folders() == [left]
    assert shelf_of(window.state).items == ()
    assert isinstance(offered(window, qtbot), RecoveryDialog)


def test_discarding_takes_two_clicks(window, left, qtbot):
    dialog = offered(window, qtbot)
    dialog.discard_button.click()
    assert folders() == [left]
    dialog.discard_button.click()
    qtbot.waitUntil(lambda: folders() == [])


def test_nothing_is_offered_where_nothing_is_left(window, qtbot):
    assert offered(window, qtbot) is None


def test_what_another_window_took_meanwhile_is_said(window, left, qtbot):
    dialog = offered(window, qtbot)
    assert recovery.claim(left, Owner.this("other")) is not None
    dialog.restore_button.click()
    assert any("Another window" in text for text in messages(window))
