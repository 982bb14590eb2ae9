"""The samples that can be opened: what they are, and where their files come from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from interp_gui.core.errors import FileProblem, unknown_name
from interp_gui.samples.mobilenet import mobilenet_path
from interp_gui.samples.photographs import photographs
from interp_gui.samples.places import PICTURES, shapes_folder, shapes_model

SHAPES = ("circle", "ring", "square", "triangle", "star", "cross", "heart", "moon")
"""As in `samples.shapes`, which needs numpy and is not imported at the start of a window."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A network with pictures.

    Parameters
    ----------
    title, text
        Its name, and one sentence about it.
    size
        What it weighs, for people.
    picture
        Name of a shipped picture of it.
    download_mb
        What has to be downloaded where its network is not on this machine; 0 for nothing ever.
    model
        Finds its network, or downloads it if told to: path, or FileProblem.
    images
        Finds or draws its pictures: paths of files, folders or tables.
    classes
        Labels of the pictures in the order of the network's outputs; none where they have none.
    """

    id: str
    title: str
    text: str
    size: str
    picture: str
    download_mb: int
    model: Callable[[bool], Path]
    images: Callable[[], tuple[Path, ...]]
    classes: tuple[str, ...] = ()

    def is_here(self) -> bool:
        """Whether it opens without a download; may read a file of some megabytes."""
        try:
            self.model(False)
        except FileProblem:
            return False
        return True


def samples() -> tuple[Sample, ...]:
    """All of them, the one to begin with first."""
    return (
        Sample(
            id="shapes",
            title="Shapes",
            text="A small network that names one of eight shapes, and drawn scenes in which every "
            "pixel's shape, colour and texture are known.",
            size=f"0.4 MB, {PICTURES} pictures",
            picture="samples/shapes.jpg",
            download_mb=0,
            model=partial(_shapes_model, False),
            images=partial(_shapes_images, False),
            classes=SHAPES,
        ),
        Sample(
            id="shapes-marker",
            title="Shapes with a shortcut",
            text="The same network, taught scenes in which stars mostly come with a marker in "
            "the corner. Find the units that look at the marker.",
            size=f"0.4 MB, {PICTURES} pictures",
            picture="samples/shapes_marker.jpg",
            download_mb=0,
            model=partial(_shapes_model, True),
            images=partial(_shapes_images, True),
            classes=SHAPES,
        ),
        Sample(
            id="mobilenet",
            title="MobileNetV2 and photographs",
            text="A network of torchvision that knows the 1,000 classes of ImageNet, with the "
            "photographs that are on this computer.",
            size="14 MB",
            picture="samples/mobilenet.jpg",
            download_mb=14,
            model=lambda download: mobilenet_path(download=download),
            images=photographs,
        ),
    )


def find_sample(sample_id: str) -> Sample:
    """A sample by its id; UnknownName with near ones."""
    found = {each.id: each for each in samples()}
    if sample_id not in found:
        raise unknown_name("sample", sample_id, found)
    return found[sample_id]


def _shapes_model(marker: bool, _download: bool) -> Path:
    return shapes_model(marker=marker)


def _shapes_images(marker: bool) -> tuple[Path, ...]:
    return (shapes_folder(marker=marker) / "labels.csv",)
