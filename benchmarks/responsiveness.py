"""The window while the engine works: event-loop stalls, time to cancel, memory of both processes.

The real window with its real engine opens the sample model and photographs. Then, while pictures
of eight units are optimised and the layer wall is scrolled, a 5 ms timer measures how late the
event loop comes back; then jobs are cancelled again and again.

    python -m benchmarks.responsiveness [--seconds 20]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from benchmarks.common import save, table
from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature
from interp_gui.engine.client import EngineClient
from interp_gui.engine.messages import Run
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.theme import Theme

TICK_MS = 5
CANCELS = 12


def sleep(delay_ms):
    loop = QEventLoop()
    QTimer.singleShot(delay_ms, loop.quit)
    loop.exec()


def wait(until, what, patience_s=300):
    deadline = time.monotonic() + patience_s
    while not until():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        sleep(20)


class Stalls:
    """How late the event loop came back, in milliseconds, tick by tick."""

    def __init__(self):
        self.late_ms = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self):
        self._last = time.perf_counter()
        self._timer.start(TICK_MS)

    def stop(self):
        self._timer.stop()

    def _tick(self):
        now = time.perf_counter()
        self.late_ms.append(max(0.0, (now - self._last) * 1000 - TICK_MS))
        self._last = now

    def percentile(self, share):
        ordered = sorted(self.late_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def optimise(window, layer, first, steps=512):
    model = window.state.model
    features = tuple(Feature(layer=layer, units=(first + i,)) for i in range(8))
    ended = []
    job = window.bridge.run(
        Run(
            analysis="feature-visualization", model=model.handle,
            inputs=Inputs(features=features, seed=first), parameters={"steps": steps},
        ),
        title="measured", priority="visible", on_end=ended.append,
    )  # fmt: skip
    return job, ended


def measure_stalls(window, seconds):
    state = window.state
    state.set_layer("features.14")
    state.set_tab("wall")
    sleep(1500)
    wall = window.centre.tab("wall")
    job, ended = optimise(window, "features.14", 64)
    stalls = Stalls()
    stalls.start()
    until = time.monotonic() + seconds
    bar, step = wall.list.verticalScrollBar(), 60
    while time.monotonic() < until:
        if bar.value() in (bar.minimum(), bar.maximum()):
            step = 60 if bar.value() == bar.minimum() else -60
        bar.setValue(bar.value() + step)
        sleep(50)
    stalls.stop()
    window.bridge.cancel(job)
    wait(lambda: ended, "the measured job")
    return stalls


def measure_cancel(window):
    taken_ms = []
    for i in range(CANCELS):
        job, ended = optimise(window, "features.14", 8 * i)
        wait(lambda job=job: window.bridge.jobs[job].progress.done > 2, "the first steps")
        begun = time.perf_counter()
        window.bridge.cancel(job)
        while not ended:
            sleep(1)
        taken_ms.append((time.perf_counter() - begun) * 1000)
        if ended[0].outcome != "cancelled":
            raise SystemExit(f"a job ended {ended[0].outcome} although it was cancelled")
    return taken_ms


def memory_mib(pid):
    return psutil.Process(pid).memory_info().rss / 2**20


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args(argv).seconds
    begun = time.perf_counter()
    relay = Relay()
    client = EngineClient(on_event=relay)
    client.start()
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as own:
        window = MainWindow(
            client, relay, settings=Settings(Path(own)), theme=Theme(app), ask_on_close=False
        )
        window.resize(1280, 800)
        window.show()
        wait(lambda: window.bridge.is_ready, "the engine")
        ready_s = time.perf_counter() - begun
        window.files.open_sample()
        wait(lambda: window.state.model and window.state.dataset, "the sample")
        sleep(3000)
        stalls = measure_stalls(window, seconds)
        cancel_ms = measure_cancel(window)
        own_mib, engine_mib = memory_mib(psutil.Process().pid), memory_mib(window.bridge.hello.pid)
        window.close()
        client.close()
    figures = {
        "engine_ready_s": ready_s,
        "stall_ms": {
            "p50": stalls.percentile(0.5), "p99": stalls.percentile(0.99),
            "max": max(stalls.late_ms), "ticks": len(stalls.late_ms),
        },
        "cancel_ms": cancel_ms,
        "memory_mib": {"window": own_mib, "engine": engine_mib},
    }  # fmt: skip
    save("responsiveness", figures)
    rows = [
        ("engine ready after start", f"{ready_s:.1f} s", "≤ 7 s"),
        ("event loop late, p99", f"{stalls.percentile(0.99):.0f} ms", "≤ 30 ms"),
        ("event loop late, most", f"{max(stalls.late_ms):.0f} ms", "≤ 100 ms"),
        ("cancel, median", f"{statistics.median(cancel_ms):.0f} ms", "≤ 300 ms"),
        ("cancel, slowest", f"{max(cancel_ms):.0f} ms", "≤ 3 s"),
        ("memory of the window", f"{own_mib:.0f} MiB", ""),
        ("memory of the engine", f"{engine_mib:.0f} MiB", ""),
    ]
    print(table(("what", "measured", "budget"), rows))


if __name__ == "__main__":
    main()
