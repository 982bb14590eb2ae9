import numpy as np
import pytest

from interp_gui.analyses.kept_rows import KeptRows
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


def test_a_folder_that_cannot_be_written_to_is_told(open_rows, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    rows = open_rows()
    rows.add(HASHES[:1], columns(0, 1))
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputProblem, match="full"):
        rows.keep()
    assert not list(tmp_path.glob("*.part"))
    monkeypatch.undo()
    rows.keep()
    assert open_rows().knows(HASHES[0])
