"""A process of its own that records, writing down each image that it computes.

python child.py CACHE LOG THREADS PAUSE_S PATH...
"""

import json
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conftest import SmallCnn, describe, randomise

from interp_gui.analyses.harvest import HarvestSpec, harvest, recording
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import OutputProblem
from interp_gui.engine.cache import Cache
from interp_gui.runtimes.torch_runtime import TorchRuntime

LAYERS = ("act", "last")


def main(cache, log, threads, pause_s, *paths):
    torch.set_num_threads(int(threads))
    recording._SHORTEST_S = recording._LONGEST_S = 0.05
    take = recording.Recording._take

    def slow(self, *given):
        found = take(self, *given)
        time.sleep(float(pause_s))
        with open(log, "a", encoding="ascii") as file:
            file.writelines(f"{sha256}\n" for sha256 in found)
        return found

    recording.Recording._take = slow
    shutil.disk_usage = lambda path: SimpleNamespace(free=2**40)  # asked before the pass
    module = randomise(SmallCnn())  # as the fixture `runtimes` has it, without torchvision
    module.second.weight.data[5] = 0.0
    module.second.bias.data[5] = -1.0
    runtime = TorchRuntime(module, describe("cnn", 6))
    dataset = Dataset(images=tuple(ImageEntry(path=path) for path in paths))
    context = Context(model=runtime, inputs=Inputs(dataset=dataset), cache=Cache(Path(cache)))
    layers = [runtime.description.layer(name) for name in LAYERS]
    print("ready", flush=True)
    sys.stdin.readline()
    steps = harvest(context, layers, HarvestSpec(positions=2, k=5), batch=4)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found = stop.value
            break
        except OutputProblem as problem:
            print(json.dumps({"problem": problem.message}), flush=True)
            sys.stdin.readline()  # the file system goes with this process
            return
    sums = {name: float(record.peaks().sum()) for name, record in found.layers.items()}
    print(json.dumps({"images": len(found.images), "sums": sums}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
