"""Make the guide's atlases: MobileNetV2 over the samples' photographs and crops of them.

python docs/make_atlas.py [FOLDER] [--icons]

Cuts every photograph that comes with the samples' packages into overlapping crops of several
sizes, one class folder a photograph, and makes atlases of them. Pictures for the guide go to
`docs/images`, everything else to FOLDER (a temporary one by default).
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent
SIDE_PX = 224
SHARES = (1.0, 0.62, 0.42, 0.28, 0.19)
"""Sides of crops as shares of a photograph's shorter side."""
OVERLAP = 0.45
SMALLEST_PX = 64
FURTHER = (
    "data/motorcycle_right.png", "data/clock_motion.png", "data/color.png", "data/ihc.png",
    "data/retina.jpg", "data/microaneurysms.png", "data/cell.png", "data/text.png",
    "data/page.png",
)  # fmt: skip
"""Photographs of scikit-image that are no samples, since they show nothing of a class."""


def main(words: Sequence[str] | None = None) -> int:
    """Make the crops, then the atlases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--layer", default="features.14")
    parser.add_argument("--positions", type=int, default=6)
    parser.add_argument("--icons", action="store_true", help="draw icons too (minutes)")
    parser.add_argument("--crops-only", action="store_true", help="write the crops and stop")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        count = sum(1 for _ in write_crops(folder / "crops"))
        sys.stdout.write(f"{count} crops in {folder / 'crops'}\n")
        if not given.crops_only:
            make_atlas(folder, given.layer, positions=given.positions, icons=given.icons)
    return 0


def photographs() -> list[Path]:
    """All photographs at hand."""
    from interp_gui.samples.photographs import photographs as samples

    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    further = [folder / name for name in FURTHER] if folder is not None else []
    return [*samples(), *(path for path in further if path.is_file())]


def write_crops(folder: Path) -> Iterator[Path]:
    """Write crops of every photograph as JPEG files; those that are there stay."""
    for path in photographs():
        with Image.open(path) as opened:
            photograph = opened.convert("RGB")
        place = folder / path.stem
        place.mkdir(parents=True, exist_ok=True)
        for number, box in enumerate(boxes(photograph.size)):
            target = place / f"{number:03d}.jpg"
            if not target.exists():
                crop = photograph.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, box)
                crop.save(target, quality=92)
            yield target


def boxes(size: tuple[int, int]) -> Iterator[tuple[float, float, float, float]]:
    """Squares of every share of the shorter side, spread evenly with some overlap."""
    width, height = size
    for share in SHARES:
        side = share * min(size)
        if side < SMALLEST_PX:
            continue
        step = side * (1 - OVERLAP)
        lefts, tops = (
            np.linspace(0, length - side, 1 + int(np.ceil((length - side) / step)))
            for length in (width, height)
        )
        for top in tops:
            for left in lefts:
                yield float(left), float(top), float(left + side), float(top + side)


def make_atlas(folder: Path, layer: str, *, positions: int, icons: bool) -> None:
    """Run the atlases over the crops and write the levels that the guide shows."""
    _run(folder, layer, source="crops", positions=positions, side=40)
    if icons:
        for source in ("crops", "icons"):
            _run(folder, layer, source=source, positions=1, side=20)


def _run(folder: Path, layer: str, *, source: str, positions: int, side: int) -> None:
    from interp_gui.cli import main as run
    from interp_gui.samples.mobilenet import mobilenet_path

    out = folder / f"atlas-{source}-{side}"
    words = [
        "run", "activation-atlas", "--model", str(mobilenet_path()), "--images",
        str(folder / "crops"), "--layer", layer, "--out", str(out), "--set",
        f"positions={positions}", "--set", f"pictures={source}", "--set", "labels=label",
    ]  # fmt: skip
    if run(words):
        raise SystemExit(1)
    (path,) = out.glob(f"*_{side}.png")
    with Image.open(path) as opened:
        small = opened.convert("RGB")
        small.thumbnail((1200, 1600), Image.Resampling.LANCZOS)
        small.save(ROOT / "images" / f"atlas-{source}-{side}.jpg", quality=86)


if __name__ == "__main__":
    sys.exit(main())
