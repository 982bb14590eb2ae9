"""Whatever ends a pass: only what was under way is computed again, and nothing counts twice."""

import errno
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch

from interp_gui.analyses.harvest import HarvestSpec, folder, harvest, recording
from interp_gui.analyses.harvest.block import Block
from interp_gui.analyses.harvest.folder import LayerFolder, New
from interp_gui.analyses.harvest.hashes import keys_of, packed
from interp_gui.analyses.passes import Route
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import Cancelled, InvalidValue, OutOfMemory, OutputProblem
from interp_gui.core.images import image_sha256
from interp_gui.engine.cache import Cache

CHILD = str(Path(__file__).parent / "child.py")
LAYERS = ("act", "last")
SPEC = HarvestSpec(positions=2, k=5)


def dataset_of(paths):
    return Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths))


@pytest.fixture
def child(tmp_path):
    """Start a process that records; it waits for a line."""
    started = []

    def start(paths, log, pause_s):
        words = [sys.executable, CHILD, str(tmp_path / "cache"), str(tmp_path / log),
                 str(torch.get_num_threads()), str(pause_s), *map(str, paths)]  # fmt: skip
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def go(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def rows(cache_path):
    """Rows of each layer's folder, by what its manifest names."""
    found = []
    for path in Path(cache_path).glob("folders-1/*/*/manifest.json"):
        manifest = json.loads(path.read_bytes())
        found.append(sum(chunk["rows"] if isinstance(chunk, dict) else chunk[1]
                         for chunk in manifest["chunks"]))  # fmt: skip
    return sorted(found)


def same(found, whole, *, exact=True):
    assert [image.sha256 for image in found.images] == [image.sha256 for image in whole.images]
    assert found.sha256 == whole.sha256
    check = np.testing.assert_array_equal if exact else _close
    for name, record in found.layers.items():
        other = whole.layers[name]
        check(record.peaks(), other.peaks())
        check(record.means(), other.means())
        check(record.vectors(), other.vectors())
        np.testing.assert_array_equal(record.vector_place, other.vector_place)
        np.testing.assert_array_equal(record.vector_image, other.vector_image)
        for figure in ("unit_mean", "unit_variance", "minimum", "maximum", "vector_mean",
                       "covariance"):  # fmt: skip
            check(getattr(record, figure), getattr(other, figure))
        check(record.top.values, other.top.values)
        np.testing.assert_array_equal(record.top.items, other.top.items)
        check(record.peak_quantiles([0.1, 0.5, 0.33]), other.peak_quantiles([0.1, 0.5, 0.33]))


def _close(one, two):
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_a_killed_process_loses_only_what_was_under_way(
    runtimes, many, harvested, computed, child, tmp_path
):
    process = child(many, "log", 0.03)
    go(process)
    deadline = time.monotonic() + 30
    while not (found := rows(tmp_path / "cache")) or len(found) < 2 or found[0] < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = rows(tmp_path / "cache")
    assert 20 <= kept[0] < len(many)
    dataset = dataset_of(many)
    cache = Cache(tmp_path / "cache")
    resumed = harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4, cache=cache)
    assert len(computed) == len(set(computed)) == len(many) - kept[0]
    assert rows(tmp_path / "cache") == [len(many), len(many)]
    whole = harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4)
    same(resumed, whole)
    done = (tmp_path / "log").read_text().split()
    assert len(set(done) & set(computed[: len(many) - kept[0]])) < 40  # one chunk's


def test_little_waits_to_be_written_from_the_beginning_on(
    runtimes, many, computed, tmp_path, monkeypatch
):
    take, now = recording.Recording._take, [1000.0]

    def slow(self, *given):
        now[0] += 1.0
        return take(self, *given)

    monkeypatch.setattr(recording.Recording, "_take", slow)
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: now[0]))
    context = Context(
        model=runtimes["cnn"], inputs=Inputs(dataset=dataset_of(many)),
        cache=Cache(tmp_path / "cache"),
    )  # fmt: skip
    layer = runtimes["cnn"].description.layer("last")
    for _ in harvest(context, [layer], SPEC, batch=1):
        passed = now[0] - 1000.0
        kept = sum(rows(tmp_path / "cache"))
        assert passed - kept <= max(3.0, 0.1 * passed + 1.0)  # an image a second
    assert sum(rows(tmp_path / "cache")) == len(computed) == len(many)
    assert len(list(tmp_path.rglob("*.rows"))) < len(many) / 3


