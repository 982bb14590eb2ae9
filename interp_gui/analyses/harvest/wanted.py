"""The images that are asked for, as the store knows them, and which of them it lacks."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.harvest.folder import LayerFolder
from interp_gui.analyses.harvest.hashes import keys_of, packed
from interp_gui.core.analysis import Context
from interp_gui.core.cost import size_text
from interp_gui.core.errors import OutputProblem
from interp_gui.core.layer import LayerInfo


class Wanted:
    """Images that can be read.

    Attributes
    ----------
    keys
        (n,) uint64, by which folders know them.
    first
        (n,) whether an image is the first of those with the same content.
    """

    def __init__(self, images: Sequence[Known]) -> None:
        self.images = images
        self.keys = keys_of(packed([image.sha256 for image in images]))
        self.first = np.zeros(len(images), np.bool_)
        self.first[np.unique(self.keys, return_index=True)[1]] = True

    def __len__(self) -> int:
        return len(self.images)

    def lacking(
        self, folders: Iterable[LayerFolder], broken: dict[int, str] | None = None
    ) -> NDArray[np.bool_]:
        """(n,) which images some folder lacks, of equal ones the first.

        Parameters
        ----------
        broken
            Takes a sentence for each image that is known not to be decodable, by its place in the
            dataset: none of these is lacking.
        """
        known = list(folders)
        found = np.zeros(len(self), np.bool_)
        for folder in known:
            found |= folder.where(self.keys) < 0
        if any(folder.knows_broken for folder in known):
            for i in np.flatnonzero(found).tolist():
                image = self.images[i]
                texts = (folder.broken(image.sha256, image.entry.name) for folder in known)
                text = next(filter(None, texts), "")
                if text:
                    found[i] = False
                    if broken is not None:
                        broken[image.place] = text
        return found & self.first


def row_bytes(layer: LayerInfo, positions: int) -> int:
    """What one image takes on disk in one layer."""
    return layer.units * (4 * 4 + 2 + 4 * positions) + 4 * positions + 4 + 32


def require_room(context: Context, folders: Mapping[str, LayerFolder], needed_bytes: int) -> None:
    """Raise OutputProblem where so many bytes more cannot be kept."""
    there = sum(folder.bytes for folder in folders.values())
    limit = context.cache.limit_bytes if context.cache is not None else None
    if limit is not None and there + needed_bytes > limit:
        raise OutputProblem(
            f"The activations would take {size_text(there + needed_bytes)}, and the cache keeps "
            f"{size_text(limit)}.",
            hint="Set INTERP_GUI_CACHE_LIMIT_MB to more, or record fewer layers or positions.",
        )
    for folder in folders.values():
        with suppress(OSError):
            free = shutil.disk_usage(folder.path).free
            if needed_bytes > free:
                raise OutputProblem(
                    f"The activations would take {size_text(needed_bytes)}, and "
                    f"{size_text(free)} are free on the disk.",
                    hint="Make room, record fewer layers or positions, or set INTERP_GUI_CACHE to "
                    "a folder elsewhere.",
                )
        return
