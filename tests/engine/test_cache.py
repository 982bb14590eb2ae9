import errno
import multiprocessing
import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest

from interp_gui.engine.cache import Cache
from interp_gui.engine.values import DamagedValue, pack, unpack


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", 2**20)


def files(cache):
    return sorted(p for p in cache.folder.rglob("*") if p.is_file() and "index" not in p.name)


def test_what_was_put_comes_back_in_another_instance(cache):
    value = {"a": np.arange(6.0).reshape(2, 3), "b": [1, None, "x"], "c": {"d": np.uint8([1])}}
    assert cache.get({"k": 1}) is None
    cache.put({"k": 1, "l": (1, 2)}, value)
    back = Cache(cache.folder, 2**20).get({"l": [1, 2], "k": 1})
    np.testing.assert_array_equal(back["a"], value["a"])
    assert back["b"] == [1, None, "x"]
    assert back["c"]["d"].dtype == np.uint8
    assert cache.size_bytes == sum(p.stat().st_size for p in files(cache))


def test_other_content_and_other_code_are_other_keys(cache):
    cache.put({"k": 1}, {"v": 1})
    assert cache.get({"k": 1.5}) is None
    assert cache.get({"k": "1"}) is None
    assert Cache(cache.folder, 2**20, code_version=2).get({"k": 1}) is None


def test_the_least_recently_used_goes_first(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("interp_gui.engine.cache.time.time", lambda: now[0])
    cache = Cache(tmp_path, 3500)
    for i in range(3):
        now[0] += 1
        cache.put({"i": i}, {"a": np.zeros(1000, np.uint8)})
    now[0] += 1
    assert cache.get({"i": 0}) is not None
    now[0] += 1
    cache.put({"i": 3}, {"a": np.zeros(1000, np.uint8)})
    assert [cache.get({"i": i}) is not None for i in range(4)] == [True, False, True, True]
    assert cache.size_bytes <= 3500
    cache.put({"i": 9}, {"a": np.zeros(9999, np.uint8)})
    assert cache.get({"i": 9}) is None
    assert cache.get({"i": 3}) is not None


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_value_is_a_miss_and_goes(cache, damage):
    cache.put({"k": 1}, {"a": np.zeros(100)})
    (path,) = files(cache)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content) if damage is None else damage)
    assert cache.get({"k": 1}) is None
    assert files(cache) == []
    assert cache.size_bytes == 0


def test_a_damaged_index_is_made_again_from_the_files(cache):
    cache.put({"k": 1}, {"a": np.zeros(100)})
    size = cache.size_bytes
    (cache.folder / "index-1.sqlite").write_bytes(b"not a database, not at all" * 50)
    assert cache.size_bytes == size
    assert cache.get({"k": 1}) is not None
    cache.put({"k": 2}, {"b": 1})
    assert cache.size_bytes > size


def test_clear_empties_it(cache):
    cache.put({"k": 1}, {"a": 1})
    cache.clear()
    assert cache.get({"k": 1}) is None
    assert (cache.size_bytes, files(cache)) == (0, [])
    cache.put({"k": 1}, {"a": 2})
    assert cache.get({"k": 1}) == {"a": 2}


@pytest.mark.expects_log
def test_a_full_disk_is_warned_of_once_and_leaves_nothing_half_written(cache, monkeypatch, caplog):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("interp_gui.engine.cache.os.replace", full)
        cache.put({"k": 1}, {"a": 1})
        cache.put({"k": 2}, {"a": 1})
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "No space left" in caplog.text
    assert files(cache) == []
    cache.put({"k": 1}, {"a": 1})
    assert cache.get({"k": 1}) == {"a": 1}


@pytest.mark.expects_log
def test_a_locked_index_costs_only_the_entry(cache, caplog):
    cache.put({"k": 1}, {"a": 1})
    cache._open_index = lambda: (_ for _ in ()).throw(sqlite3.OperationalError("locked"))
    cache.put({"k": 2}, {"a": 2})
    assert cache.get({"k": 1}) == {"a": 1}
    assert (cache.folder / "index-1.sqlite").exists()


def _fill(folder, start):
    cache = Cache(folder, 2**20)
    for i in range(20):
        cache.put({"i": (start + i) % 25}, {"a": np.full(500, (start + i) % 25)})
        found = cache.get({"i": i})
        assert found is None or int(found["a"][0]) == i


def test_several_processes_may_share_it(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_fill, args=(tmp_path, n * 7)) for n in range(2)]
    for worker in workers:
        worker.start()
    _fill(tmp_path, 3)
    for worker in workers:
        worker.join(60)
    assert [w.exitcode for w in workers] == [0, 0]
    cache = Cache(tmp_path, 2**20)
    assert all(int(cache.get({"i": i})["a"][0]) == i for i in range(20))
    assert cache.size_bytes == sum(p.stat().st_size for p in files(cache))


def test_where_it_lies_is_the_users_choice(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_CACHE", str(tmp_path / "x"))
    assert Cache.default().folder == tmp_path / "x"
    monkeypatch.setenv("INTERP_GUI_CACHE", "off")
    assert Cache.default() is None
    monkeypatch.delenv("INTERP_GUI_CACHE")
    assert "interp-gui" in str(Cache.default().folder)


def test_only_plain_values_and_arrays_are_stored():
    for wrong in (object(), np.array([None]), {1, object()}):
        with pytest.raises(TypeError):
            pack({"a": wrong})
    with pytest.raises(DamagedValue):
        unpack(b"igv1" + bytes(40))


def test_the_environment_sets_how_large_it_may_become(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_CACHE", str(tmp_path))
    monkeypatch.setenv("INTERP_GUI_CACHE_LIMIT_MB", "7")
    assert Cache.default().limit_bytes == 7 * 2**20
    monkeypatch.setenv("INTERP_GUI_CACHE_LIMIT_MB", "much")
    for free, most in ((10**9, Cache(tmp_path).limit_bytes), (10**12, 10**11)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr("interp_gui.engine.cache.shutil.disk_usage", lambda _, u=usage: u)
        assert Cache.default().limit_bytes == most
