"""Attributions to all classes at once against one backward pass a class, in one run.

python -m benchmarks.atlas_attribution [--network mobilenet_v2] [--layer features.14] [--rounds 5]

All take turns on the same images: the network forward alone; attributions of one position an
image to all 1,000 classes (our way, one product of the Jacobian with a vector in forward mode);
the same as the derivative of a gradient, which is what networks without forward mode get; one
backward pass, for one class; and our way for 16 positions of each image, which share what lies
before the layer. What a backward pass for each of the classes would take follows from some.
"""

import argparse
import time

from benchmarks.common import median, save, table
from benchmarks.runtimes import SIDE, opened

CLASSES = 20
"""So many backward passes are timed for what all take."""
POSITIONS = 16


def ways(runtime, layer, batch, device):
    """By name: what is run, and positions that it attributes a call."""
    import numpy as np
    import torch

    from interp_gui.analyses.attribution.masks import masks
    from interp_gui.runtimes.attributing import Attributing, Positions

    x = np.random.default_rng(0).standard_normal((batch, 3, SIDE, SIDE)).astype(np.float32)
    info = runtime.layer(layer)
    rows, columns = info.grid or info.token_grid
    middle = rows // 2 * columns + columns // 2
    attributing = Attributing(
        runtime=runtime, read=lambda outputs: outputs["output"],
        strongest=lambda outputs: outputs["output"].argmax(dim=1),
    )  # fmt: skip
    one = Positions(layer=layer, mask=masks(info, [middle] * batch, (SIDE, SIDE)))
    places = [place % (rows * columns) for place in range(middle, middle + POSITIONS)]
    several = Positions(
        layer=layer, mask=masks(info, places * batch, (SIDE, SIDE)), repeats=POSITIONS
    )
    tensor = runtime.tensor(x)

    def forward():
        with torch.no_grad():
            runtime.trace(tensor)

    def backward(classes):
        return attributing._each(tensor, one, columns=classes)

    def twice():
        return attributing._twice(tensor, one)

    found, exact = attributing.attribute(x, one).values, backward(CLASSES).values
    error = float((found[:, :CLASSES] - exact).abs().max() / exact.abs().max())
    assert error < 1e-2, error
    assert attributing.way(layer) == "forward"
    return error, {
        "forward pass alone": (forward, batch),
        "to 1,000 classes at once (ours)": (lambda: attributing.attribute(x, one), batch),
        "to 1,000 classes, gradient of a gradient": (twice, batch),
        "to one class, one backward pass": (lambda: backward(1), batch),
        f"to {CLASSES} classes, a backward pass each": (lambda: backward(CLASSES), batch),
        f"to 1,000 classes, {POSITIONS} positions an image (ours)": (
            lambda: attributing.attribute(x, several), batch * POSITIONS,
        ),
    }  # fmt: skip


def timed(work, device):
    """Seconds of one call."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="mobilenet_v2")
    parser.add_argument("--layer", default="features.14")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    from interp_gui.runtimes.torch_runtime import TorchRuntime

    runtime = opened(chosen.network)
    if chosen.device != "cpu":
        runtime = TorchRuntime(runtime.module, runtime.description, device=chosen.device)
    error, work = ways(runtime, chosen.layer, chosen.batch, chosen.device)
    seconds = {name: [] for name in work}
    for _, (run, _) in work.items():
        timed(run, chosen.device)
    for _ in range(chosen.rounds):
        for name, (run, _) in work.items():
            seconds[name].append(timed(run, chosen.device))
    speed = {name: work[name][1] / median(times) for name, times in seconds.items()}
    one, some = (
        next(median(times) for name, times in seconds.items() if word in name)
        for word in ("one backward", f"to {CLASSES} classes")
    )
    whole_s = one + (some - one) / (CLASSES - 1) * 999
    speed["to 1,000 classes, a backward pass each (extrapolated)"] = chosen.batch / whole_s
    print(table(["what", "positions/s"], [[name, f"{each:.3g}"] for name, each in speed.items()]))
    print(f"\nLargest difference from plain gradients: {error:.1e} of the largest.")
    save(f"atlas_attribution_{chosen.network}_{chosen.device.partition(':')[0]}", {
        "network": chosen.network, "layer": chosen.layer, "batch": chosen.batch,
        "positions_per_s": speed, "difference": error,
    })  # fmt: skip


if __name__ == "__main__":
    main()
