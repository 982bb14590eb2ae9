"""The index of known architectures: names and shapes of their tensors, and published weights.

Made by ``python -m interp_gui.checkpoints.build_index``, shipped in ``resources/architectures/``;
`index_files` says how it is packed, `recognition` how it is searched.
"""

from functools import cache

import msgspec

from interp_gui.core.model import Preprocessing
from interp_gui.resources import resource_path

CLASSES_FILE = "architectures/imagenet_classes.txt"
LIBRARIES = ("torchvision", "timm")
COUNTER = "num_batches_tracked"
"""Ends the names of batch norms' counters, which files may lack and which change no answer."""

Shapes = dict[str, tuple[int, ...]]


class PublishedWeights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of weights that the library publishes.

    Parameters
    ----------
    name
        As the library calls it (`IMAGENET1K_V2`, `a1_in1k`).
    file
        Name of the published file; `sha256` are the first digits of its hash. Both may be empty.
    size_mib
        Size of the file in MiB, rounded by the publisher; 0 where it does not say.
    classes
        Whether its outputs are the ImageNet-1k classes.
    outputs
        Number of its outputs; 0 where it ends in features.
    hub
        Repository on the Hugging Face hub (`timm/resnet50.a1_in1k`): only a name to compare with.
    """

    name: str
    file: str
    sha256: str
    size_mib: float
    preprocessing: Preprocessing
    classes: bool = True
    outputs: int = 1000
    hub: str = ""


class Stem(msgspec.Struct, frozen=True, array_like=True):
    """A weight whose second axis grows with the image's channels: `per_channel` of it for each."""

    key: str
    per_channel: int = 1


class Grown(msgspec.Struct, frozen=True, array_like=True):
    """An axis of a tensor whose length follows from the image size (`positions` has the rules)."""

    key: str
    axis: int
    rule: str
    step: int
    plus: int = 0


class HeadPlace(msgspec.Struct, frozen=True, array_like=True):
    """A module in whose place a head of one's own can stand: it is given `features` numbers."""

    at: str
    features: int


class Architecture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One architecture.

    Parameters
    ----------
    tensors
        Shape of each tensor by name in the network's order, counters of batch norms left out;
        for three channels, an image of `size` and (where there is a head) 1,000 classes.
    head
        Tensors whose first axis is the number of classes; the first one is the main output's.
    bare
        Tensors that the network lacks when it is built for no classes; empty where it cannot be.
    places
        Where a head of one's own can stand, the innermost first.
    stems
        Weights that grow with the channels; all of them grow together.
    grown
        Axes that grow with the image size; empty where it is not told by shapes.
    size
        Height and width in pixels that `tensors` are for.
    size_option
        Option of the builder that takes another size; empty where there is none.
    window
        Side of the windows of attention in places, where tables of distances within them tell it;
        0 elsewhere. Windows grow with the image, as their authors have it.
    fixed_size
        Whether it takes images of one size only.
    optional
        Tensors that a file may lack, because they follow from the architecture.
    surplus
        Tensors that a file may hold beside those it needs: buffers that follow from the
        architecture and that other releases of the library saved.
    auxiliary
        Prefixes of parts that serve training only.
    weights
        Published weights, the library's default first; never empty.
    twins
        `LIBRARY:NAME` of others with the same names and shapes, in any library.
    """

    name: str
    tensors: Shapes = {}
    head: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    places: tuple[HeadPlace, ...] = ()
    stems: tuple[Stem, ...] = ()
    grown: tuple[Grown, ...] = ()
    size: tuple[int, int] = (224, 224)
    size_option: str = ""
    window: int = 0
    fixed_size: bool = False
    optional: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    weights: tuple[PublishedWeights, ...] = ()
    twins: tuple[str, ...] = ()


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Names of the 1,000 classes of ImageNet-1k in the order of network outputs."""
    return tuple(resource_path(CLASSES_FILE).read_text("utf-8").splitlines())
