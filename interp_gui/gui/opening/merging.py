"""Images that are found, beside those that are listed: which are new, and what is newly told."""

from collections.abc import Sequence

import msgspec
import numpy as np

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.polite import politely


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What a found list adds to the one that is listed.

    Parameters
    ----------
    fresh
        Entries whose paths are not listed yet.
    places
        Rows of listed images of which something else is told now, ascending.
    before, after
        The entries of these rows as they are, and as they become.
    """

    fresh: tuple[ImageEntry, ...] = ()
    places: tuple[int, ...] = ()
    before: tuple[ImageEntry, ...] = ()
    after: tuple[ImageEntry, ...] = ()

    @property
    def tells_labels(self) -> bool:
        """Whether any listed image gets another label."""
        pairs = zip(self.before, self.after, strict=True)
        return any(old.label != new.label for old, new in pairs)


def merge(known: Sequence[ImageEntry], found: Sequence[ImageEntry]) -> Merged:
    """Compare a found list, which tells more of the images, with the listed one; in a worker."""
    told = {entry.path: entry for entry in found}
    places, before, after = [], [], []
    for row, old in enumerate(politely(known)):
        new = told.pop(old.path, None)
        if new is None:
            continue
        both = taken_over(old, new)
        if both != old:
            places.append(row)
            before.append(old)
            after.append(both)
    return Merged(
        fresh=tuple(told.values()),
        places=tuple(places), before=tuple(before), after=tuple(after),
    )  # fmt: skip


def taken_over(old: ImageEntry, new: ImageEntry) -> ImageEntry:
    """A listed entry with what a found one of the same path tells; what that leaves open stays."""
    return msgspec.structs.replace(
        old,
        label=new.label or old.label,
        metadata={**old.metadata, **{name: text for name, text in new.metadata.items() if text}},
        group=new.group or old.group,
    )


def unlisted(known: Sequence[ImageEntry], found: Sequence[ImageEntry]) -> tuple[ImageEntry, ...]:
    """Entries of `found` whose paths are not listed yet, each path once."""
    taken = {entry.path for entry in known}
    fresh = {entry.path: entry for entry in found if entry.path not in taken}
    return tuple(fresh.values())


def replaced(
    images: tuple[ImageEntry, ...], places: Sequence[int], entries: Sequence[ImageEntry]
) -> tuple[ImageEntry, ...]:
    """The images with others at some places."""
    changed = list(images)
    for place, entry in zip(places, entries, strict=True):
        changed[place] = entry
    return tuple(changed)


def without(
    images: tuple[ImageEntry, ...], places: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> tuple[ImageEntry, ...]:
    """The images without those at some places."""
    from itertools import compress

    keep = np.ones(len(images), np.bool_)
    keep[places] = False
    return tuple(compress(images, keep.tolist()))


def inserted(
    images: tuple[ImageEntry, ...],
    places: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    entries: tuple[ImageEntry, ...],
) -> tuple[ImageEntry, ...]:
    """What `without` was given: `entries` put back so that they stand at `places`."""
    back = np.zeros(len(images) + len(entries), np.bool_)
    back[places] = True
    own, others = iter(entries), iter(images)
    return tuple(next(own) if mine else next(others) for mine in back.tolist())
