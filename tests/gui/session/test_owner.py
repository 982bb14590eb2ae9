import os
import subprocess
import sys

import msgspec
import pytest

from interp_gui.gui.session.owner import Hold, Owner, read_owner


@pytest.fixture
def ended():
    """The owner that a process was which has ended."""
    child = subprocess.run(
        [sys.executable, "-c",
         "from interp_gui.gui.session.owner import Owner; import msgspec;"
         "print(msgspec.json.encode(Owner.this('x')).decode())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return msgspec.json.decode(child.stdout, type=Owner)


def test_a_process_that_runs_is_told_from_one_that_ended(ended):
    assert not Owner.this("a").is_dead
    assert ended.is_dead


def test_a_number_that_is_used_again_is_another_process():
    mine = Owner.this("a")
    assert msgspec.structs.replace(mine, started_s=mine.started_s - 100).is_dead


def test_of_another_machine_nothing_is_known(ended):
    assert not msgspec.structs.replace(ended, host="elsewhere").is_dead


def test_one_window_holds_a_file_and_others_hear_who(tmp_path):
    one, two = Owner.this("one"), Owner.this("two")
    first, second = Hold(tmp_path / "a.interp", one), Hold(tmp_path / "a.interp", two)
    assert first.take() is None
    assert second.take() == one
    second.release()
    assert second.take() == one, "who does not hold it cannot let go of it"
    first.release()
    assert list(tmp_path.iterdir()) == []
    assert second.take() is None


def test_the_same_window_may_take_it_twice(tmp_path):
    owner = Owner.this("one")
    assert Hold(tmp_path / "a.interp", owner).take() is None
    again = Hold(tmp_path / "a.interp", owner)
    assert again.take() is None
    again.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100_000, b'{"pid":"x"}'])
def test_a_file_that_says_nothing_does_not_count(tmp_path, content):
    hold = Hold(tmp_path / "a.interp", Owner.this("one"))
    hold.path.write_bytes(content)
    assert hold.take() is None
    assert read_owner(hold.path) == Owner.this("one")


def test_what_a_dead_process_held_is_free(tmp_path, ended):
    hold = Hold(tmp_path / "a.interp", Owner.this("one"))
    hold.path.write_bytes(msgspec.json.encode(ended))
    assert hold.take() is None
    assert read_owner(hold.path) == Owner.this("one")


def test_what_another_machine_holds_can_be_taken_by_force(tmp_path):
    other = msgspec.structs.replace(Owner.this("other"), host="elsewhere")
    hold = Hold(tmp_path / "a.interp", Owner.this("one"))
    hold.path.write_bytes(msgspec.json.encode(other))
    assert hold.take() == other
    assert hold.take(by_force=True) is None
    assert read_owner(hold.path) == Owner.this("one")


def test_where_nothing_can_be_written_nothing_is_held(tmp_path):
    assert Hold(tmp_path / "none" / "a.interp", Owner.this("one")).take() is None


def test_numbers_that_are_no_process_do_no_harm():
    for pid in (-1, 0, 2**40):
        found = Owner(pid=pid, started_s=0.0, host=os.uname().nodename)
        assert found.is_dead
