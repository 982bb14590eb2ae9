"""Crops: real images cut to what a position is about, decoded on worker threads.

A position of a deep layer can see most of the image, or more than all of it, but what it says is
about the middle of that: weight falls off like a bell (Luo et al., Understanding the effective
receptive field, 2016), and neighbouring cells that all show whole images could not be told apart.
So a crop is the true receptive field where that is small, and else a square around the position:
four of its strides, but between two and three fifths of the image's shorter side.
"""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import image_sha256
from interp_gui.core.model import Preprocessing
from interp_gui.core.overlays import crop
from interp_gui.core.preprocessing import as_seen, read_for

Box = tuple[int, int, int, int]
Pixels = NDArray[np.uint8]

STRIDES = 4.0
LEAST_SHARE, MOST_SHARE = 0.4, 0.6
TICK_S = 0.05
_WORKERS = 4


def crop_box(atlas: Atlas, place: int) -> Box:
    """The square of input pixels, inside the image, that stands for a position of the layer.

    Returns
    -------
    (top, left, bottom, right).
    """
    height, width = atlas.size
    rows, columns = atlas.grid
    shorter = min(height, width)
    if (rows, columns) == (1, 1):
        return _square(height / 2, width / 2, shorter, atlas.size)
    row, column = divmod(place, columns)
    stride = max(height / rows, width / columns)
    most = min(max(STRIDES * stride, LEAST_SHARE * shorter), MOST_SHARE * shorter)
    top, left, bottom, right = (int(v) for v in atlas.field[place])
    seen = max(min(bottom, height) - max(top, 0), min(right, width) - max(left, 0))
    if 0 < seen <= most:
        return _square((top + bottom) / 2, (left + right) / 2, max(seen, 1), atlas.size)
    middle = (row + 0.5) * height / rows, (column + 0.5) * width / columns
    return _square(*middle, max(round(most), 1), atlas.size)


def _square(y: float, x: float, side: int, size: tuple[int, int]) -> Box:
    top = min(max(round(y - side / 2), 0), max(size[0] - side, 0))
    left = min(max(round(x - side / 2), 0), max(size[1] - side, 0))
    return top, left, min(top + side, size[0]), min(left + side, size[1])


def cut(atlas: Atlas, point: int, preprocessing: Preprocessing, size_px: int) -> Pixels:
    """The crop of one point, (size, size, 3); ImageProblem where its image is not there any more.

    An image whose content is no longer the recorded one counts as gone.
    """
    image = int(atlas.image[point])
    path = atlas.paths[image]
    if bytes.fromhex(image_sha256(path)) != atlas.sha256[image].tobytes():
        raise ImageProblem(f"'{os.path.basename(path)}' has changed since the atlas was made.")
    pixels = as_seen(read_for(path, preprocessing), preprocessing)
    top, left, bottom, right = crop_box(atlas, int(atlas.place[point]))
    scale = pixels.shape[0] / atlas.size[0], pixels.shape[1] / atlas.size[1]
    box = (
        round(top * scale[0]), round(left * scale[1]),
        round(bottom * scale[0]), round(right * scale[1]),
    )  # fmt: skip
    return _fitted(crop(pixels, box), size_px)


def _fitted(pixels: Pixels, size_px: int) -> Pixels:
    if pixels.shape[:2] == (size_px, size_px):
        return np.ascontiguousarray(pixels)
    smaller = size_px < pixels.shape[0]
    how = Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size_px, size_px), how))


class CropMaker:
    """Cuts blocks of cells on worker threads; a context manager that waits for none of them.

    Parameters
    ----------
    check
        Raises Cancelled once the run is to stop.
    """

    def __init__(
        self,
        atlas: Atlas,
        level: AtlasLevel,
        preprocessing: Preprocessing,
        *,
        size_px: int,
        check: Callable[[], None],
    ) -> None:
        self._atlas, self._level = atlas, level
        self._preprocessing, self._size_px = preprocessing, size_px
        self._check = check
        self._pool = ThreadPoolExecutor(max_workers=min(_WORKERS, os.cpu_count() or 1))

    def __enter__(self) -> "CropMaker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def begin(self, cells: Iterable[int]) -> list[Future[Pixels | str]]:
        """Let the workers begin with some cells."""
        return [self._pool.submit(self._crop, int(cell)) for cell in cells]

    def finish(self, begun: list[Future[Pixels | str]]) -> Generator[int, None, list[Pixels | str]]:
        """Wait for what was begun, yielding how much of it is there at least every 50 ms.

        Returns
        -------
        Pictures, or a sentence for cells none of whose examples can be read.
        """
        waiting = set(begun)
        while waiting:
            self._check()
            _, waiting = wait(waiting, timeout=TICK_S, return_when=FIRST_COMPLETED)
            yield len(begun) - len(waiting)
        return [each.result() for each in begun]

    def _crop(self, cell: int) -> Pixels | str:
        problem = "The cell has no example."
        for point in self._level.examples[cell]:
            if point < 0:
                break
            try:
                return cut(self._atlas, int(point), self._preprocessing, self._size_px)
            except ImageProblem as found:
                problem = found.message
        return problem
