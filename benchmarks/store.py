"""The activation store: its pass against hooks and plain ONNX Runtime, and its memory.

python -m benchmarks.store [--rounds 5] [--batch 16] [--networks mobilenet_v2 …] [--files 64]
    [--counts 1000 20000] [--only speed memory]

Speed: all take turns on the same images. The pass keeps, of every unit, largest value with its
place, smallest value, mean and mean of squares, and whole vectors at eight places; hooks keep
the largest value a channel; ONNX Runtime alone keeps nothing. Once with the images in memory,
once from JPEG files, which the two others decode in the same thread. On a busy machine the
ratios by processor time are the ones to look at: they say nothing of what overlaps.

Memory: whole harvests in processes of their own, of a small MobileNetV2 over generated files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import median, save, table
from benchmarks.runtimes import SIDE, opened, with_hooks

NETWORKS = {"mobilenet_v2": "features.14", "resnet50": "layer3"}
"""With the layer that is recorded alone."""
PLACES = 8
SMALL_SIDE = 64
PHOTO = (500, 375)


def photographs(folder, count, size, *, seed=0):
    """Write JPEG files that differ, as smooth as photographs are."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    coarse = (max(2, size[1] // 16), max(2, size[0] // 16), 3)
    for i in range(count):
        pixels = random.integers(0, 256, coarse, dtype=np.uint8)
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:06d}.jpg", quality=90)
    return [str(path) for path in sorted(folder.iterdir())]


def measured(name, layers, *, rounds, batch, files):
    """Images a second of each way, by turns, of images in memory and of files."""
    import numpy as np
    import torch

    from interp_gui.analyses.decoding import input_decoder
    from interp_gui.analyses.passes import Route, work_of
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.core.preprocessing import load_input
    from interp_gui.runtimes.faster.choosing import Choice
    from interp_gui.runtimes.faster.exporting import export
    from interp_gui.runtimes.faster.network import ExportedNetwork

    runtime = opened(name)
    wanted = [layer for layer in runtime.description.layers if layer.name in layers]
    if not layers:
        known = runtime.description.layers
        wanted = [layer for layer in known if layer.worthwhile and layer.units]
    context = Context(model=runtime, inputs=Inputs())
    work = work_of(context, wanted, harvest=True)
    random = np.random.default_rng(0)
    images = random.normal(size=(batch, 3, SIDE, SIDE)).astype(np.float32)
    # hooks and ONNX Runtime alone run the network to its end; so does the pass
    exported = export(runtime, torch.from_numpy(images), work.layers)
    network = ExportedNetwork(exported, device="cpu", threads=torch.get_num_threads())
    route = Route(layers=tuple(wanted), choice=Choice(onnx=True), network=network, work=work)
    grids = {r.layer: r.grid or (1, 1) for r in work.reductions}

    def recorded(x):
        places = {
            layer: random.integers(0, rows * columns, (len(x), PLACES))
            for layer, (rows, columns) in grids.items()
        }
        route.harvested(context, x, places)

    looks = {
        "hooks": lambda x: with_hooks(runtime, wanted, torch.from_numpy(x)),
        "plain_onnx": lambda x: network.run(x, outputs=True),
        "store": recorded,
    }

    def load(path):
        return load_input(path, runtime.preprocessing)

    def serially(look):
        for start in range(0, len(files), batch):
            look(np.stack([load(path) for path in files[start : start + batch]]))

    def overlapped():
        decoder = input_decoder(runtime, files)
        for start in range(0, len(files), batch):
            step = range(start, min(start + batch, len(files)))
            recorded(np.stack(decoder.take(step).inputs))

    ways = {name: (batch, lambda look=look: look(images)) for name, look in looks.items()}
    ways["decoding"] = (len(files), lambda: [load(path) for path in files])
    ways["hooks_files"] = (len(files), lambda: serially(looks["hooks"]))
    ways["plain_onnx_files"] = (len(files), lambda: serially(looks["plain_onnx"]))
    ways["store_files"] = (len(files), overlapped)
    times = {way: [] for way in ways}
    processor = {way: [] for way in ways}
    for _, run in ways.values():
        run()
    for _ in range(rounds):
        for way, (_, run) in ways.items():
            start, used = time.perf_counter(), time.process_time()
            run()
            times[way].append(time.perf_counter() - start)
            processor[way].append(time.process_time() - used)

    def ratio(seconds, other, ours):
        # by round, so that what else the machine does falls on both
        return median([a / b for a, b in zip(seconds[other], seconds[ours], strict=True)])

    pairs = [("hooks", "store"), ("plain_onnx", "store"), ("hooks_files", "store_files"),
             ("plain_onnx_files", "store_files")]  # fmt: skip
    return {
        "layers": len(wanted),
        "threads": torch.get_num_threads(),
        "images_per_s": {way: count / median(times[way]) for way, (count, _) in ways.items()},
        "store_to": {other: ratio(times, other, ours) for other, ours in pairs},
        "store_to_processor": {other: ratio(processor, other, ours) for other, ours in pairs},
        "seconds": times,
        "processor_seconds": processor,
    }


