import errno
import os

import msgspec
import pytest

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.errors import OutputProblem
from interp_gui.core.session.document import DatasetRef, ModelRef, SessionDocument
from interp_gui.gui.session import owner as owners
from interp_gui.gui.session.owner import Owner
from interp_gui.gui.session.recovery import (
    DATASET,
    MAIN,
    ORDER,
    RecoveryFolder,
    abandoned,
    claim,
    recover,
    remove,
)


@pytest.fixture
def folder(tmp_path):
    return RecoveryFolder(Owner.this("one"), tmp_path / "recovery")


@pytest.fixture
def full(item, kept):
    return SessionDocument(
        models=(ModelRef(path="/models/a.pth", weights_sha256="ab"),),
        dataset=DatasetRef(images=(ImageEntry(path="/photos/a.png"),), classes={"cat": 1}),
        shelf=(item("a1"), item("a2", name="whiskers")),
        kept=(kept("k1"), kept("k2", note="good")),
        names={"ab": {"features.14:1": "one"}},
        saved="2026-01-01T00:00:00+00:00",
    )


def save(folder, document, path=""):
    folder.save(document, path, folder.known)


def ids(items):
    return [item.id for item in items]


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir()}


def test_what_was_saved_comes_back(folder, full):
    save(folder, full, "/home/me/study.interp")
    found = recover(folder.path)
    document = found.document
    assert (ids(document.shelf), ids(document.kept)) == (["a1", "a2"], ["k1", "k2"])
    assert document.shelf[1].name == "whiskers"
    assert document.kept[1].note == "good"
    assert (document.kept[0].result.pixels == 9).all()
    assert document.models == full.models
    assert document.names == full.names
    assert document.dataset.classes == {"cat": 1}
    assert document.dataset.images[0].path == "/photos/a.png"
    assert (found.path, found.saved) == ("/home/me/study.interp", full.saved)
    assert found.problems == ()


def test_the_folder_is_private(folder, full):
    save(folder, full)
    assert folder.path.stat().st_mode & 0o077 == 0


def test_only_what_changed_is_written_again(folder, full, item):
    save(folder, full)
    before = stamps(folder)
    changed = msgspec.structs.replace(full, layer="x", shelf=(full.shelf[0], item("a2", note="n")))
    save(folder, changed)
    after = stamps(folder)
    written = {name for name in after if after[name] != before[name]}
    assert len(written) == 3
    assert {MAIN, ORDER} < written
    assert recover(folder.path).document.shelf[1].note == "n"


def test_what_was_removed_is_gone_for_good(folder, full):
    save(folder, full)
    save(folder, msgspec.structs.replace(full, shelf=full.shelf[1:], kept=(), dataset=None))
    document = recover(folder.path).document
    assert (ids(document.shelf), document.kept, document.dataset) == (["a2"], (), None)
    assert not (folder.path / DATASET).exists()


def test_what_was_collected_since_stands_in_front(folder, full, item, kept):
    save(folder, full)
    folder.put_items((item("a3"),))
    folder.put_items((item("a4"), kept("k3")))
    document = recover(folder.path).document
    assert ids(document.shelf)[-2:] == ["a1", "a2"]
    assert set(ids(document.shelf)[:2]) == {"a3", "a4"}
    assert ids(document.kept) == ["k1", "k2", "k3"]


def test_what_is_collected_while_older_content_is_saved_stays(folder, full, item):
    known = folder.known
    folder.put_items((item("a3"),))
    folder.save(full, "", known)
    assert "a3" in ids(recover(folder.path).document.shelf)


def test_collecting_alone_is_enough(folder, item):
    folder.put_items((item("a1"),))
    assert ids(recover(folder.path).document.shelf) == ["a1"]


def test_ids_that_climb_stay_in_the_folder(folder, item, tmp_path):
    folder.put_items((item("../../../x1"), item("/tmp/x2")))
    assert {p.parent for p in tmp_path.rglob("*.interp")} == {folder.path}


def test_a_piece_that_is_damaged_is_kept_aside_and_the_rest_taken(folder, full):
    save(folder, full)
    (folder.path / MAIN).write_bytes(b"PK but not really a zip file at all")
    next(folder.path.glob("kept-*")).write_bytes(b"")
    found = recover(folder.path)
    assert ids(found.document.shelf) == ["a1", "a2"]
    assert len(found.document.kept) == 1
    assert len(found.problems) == 2
    assert len(list(folder.path.glob("*.damaged"))) == 2
    remove(folder.path)
    assert len(list(folder.path.iterdir())) == 2, "what cannot be read is not deleted"
    remove(folder.path, everything=True)
    assert not folder.path.exists()


def test_without_the_order_all_pieces_are_taken(folder, full):
    save(folder, full)
    (folder.path / ORDER).write_bytes(b"{")
    document = recover(folder.path).document
    assert set(ids(document.shelf)) == {"a1", "a2"}
    assert document.dataset is not None


def test_nothing_is_offered_where_there_is_nothing(folder):
    save(folder, SessionDocument(layer="features.1"))
    assert recover(folder.path) is None


def test_the_folder_of_a_window_that_runs_is_left_alone(folder, full, monkeypatch):
    save(folder, full)
    root = folder.path.parent
    assert abandoned(root) == []
    monkeypatch.setattr(owners, "_started_s", lambda pid: None)
    assert abandoned(root) == [folder.path]


def test_of_two_windows_one_takes_what_was_left(folder, full):
    save(folder, full)
    mine = claim(folder.path, Owner.this("two"))
    assert claim(folder.path, Owner.this("three")) is None
    assert abandoned(mine.parent) == [], "it belongs to a window that runs"
    assert ids(recover(mine).document.shelf) == ["a1", "a2"]


def test_nothing_is_left_or_written_after_the_end(folder, full, item):
    save(folder, full)
    folder.discard()
    assert not folder.path.parent.exists()
    folder.put_items((item("a5"),))
    assert not folder.path.parent.exists()


def test_a_folder_that_was_deleted_is_written_anew(folder, full):
    save(folder, full)
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    save(folder, full)
    assert ids(recover(folder.path).document.shelf) == ["a1", "a2"]


def test_a_full_disk_is_said_and_leaves_what_there_was(folder, full, item, monkeypatch):
    save(folder, full)
    with monkeypatch.context() as patch:

        def full_disk(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "replace", full_disk)
        with pytest.raises(OutputProblem, match="disk is full"):
            save(folder, msgspec.structs.replace(full, shelf=(item("a9"),)))
    assert ids(recover(folder.path).document.shelf) == ["a1", "a2"]


def test_what_is_brought_back_while_its_removal_is_saved_stays(folder, full):
    save(folder, full)
    without = msgspec.structs.replace(full, shelf=full.shelf[1:])
    known = folder.known
    folder.put_items(full.shelf[:1])  # undo, while a worker is about to write the removal
    folder.save(without, "", known)
    assert sorted(ids(recover(folder.path).document.shelf)) == ["a1", "a2"]
    save(folder, without)
    assert ids(recover(folder.path).document.shelf) == ["a2"]
