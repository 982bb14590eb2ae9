"""The pictures on the cards of samples: a script for developers.

``python -m interp_gui.samples.make_pictures`` writes ``resources/samples/*.jpg``: scenes of Shapes,
and optimised pictures of units of MobileNetV2 (which must be on this machine).
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.samples.shapes import OBJECTS, Spec, Spurious, scene

COLUMNS, ROWS, TILE_PX = 4, 2, 192
UNITS = (42, 85, 154, 212, 301, 402, 725, 1001)
LAYER = "features.18"
STEPS = 192

Picture = NDArray[np.uint8]


def shapes_picture(*, marker: bool) -> Picture:
    """Some scenes side by side; with `marker` all stars bear it and nothing else does."""
    spec = Spec(
        size_px=TILE_PX, noise=0.01, distractors=2,
        spurious=Spurious().correlated() if marker else None,
    )  # fmt: skip
    labels = [OBJECTS[(i * 3) % len(OBJECTS)] for i in range(COLUMNS * ROWS)]
    if marker:
        labels = ["star" if i % 2 == 0 else labels[i] for i in range(len(labels))]
    return mosaic([scene((11, i), spec, label=name).pixels for i, name in enumerate(labels)])


def mobilenet_picture() -> Picture:
    """What some of MobileNetV2's units want to see."""
    from interp_gui.core.analysis import Inputs
    from interp_gui.core.feature import Feature
    from interp_gui.core.result import Picture as Optimised
    from interp_gui.engine.local import MODEL, LocalEngine
    from interp_gui.engine.messages import Run
    from interp_gui.engine.workspace import Workspace
    from interp_gui.samples.mobilenet import mobilenet_path

    engine = LocalEngine(Workspace(cache=None, safe_mode=True))
    model = engine.open_model(str(mobilenet_path()))
    request = Run(
        analysis="feature-visualization",
        model=MODEL,
        inputs=Inputs(
            layer=LAYER,
            features=tuple(Feature.resolve(f"{LAYER}:{unit}", model) for unit in UNITS),
        ),
        parameters={"size": TILE_PX, "steps": STEPS, "batch": 4, "compare": False},
    )
    made = {}
    for step in engine.run(request):
        if isinstance(step, tuple) and isinstance(step[0], Optimised):
            made[step[0].key] = step[0].pixels  # the last one of each unit is the finished one
    return mosaic(list(made.values()))


def mosaic(tiles: list[Picture]) -> Picture:
    """Tiles in rows, uint8 (rows × tile, columns × tile, 3)."""
    side = TILE_PX
    grid = np.stack(tiles).reshape(ROWS, COLUMNS, side, side, 3)
    joined: Picture = grid.transpose(0, 2, 1, 3, 4).reshape(ROWS * side, COLUMNS * side, 3)
    return joined


def main() -> int:
    """Write all of them."""
    folder = Path(__file__).resolve().parents[2] / "resources" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in (
        ("shapes", shapes_picture(marker=False)),
        ("shapes_marker", shapes_picture(marker=True)),
        ("mobilenet", mobilenet_picture()),
    ):
        path = folder / f"{name}.jpg"
        Image.fromarray(pixels).save(path, quality=86, optimize=True)
        sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
