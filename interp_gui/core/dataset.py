"""Datasets: images with labels and metadata."""

from pathlib import Path

import msgspec

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp")
    + (".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".npy", ".npz")
)


class ImageEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image file of a dataset.

    Parameters
    ----------
    path
        Where it is on this machine; never part of a recipe.
    label
        Class label; empty if unknown.
    metadata
        Further columns.
    group
        Value of the group column (patient, video).
    problem
        Why it cannot be used; empty if it can, or has not been tried.
    """

    path: str
    label: str = ""
    metadata: dict[str, str] = {}
    group: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """File name."""
        return Path(self.path).name


class Dataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Images with labels and metadata, in a fixed order.

    Parameters
    ----------
    classes
        Class index of the model for each label, as proposed by `core.class_mapping` and confirmed;
        a label that stands for no class is left out.
    """

    name: str = ""
    images: tuple[ImageEntry, ...] = ()
    classes: dict[str, int] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all images."""
        return tuple(entry.path for entry in self.images)

    @property
    def labels(self) -> tuple[str, ...]:
        """Distinct labels, sorted."""
        return tuple(sorted({entry.label for entry in self.images if entry.label}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the metadata columns, in the order in which they are first met."""
        return tuple(dict.fromkeys(name for entry in self.images for name in entry.metadata))

    def true_class(self, entry: ImageEntry) -> int | None:
        """Class index that an image should get; None where its label stands for none."""
        return self.classes.get(entry.label) if entry.label else None
