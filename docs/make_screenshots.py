"""Make the pictures of the docs: the tour in both themes, shrunk to what a page needs.

Run it as ``make docs``; it takes a few minutes and wants the sample model and photographs.
"""

import tempfile
from pathlib import Path

from PIL import Image

from interp_gui.gui.tour import run_tour

IMAGES = Path(__file__).parent / "images"
STOPS = ("welcome", "why-this-answer", "activation-map", "wall", "wall-optimised", "unit")
STOPS += ("grad-cam",)


def main() -> None:
    """Take the tour twice and keep its pictures."""
    IMAGES.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        with tempfile.TemporaryDirectory() as folder:
            run_tour(folder, theme=theme)
            for path in sorted(Path(folder).glob("[0-9][0-9]-*.png")):
                stop = path.stem[3:]
                if stop in STOPS:
                    # Pictures of pictures: JPEG without colour subsampling keeps text sharp.
                    shot = Image.open(path).convert("RGB")
                    shot.save(IMAGES / f"{stop}-{theme}.jpg", quality=90, subsampling=0)


if __name__ == "__main__":
    main()
