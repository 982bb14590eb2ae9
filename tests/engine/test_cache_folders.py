"""Folders of the cache: counted, emptied, removed when old, never while in use."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from interp_gui.core.analysis import Store
from interp_gui.core.file_locks import FileLock
from interp_gui.core.stored_folder import in_use, temporary_folder
from interp_gui.engine.cache import Cache

HOLDER = """
import sys, time
from pathlib import Path
from interp_gui.engine.cache import Cache
held = Cache(Path(sys.argv[1]), 10**6).folder_of({"k": 1})
print("held", flush=True)
sys.stdin.read()
"""


def write(held, size, name="chunk"):
    (held.path / name).write_bytes(bytes(size))
    held.holds(size)


def test_a_folder_is_there_again_and_counted(tmp_path):
    cache = Cache(tmp_path, 10**6)
    with cache.folder_of({"k": 1}) as held:
        write(held, 5000)
    assert cache.size_bytes == 5000
    again = Cache(tmp_path, 10**6).folder_of({"k": 1})
    assert (again.path / "chunk").stat().st_size == 5000
    assert cache.folder_of({"k": 2}).path != again.path


def test_emptying_removes_folders_unless_they_are_in_use(tmp_path):
    cache = Cache(tmp_path, 10**6)
    held = cache.folder_of({"k": 1})
    write(held, 5000)
    with cache.folder_of({"k": 2}) as other:
        write(other, 700)
    cache.put({"v": 1}, {"a": 1})
    cache.clear()
    assert (held.path / "chunk").exists()
    assert not other.path.exists()
    assert cache.size_bytes == 5000
    held.close()
    cache.clear()
    assert not held.path.exists()
    assert cache.size_bytes == 0


def test_the_oldest_folder_goes_first_but_none_in_use(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("interp_gui.engine.cache.time.time", lambda: now[0])
    cache = Cache(tmp_path, 10_000)
    held = []
    for number in range(3):
        now[0] += 1
        held.append(cache.folder_of({"k": number}))
        write(held[-1], 4000)
        if number == 1:
            held[1].close()
    assert (held[0].path / "chunk").exists()  # in use, though the oldest
    assert not held[1].path.exists()
    assert (held[2].path / "chunk").exists()
    for each in held:
        each.close()
    now[0] += 1
    cache.put({"v": 1}, {"a": bytes(10).hex() * 200})
    assert not held[0].path.exists()
    assert (held[2].path / "chunk").exists()
    assert cache.size_bytes <= 10_000


def test_another_process_keeps_it_until_that_is_killed(tmp_path):
    cache = Cache(tmp_path, 10**6)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout.readline().strip() == b"held"
        (path,) = (tmp_path / "folders-1").glob("*/*")
        cache.clear()
        assert path.exists()
        child.kill()
        child.wait()
        cache.clear()
    assert not path.exists()


def test_a_lost_index_is_made_again_with_folders(tmp_path):
    cache = Cache(tmp_path, 10**6)
    with cache.folder_of({"k": 1}) as held:
        write(held, 5000)
    (tmp_path / "index-1.sqlite").unlink()
    cache.put({"v": 1}, {"a": 1})
    assert cache.size_bytes > 5000


def test_a_folder_that_is_forgotten_is_no_longer_in_use(tmp_path):
    path = Cache(tmp_path, 10**6).folder_of({"k": 1}).path
    gc.collect()
    assert path.exists()
    assert not in_use(path)


def test_without_a_cache_on_disk_folders_last_as_long_as_the_store():
    store = Store()
    path = store.folder_of({"k": (1, Path("x"))}).path
    assert store.folder_of({"k": [1, Path("x")]}).path == path
    assert store.folder_of({"k": 2}).path != path
    del store
    gc.collect()
    assert not path.exists()


def test_what_a_killed_process_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "interp-gui-store-left"
    left.mkdir()
    (left / "use-1-abc").touch()
    os.utime(left, (1, 1))
    used = temporary_folder()
    os.utime(used.path, (1, 1))
    other = temporary_folder()
    assert not left.exists()
    assert used.path.exists()
    assert other.path.exists()


@pytest.mark.expects_log
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_cache_gives_a_temporary_folder(tmp_path):
    tmp_path.chmod(0o500)
    held = Cache(tmp_path / "cache", 10**6).folder_of({"k": 1})
    assert held.temporary


def test_a_file_in_the_way_gives_a_temporary_folder(tmp_path, caplog):
    (tmp_path / "cache").write_text("")
    with caplog.at_level("CRITICAL", "interp_gui.engine.cache"):
        held = Cache(tmp_path / "cache", 10**6).folder_of({"k": 1})
    assert held.temporary
    assert held.path.exists()


def test_a_lock_is_exclusive_within_a_process_too(tmp_path):
    one, two = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.take()
    assert one.take()
    assert not two.take(wait_s=0.05)
    one.release()
    assert two.take()
    assert two.held
    two.release()
