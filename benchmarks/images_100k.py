"""The window with 100,000 images: how late its event loop comes back while they are handled.

The real window with its real engine lists a folder of small files (hard links of a few hundred
distinct pictures), scrolls through it, sorts, filters, selects, removes and takes that back, while
a 5 ms timer measures how late the event loop comes back.

    python -m benchmarks.images_100k [--images 100000] [--broken 0]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from PySide6.QtWidgets import QApplication

from benchmarks.common import save, table
from benchmarks.responsiveness import Stalls, memory_mib, sleep, wait
from interp_gui.engine.client import EngineClient
from interp_gui.gui.collector import MainThreadCollector
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.theme import Theme

DISTINCT = 300
LABELS = 50


def make_images(folder, count, broken):
    """A class folder of small pictures; links, because only their number matters."""
    random = np.random.default_rng(0)
    sources = folder / "sources"
    sources.mkdir()
    for i in range(DISTINCT):
        pixels = random.integers(0, 256, (48 + i % 32, 64, 3), np.uint8)
        suffix = "png" if i % 2 else "jpg"
        Image.fromarray(pixels).save(sources / f"{i}.{suffix}")
    (sources / "broken.png").write_bytes(b"\x89PNG not really")
    files = sorted(sources.glob("[0-9]*"))
    for label in range(LABELS):
        (folder / "images" / f"label {label}").mkdir(parents=True)
    for i in range(count):
        source = sources / "broken.png" if i < broken else files[i % DISTINCT]
        target = folder / "images" / f"label {i % LABELS}" / f"image {i}{source.suffix}"
        os.link(source, target)
    return folder / "images"


class Measured:
    """One action: the time until it is done, and the stalls until some time after."""

    def __init__(self):
        self.rows = []

    def step(self, name, act, done, after_ms=400, *, waits=False):
        stalls = Stalls()
        sleep(200)
        stalls.start()
        begun = time.perf_counter()
        act()
        own_ms = (time.perf_counter() - begun) * 1000
        wait(done, name)
        taken_s = time.perf_counter() - begun
        sleep(after_ms)
        stalls.stop()
        self.rows.append(
            {
                "action": name, "taken_s": taken_s, "p99_ms": stalls.percentile(0.99),
                # what the action itself holds the loop is a stall too
                "max_ms": max(0 if waits else own_ms, *stalls.late_ms),
            }
        )  # fmt: skip


def walk(window, folder, count):
    """Every action, measured."""
    panel, source, measured = window.images, window.images.source, Measured()

    def settled():
        return source.is_current

    def shown(expected):
        return lambda: settled() and panel.model.rowCount() == expected

    def order(**wanted):
        source.arrange(**wanted)

    def scroll():
        bar = panel.view.verticalScrollBar()
        for i in range(150):
            bar.setValue(round(bar.maximum() * (i % 50) / 50) + 37 * i)
            sleep(16)

    few = count // LABELS
    measured.step("list", lambda: window.files.open([str(folder)]), shown(count), 1500)
    measured.step("engine knows them", lambda: None, lambda: window.bridge.is_ready, 500)
    measured.step("scroll fast", scroll, lambda: True, waits=True)
    waiting = len(window.thumbnails.waiting)
    measured.step("sort by name", lambda: order(sort="name"), settled)
    measured.step(
        "sort by label, descending", lambda: order(sort="label", descending=True), settled
    )
    measured.step("filter by label", lambda: order(text='label:"label 7"'), shown(few))
    measured.step("filter by name", lambda: order(text="99"), settled)
    measured.step("filter nothing", lambda: order(text="", sort="", descending=False), shown(count))
    measured.step("select all", panel.view.selectAll, lambda: True)
    measured.step("sort what is selected", lambda: order(sort="name"), settled)
    measured.step("order added", lambda: order(sort=""), settled)
    order(text="7")
    wait(settled, "a filter")
    scattered = panel.model.rowCount()
    panel.view.selectAll()
    measured.step("no filter", lambda: order(text=""), shown(count))
    order(text="7")
    wait(settled, "a filter")
    panel.view.selectAll()
    measured.step(f"remove {scattered:,}", panel.remove_selected, shown(0))
    measured.step("no filter", lambda: order(text=""), shown(count - scattered))
    measured.step("undo", window.state.undo.undo, shown(count))
    panel.view.select_places(np.arange(1))
    measured.step("remove one", panel.remove_selected, shown(count - 1))
    measured.step("undo", window.state.undo.undo, shown(count))
    measured.step("remove all", window.documents.clear_images, shown(0))
    measured.step("undo", window.state.undo.undo, shown(count))
    measured.step("resize", lambda: window.resize(1100, 700), settled)
    return measured.rows, waiting


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--broken", type=int, default=0, help="how many of them are no pictures")
    options = parser.parse_args(argv)
    relay = Relay()
    client = EngineClient(on_event=relay)
    client.start()
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as own:
        folder = make_images(Path(own), options.images, options.broken)
        window = MainWindow(
            client, relay, settings=Settings(Path(own)), theme=Theme(app), ask_on_close=False
        )
        collector = MainThreadCollector(window)
        window.resize(1280, 800)
        window.show()
        wait(lambda: window.bridge.is_ready, "the engine")
        sleep(2000)
        before_mib = memory_mib(psutil.Process().pid)
        rows, waiting = walk(window, folder, options.images)
        after_mib = memory_mib(psutil.Process().pid)
        engine_mib = memory_mib(window.bridge.hello.pid)
        window.close()
        collector.close()
        client.close()
    figures = {
        "images": options.images, "actions": rows, "thumbnails_waiting_after_scroll": waiting,
        "memory_mib": {"before": before_mib, "after": after_mib, "engine": engine_mib},
    }  # fmt: skip
    save("images_100k", figures)
    cells = [
        (r["action"], f"{r['taken_s']:.2f} s", f"{r['p99_ms']:.0f} ms", f"{r['max_ms']:.0f} ms")
        for r in rows
    ]
    print(table(("action", "done after", "late, p99", "late, most"), cells))
    print(f"\nThumbnails still waited for after scrolling: {waiting}")
    print(f"Memory of the window: {before_mib:.0f} MiB before, {after_mib:.0f} MiB after")
    print(f"Memory of the engine: {engine_mib:.0f} MiB")


if __name__ == "__main__":
    main()
