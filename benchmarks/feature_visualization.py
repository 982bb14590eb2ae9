"""Feature visualisation against torch-lucent, on MobileNetV2 at 224 px, alternating in one run.

python -m benchmarks.feature_visualization [--units 16] [--steps 128] [--quick] [--install]

`--install` puts the peer into benchmarks/out/peers/lucent, beside the environment and not into
it. Needed there: torch-lucent and kornia<=0.4.1 without their dependencies (which pin an old
torch), ipython, tqdm, decorator.

Both make the same units with their own defaults (channel objective, Fourier parameterisation,
Adam 0.05, their standard transforms), as 8-bit pictures, which one evaluator then judges: the
unfolded network, without transforms and as the mean of 8 views under lucid's transforms.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
import warnings

import torch

from benchmarks.common import OUT, save, table
from interp_gui.analyses.feature_visualization import ANALYSIS
from interp_gui.analyses.feature_visualization.evaluation import strengths
from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.objectives import Scope, compile_objective
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.feature import Feature
from interp_gui.core.objective import parse_objective
from interp_gui.core.result import Picture

LAYERS = ("features.7", "features.14", "features.18.0")
SIZE = 224
PEER = OUT / "peers" / "lucent"


def install():
    uv = shutil.which("uv")
    tool = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    pip = [*tool, "install", "--quiet", "--target", str(PEER)]
    subprocess.run([*pip, "--no-deps", "torch-lucent", "kornia<=0.4.1"], check=True)
    subprocess.run([*pip, "ipython", "tqdm", "decorator"], check=True)


def load_lucent():
    if PEER.is_dir():
        sys.path.append(str(PEER))
    warnings.simplefilter("ignore")
    try:
        from lucent.optvis import param, render
    except ImportError as problem:
        raise SystemExit(
            f"torch-lucent is not there ({problem}); run once with --install."
        ) from None
    return param, render


def open_sample():
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.runtimes.opening import open_runtime
    from interp_gui.samples import mobilenet_path

    return open_runtime(open_checkpoint(mobilenet_path()))


def ours(runtime, features, steps, *, batch=1):
    """Pictures and seconds a step, everything included that comes before the last step."""
    context = Context(model=runtime, inputs=Inputs(features=features))
    settings = ANALYSIS.settings({"size": SIZE, "steps": steps, "batch": batch, "compare": False})
    started, last, pictures = time.perf_counter(), 0.0, []
    for step in ANALYSIS.run(context, settings):
        if isinstance(step, Progress) and step.text.startswith("step"):
            last = time.perf_counter()
        elif isinstance(step, Picture) and step.final:
            pictures.append(step.pixels)
    return pictures, (last - started) / steps


def lucents(lucent, layer, unit, steps, seed):
    """The same by the peer; a fresh copy of the network, because its hooks stay."""
    from torchvision.models import mobilenet_v2

    from interp_gui.samples import mobilenet_path

    param, render = lucent
    network = mobilenet_v2()
    network.load_state_dict(torch.load(mobilenet_path(), weights_only=True))
    network.eval()
    torch.manual_seed(seed)
    started = time.perf_counter()
    images = render.render_vis(
        network, f"{layer.replace('.', '_')}:{unit}", lambda: param.image(SIZE),
        thresholds=(steps,), show_image=False, progress=False,
    )  # fmt: skip
    seconds = (time.perf_counter() - started) / steps
    return (images[-1][0] * 255).round().astype("uint8"), seconds


def judged(runtime, feature, pixels):
    """Activation without transforms, and under them."""
    compiled = compile_objective(parse_objective("channel"), Scope(runtime.description, feature))
    context = Context(model=runtime, inputs=Inputs())
    network = Network(context, compiled.layers, size=SIZE, heads=frozenset())
    judging = strengths(network, [compiled], pixels[None], [0])
    while True:
        try:
            next(judging)
        except StopIteration as stop:
            return stop.value[0].activation, stop.value[0].under_transforms


def compare(runtime, lucent, layer, units, steps):
    rows = []
    for unit in units:
        feature = Feature(layer=layer, units=(unit,))
        (mine,), my_s = ours(runtime, (feature,), steps)
        peer, peer_s = lucents(lucent, layer, unit, steps, unit)
        plain, moved = judged(runtime, feature, mine)
        peer_plain, peer_moved = judged(runtime, feature, peer)
        rows.append(
            {
                "unit": unit, "ours_s": my_s, "lucent_s": peer_s,
                "ours": plain, "lucent": peer_plain,
                "ours_moved": moved, "lucent_moved": peer_moved,
            }
        )  # fmt: skip
        print(f"{feature.text}: {my_s:.3f} and {peer_s:.3f} s a step", file=sys.stderr, flush=True)
    return rows


def ratio(rows, over, under):
    return statistics.median(row[over] / row[under] for row in rows if row[under])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--quick", action="store_true", help="4 units of 64 steps")
    parser.add_argument("--install", action="store_true", help="install the peer first")
    arguments = parser.parse_args(argv)
    count, steps = (4, 64) if arguments.quick else (arguments.units, arguments.steps)
    if arguments.install:
        install()
    lucent = load_lucent()
    runtime = open_sample()
    ours(runtime, (Feature(layer=LAYERS[0], units=(0,)),), 3)
    lucents(lucent, LAYERS[0], 0, 3, 0)
    figures, shown = {"units": count, "steps": steps, "threads": torch.get_num_threads()}, []
    for layer in LAYERS:
        every = runtime.description.layer(layer).units // count
        rows = compare(runtime, lucent, layer, [i * every for i in range(count)], steps)
        figures[layer] = rows
        shown.append(
            (
                layer,
                f"{1000 * statistics.median(row['ours_s'] for row in rows):.0f}",
                f"{1000 * statistics.median(row['lucent_s'] for row in rows):.0f}",
                f"{ratio(rows, 'ours_s', 'lucent_s'):.2f}",
                f"{ratio(rows, 'ours', 'lucent'):.2f}",
                f"{ratio(rows, 'ours_moved', 'lucent_moved'):.2f}",
            )
        )
        features = tuple(Feature(layer=layer, units=(i,)) for i in range(8))
        gain = {size: ours(runtime, features[:size], 24, batch=size)[1] for size in (1, 8)}
        figures[f"{layer} seconds a step, by batch"] = gain
    head = (
        "layer", "ours, ms a step", "lucent, ms a step", "time, ratio",
        "activation, ratio", "activation under transforms, ratio",
    )  # fmt: skip
    print(f"\nMedians of {count} units, {steps} steps, {SIZE} px; ratios are ours to lucent's.\n")
    print(table(head, shown))
    lines = []
    for layer in LAYERS:
        gain = figures[f"{layer} seconds a step, by batch"]
        one, eight = gain[1], gain[8] / 8
        lines.append((layer, f"{1000 * one:.0f}", f"{1000 * eight:.0f}", f"{one / eight:.2f}"))
    print("\n" + table(("layer", "alone, ms a step", "8 at once, ms a picture", "gain"), lines))
    save("feature_visualization", figures)


if __name__ == "__main__":
    main()
