"""Make the pictures of the docs: the tour in both themes, and parts of the window, for pages.

Run it as ``make docs``; it takes some minutes and wants the sample model and photographs. The
sequence of docs/first-two-minutes.md was taken by hand from a real display, and is not made here.
"""

import tempfile
from pathlib import Path

from make_gallery import main as make_gallery
from PIL import Image

from interp_gui.gui.tour import run_tour

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)
STOPS = ("why-this-answer", "activation-map", "wall", "wall-optimised", "unit", "atlas", "grad-cam")
PARTS = {
    "00-welcome": "welcome",
    "01-guided-start": "guided-start",
    "20-window": "window",
    "32-split": "split",
    "33-atlas": "atlas-class",
    "10-panel-images-full": "images",
    "10-panel-jobs-full": "jobs",
    "10-panel-shelf-full": "shelf",
    "40-dialog-edit.find_anything": "palette",
    "40-dialog-edit.preferences": "preferences",
    "40-dialog-file.samples": "samples",
    "40-dialog-images.classes": "classes",
    "40-dialog-report.show": "report",
    "41-import-table": "import-table",
    "42-export": "export",
    "43-which-network": "which-network",
}
"""Pictures of the gallery that pages show, and their names there."""


def keep(path: Path, name: str) -> None:
    """Write a picture as a page shows it."""
    # Pictures of pictures: JPEG without colour subsampling keeps text sharp.
    Image.open(path).convert("RGB").save(IMAGES / f"{name}.jpg", quality=72, subsampling=0)


def main() -> None:
    """Take the tour twice and the gallery once, and keep what pages show."""
    IMAGES.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        with tempfile.TemporaryDirectory() as folder:
            run_tour(folder, theme=theme, size=SIZE)
            for path in sorted(Path(folder).glob("[0-9][0-9]-*.png")):
                if path.stem[3:] in STOPS:
                    keep(path, f"{path.stem[3:]}-{theme}")
    with tempfile.TemporaryDirectory() as folder:
        size = "x".join(map(str, SIZE))
        make_gallery([folder, "--sizes", size])
        for theme in ("light", "dark"):
            for stem, name in PARTS.items():
                keep(Path(folder) / f"{theme}-{size}-100" / f"{stem}.png", f"{name}-{theme}")


if __name__ == "__main__":
    main()
