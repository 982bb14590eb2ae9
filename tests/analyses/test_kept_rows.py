import os
from pathlib import Path

import numpy as np
import pytest

from interp_gui.analyses import kept_rows
from interp_gui.analyses.kept_rows import KeptRows, unkept_notes
from interp_gui.core.analysis import Context, Inputs, Store
from interp_gui.core.errors import OutputProblem
from interp_gui.core.stored_folder import StoredFolder

HASHES = [f"{i:062x}00" for i in range(6)]  # hashes may end in zeros


@pytest.fixture
def open_rows(tmp_path):
    return lambda: KeptRows(StoredFolder(tmp_path))


def columns(first, count):
    number = np.arange(first, first + count)
    return {"one": number.astype(np.int32), "many": np.stack([number, -number], 1) / 2}


def test_what_was_added_is_found_again_in_any_order(open_rows):
    with open_rows() as rows:
        rows.add(HASHES[:3], columns(0, 3))
    with open_rows() as rows:
        rows.add(HASHES[3:], columns(3, 3))
        assert rows.rows(HASHES[4:])["one"].tolist() == [4, 5]  # before it is on disk
    again = open_rows()
    assert len(again) == 6
    found = again.rows([HASHES[4], HASHES[0], HASHES[4]])
    assert found["one"].tolist() == [4, 0, 4]
    np.testing.assert_array_equal(found["many"], [[2, -2], [0, 0], [2, -2]])
    assert not again.knows("ab" * 32)
    with pytest.raises(KeyError):
        again.rows(["ab" * 32])


