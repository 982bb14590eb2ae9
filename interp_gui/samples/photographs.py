"""Photographs that scikit-image and scikit-learn carry in their wheels."""

import importlib.util
from pathlib import Path

_PHOTOGRAPHS = (
    ("skimage", "data/chelsea.png"),  # a cat
    ("skimage", "data/coffee.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/coins.png"),
    ("skimage", "data/moon.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/brick.png"),
    ("skimage", "data/grass.png"),
    ("skimage", "data/gravel.png"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)


def photographs() -> tuple[Path, ...]:
    """Paths of those that are there, the same order everywhere; empty without the packages.

    The packages are found and not imported, and nothing is downloaded.
    """
    found = []
    for package, name in _PHOTOGRAPHS:
        folder = _package_folder(package)
        if folder is not None and (folder / name).is_file():
            found.append(folder / name)
    return tuple(found)


def _package_folder(package: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
