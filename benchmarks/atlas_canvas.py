"""Frames of the atlas canvas over more and more pictures, each count in a process of its own.

python -m benchmarks.atlas_canvas [--counts 1000 10000 100000] [--px 48]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.common import save, table

CHILD = Path(__file__).parent / "atlas_canvas_child.py"


def measured(count, px):
    """Figures of one count, from a fresh process that paints by software without a display."""
    done = subprocess.run(
        [sys.executable, str(CHILD), str(count), str(px)], capture_output=True, text=True,
        timeout=1800, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{count} pictures were not painted:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--px", type=int, default=48)
    options = parser.parse_args(argv)
    figures = {str(count): measured(count, options.px) for count in options.counts}
    save("atlas_canvas", {"px": options.px, "load": os.getloadavg()[0], "counts": figures})
    rows = []
    for count, found in figures.items():
        for what, frame in found["frames"].items():
            rows.append((
                f"{int(count):,}", what, frame["frames"],
                *(f"{frame[name]:.1f} ms" for name in ("p50", "p95", "p99", "most")),
                f"{frame['busy']['p95']:.1f} ms",
            ))  # fmt: skip
    print(table(("pictures", "what", "frames", "p50", "p95", "p99", "most", "p95 busy"), rows))
    rows = [
        (
            f"{int(count):,}", f"{found['own_mib']:.0f} MiB", f"{found['resident_mib']:.0f} MiB",
            f"{found['tiles_mib']:.0f} MiB", f"{found['pictures_mib']:.0f} MiB",
            f"{found['first_s']:.2f} s",
        )
        for count, found in figures.items()
    ]  # fmt: skip
    print()
    head = ("pictures", "memory", "with pages of files", "of it tiles", "pictures on disk", "first")
    print(table(head, rows))


if __name__ == "__main__":
    main()
