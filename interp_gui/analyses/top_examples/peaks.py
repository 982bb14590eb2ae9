"""The strongest value of features in every image, taken from batches of maps."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.decoding import input_decoder
from interp_gui.analyses.passes import Route, identity
from interp_gui.analyses.real_examples.survey import is_gone
from interp_gui.analyses.top_examples.kept_maps import KeptMaps, LayerValues
from interp_gui.analyses.unit_maps import feature_maps, unit_maps
from interp_gui.core.analysis import Context
from interp_gui.core.errors import ImageProblem
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.layer import LayerInfo

PEAKS_VERSION = 1
"""Raised whenever the same images would give other values; part of cache keys."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Peaks:
    """What is known of one feature over the images.

    Parameters
    ----------
    values
        (images,) float32, the largest value anywhere in each image of the dataset; NaN for
        images that were left out, and where the feature is no number.
    positions
        (images,) int32, where it is, row by row; −1 where there is none.
    minimum, maximum
        Over all positions of all images.
    mean
        Over images, of the mean over positions.
    dead
        Whether it is the same number everywhere.
    runner
        What computed it, where that was not the model's own runtime.
    """

    values: NDArray[np.float32]
    positions: NDArray[np.int32]
    minimum: float
    maximum: float
    mean: float
    dead: bool = False
    runner: str = ""


