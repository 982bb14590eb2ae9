"""Cards of examples: the picture cut to what the feature can see, and its numbers."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.passes import identity
from interp_gui.analyses.real_examples.crops import (
    Cut,
    LayerMaps,
    example_picture,
    field_box,
    shares_of,
)
from interp_gui.analyses.top_examples.choosing import Places, Ranking
from interp_gui.analyses.top_examples.peaks import Peaks, feature_key
from interp_gui.analyses.top_examples.settings import LABEL, Parameters, Wanted
from interp_gui.analyses.unit_maps import feature_maps
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import GridItem, Number

PICTURES_VERSION = 2


class Example(NamedTuple):
    """A position of an image of the dataset, and the feature's value there."""

    image: int
    position: int
    value: float


class CardMaker:
    """Makes the cards of one feature.

    Parameters
    ----------
    maps
        Of the feature's layer; shared by all features of it.
    columns
        Columns of the layer's maps.
    """

    def __init__(
        self,
        context: Context,
        feature: Feature,
        layer: LayerInfo,
        peaks: Peaks,
        *,
        images: dict[int, Known],
        maps: LayerMaps,
        columns: int,
        parameters: Parameters,
        wanted: Wanted,
    ) -> None:
        self._context, self._feature, self._layer = context, feature, layer
        self._peaks, self._images, self._maps = peaks, images, maps
        self._columns, self._parameters, self._wanted = columns, parameters, wanted
        self._floor = rest(peaks.minimum, peaks.maximum)
        self._key = {
            "kind": "example-picture", "version": PICTURES_VERSION,
            **feature_key(context, feature), "size": parameters.size,
            "cropped": parameters.cropped, "shaded": parameters.shaded, "floor": self._floor,
            **identity(context),
        }  # fmt: skip
        self.lost: dict[int, str] = {}
        """Sentences for images that can no longer be read, or have changed, by place."""

    def examples(self, images: Places) -> list[Example]:
        """Each image once, where the feature is strongest in it."""
        values, positions = self._peaks.values, self._peaks.positions
        return [Example(i, int(positions[i]), float(values[i])) for i in images.tolist()]

    def expanded(self, images: Places, k: int) -> Generator[Progress, None, list[Example]]:
        """The k strongest positions, several an image.

        Those of all images are among those of the k images with the largest peaks: before a
        position of any other image come k peaks. Peaks stay as they are known: what computed
        them may have other last digits than this look at the maps.
        """
        found: list[tuple[NDArray[np.float32], int]] = []
        for done, i in enumerate(images.tolist()):
            self._context.check()
            yield Progress(done=done, total=len(images), text="Looking for positions")
            try:
                flat = self._map(self._images[i]).ravel()
            except ImageProblem as problem:
                self.lost[i] = problem.message
                continue
            peak = self._peaks.values[i]
            flat = np.minimum(flat, peak)
            flat[self._peaks.positions[i]] = peak
            found.append((flat, i))
        if not found:
            return []
        values = np.concatenate([flat for flat, _ in found])
        owner = np.concatenate([np.full(len(flat), i) for flat, i in found])
        position = np.concatenate([np.arange(len(flat)) for flat, _ in found])
        values = np.where(np.isfinite(values), values, -np.inf)
        best = np.lexsort((position, owner, -values))[:k]
        return [
            Example(int(owner[b]), int(position[b]), float(values[b]))
            for b in best
            if values[b] > -np.inf
        ]

    def cards(
        self, title: str, examples: Sequence[Example], ranking: Ranking
    ) -> Generator[Progress, None, list[GridItem]]:
        """Cards under one heading; images that can no longer be read are left out."""
        made: list[GridItem] = []
        for done, example in enumerate(examples):
            self._context.check()
            yield Progress(done=done, total=len(examples), text="Cutting examples")
            image = self._images[example.image]
            try:
                cut = self._picture(image, example)
            except ImageProblem as problem:
                self.lost[example.image] = problem.message
                continue
            label = image.entry.label
            called = readable(example.value)
            made.append(
                GridItem(
                    title=f"{called} · {label}" if label and self._wanted.by != LABEL else called,
                    pixels=cut.pixels, numbers=self._numbers(example, label, ranking),
                    feature=self._feature, image=image.entry.path, group=title,
                    box=cut.box,
                )
            )  # fmt: skip
        return made

    def _numbers(self, example: Example, label: str, ranking: Ranking) -> dict[str, Number]:
        numbers: dict[str, Number] = {
            "activation": example.value,
            "rank": ranking.rank(example.value),
            "percentile": ranking.percentile(example.value),
        }
        if label:
            numbers["label"] = label
        if self._layer.spatial:
            numbers["row"], numbers["column"] = divmod(example.position, self._columns)
        return numbers

    def _map(self, image: Known) -> NDArray[np.float32]:
        _, maps = self._maps.get(image.entry.path, image.sha256)
        found: NDArray[np.float32] = feature_maps(maps[None], self._feature)[0]
        return found

    def _picture(self, image: Known, example: Example) -> Cut:
        key: dict[str, Any] = {
            **self._key, "image": image.sha256, "position": example.position
        }  # fmt: skip
        kept = self._context.recall(key)
        if kept is not None:
            return Cut.of(kept)
        pixels, maps = self._maps.get(image.entry.path, image.sha256)
        values = feature_maps(maps[None], self._feature)[0]
        box = (0, 0, *pixels.shape[:2])
        if self._parameters.cropped:
            place = divmod(example.position, self._columns)
            box = field_box(self._context, self._layer, place, pixels.shape[:2])
        pixels_shown = example_picture(
            pixels, values, box, size_px=self._parameters.size, floor=self._floor,
            shaded=self._parameters.shaded,
        )  # fmt: skip
        made = Cut(pixels_shown, shares_of(box, pixels.shape[:2]))
        if self._context.cache is not None:
            self._context.cache.put(key, made.arrays())
        return made


def rest(minimum: float, maximum: float) -> float:
    """The value at which a feature counts as quiet: zero where it can be reached from above."""
    return max(minimum, 0.0) if maximum > 0 else minimum
