"""Start to first paint, against napari: fresh processes, alternating, warm disk cache.

python -m benchmarks.start [--runs 5]
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import median, peer_python, save, table

CHILD = Path(__file__).parent / "first_paint_child.py"


def first_paint_s(python, what):
    """Seconds from starting the process to the first paint of its main window."""
    started = time.time()
    done = subprocess.run(
        [str(python), str(CHILD), what, repr(started)],
        capture_output=True, text=True, timeout=120, env=os.environ, check=False,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith("PAINTED"):
            return float(line.split()[1])
    raise SystemExit(f"{what} did not paint:\n{done.stdout}\n{done.stderr}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args(argv).runs
    pythons = {"ours": sys.executable, "napari": peer_python("napari", "napari", "PySide6")}
    times = {what: [] for what in pythons}
    for turn in range(runs + 1):
        for what, python in pythons.items():
            seconds = first_paint_s(python, what)
            if turn:  # the first turn warms the disk cache
                times[what].append(seconds)
    ours, napari = median(times["ours"]), median(times["napari"])
    save("start", {"seconds": times, "ratio": napari / ours})
    rows = [
        (what, f"{median(t):.2f} s", f"{min(t):.2f}–{max(t):.2f} s") for what, t in times.items()
    ]
    print(table(("start to first paint", "median", "span"), rows))
    print(f"\nnapari / interp-gui: {napari / ours:.1f}")


if __name__ == "__main__":
    main()
