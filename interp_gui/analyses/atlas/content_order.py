"""Points in an order of their own, so that a map hangs on no order of files."""

import hashlib
from dataclasses import replace

import numpy as np

from interp_gui.analyses.atlas.picked import Points
from interp_gui.analyses.harvest import Harvest


def in_content_order(points: Points, found: Harvest) -> Points:
    """The same points by their images' hashes, then by place.

    A layout begins with some chance at each point, so the same points in another order are laid
    out otherwise. Copies of one image stand as the dataset has them: their points are equal.
    """
    hashes = np.array([found.images[int(image)].sha256 for image in points.image], dtype="S64")
    order = np.lexsort((points.place, hashes))
    weight = points.weight[order] if len(points.weight) else points.weight
    return replace(
        points, image=points.image[order], place=points.place[order],
        vectors=points.vectors[order], weight=weight,
    )  # fmt: skip


def sha256_of_all(found: Harvest) -> str:
    """SHA-256 over the sorted hashes of the images that were recorded."""
    digest = hashlib.sha256()
    for each in sorted(image.sha256 for image in found.images):
        digest.update(bytes.fromhex(each))
    return digest.hexdigest()
