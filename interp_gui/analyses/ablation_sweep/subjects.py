"""What a sweep switches off, and the random changes beside which it stands."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.ablation_sweep.settings import Parameters
from interp_gui.analyses.asked import asked_features
from interp_gui.analyses.random_alike import Other, others
from interp_gui.analyses.unit_ranking.baselines import dataset_means
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import Baseline, Edit
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.changes import Change, change_of
from interp_gui.core.layer import LayerInfo


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """Features of one layer, what switches each off, and the controls.

    Parameters
    ----------
    edits
        One a feature, in the order of the layer or as asked.
    donors, receivers
        A control gives the change that the donor (an index in `edits`) makes to another, random
        feature.
    heads
        Whether they are heads.
    sentence
        What they become, for people.
    """

    layer: LayerInfo
    edits: tuple[Edit, ...]
    heads: bool
    sentence: str
    donors: tuple[int, ...] = ()
    receivers: tuple[Other, ...] = ()

    @property
    def features(self) -> tuple[Feature, ...]:
        """What is switched off."""
        return tuple(edit.feature for edit in self.edits)

    @property
    def count(self) -> int:
        """Features and controls together."""
        return len(self.edits) + len(self.donors)

    def change(self, index: int, value: NDArray[np.float32]) -> Change:
        """What a feature's ablation, or a control, changes in one image's value (…)."""
        known = len(self.edits)
        at = index if index < known else self.donors[index - known]
        return change_of(self.edits[at], value, self.layer.axes)

    def changed(self, index: int, value: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """The value under it, and the length of the change."""
        change = self.change(index, value)
        if index < len(self.edits):
            return change.onto(value), change.moved
        picked, basis = self.receivers[index - len(self.edits)]
        return change.onto(value, picked=picked, basis=basis), change.moved

    def word(self, count: int) -> str:
        """What they are called."""
        word = "head" if self.heads else "unit"
        return word if count == 1 else f"{word}s"


def subjects_of(
    context: Context, parameters: Parameters, layer: LayerInfo
) -> Generator[Progress, None, Subjects]:
    """The features asked for, or all units (or heads) of the layer, with their baselines."""
    asked = asked_features(context, heads=True)
    if any(feature.layer != layer.name for feature in asked):
        raise InvalidValue(
            "The features of a sweep lie in one layer.", hint="Run it once for each layer."
        )
    if any(feature.whole_layer for feature in asked):
        asked = ()
    heads = asked[0].heads if asked else "head" in layer.axes
    if not asked:
        asked = _all(context, layer, heads=heads)
    means, source, sentence = yield from _baseline(context, parameters, layer, asked)
    edits = []
    for feature in asked:
        baseline = Baseline()
        if means is not None:
            at = means[list(feature.units)] if feature.units else _coordinates(feature, means)
            baseline = Baseline("mean", values=tuple(float(v) for v in at), source=source)
        edits.append(Edit(feature=feature, kind="ablate", baseline=baseline))
    return Subjects(layer=layer, edits=tuple(edits), heads=heads, sentence=sentence)


def with_controls(
    subjects: Subjects, value: NDArray[np.float32], count: int, *, seed: int
) -> Subjects:
    """The same with controls, whose sizes are spread over those of the features' changes.

    Parameters
    ----------
    value
        The layer's value for the current image, (…).
    """
    sizes = np.array([subjects.change(i, value).moved for i in range(len(subjects.edits))])
    live = np.flatnonzero(sizes > 0)
    if not len(live) or not count:
        return subjects
    ranked = live[np.argsort(sizes[live], kind="stable")]
    places = (np.arange(count) + 0.5) / count * len(ranked)
    random = np.random.default_rng(seed)
    donors, receivers = [], []
    for donor in ranked[places.astype(int)]:
        found = others(subjects.change(int(donor), value), 1, random)
        if found:
            donors.append(int(donor))
            receivers.append(found[0])
    return Subjects(
        layer=subjects.layer, edits=subjects.edits, heads=subjects.heads,
        sentence=subjects.sentence, donors=tuple(donors), receivers=tuple(receivers),
    )  # fmt: skip


def _all(context: Context, layer: LayerInfo, *, heads: bool) -> tuple[Feature, ...]:
    count = layer.shape[layer.axes.index("head")] if heads else layer.units
    if not count:
        raise MissingAbility(
            f"Layer '{layer.name}' has no units and no heads.", hint="Choose another layer."
        )
    model = context.model.description.weights_sha256
    return tuple(
        Feature(layer=layer.name, units=(i,), heads=heads, model=model) for i in range(count)
    )


def _coordinates(feature: Feature, means: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.linalg.pinv(feature.basis(len(means))) @ means
    return found


def _baseline(
    context: Context, parameters: Parameters, layer: LayerInfo, asked: tuple[Feature, ...]
) -> Generator[Progress, None, tuple[NDArray[np.float64] | None, str, str]]:
    """Means of all units, their source's hash, and a sentence; None for an ablation to zero."""
    dataset = context.inputs.dataset
    if any(feature.heads for feature in asked) or "head" in layer.axes:
        if parameters.baseline == "mean":
            raise InvalidValue(
                "Heads are switched off to zero; they have no one mean.",
                hint="Set the baseline to zero.",
            )
        return None, "", "Ablated to zero."
    has_images = dataset is not None and bool(dataset.images)
    if parameters.baseline == "zero" or (parameters.baseline == "automatic" and not has_images):
        return None, "", "Ablated to zero."
    if not has_images:
        raise InvalidValue(
            "The mean needs images at hand.", hint="Open a folder of images, or ablate to zero."
        )
    means, source, count = yield from dataset_means(context, layer, most=parameters.mean_images)
    things = "image" if count == 1 else "images"
    return means, source, f"Ablated to the mean over {count} {things} at hand."