def peak_kib():
    """The most memory of this process; `ru_maxrss` begins with that of whoever started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def harvest_here(files, folder):
    """In a process of its own: harvest some files, and tell its memory and time as JSON."""
    from interp_gui.analyses.harvest import HarvestSpec, harvest
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.core.dataset import Dataset, ImageEntry
    from interp_gui.engine.cache import Cache

    runtime = opened("mobilenet_v2", SMALL_SIDE)
    layers = [layer for layer in runtime.description.layers if layer.worthwhile and layer.units]
    paths = sorted(Path(files).iterdir())
    dataset = Dataset(name="d", images=tuple(ImageEntry(path=str(path)) for path in paths))
    before = peak_kib()
    context = Context(model=runtime, inputs=Inputs(dataset=dataset), cache=Cache(Path(folder)))
    start = time.perf_counter()
    steps = harvest(context, layers, HarvestSpec(), batch=16)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            found = ended.value
            break
    seconds = time.perf_counter() - start
    peak = peak_kib()
    recorded = len(found.images)
    print(json.dumps({"images": recorded, "before": before, "peak": peak, "seconds": seconds}))


def memory(count):
    """What a harvest of so many images takes."""
    with tempfile.TemporaryDirectory() as folder:
        files, cache = Path(folder, "files"), Path(folder, "cache")
        files.mkdir()
        photographs(files, count, (SMALL_SIDE, SMALL_SIDE))
        command = [sys.executable, "-m", "benchmarks.store", "--harvest", str(files), str(cache)]
        env = {**os.environ, "INTERP_GUI_RUNTIME": "onnx"}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        disk = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        return {**figures, "disk_mib": disk / 2**20}


def speeds(options):
    figures, rows = {}, []
    with tempfile.TemporaryDirectory() as folder:
        files = photographs(Path(folder), options.files, PHOTO)
        for name in options.networks:
            for layers in ((), (NETWORKS[name],)):
                found = measured(
                    name, layers, rounds=options.rounds, batch=options.batch, files=files
                )
                label = f"{name}, {layers[0] if layers else str(found['layers']) + ' layers'}"
                figures[label] = found
                rows.append((label, found["images_per_s"], found["store_to"],
                             found["store_to_processor"]))  # fmt: skip
    save("store_speed", figures)
    head = ("network, layers", "torch with hooks", "ONNX Runtime alone", "store", "store / hooks",
            "store / alone", "by processor time")  # fmt: skip
    lines = []
    for label, speed, ratio, processor in rows:
        for ending, what in (("", "in memory"), ("_files", "from files")):
            lines.append(
                (
                    f"{label}, {what}",
                    *(f"{speed[way + ending]:.1f}" for way in ("hooks", "plain_onnx", "store")),
                    f"{ratio['hooks' + ending]:.1f} ×",
                    f"{100 * ratio['plain_onnx' + ending]:.0f} %",
                    f"{processor['hooks' + ending]:.1f} ×, "
                    f"{100 * processor['plain_onnx' + ending]:.0f} %",
                )
            )
    print(table(head, lines))
    decoding = median([speed["decoding"] for _, speed, *_ in rows])
    print(f"\nDecoding and preprocessing alone, one thread: {decoding:.0f} images a second")


def memories(options):
    found = [memory(count) for count in options.counts]
    save("store_memory", {"harvests": found})
    head = ("images", "before", "peak", "grown by", "time", "images a second", "on disk")
    print(
        table(
            head,
            [
                (
                    f"{each['images']:,}",
                    f"{each['before'] / 1024:.0f} MiB",
                    f"{each['peak'] / 1024:.0f} MiB",
                    f"{(each['peak'] - each['before']) / 1024:.0f} MiB",
                    f"{each['seconds']:.0f} s",
                    f"{each['images'] / each['seconds']:.0f}",
                    f"{each['disk_mib']:.0f} MiB",
                )
                for each in found
            ],
        )
    )
    print(f"\nPeaks: {found[-1]['peak'] / found[0]['peak']:.3f} of each other")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--networks", nargs="+", default=tuple(NETWORKS))
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--counts", nargs="+", type=int, default=(1000, 20_000))
    parser.add_argument("--only", nargs="+", default=("speed", "memory"))
    parser.add_argument("--harvest", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    # as the launcher does, before torch is imported: threads that spin ruin a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if options.harvest:
        harvest_here(*options.harvest)
        return
    if "speed" in options.only:
        speeds(options)
    if "memory" in options.only:
        print()
        memories(options)


if __name__ == "__main__":
    main()