def test_what_was_added_before_an_error_is_kept(open_rows):
    def broken_off():
        with open_rows() as rows:
            rows.add(HASHES[:2], columns(0, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert open_rows().knows(HASHES[1])


def test_two_may_add_at_once_and_the_first_row_counts(open_rows):
    one, other = open_rows(), open_rows()
    one.add(HASHES[:2], columns(0, 2))
    one.keep()
    other.add(HASHES[1:3], columns(10, 2))
    other.keep()
    found = open_rows()
    assert len(found) == 3
    assert found.rows([HASHES[0], HASHES[2]])["one"].tolist() == [0, 11]
    assert found.rows([HASHES[1]])["one"][0] in (1, 10)


def test_files_that_are_cut_or_of_another_kind_are_left_aside(open_rows, tmp_path):
    with open_rows() as rows:
        rows.add(HASHES[:2], columns(0, 2))
    (whole,) = tmp_path.glob("*.rows")
    (tmp_path / "zz.rows").write_bytes(whole.read_bytes()[:-20])
    np.save(tmp_path / "zzz.npy", np.zeros(3))
    (tmp_path / "zzz.npy").rename(tmp_path / "zzz.rows")
    assert len(open_rows()) == 2


def test_where_nothing_can_be_written_all_goes_on_in_memory(open_rows, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    rows = open_rows()
    with rows:
        rows.add(HASHES[:1], columns(0, 1))
        monkeypatch.setattr("os.replace", full)
        rows.keep()
        assert "No space" in rows.unkept
        assert "No space left on device" in unkept_notes(rows, open_rows())[0]
        rows.add(HASHES[1:2], columns(1, 1))
        assert rows.rows(HASHES[:2])["one"].tolist() == [0, 1]
    assert not list(tmp_path.glob("*.part"))
    monkeypatch.undo()
    rows.keep()  # there is room again
    assert unkept_notes(rows) == ()
    assert open_rows().rows(HASHES[:2])["one"].tolist() == [0, 1]


def many_hashes(count):
    return [f"{i * 7919 % 65536:04x}{i:060x}" for i in range(count)]


def written(open_rows, hashes, *, first=0):
    """One file an image, as a slow pass leaves them."""
    rows = open_rows()
    for i, each in enumerate(hashes):
        rows.add([each], columns(first + i, 1))
        rows.keep()


@pytest.fixture
def as_left_by_a_slow_pass(monkeypatch, open_rows):
    hashes = many_hashes(40)
    with monkeypatch.context() as patch:
        patch.setattr(kept_rows, "_MOST_FILES", 10**6)
        written(open_rows, hashes)
    return hashes


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files cannot be counted")
def test_many_files_are_not_held_open_and_become_few(open_rows, tmp_path, as_left_by_a_slow_pass):
    hashes = as_left_by_a_slow_pass
    assert len(list(tmp_path.glob("*.rows"))) == 40
    before = len(os.listdir("/proc/self/fd"))
    rows = open_rows()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # what says that the folder is in use
    assert rows.rows(hashes)["one"].tolist() == list(range(40))
    assert len(list(tmp_path.glob("*.rows"))) == 1


def test_a_long_pass_puts_its_own_files_together(open_rows, tmp_path):
    hashes = many_hashes(60)
    written(open_rows, hashes)
    assert len(list(tmp_path.glob("*.rows"))) < 20
    assert open_rows().rows(hashes)["one"].tolist() == list(range(60))


def test_large_files_are_mapped_and_read_alike(
    open_rows, monkeypatch, as_left_by_a_slow_pass, tmp_path
):
    monkeypatch.setattr(kept_rows, "_MAPPED_BYTES", 200)
    rows = open_rows()
    assert any(isinstance(each, np.memmap) for each in rows._files)
    assert rows.rows(as_left_by_a_slow_pass)["one"].tolist() == list(range(40))
    assert len(list(tmp_path.glob("*.rows"))) < 16


def test_whoever_is_stopped_while_putting_together_loses_nothing(
    open_rows, tmp_path, monkeypatch, as_left_by_a_slow_pass
):
    hashes, unlink, left = as_left_by_a_slow_pass, Path.unlink, [5]

    def killed(path, *args, **more):
        if path.suffix == ".rows" and not left[0]:
            raise KeyboardInterrupt
        left[0] -= path.suffix == ".rows"
        unlink(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            open_rows()
    assert len(list(tmp_path.glob("*.rows"))) == 36  # rows that are there twice among them
    assert open_rows().rows(hashes)["one"].tolist() == list(range(40))
    (only,) = tmp_path.glob("*.rows")
    assert len(np.load(only)) == 40


@pytest.mark.parametrize("reads_only", [False, True])
def test_what_another_puts_together_meanwhile_is_found(
    open_rows, tmp_path, monkeypatch, as_left_by_a_slow_pass, reads_only
):
    hashes, read, other = as_left_by_a_slow_pass, kept_rows._read, []
    monkeypatch.setattr(kept_rows, "_MOST_FILES", 10**6 if reads_only else 16)

    def slowly(path, **more):
        if not other:  # the files named so far are gone when they are opened
            other.append(None)
            monkeypatch.setattr(kept_rows, "_MOST_FILES", 16)
            monkeypatch.setattr(kept_rows.FileLock, "take", lambda *_args, **_more: True)
            other.append(open_rows())
        return read(path, **more)

    monkeypatch.setattr(kept_rows, "_read", slowly)
    rows = open_rows()
    for each in (rows, other[1], open_rows()):
        assert each.rows(hashes)["one"].tolist() == list(range(40))
    assert len(list(tmp_path.glob("*.rows"))) == 1


def test_what_cannot_be_put_together_stays(
    open_rows, tmp_path, monkeypatch, as_left_by_a_slow_pass
):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert open_rows().rows(as_left_by_a_slow_pass)["one"].tolist() == list(range(40))
    assert len(list(tmp_path.glob("*.rows"))) == 40


def test_too_many_open_files_are_told_in_words(runtimes):
    class Full(Store):
        def folder_of(self, key):
            raise OSError(24, "Too many open files")

    context = Context(model=runtimes["cnn"], inputs=Inputs(), cache=Full())
    with pytest.raises(OutputProblem, match="Too many open files"):
        kept_rows.kept_rows(context, {"kind": "any"})
