"""The index of known architectures: names and shapes of their tensors, and published weights.

Made by ``python -m interp_gui.checkpoints.build_index`` and shipped as
``resources/architectures/torchvision.json.xz``.
"""

import lzma
from functools import cache

import msgspec

from interp_gui.core.model import Preprocessing
from interp_gui.resources import resource_path

INDEX_FILE = "architectures/torchvision.json.xz"
CLASSES_FILE = "architectures/imagenet_classes.txt"
INDEX_FORMAT_VERSION = 1

Shapes = dict[str, tuple[int, ...]]


class PublishedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """One file of weights that the library publishes.

    Parameters
    ----------
    name
        As the library calls it (`IMAGENET1K_V2`).
    file
        Name of the published file; `sha256` are the first digits of its hash.
    size_mib
        Size of the file in MiB, rounded by the publisher.
    classes
        Whether its outputs are the ImageNet-1k classes.
    """

    name: str
    file: str
    sha256: str
    size_mib: float
    preprocessing: Preprocessing
    classes: bool = True


class Architecture(msgspec.Struct, frozen=True, kw_only=True):
    """One architecture.

    Parameters
    ----------
    tensors
        Shape of each tensor by name, counters of batch norms left out.
    head
        Tensors whose first axis is the number of classes; the first one is the main output's.
    optional
        Tensors that a file may lack, because they follow from the architecture.
    auxiliary
        Prefixes of parts that serve training only.
    weights
        Published weights, the library's default first.
    twins
        Architectures of other libraries with the same names and shapes.
    """

    name: str
    tensors: Shapes
    head: tuple[str, ...]
    optional: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    weights: tuple[PublishedWeights, ...] = ()
    twins: tuple[str, ...] = ()


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """All architectures of a library."""

    library: str
    library_version: str
    architectures: tuple[Architecture, ...]
    version: int = INDEX_FORMAT_VERSION


@cache
def load_index() -> Index:
    """Read the shipped index (once)."""
    packed = resource_path(INDEX_FILE).read_bytes()
    return msgspec.json.decode(lzma.decompress(packed), type=Index)


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Names of the 1,000 classes of ImageNet-1k in the order of network outputs."""
    return tuple(resource_path(CLASSES_FILE).read_text("utf-8").splitlines())