def test_two_processes_share_the_work(runtimes, many, harvested, child, tmp_path):
    one, two = child(many, "one", 0.1), child(many, "two", 0.1)
    go(one, two)
    answers = [json.loads(process.stdout.readline()) for process in (one, two)]
    assert [process.wait() for process in (one, two)] == [0, 0]
    assert answers[0]["images"] == answers[1]["images"] == len(many)
    assert answers[0]["sums"] == pytest.approx(answers[1]["sums"], rel=1e-6)
    assert rows(tmp_path / "cache") == [len(many), len(many)]
    logs = [(tmp_path / name).read_text().split() for name in ("one", "two")]
    assert set(logs[0]) | set(logs[1]) == {image_sha256(path) for path in many}
    assert len(set(logs[0]) & set(logs[1])) < len(many) // 2
    assert min(len(set(log)) for log in logs) > 0
    cache = Cache(tmp_path / "cache")
    dataset = dataset_of(many)
    found = harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4, cache=cache)
    same(found, harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4), exact=False)


@pytest.mark.parametrize("stop", [3, 9, 16, 27])
def test_a_cancelled_run_loses_nothing(runtimes, many, harvested, computed, tmp_path, stop):
    cache = Cache(tmp_path / "cache")
    dataset = dataset_of(many)
    assert harvested(
        runtimes["cnn"], dataset, LAYERS, SPEC, batch=4, cache=cache, stop=stop
    ) is None  # fmt: skip
    found = harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4, cache=cache)
    assert sorted(computed) == sorted(image_sha256(path) for path in many)
    same(found, harvested(runtimes["cnn"], dataset, LAYERS, SPEC, batch=4))


def test_two_runs_in_one_process_meet(runtimes, many, tmp_path, computed, monkeypatch):
    # every step is written at once: how often would otherwise hang on how long steps take
    monkeypatch.setattr(recording, "_SHORTEST_S", 0.0)
    monkeypatch.setattr(recording, "_SHARE", 0.0)
    cache = Cache(tmp_path / "cache")
    inputs = Inputs(dataset=dataset_of(many))
    layer = runtimes["cnn"].description.layer("last")
    runs = [
        harvest(Context(model=runtimes["cnn"], inputs=inputs, cache=cache), [layer], SPEC, batch=4)
        for _ in range(3)
    ]
    found = []
    while runs:
        for run in list(runs):
            try:
                next(run)
            except StopIteration as stop:
                found.append(stop.value)
                runs.remove(run)
    same(found[0], found[1])
    same(found[0], found[2])
    assert rows(tmp_path / "cache") == [len(many)]
    assert len(computed) <= len(many) + 6 * 4  # where they meet


def test_a_full_disk_is_said_and_loses_nothing(
    runtimes, many, harvested, computed, tmp_path, monkeypatch
):
    monkeypatch.setattr(recording, "_SHORTEST_S", 0.0)
    cache = Cache(tmp_path / "cache")
    dataset = dataset_of(many)
    write = folder.write_chunk
    written = []

    def full(path, hashes, block, *, sync):
        if len(written) >= 5:
            path.write_bytes(b"half of it")
            path.unlink()
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(len(hashes))
        return write(path, hashes, block, sync=sync)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "write_chunk", full)
        with pytest.raises(OutputProblem, match="disk is full") as problem:
            harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
        assert "goes on" in problem.value.hint
    assert rows(tmp_path / "cache") == [sum(written)]
    computed.clear()
    found = harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
    assert len(computed) == len(many) - sum(written)
    same(found, harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4))


def _may_mount():
    done = subprocess.run(
        ["unshare", "--user", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True, check=False,
    ) if shutil.which("unshare") else None  # fmt: skip
    return done is not None and done.returncode == 0


@pytest.mark.thorough
@pytest.mark.skipif(not _may_mount(), reason="no file system may be mounted here")
def test_a_disk_that_is_really_full(runtimes, many, harvested, computed, tmp_path):
    small, kept = tmp_path / "small", tmp_path / "cache"
    small.mkdir()
    words = [sys.executable, CHILD, str(small), str(tmp_path / "log"),
             str(torch.get_num_threads()), "0.02", *map(str, many)]  # fmt: skip
    with subprocess.Popen(
        ["unshare", "--user", "--mount", "--map-root-user", "sh", "-c",
         f"mount -t tmpfs -o size=100k none {small} && exec \"$@\"", "sh", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        go(process)
        answer = json.loads(process.stdout.readline())
        shutil.copytree(f"/proc/{process.pid}/root{small}", kept)
        process.stdin.write("\n")
        process.stdin.close()
        process.wait()
    assert "disk is full" in answer["problem"]
    there = rows(kept)
    assert 0 < there[0] < len(many)
    cache = Cache(kept)
    found = harvested(runtimes["cnn"], dataset_of(many), LAYERS, SPEC, batch=4, cache=cache)
    assert len(computed) == len(many) - there[0]
    same(found, harvested(runtimes["cnn"], dataset_of(many), LAYERS, SPEC, batch=4))


def test_a_chunk_that_no_manifest_names_does_not_count_and_goes(
    runtimes, many, harvested, tmp_path, monkeypatch
):
    cache = Cache(tmp_path / "cache")
    harvested(runtimes["cnn"], dataset_of(many[:10]), ["last"], SPEC, batch=4, cache=cache)
    (chunk,) = tmp_path.rglob("*.rows")
    orphan = chunk.with_name("0" * 32 + ".rows")
    orphan.write_bytes(chunk.read_bytes())
    found = harvested(runtimes["cnn"], dataset_of(many[:12]), ["last"], SPEC, cache=cache)
    assert len(found.images) == 12
    assert not orphan.exists()
    assert rows(tmp_path / "cache") == [12]


@pytest.mark.parametrize("damage", [b"", b"igharv1\n", None])
def test_a_damaged_chunk_is_recorded_again(runtimes, many, harvested, computed, tmp_path, damage):
    cache = Cache(tmp_path / "cache")
    dataset = dataset_of(many[:10])
    whole = harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
    (chunk,) = tmp_path.rglob("*.rows")
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2] if damage is None else damage)
    computed.clear()
    again = harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
    assert len(computed) == 10
    assert again.sha256 == whole.sha256
    np.testing.assert_array_equal(
        again.layers["last"].peaks(),
        harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4).layers["last"].peaks(),
    )


