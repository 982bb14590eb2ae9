"""Before and after over a dataset against plain forward passes over the same files.

python -m benchmarks.dataset_effect [--images 256] [--rounds 1] [--layers features.7 features.18]

All take turns on the same JPEG files, each with an empty cache but where said. Plain: every file
decoded, preprocessed and run once on PyTorch in batches of the same size, nothing kept; the work
of before and after is twice that. Unedited answers come from PyTorch, then from ONNX Runtime,
whose network is made ready beforehand (for so few images it would not be by itself). On a busy
machine only the ratios of one round say anything.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import median, save, table
from benchmarks.runtimes import opened
from benchmarks.store import PHOTO, photographs

UNITS = (3, 5, 8, 13)


@contextmanager
def running_on(runtime):
    """Where unedited answers are computed: torch or onnx."""
    from interp_gui.core.device import RUNTIME_VARIABLE

    before = os.environ.get(RUNTIME_VARIABLE, "")
    os.environ[RUNTIME_VARIABLE] = runtime
    try:
        yield
    finally:
        os.environ[RUNTIME_VARIABLE] = before


def effect(model, dataset, layer, *, store, controls, runtime):
    """Seconds of one run of the analysis."""
    from interp_gui.analyses.dataset_effect import ANALYSIS
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.core.edit import Edit, EditStack
    from interp_gui.core.feature import Feature

    edit = Edit(feature=Feature(layer=layer, units=UNITS), kind="ablate")
    inputs = Inputs(dataset=dataset, edits=EditStack((edit,)))
    settings = ANALYSIS.settings({"controls": controls, "shown": 0})
    begun = time.perf_counter()
    with running_on(runtime):
        steps = list(ANALYSIS.run(Context(model=model, inputs=inputs, cache=store), settings))
    seconds = time.perf_counter() - begun
    (summary,) = [s for s in steps if getattr(s, "key", "") == "summary" and s.final]
    found = summary.provenance.get("runtime", "")
    if found.startswith("onnx") != (runtime == "onnx"):
        raise SystemExit(f"The unedited answers came from '{found}', not from {runtime}.")
    return seconds


def plain(model, dataset):
    """Seconds of decoding and running every file once."""
    from interp_gui.analyses.passes import automatic_batch
    from interp_gui.core.preprocessing import load_batch

    step = automatic_batch(model.device)
    begun = time.perf_counter()
    for at in range(0, len(dataset.paths), step):
        model.forward(load_batch(dataset.paths[at : at + step], model.preprocessing))
    return time.perf_counter() - begun


def measured(model, dataset, layer, *, rounds, folder):
    """Seconds of each way, by turns."""
    from interp_gui.engine.cache import Cache

    times = {}
    for number in range(rounds):
        times.setdefault("plain forward", []).append(plain(model, dataset))
        for runtime, name in (("torch", "PyTorch"), ("onnx", "ONNX Runtime")):
            store = Cache(folder / f"{layer}-{runtime}-{number}")
            first = effect(model, dataset, layer, store=store, controls=0, runtime=runtime)
            times.setdefault(f"before ({name}) and after", []).append(first)
        again = effect(model, dataset, layer, store=store, controls=3, runtime="onnx")
        times.setdefault("3 controls, the rest known", []).append(again)
        known = effect(model, dataset, layer, store=store, controls=3, runtime="onnx")
        times.setdefault("all known", []).append(known)
    return times


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--layers", nargs="+", default=["features.7", "features.18"])
    options = parser.parse_args(arguments)
    from interp_gui.core.dataset import Dataset, ImageEntry

    model, rows, figures = opened("mobilenet_v2"), [], {}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "images"
        made.mkdir()
        paths = photographs(made, options.images, PHOTO)
        dataset = Dataset(images=tuple(ImageEntry(path=path) for path in paths))
        few = Dataset(images=dataset.images[:8])
        plain(model, few)  # warm
        effect(model, few, options.layers[0], store=None, controls=0, runtime="onnx")
        for layer in options.layers:
            times = measured(
                model, dataset, layer, rounds=options.rounds, folder=Path(folder) / "cache"
            )
            alone = median(times["plain forward"])
            for way, seconds in times.items():
                ratio = median(
                    [a / b for a, b in zip(times["plain forward"], seconds, strict=True)]
                )
                speed = options.images / median(seconds)
                rows.append((layer, way, f"{speed:.1f}", f"{ratio:.2f}"))
            figures[layer] = {**times, "plain_s": alone}
    save("dataset_effect", figures)
    sys.stdout.write(table(("layer", "way", "images/s", "of plain forward"), rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
