"""What one edit costs, and how often a slider is answered, alone and beside a running job.

    python -m benchmarks.edits [--rounds 15] [--seconds 10] [--networks mobilenet_v2 …]

First, in this process: a pass without edits, a pass that ends at a layer, and a pass with one edit
there through the cached prefix, in turns, its strength another one each time. Layers are those
whose own pass comes nearest to 10, 50 and 90 % of the network. What lies behind a layer takes the
whole pass less the pass that ends there; the budget is that + 20 % + 5 ms.

Then through the real engine process, as a window asks: each answer of `intervene` is waited for
before the next strength is asked for, alone and while pictures of units are being optimised.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.common import save, table
from benchmarks.runtimes import SIDE, opened
from interp_gui.core.analysis import Inputs
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.engine.client import EngineClient
from interp_gui.engine.environment import engine_environment
from interp_gui.engine.messages import Ended, OpenModel, Produced, Progressed, Run, Started

NETWORKS = ("mobilenet_v2", "resnet50", "vit_b_16")
SHARES = (0.1, 0.5, 0.9)


def scale(layer, amount):
    return EditStack((Edit(feature=Feature(layer=layer, units=(1,)), kind="scale", amount=amount),))


def took_ms(work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def layers_at(runtime, batch, shares):
    """For each share the layer behind which so much of a pass has been done."""

    def done(layer):
        whole, until = [], []
        for _ in range(5):  # in turns, as other work on the machine comes and goes
            whole.append(took_ms(lambda: runtime.forward(batch)))
            until.append(took_ms(lambda: runtime.forward(batch, until=layer.name)))
        return min(until) / min(whole)

    candidates = [
        layer
        for layer in runtime.description.layers
        if layer.worthwhile and layer.writable and not layer.virtual
    ]
    found = {layer.name: done(layer) for layer in candidates}
    return [min(found, key=lambda name: abs(found[name] - share)) for share in shares]


def latencies(name, runtime, rounds):
    """Rows of one network: whole pass, layers behind, one edit, each the median in ms."""
    from interp_gui.runtimes.prefix import CachedPrefix

    batch = np.random.default_rng(0).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)
    for _ in range(5):
        runtime.forward(batch)
    rows = []
    for share, layer in zip(SHARES, layers_at(runtime, batch, SHARES), strict=True):
        prefix = CachedPrefix(runtime, batch)
        first = took_ms(lambda p=prefix, n=layer: p.forward(edits=scale(n, 0.5)))
        turns = {"whole": [], "until": [], "plain": [], "edit": []}
        for turn in range(rounds):
            stack = scale(layer, 0.1 * turn)
            turns["whole"].append(took_ms(lambda: runtime.forward(batch)))
            turns["until"].append(took_ms(lambda n=layer: runtime.forward(batch, until=n)))
            turns["plain"].append(took_ms(lambda s=stack: runtime.forward(batch, edits=s)))
            turns["edit"].append(took_ms(lambda s=stack, p=prefix: p.forward(edits=s)))
        found = {key: statistics.median(values) for key, values in turns.items()}
        behind = max(0.0, found["whole"] - found["until"])
        budget = 1.2 * behind + 5.0
        rows.append({
            "network": name, "share": share, "layer": layer, "whole_ms": found["whole"],
            "behind_ms": behind, "plain_edit_ms": found["plain"], "edit_ms": found["edit"],
            "budget_ms": budget, "first_ms": first,
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


class Engine:
    """The real engine process, asked and answered in turns."""

    def __init__(self):
        self._events = threading.Condition()
        self._made, self._ended, self._begun = {}, {}, set()
        self.client = EngineClient(on_event=self._on_event)

    def _on_event(self, event):
        with self._events:
            if isinstance(event, Produced):
                self._made.setdefault(event.job, []).append((time.perf_counter(), event.result))
            elif isinstance(event, Ended):
                self._ended[event.job] = event
            elif isinstance(event, Started | Progressed):
                self._begun.add(event.job)
            self._events.notify_all()

    def wait(self, until, patience_s=300):
        with self._events:
            if not self._events.wait_for(until, patience_s):
                raise SystemExit("the engine did not answer")

    def done(self, request, **fields):
        """Run a request to its end; gives results with the times they came."""
        job = self.client.submit(request, **fields)
        self.wait(lambda: job in self._ended)
        ended = self._ended.pop(job)
        if ended.outcome != "finished":
            raise SystemExit(f"{request} ended {ended.outcome}: {ended.error}")
        return self._made.pop(job, [])

    def started(self, job):
        self.wait(lambda: job in self._begun)


def slider(engine, layer, image, seconds):
    """Answers a second, and how long each was waited for (ms), over so many seconds."""
    waits, begun, turn = [], time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        turn += 1
        request = Run(
            analysis="intervene", model="m", parameters={"controls": 0},
            inputs=Inputs(images=(image,), edits=scale(layer, 0.01 * turn)),
        )  # fmt: skip
        asked = time.perf_counter()
        found = engine.done(request)
        waits.append((found[0][0] - asked) * 1000)
    return len(waits) / (time.perf_counter() - begun), waits


def answers(layers, seconds):
    """Rows of the slider on MobileNetV2 with its real weights, alone and beside a job."""
    from PIL import Image

    from interp_gui.samples.mobilenet import mobilenet_path

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image = str(Path(folder) / "image.png")
        pixels = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((640, 480)).save(image)
        engine = Engine()
        with engine.client:
            engine.done(OpenModel(model="m", path=str(mobilenet_path())))
            for beside in (False, True):
                job = None
                if beside:
                    features = tuple(Feature(layer="features.14", units=(i,)) for i in range(64))
                    job = engine.client.submit(
                        Run(
                            analysis="feature-visualization", model="m",
                            inputs=Inputs(features=features), parameters={"steps": 4096},
                        ),
                        priority="background",
                    )  # fmt: skip
                    engine.started(job)
                    time.sleep(3)
                for share, layer in zip(SHARES, layers, strict=True):
                    slider(engine, layer, image, 2)
                    rate, waits = slider(engine, layer, image, seconds)
                    ordered = sorted(waits)
                    rows.append({
                        "share": share, "layer": layer, "beside": beside, "answers_a_second": rate,
                        "median_ms": statistics.median(waits),
                        "p90_ms": ordered[int(0.9 * len(ordered))],
                    })  # fmt: skip
                    print(rows[-1], flush=True)
                if job is not None:
                    engine.client.cancel(job)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    # as the launcher sets it for the engine: threads that spin wait for each other on few cores
    for variable, value in engine_environment({}).items():
        if variable != "PYTHONPATH":
            os.environ.setdefault(variable, value)
    import torch

    torch.set_num_threads(2)
    costs = []
    for name in options.networks:
        costs += latencies(name, opened(name), options.rounds)
    if "mobilenet_v2" in options.networks:
        costs += latencies("mobilenet_v2, ONNX", exported("mobilenet_v2"), options.rounds)
    head = (
        "network", "at", "layer", "whole pass", "layers behind", "edit, all anew", "edit", "budget",
        "first",
    )  # fmt: skip
    print(table(head, [
        (
            row["network"], f"{row['share']:.0%}", row["layer"], f"{row['whole_ms']:.1f} ms",
            f"{row['behind_ms']:.1f} ms", f"{row['plain_edit_ms']:.1f} ms",
            f"{row['edit_ms']:.1f} ms", f"{row['budget_ms']:.1f} ms", f"{row['first_ms']:.1f} ms",
        )
        for row in costs
    ]))  # fmt: skip
    layers = [row["layer"] for row in costs if row["network"] == "mobilenet_v2"]
    layers = layers or ["features.2", "features.7", "features.16"]
    rates = answers(layers, options.seconds)
    print(table(("edit at", "layer", "", "answers a second", "median", "p90"), [
        (
            f"{row['share']:.0%}", row["layer"], "beside a job" if row["beside"] else "alone",
            f"{row['answers_a_second']:.1f}", f"{row['median_ms']:.0f} ms",
            f"{row['p90_ms']:.0f} ms",
        )
        for row in rates
    ]))  # fmt: skip
    save("edits", {"latency": costs, "slider": rates})


def exported(name):
    """The same network as an ONNX model on its own runtime."""
    import io

    import torch

    from interp_gui.runtimes.onnx.runtime import OnnxRuntime

    runtime = opened(name)
    held = io.BytesIO()
    torch.onnx.export(
        runtime.module, (torch.zeros(1, 3, SIDE, SIDE),), held, dynamo=False, opset_version=17,
        input_names=["input"], output_names=["output"], dynamic_axes={"input": {0: "batch"}},
    )  # fmt: skip
    return OnnxRuntime(held.getvalue(), runtime.description)


if __name__ == "__main__":
    main()
