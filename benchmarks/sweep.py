"""A sweep of all units of a layer against as many full forwards, in one run.

python -m benchmarks.sweep [--layers features.14 features.18] [--forwards 40]

The real MobileNetV2 on one photograph of the samples. The sweep is the whole analysis as it is
run: every unit ablated to zero, 20 random changes of the layer, and 20 more for each of the five
strongest. A full forward with one edit is what the same costs without a kept prefix; its median is
taken over `--forwards` of them by turns with the sweep, and counted as often as the sweep has
passes.
"""

import argparse
import time

from benchmarks.common import median, save, table

CONTROLS, CONFIRM = 20, 5


def _photograph():
    """One of the sample photographs."""
    from interp_gui.samples.photographs import photographs

    return str(photographs()[0])


def _full_forwards(runtime, batch, layer, count):
    """Seconds of each of some plain passes with one unit ablated."""
    from interp_gui.core.edit import Edit, EditStack
    from interp_gui.core.feature import Feature

    units = runtime.description.layer(layer).units
    times = []
    for i in range(count):
        edit = Edit(feature=Feature(layer=layer, units=(i % units,)), kind="ablate")
        begun = time.perf_counter()
        runtime.forward(batch, edits=EditStack((edit,)))
        times.append(time.perf_counter() - begun)
    return times


def measured(runtime, path, layer, forwards):
    """Time of the sweep, and of as many full forwards."""
    from interp_gui.analyses.ablation_sweep import ANALYSIS
    from interp_gui.core.analysis import Context, Inputs, Progress
    from interp_gui.core.preprocessing import load_batch

    batch = load_batch([path], runtime.preprocessing)
    settings = ANALYSIS.settings({"baseline": "zero", "controls": CONTROLS, "confirm": CONFIRM})
    context = Context(model=runtime, inputs=Inputs(images=(path,), layer=layer))
    _full_forwards(runtime, batch, layer, 3)  # warm
    before = _full_forwards(runtime, batch, layer, forwards // 2)
    steps, begun = [], time.perf_counter()
    last, found = begun, None
    for step in ANALYSIS.run(context, settings):
        now = time.perf_counter()
        steps.append(now - last)
        last = now
        found = step if not isinstance(step, Progress) else found
    sweep_s = time.perf_counter() - begun
    after = _full_forwards(runtime, batch, layer, forwards - forwards // 2)
    one_s = median([*before, *after])
    units = runtime.description.layer(layer).units
    live = units - int(found.numbers["inactive"])
    return {
        "layer": layer, "units": units, "inactive": units - live,
        "passes": live + CONTROLS + CONFIRM * CONTROLS, "sweep_s": sweep_s, "forward_s": one_s,
        "longest_step_s": max(steps),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", nargs="+", default=["features.6", "features.14", "features.18"])
    parser.add_argument("--forwards", type=int, default=40)
    options = parser.parse_args()
    import torch

    from interp_gui.engine.local import LocalEngine
    from interp_gui.engine.workspace import Workspace
    from interp_gui.samples import mobilenet_path

    engine = LocalEngine(Workspace(device="cpu"))
    engine.open_model(str(mobilenet_path()))
    runtime = engine.workspace.model("model")
    path = _photograph()
    rows, figures = [], []
    for layer in options.layers:
        found = measured(runtime, path, layer, options.forwards)
        figures.append(found)
        as_forwards = found["passes"] * found["forward_s"]
        rows.append(
            (
                f"`{layer}`", found["units"], found["passes"], f"{found['sweep_s']:.1f} s",
                f"{1e3 * found['forward_s']:.0f} ms", f"{as_forwards:.1f} s",
                f"{as_forwards / found['sweep_s']:.1f} ×",
                f"{1e3 * found['longest_step_s']:.0f} ms",
            )
        )  # fmt: skip
    head = (
        "layer", "units", "passes", "sweep", "a full forward", "as many of them", "gain",
        "longest step",
    )  # fmt: skip
    print(table(head, rows))
    save("sweep", {"threads": torch.get_num_threads(), "layers": figures})


if __name__ == "__main__":
    main()