def test_a_damaged_manifest_is_made_again_from_the_chunks(
    runtimes, many, harvested, computed, tmp_path
):
    cache = Cache(tmp_path / "cache")
    dataset = dataset_of(many[:10])
    harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
    (manifest,) = tmp_path.rglob("manifest.json")
    manifest.write_bytes(b"{")
    computed.clear()
    found = harvested(runtimes["cnn"], dataset, ["last"], SPEC, batch=4, cache=cache)
    assert not computed
    assert len(found.images) == 10


def test_rows_of_images_that_are_known_are_dropped(runtimes, many, harvested, tmp_path):
    cache = Cache(tmp_path / "cache")
    key = {"k": 1}
    held = cache.folder_of(key)

    def new(hashes, values):
        n = len(values)
        numbers = np.tile(np.array(values, np.float32), (3, 1))
        block = Block(
            peak=numbers, mean=numbers, low=numbers, spread=numbers,
            position=np.zeros((3, n), np.int32), vectors=numbers.T[:, None].copy(),
            places=np.zeros((n, 1), np.int32), outliers=np.zeros(n, np.int32),
        )  # fmt: skip
        return New(hashes=packed(hashes), block=block)

    hashes = [f"{i:016x}".ljust(64, "0") for i in range(100)] + ["ab" * 31 + "00"]
    one, two = LayerFolder(held), LayerFolder(held)
    assert one.add(new(hashes[:2], [0, 1])) == 2
    assert two.add(new([hashes[1], hashes[2], hashes[2]], [9, 2, 9])) == 1
    assert one.others_added()
    assert not one.others_added()
    assert list(one.where(keys_of(packed(hashes[:4])))) == [0, 1, 2, -1]
    assert one.add(new(hashes[-1:], [7])) == 1
    assert list(one.where(keys_of(packed(hashes[-1:])))) == [3]
    chunks = one.chunks()
    assert [chunks[i].peak[0].tolist() for i in range(3)] == [[0, 1], [2], [7]]


@pytest.mark.parametrize("calls", [5, 95, 108])
def test_a_cancel_inside_a_step_loses_nothing(runtimes, many, harvested, computed, tmp_path, calls):
    cache, left = Cache(tmp_path / "cache"), [calls]

    def check():
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled

    inputs = Inputs(dataset=dataset_of(many))
    context = Context(model=runtimes["cnn"], inputs=inputs, cache=cache, check=check)
    layer = runtimes["cnn"].description.layer("last")
    with pytest.raises(Cancelled):
        list(harvest(context, [layer], SPEC, batch=4))
    found = harvested(runtimes["cnn"], dataset_of(many), ["last"], SPEC, batch=4, cache=cache)
    assert sorted(computed) == sorted(image_sha256(path) for path in many)
    assert len(found.images) == len(many)


def test_where_memory_is_short_fewer_are_taken_and_what_is_recorded_stays(
    runtimes, many, harvested, computed, tmp_path, monkeypatch
):
    harvested_by, batches = Route.harvested, []

    def short(self, context, batch, places):
        batches.append(len(batch))
        if len(batch) > 2 and len(batches) > 3:
            raise OutOfMemory("There is not enough memory.")
        return harvested_by(self, context, batch, places)

    monkeypatch.setattr(Route, "harvested", short)
    cache = Cache(tmp_path / "cache")
    found = harvested(runtimes["cnn"], dataset_of(many), ["last"], SPEC, batch=8, cache=cache)
    assert batches[:4] == [8, 8, 8, 8]
    assert set(batches[6:]) == {2}
    assert len(computed) == len(set(computed)) == len(many)
    assert any("2 images at a time" in note for note in found.notes)


def test_inputs_of_another_size_are_refused(runtimes, many, harvested):
    runtime = runtimes["cnn"]
    changed = msgspec.structs.replace(runtime.preprocessing, resize="none", crop=False)
    with pytest.raises(InvalidValue, match="size of the network's input"):
        harvested(runtime.with_preprocessing(changed), dataset_of(many[:3]), ["last"])