class PeakPass:
    """A pass over the images that any run that needs its outcome can drive.

    Parameters
    ----------
    features
        Whose values are wanted; of any layers.
    images
        Those that can be read, in the dataset's order.
    broken
        Takes sentences for images that turn out to be unreadable, by place.
    batch
        Images a step.
    route
        What it runs on; the model's own runtime if None.
    keep
        Whether maps may be kept for the next pass.
    """

    def __init__(
        self,
        context: Context,
        features: Sequence[Feature],
        images: Sequence[Known],
        broken: dict[int, str],
        *,
        batch: int,
        route: Route | None = None,
        keep: bool = True,
    ) -> None:
        description = context.model.description
        self.features = tuple(features)
        self.layers = layers_of(context, features)
        self._layer_of = {f.text: description.layer(f.layer) for f in features}
        self.route = route if route is not None else Route(layers=self.layers)
        self.images = tuple(images)
        self.broken = dict(broken)
        self.gone: set[int] = set()
        """Images that were there at first: a record without them must not pass for theirs."""
        n = len(self.images)
        self.values = {f.text: np.full(n, np.nan, np.float32) for f in features}
        self.positions = {f.text: np.full(n, -1, np.int32) for f in features}
        self.lows = {f.text: np.inf for f in features}
        self.totals = {f.text: np.zeros(2) for f in features}
        """Sum over images of the mean over positions, and their number."""
        self.done = 0
        self._batch = batch
        count = len(self.images) if keep else 2**62
        self._decoder = input_decoder(context.model, [each.entry.path for each in self.images])
        self._kept = KeptMaps(context, self.layers, count, batch=batch, runner=self.route.runner)

    @property
    def finished(self) -> bool:
        """Whether all images were seen."""
        return self.done >= len(self.images)

    def advance(self, context: Context) -> None:
        """Take in one more batch; nothing is changed if that fails or is cancelled."""
        if self.advance_kept(context):
            return
        step = range(self.done, min(self.done + self._batch, len(self.images)))
        taken = self._decoder.take(step, context.check)
        changed = self._changed(taken.items)
        whole = [row for row, item in enumerate(taken.items) if item not in changed]
        maps: LayerValues | None = None
        if whole:
            captured = self.route.values(context, np.stack([taken.inputs[row] for row in whole]))
            size = context.model.preprocessing.size
            maps = {
                layer.name: unit_maps(captured[layer.name], layer, size) for layer in self.layers
            }
            self._take(maps, [taken.items[row] for row in whole])
        left_out = bool(taken.problems or changed)
        self._kept.add(context, self.images, step, None if left_out else maps)
        for i, sentence in changed.items():
            self.broken[self.images[i].place] = sentence
            self.gone.add(self.images[i].place)
        for i, problem in taken.problems.items():
            self.broken[self.images[i].place] = problem.message
            if is_gone(self.images[i].entry.path) or self._changed([i]):
                self.gone.add(self.images[i].place)
        self.done = step.stop

    def _changed(self, items: Sequence[int]) -> dict[int, str]:
        """Sentences for images that are not the ones any more whose hashes are known."""
        found: dict[int, str] = {}
        for i in items:
            image = self.images[i]
            try:
                if image_sha256(image.entry.path) != image.sha256:
                    found[i] = f"'{image.entry.name}' has changed while the images were read."
            except ImageProblem as problem:
                found[i] = problem.message
        return found

    def advance_kept(self, context: Context) -> bool:
        """Take in the next images whose maps an earlier pass left; whether there were any."""
        maps = self._kept.get(context, self.images, self.done)
        if maps is None:
            return False
        count = len(next(iter(maps.values())))
        self._take(maps, range(self.done, self.done + count))
        self.done += count
        return True

    def _take(self, maps: LayerValues, rows: Sequence[int]) -> None:
        for feature in self.features:
            values = feature_maps(maps[self._layer_of[feature.text].name], feature)
            flat = values.reshape(len(rows), -1)
            finite = np.isfinite(flat)
            guarded = np.where(finite, flat, -np.inf)
            where = guarded.argmax(axis=1)
            peaks = guarded[np.arange(len(rows)), where]
            for row, some, peak, place, value in zip(rows, finite, peaks, where, flat, strict=True):
                if not some.any():
                    continue
                numbers = value[some]
                self.values[feature.text][row] = peak
                self.positions[feature.text][row] = place
                self.lows[feature.text] = min(self.lows[feature.text], float(numbers.min()))
                # image by image: a sum over the batch would round by its size
                self.totals[feature.text] += (float(numbers.mean(dtype=np.float64)), 1.0)

    def record(self, feature: Feature) -> dict[str, Any]:
        """What is kept of a feature; `peaks_of` reads it."""
        text = feature.text
        return {
            "values": self.values[text], "positions": self.positions[text],
            "low": self.lows[text], "total": self.totals[text],
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """All that is needed to go on elsewhere."""
        return {
            "done": self.done,
            "features": {f.text: _copied(self.record(f)) for f in self.features},
            "broken": {str(i): text for i, text in self.broken.items()},
            "gone": sorted(self.gone),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.done = int(state["done"])
        for text, kept in state["features"].items():
            self.values[text] = np.array(kept["values"], np.float32)
            self.positions[text] = np.array(kept["positions"], np.int32)
            self.lows[text] = float(kept["low"])
            self.totals[text] = np.array(kept["total"], np.float64)
        self.broken |= {int(i): str(text) for i, text in state["broken"].items()}
        self.gone = {int(i) for i in state["gone"]}


def layers_of(context: Context, features: Sequence[Feature]) -> tuple[LayerInfo, ...]:
    """The layers of features, once each."""
    found = (context.model.description.layer(feature.layer) for feature in features)
    return tuple({layer.name: layer for layer in found}.values())


def peaks_of(
    kept: Mapping[str, Any], images: Sequence[Known], count: int, *, runner: str = ""
) -> Peaks:
    """A record of the readable images as `Peaks` over all `count` images of the dataset."""
    places = [image.place for image in images]
    values = np.full(count, np.nan, np.float32)
    positions = np.full(count, -1, np.int32)
    values[places] = kept["values"]
    positions[places] = kept["positions"]
    low, (total, seen) = float(kept["low"]), kept["total"]
    finite = values[np.isfinite(values)]
    high = float(finite.max()) if len(finite) else float("nan")
    scale = max(abs(high), abs(low))
    return Peaks(
        values=values, positions=positions, minimum=low if len(finite) else float("nan"),
        maximum=high, mean=float(total) / max(float(seen), 1.0),
        dead=bool(len(finite)) and high - low <= 1e-6 * scale, runner=runner,
    )  # fmt: skip


def record_key(
    context: Context, feature: Feature, digest: str, *, batch: int, runner: str = ""
) -> dict[str, Any]:
    """Content key of a feature's values over the images of a hash."""
    return {
        "kind": "feature-peaks", "version": PEAKS_VERSION, **feature_key(context, feature),
        "images": digest, "batch": batch, **identity(context, runner=runner),
    }  # fmt: skip


def feature_key(context: Context, feature: Feature) -> dict[str, Any]:
    """What a feature is, whatever it is called, as part of cache keys."""
    vectors = hashlib.sha256(feature.matrix().tobytes()).hexdigest() if feature.vectors else ""
    layer = context.model.description.layer(feature.layer).name
    return {"layer": layer, "units": list(feature.units), "vectors": vectors}


def digest_of(images: Sequence[Known]) -> str:
    """Hash of the readable images in their order."""
    found = hashlib.sha256()
    for image in images:
        found.update(image.sha256.encode())
    return found.hexdigest()


def _copied(record: dict[str, Any]) -> dict[str, Any]:
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in record.items()}
