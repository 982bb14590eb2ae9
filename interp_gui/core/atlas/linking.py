"""Points of one atlas found again in another one: of another layer, or of another model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.kinds import Atlas


def linked_points(atlas_a: Atlas, points: NDArray[Any], atlas_b: Atlas) -> NDArray[np.int64]:
    """Points of `atlas_b` that show what some points of `atlas_a` show.

    They are of the same image, by its content, and of those the nearest in it. From a layer
    without positions, all points of the image.

    Returns
    -------
    Sorted indices, each once; images that are not in both atlases have none.
    """
    chosen = np.asarray(points, np.int64)
    rows_a, rows_b = _same_images(atlas_a, atlas_b)
    order = np.argsort(rows_b[atlas_b.image], kind="stable")
    images_b = rows_b[atlas_b.image][order]
    wanted = rows_a[atlas_a.image[chosen]]
    first = np.searchsorted(images_b, wanted, side="left")
    count = np.searchsorted(images_b, wanted, side="right") - first
    chosen, first, count = chosen[count > 0], first[count > 0], count[count > 0]
    if not len(chosen):
        return np.zeros(0, np.int64)
    starts = np.cumsum(count) - count
    own = np.repeat(np.arange(len(chosen)), count)
    candidates = order[np.arange(len(own)) - starts[own] + first[own]]
    if atlas_a.grid == (1, 1):
        return np.unique(candidates)
    apart = places(atlas_a, chosen)[own] - places(atlas_b, candidates)
    distance = np.einsum("ij,ij->i", apart, apart)
    ranked = np.lexsort((candidates, distance, own))
    return np.unique(candidates[ranked[starts]])


def places(atlas: Atlas, points: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2) where points are in their images: down and to the right, in parts of the input."""
    rows, columns = atlas.grid
    row, column = np.divmod(atlas.place[points].astype(np.int64), columns)
    return np.stack([(row + 0.5) / rows, (column + 0.5) / columns], axis=1)


def _same_images(a: Atlas, b: Atlas) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each image of two atlases that is the same where the content is."""
    both = np.ascontiguousarray(np.concatenate([a.sha256, b.sha256]), np.uint8)
    if not len(both):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    whole = both.view(np.dtype((np.void, both.shape[1]))).ravel()
    numbers = np.unique(whole, return_inverse=True)[1].ravel().astype(np.int64)
    return numbers[: len(a.sha256)], numbers[len(a.sha256) :]
