"""An atlas of 20,000 positions of MobileNetV2, stage by stage, in one run.

python -m benchmarks.atlas [--points 20000] [--layer features.14] [--icons] [--folder FOLDER]

The crops of photographs that `docs/make_atlas.py` cuts are recorded first; then each stage is
timed behind it: the map by principal components, by UMAP (warm: what is compiled on the first use
in a process is timed apart), all crops of the 20-grid, and with `--icons` all its icons at 96 px
and 128 steps. Between steps of a layout nothing else in the process can answer, so the longest
one is given too, and the processor time of all threads, which tells how busy the machine was:
layouts run on one thread.
"""

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path

from benchmarks.common import save, table

BUDGETS = {"map by principal components": 3, "map by UMAP": 40, "crops": 10, "icons": 600}
SIDE = 20


def crops(folder, images):
    """So many of the crops that the guide's atlas is made of, spread over all photographs."""
    from interp_gui.core.dataset import Dataset, ImageEntry

    path = Path(__file__).parents[1] / "docs" / "make_atlas.py"
    spec = importlib.util.spec_from_file_location("make_atlas", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paths = sorted(module.write_crops(folder))
    step = max(1, len(paths) // images)
    entries = [ImageEntry(path=str(p), label=p.parent.name) for p in paths[::step]]
    return Dataset(images=tuple(entries))


def opened():
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.runtimes.opening import open_runtime
    from interp_gui.samples.mobilenet import mobilenet_path

    return open_runtime(open_checkpoint(mobilenet_path()))


class Stage:
    """Drives steps to their end and times them: all of them, and the longest."""

    def __init__(self, steps, *, until=None):
        self.seconds, self.longest, self.result, self.shown = 0.0, 0.0, None, []
        begun = before = time.perf_counter()
        processor = time.process_time()
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                self.result = stop.value
                break
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before), now
            if hasattr(step, "levels") or hasattr(step, "pictures"):
                self.shown.append((now - begun, step))
            if until is not None and until(step):
                steps.close()
                break
        self.seconds = time.perf_counter() - begun
        self.processor_s = time.process_time() - processor


def measured(options, folder):
    from interp_gui.analyses.atlas.make import make_atlas
    from interp_gui.analyses.atlas.settings import AtlasSettings
    from interp_gui.analyses.atlas.umap_epochs import compiled
    from interp_gui.analyses.atlas_pictures.drawing import drawn
    from interp_gui.analyses.atlas_pictures.settings import PictureSettings
    from interp_gui.analyses.harvest import HarvestSpec, harvest
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.engine.cache import Cache

    images = crops(folder / "crops", options.images)
    positions = -(-options.points // len(images.images))
    context = Context(
        model=opened(), inputs=Inputs(dataset=images, layer=options.layer),
        cache=Cache(folder / "cache"),
    )  # fmt: skip
    layer = context.model.description.layer(options.layer)
    common = {"points": options.points, "positions": positions, "labels": "none"}
    stages = {}
    store = Stage(harvest(context, [layer], HarvestSpec(positions=positions)))
    stages["record the images"] = store
    begun = time.perf_counter()
    compiled()
    compile_s = time.perf_counter() - begun
    for layout, name in (("pca", "map by principal components"), ("umap", "map by UMAP")):
        settings = AtlasSettings(layout=layout, **common)
        stages[name] = Stage(make_atlas(context, settings, preview=False, labels=False))
    atlas = stages["map by UMAP"].result
    stages["the same map again"] = Stage(
        make_atlas(context, AtlasSettings(**common), preview=False, labels=False)
    )
    for source in ("crop", "icon") if options.icons else ("crop",):
        settings = PictureSettings(level=SIDE, source=source, first=0, **common)
        stages[f"{source}s"] = Stage(drawn(context, settings, atlas))
    cells = int((atlas.level(SIDE).count >= atlas.minimum).sum())
    return {
        "images": len(images.images),
        "points": len(atlas.xy),
        "levels": {level.side: len(level.x) for level in atlas.levels},
        "cells_drawn": cells,
        "compile_s": compile_s,
        "seconds": {name: stage.seconds for name, stage in stages.items()},
        "processor_s": {name: stage.processor_s for name, stage in stages.items()},
        "longest_step_s": {name: stage.longest for name, stage in stages.items()},
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=3500)
    parser.add_argument("--layer", default="features.14")
    parser.add_argument("--icons", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        found = measured(options, options.folder or Path(temporary))
    save("atlas", {"layer": options.layer, **found})
    rows = [
        (
            name,
            f"{seconds:.1f} s",
            f"{found['processor_s'][name]:.1f} s",
            f"{1000 * found['longest_step_s'][name]:.0f} ms",
            f"≤ {BUDGETS[name]} s" if name in BUDGETS else "",
        )
        for name, seconds in found["seconds"].items()
    ]
    print(f"{found['points']} points of {found['images']} images; levels {found['levels']};")
    print(f"{found['cells_drawn']} cells drawn; compiling {found['compile_s']:.1f} s, once")
    print(table(("stage", "time", "processor", "longest step", "budget"), rows))


if __name__ == "__main__":
    main()
