"""Decoding ahead of the network: in order, bounded, and gone when nobody asks."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_gui.analyses.decoding import Decoder, decoding_threads, input_decoder
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue
from interp_gui.core.preprocessing import load_input

PATHS = [str(i) for i in range(40)]
BROKEN = {3, 4, 5, 6, 7, 20}


class Files:
    """Reads by name, and remembers what and how many at once."""

    def __init__(self, *, slow_s=0.0, broken=BROKEN):
        self.read, self.at_once, self.most = [], 0, 0
        self._lock, self._slow_s, self._broken = threading.Lock(), slow_s, broken

    def __call__(self, path):
        with self._lock:
            self.read.append(int(path))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self._slow_s)
        with self._lock:
            self.at_once -= 1
        if int(path) in self._broken:
            raise ImageProblem(f"'{path}' is broken.")
        return np.full((1, 2, 2), int(path), np.float32)


def threads():
    return [t for t in threading.enumerate() if t.name == "decoding"]


def gone():
    deadline = time.monotonic() + 3
    while threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    return not threads()


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 9), st.integers(1, 4), st.integers(0, 3), st.sets(st.integers(0, 39)),
    st.integers(0, 3),
)  # fmt: skip
def test_every_image_comes_once_and_in_order(batch, count, ahead, skip, start):
    files = Files()
    decoder = Decoder(PATHS, files, skip=skip, threads=count, ahead=ahead)
    items, problems = [], {}
    for first in range(start, len(PATHS), batch):
        taken = decoder.take(range(first, min(first + batch, len(PATHS))))
        assert [int(x[0, 0, 0]) for x in taken.inputs] == list(taken.items)
        items += taken.items
        problems |= taken.problems
    wanted = set(range(start, len(PATHS))) - skip
    assert items == sorted(wanted - BROKEN)
    assert set(problems) == wanted & BROKEN
    assert sorted(files.read) == sorted(wanted)
    assert files.most <= count
    assert gone()


def test_it_looks_no_further_than_said_and_its_threads_end():
    files = Files()
    decoder = Decoder(PATHS, files, threads=3, ahead=2)
    decoder.take(range(8, 12))
    assert gone()
    assert sorted(files.read) == list(range(8, 20))
    decoder.take(range(12, 16))
    assert gone()
    assert sorted(files.read) == list(range(8, 24))
    assert sorted(decoder._held) == list(range(12, 24))


def test_a_step_may_be_taken_again_and_any_other_begins_anew():
    files = Files()
    decoder = Decoder(PATHS, files, ahead=1)
    first = decoder.take(range(0, 4))
    again = decoder.take(range(0, 4))
    assert first.items == again.items == (0, 1, 2)
    assert set(again.problems) == {3}
    assert sorted(files.read)[:4] == [0, 1, 2, 3]
    assert decoder.take(range(30, 34)).items == (30, 31, 32, 33)
    assert decoder.take(range(8, 12)).items == (8, 9, 10, 11)
    decoder.stop()
    assert decoder.take(range(12, 16)).items == (12, 13, 14, 15)
    assert gone()


def test_what_turns_out_broken_is_not_looked_at_again():
    files, broken = Files(), {}
    decoder = Decoder(PATHS, files, skip=broken, ahead=0)
    taken = decoder.take(range(0, 6))
    broken |= taken.problems
    assert decoder.take(range(0, 6)).items == (0, 1, 2)
    assert files.read.count(4) == 1


def test_cancel_stops_it_at_once():
    files = Files(slow_s=0.05, broken=())
    decoder = Decoder(PATHS, files, threads=2, ahead=5)
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        decoder.take(range(0, 6), check)
    assert gone()
    assert len(files.read) < 12
    assert not decoder._held
    assert decoder.take(range(0, 2)).items == (0, 1)
    decoder.stop()
    assert gone()


def test_other_errors_come_when_it_is_their_turn():
    def load(path):
        if path == "5":
            raise InvalidValue("This one does not fit.")
        return np.zeros((1, 2, 2), np.float32)

    decoder = Decoder(PATHS, load, ahead=3)
    assert decoder.take(range(0, 4)).items == (0, 1, 2, 3)
    for _ in range(2):
        with pytest.raises(InvalidValue, match="does not fit"):
            decoder.take(range(4, 8))
    assert gone()


def test_inputs_are_those_of_the_files(runtimes, pictures, tmp_path):
    model = runtimes["cnn"]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    paths = [*pictures[:3], str(bad), str(tmp_path / "none.png"), *pictures[3:]]
    decoder = input_decoder(model, paths)
    taken = [decoder.take(range(i, min(i + 4, len(paths)))) for i in range(0, len(paths), 4)]
    inputs = [x for each in taken for x in each.inputs]
    for ours, path in zip(inputs, pictures, strict=True):
        np.testing.assert_array_equal(ours, load_input(path, model.preprocessing))
    assert {i for each in taken for i in each.problems} == {3, 4}


def test_the_network_keeps_half_of_a_processor_that_it_runs_on(monkeypatch):
    for cores, own, beside in ((1, 1, 1), (2, 1, 1), (8, 4, 7), (64, 8, 8)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert decoding_threads("cpu") == own
        assert decoding_threads("cuda:0") == beside
