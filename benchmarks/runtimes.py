"""Forward throughput of both runtimes in one run, with the activations that a pass keeps.

python -m benchmarks.runtimes [--rounds 5] [--batch 16] [--networks mobilenet_v2 …]

All take turns: what torch users write (hooks that keep the largest value a channel), our PyTorch
runtime, our pass on ONNX Runtime (largest value, its place, smallest, mean), and ONNX Runtime
alone with nothing captured. The layers are those worth looking at.
"""

import argparse
import time

from benchmarks.common import median, save, table

NETWORKS = ("mobilenet_v2", "resnet50", "vit_b_16")
SIDE = 224


def opened(name, side=SIDE):
    """A network with random weights, scaled so that its values stay alive, as it is opened."""
    import torch
    import torchvision

    from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
    from interp_gui.runtimes.torch_runtime import TorchRuntime

    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(std=(1.6 / parameter[0].numel()) ** 0.5)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.randn(8, 3, side, side))
    description = ModelDescription(
        name=name, format="torch-zip", architecture=name, library="torchvision", parameters=1,
        weights_sha256="0" * 64, outputs=(OutputInfo(size=1000),),
        preprocessing=Preprocessing(size=(side, side), resize_px=side * 256 // 224),
    )  # fmt: skip
    return TorchRuntime(module.eval(), description)


def with_hooks(runtime, layers, x):
    """One pass as people write it: hooks that keep the largest value of each channel."""
    import torch

    modules = dict(runtime.module.named_modules())
    kept = {}

    def hook(name, axes):
        def keep(_module, _args, value):
            kept[name] = value.amax(dim=axes) if axes else value

        return keep

    handles = [
        modules[layer.name].register_forward_hook(
            hook(layer.name, [i + 1 for i, a in enumerate(layer.axes) if a != "unit"])
        )
        for layer in layers
        if layer.name in modules
    ]
    try:
        with torch.no_grad():
            runtime.module(x)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def measured(name, *, rounds, batch):
    """Images a second of each way, by turns, and what the way to ONNX cost."""
    import numpy as np
    import torch

    from interp_gui.analyses.passes import work_of
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.runtimes.faster.choosing import disagreement
    from interp_gui.runtimes.faster.exporting import export
    from interp_gui.runtimes.faster.network import ExportedNetwork
    from interp_gui.runtimes.faster.reducing import extremes_of, flattened

    runtime = opened(name)
    layers = [layer for layer in runtime.description.layers if layer.worthwhile and layer.units]
    work = work_of(Context(model=runtime, inputs=Inputs()), layers)
    images = np.random.default_rng(0).normal(size=(batch, 3, SIDE, SIDE)).astype(np.float32)
    x = torch.from_numpy(images)
    begun = time.perf_counter()
    exported = export(runtime, x, work.layers)
    network = ExportedNetwork(exported, device="cpu", threads=torch.get_num_threads())
    network.run(images[:1], outputs=True)
    export_s = time.perf_counter() - begun

    def ours():
        found = runtime.forward(images, capture=work.layers, until=work.until)
        for reduction in work.reductions:
            extremes_of(flattened(found.captured[reduction.layer], reduction))

    ways = {
        "hooks": lambda: with_hooks(runtime, layers, x),
        "torch": ours,
        "onnx": lambda: network.run(images, reductions=work.reductions),
        "plain_onnx": lambda: network.run(images, outputs=True),
    }
    times = {way: [] for way in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            times[way].append(time.perf_counter() - start)
    return {
        "layers": len(layers),
        "threads": torch.get_num_threads(),
        "export_s": export_s,
        "difference": disagreement(runtime, network, work, images[:4]),
        "images_per_s": {way: batch / median(found) for way, found in times.items()},
        "seconds": times,
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    options = parser.parse_args(argv)
    figures, rows = {}, []
    for name in options.networks:
        found = measured(name, rounds=options.rounds, batch=options.batch)
        figures[name] = found
        speed = found["images_per_s"]
        rows.append(
            (
                name,
                found["layers"],
                *(f"{speed[way]:.1f}" for way in ("hooks", "torch", "onnx", "plain_onnx")),
                f"{speed['onnx'] / speed['hooks']:.1f} ×",
                f"{100 * speed['onnx'] / speed['plain_onnx']:.0f} %",
                f"{found['difference']:.0e}",
                f"{found['export_s']:.1f} s",
            )
        )
    save("runtimes", figures)
    head = (
        "network", "layers", "torch with hooks", "our PyTorch runtime", "our pass on ONNX Runtime",
        "ONNX Runtime alone", "pass / hooks", "pass / alone", "difference", "export",
    )  # fmt: skip
    print(table(head, rows))


if __name__ == "__main__":
    main()
