"""Where the peaks of features come from: units from the activation store, the rest by a pass."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from interp_gui.analyses.dataset_pass import Known, broken_notes, identified
from interp_gui.analyses.harvest import Harvest, HarvestSpec, harvest
from interp_gui.analyses.passes import MEMORY_SHORT, batch_notes, batch_size, halved
from interp_gui.analyses.top_examples.passing import passed
from interp_gui.analyses.top_examples.peaks import Peaks, layers_of
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem
from interp_gui.core.feature import Feature


@dataclass(frozen=True, kw_only=True)
class Found:
    """Peaks of all features asked for.

    Parameters
    ----------
    images
        Those that could be read, by their place in the dataset.
    peaks
        By the feature's text.
    broken
        Sentence for each image that was left out, by its place.
    partial
        Whether images were gone before they were read.
    said
        What has to be said of how it was computed.
    """

    images: dict[int, Known]
    peaks: dict[str, Peaks]
    broken: dict[int, str]
    partial: bool = False
    said: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was computed, where that needs saying, and which images were left out."""
        return (*self.said, *broken_notes(self.broken))


def is_stored(feature: Feature) -> bool:
    """Whether the activation store holds the feature's peaks: it is one unit."""
    return len(feature.units) == 1 and not feature.heads


def find(
    context: Context, features: Sequence[Feature], *, batch: int = 0
) -> Generator[Progress | Saved, None, Found]:
    """The strongest value of each feature in each image at hand, and where it is.

    Single units are read from the activation store, which is filled for their layers first;
    several units and directions are looked for at every position of every image.
    """
    broken: dict[int, str] = {}
    images = yield from identified(context, broken)
    if not images:
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    units = [feature for feature in features if is_stored(feature)]
    others = [feature for feature in features if not is_stored(feature)]
    peaks: dict[str, Peaks] = {}
    said: tuple[str, ...] = ()
    partial = False
    if units:
        stored = yield from harvest(context, layers_of(context, units), HarvestSpec(), batch=batch)
        count = len(context.inputs.dataset.images) if context.inputs.dataset is not None else 0
        peaks |= {feature.text: _stored(context, stored, feature, count) for feature in units}
        broken |= stored.broken
        partial, said = stored.partial, stored.said
    if others:
        size = batch_size(context, batch)
        while True:
            try:
                done = yield from passed(context, others, images, broken, batch=size)
            except MEMORY_SHORT as problem:
                size = halved(context, size, problem)
            else:
                break
        peaks |= done.peaks
        broken |= done.broken
        partial |= done.partial
        said = tuple(dict.fromkeys((*said, *done.said, *batch_notes(context, size, batch))))
    left = {image.place: image for image in images if image.place not in broken}
    if not left:
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    return Found(images=left, peaks=peaks, broken=broken, partial=partial, said=said)


def _stored(context: Context, stored: Harvest, feature: Feature, count: int) -> Peaks:
    """A unit's record in the store, as peaks over all `count` images of the dataset."""
    name = context.model.description.layer(feature.layer).name
    record, unit = stored.layers[name], feature.units[0]
    places = [image.place for image in stored.images]
    values = np.full(count, np.nan, np.float32)
    positions = np.full(count, -1, np.int32)
    values[places] = record.unit_peaks(unit)
    positions[places] = record.unit_positions(unit)
    return Peaks(
        values=values, positions=positions, minimum=float(record.minimum[unit]),
        maximum=float(record.maximum[unit]), mean=float(record.unit_mean[unit]),
        dead=bool(record.dead[unit]), runner=stored.runners.get(name, ""),
    )  # fmt: skip
