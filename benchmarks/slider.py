"""A slider of an intervention in the real window: answers shown a second, event-loop stalls.

The real window with its real engine opens MobileNetV2 and photographs, watches twelve of them and
puts one edit on the panel. Its strength is then dragged for some seconds at 60 moves a second, as
fast as a mouse reports: alone, beside a harvest of all images, and beside pictures that are
optimised. Counted are answers of the edited model that came to be shown, the time from a move to
an answer that is of it or a later one, and how late the event loop came back.

    python -m benchmarks.slider [--seconds 5] [--layer features.14]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtWidgets import QApplication

from benchmarks.common import save, table
from benchmarks.responsiveness import Stalls, optimise, sleep, wait
from interp_gui.core.analysis import Inputs
from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.engine.client import EngineClient
from interp_gui.engine.messages import Run
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.main_window import MainWindow
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.theme import Theme

MOVE_MS = 16
UNITS = 8


class Drag:
    """Moves a strength to and fro, and notes which answers came when."""

    def __init__(self, window):
        self.window = window
        self.live = live_of(window.state)
        self.moved_s = {}
        self.waits_ms = []
        self.answers = 0
        self.live.answered.connect(self._came)

    def _came(self, answer):
        if answer.image != self.window.state.image or not answer.edits.edits:
            return
        begun = self.moved_s.get(round(answer.edits.edits[0].amount, 6))
        if begun is not None:
            self.answers += 1
            self.waits_ms.append((time.perf_counter() - begun) * 1000)

    def run(self, seconds):
        """Drag for so long; `(answers a second, waits in ms, Stalls)`."""
        edits = interventions_of(self.window.state)
        self.answers, self.waits_ms, self.moved_s = 0, [], {}
        stalls = Stalls()
        stalls.start()
        begun, step = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            step += 1
            # no value twice, so that an answer is known by it
            amount = round(abs((step * 0.011) % 2 - 1) + step * 1e-5, 6)
            self.moved_s[amount] = time.perf_counter()
            edits.change(0, merge="slider", amount=amount)
            sleep(MOVE_MS)
        taken_s = time.perf_counter() - begun
        rate = self.answers / taken_s
        stalls.stop()
        edits.seal()
        wait(lambda: not self.live.is_asking, "the last answer")
        sleep(1500)  # the strip and the controls are asked once it rests
        wait(lambda: not self.live.is_asking, "strip and controls")
        return rate, list(self.waits_ms), stalls


def begin_harvest(window):
    state = window.state
    ended = []
    job = window.bridge.run(
        Run(
            analysis="harvest", model=state.model.handle, inputs=Inputs(layer="features.14"),
            dataset=state.dataset_handle,
        ),
        title="Harvest", priority="background", on_end=ended.append,
    )  # fmt: skip
    return job, ended


def measure(window, seconds, begin=None):
    """Drag beside a job, which is asked again whenever it ends."""
    job, ended = begin(window) if begin is not None else (None, [])
    if job is not None:
        wait(lambda: window.bridge.jobs[job].progress.done > 0 or ended, "the job")
    rate, waits_ms, stalls = Drag(window).run(seconds)
    over_early = bool(ended)
    if job is not None:
        window.bridge.cancel(job)
        wait(lambda: ended, "the end of the job")
    return {
        "answers_per_s": rate,
        "wait_ms": {
            "p50": statistics.median(waits_ms) if waits_ms else None,
            "max": max(waits_ms, default=None),
        },
        "stall_ms": {
            "p50": stalls.percentile(0.5), "p99": stalls.percentile(0.99),
            "max": max(stalls.late_ms),
        },
        "job_ended_meanwhile": over_early,
    }  # fmt: skip


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--layer", default="features.14")
    parser.add_argument("--images", type=Path, help="a folder for the harvest; else the samples")
    asked = parser.parse_args(argv)
    relay = Relay()
    client = EngineClient(on_event=relay)
    client.start()
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as own:
        window = MainWindow(
            client, relay, settings=Settings(Path(own)), theme=Theme(app), ask_on_close=False
        )
        window.resize(1440, 900)
        window.show()
        wait(lambda: window.bridge.is_ready, "the engine")
        window.files.open_sample()
        wait(lambda: window.state.model and window.state.dataset, "the sample")
        if asked.images is not None:
            few = window.state.dataset
            window.files.open([str(asked.images)])
            wait(lambda: window.state.dataset not in (None, few), "the folder")
        state = window.state
        sleep(3000)
        state.set_watched(state.dataset.paths[:12])
        feature = Feature(layer=asked.layer, units=tuple(range(UNITS)))
        interventions_of(state).add_edits((Edit(feature=feature, kind="scale", amount=0.5),))
        wait(lambda: live_of(state).current is not None, "the first answer")
        sleep(2000)
        wait(lambda: not live_of(state).is_asking, "strip and controls")
        found = {
            "alone": measure(window, asked.seconds),
            "beside a harvest": measure(window, asked.seconds, begin_harvest),
            "beside pictures being optimised": measure(
                window, asked.seconds, lambda w: optimise(w, "features.14", 64, steps=2048)
            ),
        }
        window.close()
        client.close()
    save("slider", {"layer": asked.layer, "seconds": asked.seconds, **found})
    rows = [
        (
            name, f"{one['answers_per_s']:.1f}", f"{one['wait_ms']['p50'] or 0:.0f} ms",
            f"{one['stall_ms']['p99']:.0f} ms", f"{one['stall_ms']['max']:.0f} ms",
            "the job had ended" if one["job_ended_meanwhile"] else "",
        )
        for name, one in found.items()
    ]  # fmt: skip
    print(
        table(("slider", "answers a second", "wait, median", "late, p99", "late, most", ""), rows)
    )


if __name__ == "__main__":
    main()
