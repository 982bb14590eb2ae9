"""Pan and zoom over an atlas of so many pictures; print figures as JSON.

python atlas_canvas_child.py COUNT PX
"""

import json
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FRAME_S = 1 / 60


def make_atlas(count, px, folder):
    """One point a cell of the finest level, and a picture of every cell of every level.

    The pictures lie in mapped files, as those that come from the engine do.
    """
    from interp_gui.core.atlas.kinds import Atlas, AtlasLevel, CellPictures

    finest = math.ceil(math.sqrt(count))
    place = np.arange(count)
    random = np.random.default_rng(0)
    corner = np.stack([place % finest, place // finest], axis=1)
    xy = ((corner + random.uniform(0.1, 0.9, (count, 2))) / finest).astype(np.float32)
    sides = [finest]
    while sides[-1] // 2 >= 16:
        sides.append(sides[-1] // 2)
    levels, pictures = [], []
    for side in sorted(sides):
        column, row = np.minimum((xy.astype(np.float64) * side).astype(int), side - 1).T
        cells, counts = np.unique(row * side + column, return_counts=True)
        number = len(cells)
        nothing = np.zeros(number, np.float32)
        levels.append(AtlasLevel(
            side=side, x=(cells % side).astype(np.int16), y=(cells // side).astype(np.int16),
            count=counts.astype(np.int32), vectors=np.zeros((number, 1), np.float32),
            spread=nothing, purity=nothing + 1,
            label=(cells // side * 12 // side * 12 + cells % side * 12 // side).astype(np.int32),
            attribution=np.zeros((number, 0), np.float32),
            examples=np.full((number, 1), -1, np.int32),
        ))  # fmt: skip
        pixels = np.memmap(Path(folder) / f"{side}.raw", np.uint8, "w+", shape=(number, px, px, 3))
        for first in range(0, number, 1024):
            some = pixels[first : first + 1024]
            some[:] = (
                random.integers(0, 256, (len(some), 6, 6, 3), np.uint8)
                .repeat(px // 6 + 1, axis=1)
                .repeat(px // 6 + 1, axis=2)[:, :px, :px]
            )
        pixels.flush()
        pixels = np.memmap(Path(folder) / f"{side}.raw", np.uint8, "r", shape=(number, px, px, 3))
        pictures.append(CellPictures(
            level=side, source="crop", cells=np.arange(number, dtype=np.int32), pixels=pixels
        ))  # fmt: skip
    return Atlas(
        key="atlas", title="", layer="", layout="umap", grid=(1, 1),
        field=np.zeros((1, 4), np.int32), size=(1, 1), xy=xy,
        image=np.arange(count, dtype=np.int32), place=np.zeros(count, np.int32),
        vectors=np.zeros((count, 1), np.float32), mean=np.zeros(1), covariance=np.eye(1),
        sha256=np.zeros((0, 32), np.uint8), names=tuple(f"name of kind {i}" for i in range(144)),
        levels=tuple(levels), pictures=tuple(pictures), minimum=1,
    )  # fmt: skip


def figures(times_s):
    """Quantiles in milliseconds."""
    ms = np.array(times_s) * 1e3
    quantiles = dict(zip(("p50", "p95", "p99"), np.quantile(ms, (0.5, 0.95, 0.99)), strict=True))
    return {"frames": len(ms), **quantiles, "most": ms.max()}


class Journey:
    """Moves a canvas as a hand would, and times each frame."""

    def __init__(self, canvas):
        self.canvas, self.times_s, self.busy_s = canvas, [], []

    def frame(self):
        started, busy = time.perf_counter(), time.thread_time()
        self.canvas.repaint()
        self.times_s.append(time.perf_counter() - started)
        self.busy_s.append(time.thread_time() - busy)

    def zoom(self, notches, x=500.0, y=300.0):
        """Turn the wheel by a notch every three frames."""
        camera = self.canvas.camera
        for _ in range(abs(notches)):
            camera.zoom(2.0 ** (math.copysign(1, notches) / 4), x, y, snap=True)
            for _ in range(3):
                camera.step(FRAME_S)
                self.frame()
        for _ in range(12):
            camera.step(FRAME_S)
            self.frame()

    def pan(self, frames, dx, dy):
        for _ in range(frames):
            self.canvas.camera.pan(dx, dy)
            self.frame()

    def about(self):
        """From home to the closest and back, panning on each level."""
        camera = self.canvas.camera
        camera.go_home()
        camera.arrive()
        while camera.goal.scale < 0.999 * camera.most_scale:
            self.zoom(4)
            self.pan(30, -14, -5)
            self.pan(30, 9, 12)
        self.zoom(-60)
        return {**figures(self.times_s), "busy": figures(self.busy_s)}


def main():
    from PySide6.QtWidgets import QApplication

    from interp_gui.core.atlas.look import Look
    from interp_gui.gui.atlas.canvas import AtlasCanvas
    from interp_gui.gui.theme import Theme

    count, px = int(sys.argv[1]), int(sys.argv[2])
    application = QApplication(sys.argv[:1])
    Theme(application)
    with tempfile.TemporaryDirectory() as folder:
        atlas = make_atlas(count, px, folder)
        canvas = AtlasCanvas()
        canvas.resize(1280, 800)
        canvas.show()
        application.processEvents()
        forget_peak()
        started = time.perf_counter()
        canvas.set_atlas(atlas)
        canvas.repaint()
        first_s = time.perf_counter() - started
        rest(application)
        frames = {"pictures": Journey(canvas).about()}
        random = np.random.default_rng(1)
        canvas.set_selection(np.flatnonzero(random.random(count) < 0.3))
        canvas.set_look(Look(values=atlas.xy[:, 0].copy()))
        rest(application)
        frames["coloured, a third selected"] = Journey(canvas).about()
        canvas.set_selection(np.zeros(0, np.int64))
        canvas.set_look(Look(draw="points"))
        rest(application)
        frames["points"] = Journey(canvas).about()
        print(json.dumps({
            "frames": frames, "first_s": first_s, **memory(),
            "tiles_mib": canvas.tile_bytes / 2**20,
            "pictures_mib": sum(sheet.pixels.nbytes for sheet in atlas.pictures) / 2**20,
        }))  # fmt: skip
        canvas.close()


def rest(application, seconds=1.5):
    """Look at the map for a moment."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        application.processEvents()
        time.sleep(0.005)


STATUS = Path("/proc/self/status")


def forget_peak():
    """Writing the pictures is not what is measured."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")


def memory():
    """What the process took at most with the pages of mapped files, and its own memory now."""
    import psutil

    now = psutil.Process().memory_info().rss / 2**20
    if not STATUS.exists():
        return {"own_mib": now, "resident_mib": now}
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
    peak, of_files = (int(lines[name].split()[0]) / 1024 for name in ("VmHWM", "RssFile"))
    return {"own_mib": now - of_files, "resident_mib": peak}


if __name__ == "__main__":
    main()
