"""What every test is held to: own folders, no unexpected log, no thread left behind."""

import gc
import logging
import os
import threading
import time

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Idle threads that spin make a busy machine many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests may import it before anything of ours
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers that compute with all cores each take them from one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache, settings or model hubs."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("INTERP_GUI_CACHE", str(home / "cache"))
    monkeypatch.setenv("INTERP_GUI_CONFIG", str(home / "config"))
    monkeypatch.setenv("INTERP_GUI_DATA", str(home / "data"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    # What a pass runs on must not hang on how busy the machine is.
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "torch")


@pytest.fixture(autouse=True)
def no_unexpected_log(caplog, request):
    """A record of WARNING or above fails the test unless it is marked `expects_log`."""
    yield
    if request.node.get_closest_marker("expects_log"):
        return
    for when in ("setup", "call"):
        for record in caplog.get_records(when):
            if record.levelno >= logging.WARNING and not record.name.startswith("hypothesis"):
                pytest.fail(f"unexpected log: {record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_thread_left():
    """A test that leaves a thread running fails; pools of libraries are not ours."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        left = [t for t in threading.enumerate() if t not in before and _ours(t)]
        if not left:
            return
        gc.collect()
        time.sleep(0.02)
    pytest.fail(f"threads left running: {[t.name for t in left]}")


def _ours(thread):
    foreign = ("ThreadPoolExecutor", "asyncio", "pydevd", "QDBus", "Dummy", "pytest_timeout",
               "tqdm_monitor")  # fmt: skip
    return thread.is_alive() and not thread.name.startswith(foreign)
