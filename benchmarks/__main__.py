"""Run every measurement, one after the other: ``python -m benchmarks``.

Without a display the window's measurements run on a virtual one.
"""

import os
import shutil
import subprocess
import sys

SCRIPTS = (
    "start", "responsiveness", "images_100k", "feature_visualization", "opening", "runtimes",
    "store", "edits", "dataset_effect",
    "sweep",
    "atlas_attribution",
    "atlas_canvas",
)  # fmt: skip


def main():
    display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    prefix = [] if display else ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24"]
    if not display and not shutil.which("xvfb-run"):
        raise SystemExit("There is no display; install xvfb to measure on a virtual one.")
    failed = []
    for script in SCRIPTS:
        print(f"\n## {script}\n", flush=True)
        done = subprocess.run([*prefix, sys.executable, "-m", f"benchmarks.{script}"], check=False)
        if done.returncode:
            failed.append(script)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
