"""Measure whether an atlas shows what a layer knows: Shapes, with trained and with random weights.

python docs/make_atlas_control.py [--scenes 1200] [--positions 8] [--layers block3 block5]

Points that lie on a scene's object are named by its shape, colour and texture, which the sample
draws and knows. The purity of the 20 × 20 grid's cells in each is set beside that of the same
cells with the names dealt out anew, and beside that of the same network before it was trained.
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from interp_gui.analyses.atlas.binning import binned
from interp_gui.analyses.atlas.levels import commonest, shuffled_purity
from interp_gui.analyses.atlas.make import quiet
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.atlas.linking import places
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.runtimes.torch_runtime import TorchRuntime
from interp_gui.samples.shapes.dataset import read_masks

SIDE, FEWEST = 20, 4
"""Of the grid that is judged, and points on objects that a cell must hold to count."""
CONCEPTS = ("shape", "colour", "texture")


def networks() -> Iterator[tuple[str, TorchRuntime]]:
    """The network of the sample, and the same one before it was trained."""
    import torch

    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.runtimes.opening import open_runtime
    from interp_gui.samples.places import shapes_model

    trained = open_runtime(open_checkpoint(shapes_model()))
    assert isinstance(trained, TorchRuntime)
    yield "trained", trained
    module = copy.deepcopy(trained.module)
    torch.manual_seed(0)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    description = msgspec.structs.replace(trained.description, weights_sha256="0" * 64)
    yield "random", TorchRuntime(module, description)


def scenes(folder: Path, count: int) -> Dataset:
    """Draw scenes with what is known of them."""
    import csv

    from interp_gui.samples.shapes.dataset import write_dataset

    write_dataset(folder / "shapes", count, 5)
    with open(folder / "shapes" / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Dataset(images=tuple(
        ImageEntry(
            path=str(folder / "shapes" / row["path"]), label=row["label"],
            metadata={"colour": row["colour"], "texture": row["texture"]},
        )
        for row in rows
    ))  # fmt: skip


def on_objects(atlas: Atlas) -> np.ndarray:
    """(N,) whether each point's place lies on the object of its scene."""
    masks = [read_masks(path) for path in atlas.paths]
    labels = atlas.columns["label"]
    at = places(atlas, np.arange(len(atlas.xy)))
    found = np.zeros(len(at), bool)
    for point, (down, right) in enumerate(at):
        image = int(atlas.image[point])
        mask = masks[image].get(labels[image])
        if mask is not None:
            found[point] = mask[int(down * mask.shape[0]), int(right * mask.shape[1])]
    return found


def purities(atlas: Atlas) -> dict[str, tuple[float, float]]:
    """Mean purity of the grid's cells in each concept, and that of names dealt out anew."""
    chosen = on_objects(atlas)
    cells = binned(atlas.xy[chosen], SIDE)
    kept = cells.count >= FEWEST
    found = {}
    for concept in CONCEPTS:
        texts = np.array(atlas.columns["label" if concept == "shape" else concept])
        names, codes = np.unique(texts[atlas.image[chosen]], return_inverse=True)
        codes = codes.ravel().astype(np.int64)
        pure = float(commonest(cells, codes, len(names)).purity[kept].mean())
        found[concept] = (pure, shuffled_purity(cells, codes, len(names), minimum=FEWEST))
    return found


def atlas_of(
    runtime: TorchRuntime, images: Dataset, layer: str, *, positions: int, layout: str = "umap"
) -> Atlas:
    """The atlas of a layer."""
    context = Context(model=runtime, inputs=Inputs(dataset=images, layer=layer))
    settings = AtlasSettings(layout=layout, positions=positions, labels="none")  # type: ignore[arg-type]
    steps = quiet(context, settings)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            atlas: Atlas = stop.value
            return atlas


def main(words: Sequence[str] | None = None) -> int:
    """Print a table for the guide."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--positions", type=int, default=8)
    parser.add_argument("--layers", nargs="+", default=["block2", "block3", "block5"])
    given = parser.parse_args(words)
    lines = [
        "| layer | weights | " + " | ".join(f"{c}, dealt anew" for c in CONCEPTS) + " |",
        "|" + "---|" * (2 + len(CONCEPTS)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        images = scenes(Path(folder), given.scenes)
        for layer in given.layers:
            for name, runtime in networks():
                found = purities(atlas_of(runtime, images, layer, positions=given.positions))
                cells = [f"{100 * a:.0f} %, {100 * b:.0f} %" for a, b in found.values()]
                lines.append(f"| {layer} | {name} | " + " | ".join(cells) + " |")
                sys.stderr.write(lines[-1] + "\n")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
