"""Recognising and opening a checkpoint: seconds, and memory as a share of the file.

python -m benchmarks.opening [--runs 3]

Each measurement is a process of its own, with the libraries imported before the clock starts;
beside it what people write by hand (build the network, `torch.load`, `load_state_dict`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import median, save, table

CHILD = Path(__file__).parent / "opening_child.py"
NETWORKS = ("mobilenet_v2", "resnet50", "vit_b_16")


def measured(what, *paths, folder):
    """What a fresh process finds."""
    environment = {
        **os.environ, "INTERP_GUI_DATA": str(folder / "data"), "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(CHILD), what, *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith("FOUND "):
            return json.loads(line.removeprefix("FOUND "))
    raise SystemExit(f"{what} failed:\n{done.stdout}\n{done.stderr}")


def checkpoints(folder):
    """State dicts of networks with random weights, saved as people save them."""
    import torch
    import torchvision

    torch.manual_seed(0)
    paths = {}
    for name in (*NETWORKS, "squeezenet1_1"):
        paths[name] = folder / f"{name}.pth"
        torch.save(torchvision.models.get_model(name, weights=None).state_dict(), paths[name])
    return paths


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args(argv).runs
    figures, rows = {}, []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        paths = checkpoints(folder)
        for name in NETWORKS:
            size = paths[name].stat().st_size
            found = {
                "recognise": [
                    measured("recognise", paths[name], folder=folder) for _ in range(runs)
                ]
            }
            for what in ("ours", "plain"):
                found[what] = [
                    measured(what, paths[name], paths["squeezenet1_1"], folder=folder)
                    for _ in range(runs)
                ]
            figures[name] = {"file_bytes": size, **found}
            seconds = {w: median([f["seconds"] for f in found[w]]) for w in ("ours", "plain")}
            share = {w: median([f["peak_bytes"] for f in found[w]]) / size for w in seconds}
            rows.append(
                (
                    name,
                    f"{size / 1e6:.0f} MB",
                    f"{median([f['first_s'] for f in found['recognise']]):.2f} s",
                    f"{median([f['again_s'] for f in found['recognise']]) * 1000:.0f} ms",
                    len(found["recognise"][0]["found"]),
                    f"{seconds['ours']:.2f} / {seconds['plain']:.2f} s",
                    f"{share['ours']:.2f} / {share['plain']:.2f}",
                )
            )
    save("opening", figures)
    head = (
        "network", "file", "recognised", "again", "candidates", "opened: ours / by hand",
        "peak memory / file: ours / by hand",
    )  # fmt: skip
    print(table(head, rows))


if __name__ == "__main__":
    main()
