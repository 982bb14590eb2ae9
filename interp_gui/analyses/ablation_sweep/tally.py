"""What a sweep has measured so far: arrays with gaps, from which it can go on."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context, Saved

SAVE_EVERY_S = 5.0
_ARRAYS = ("effects", "sizes", "own", "right")

Floats = NDArray[np.float64]


@dataclass(kw_only=True)
class Tally:
    """Numbers of a sweep over F features and C random controls.

    Attributes
    ----------
    effects, sizes
        (images, F + C) change of the Target, and length of the change at the layer; NaN where not
        measured yet.
    own
        (F, controls) effects of the random others of each feature, mean over images; NaN where
        not measured.
    right
        (counted images, 1 + F + C) whether the answer is right: unedited, then without each
        feature, then under each control; −1 where not known yet.
    """

    features: int
    controls: int
    effects: Floats
    sizes: Floats
    own: Floats
    right: NDArray[np.int8]
    fits: str = ""
    _saved_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.refresh()

    def saved(self) -> Saved | None:
        """What to go on from, every few seconds."""
        if time.monotonic() - self._saved_s < SAVE_EVERY_S:
            return None
        self._saved_s = time.monotonic()
        return self.state()

    def state(self) -> Saved:
        """What to go on from."""
        return Saved(state={"fits": self.fits, **{n: getattr(self, n).copy() for n in _ARRAYS}})

    def restore(self, state: dict[str, Any] | None) -> None:
        """Take over what an earlier run of the same kind measured."""
        if state is None or state.get("fits") != self.fits:
            return
        for name in _ARRAYS:
            held, now = np.asarray(state[name]), getattr(self, name)
            if held.shape == now.shape:
                setattr(self, name, held.astype(now.dtype))

    # --- what follows from it ------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what was measured since; all that follows is told as of the last time."""
        self._effects, self._sizes = _means(self.effects), _means(self.sizes)
        effects, sizes = self._effects[self.features :], self._sizes[self.features :]
        known = np.isfinite(effects) & (sizes > 0)
        self._ratios = np.abs(effects[known]) / sizes[known]

    def effect(self, index: int) -> float | None:
        """Mean over images of a feature's effect; None where not measured."""
        return _known(self._effects[index])

    def size(self, index: int) -> float | None:
        """Mean over images of the length of a feature's change."""
        return _known(self._sizes[index])

    @property
    def control_ratios(self) -> Floats:
        """Magnitude of the controls' effects for a change of length 1."""
        return self._ratios

    def beside(self, index: int) -> tuple[Floats, str]:
        """Magnitudes of what random others do for a change as large as a feature's own.

        Returns
        -------
        The magnitudes, none before there are any, and `own` where they were changed by exactly as
        much, `scaled` where the layer's controls are taken in proportion.
        """
        own = self.own[index] if len(self.own) else np.zeros(0)
        own = own[np.isfinite(own)]
        if len(own):
            return np.abs(own), "own"
        size = self.size(index)
        return self.control_ratios * (size or 0.0), "scaled"

    def percentile(self, index: int) -> float | None:
        """Share, in percent, of random others that change the Target less; None if not known."""
        effect, size = self.effect(index), self.size(index)
        others, _ = self.beside(index)
        if effect is None or not size or not len(others):
            return None
        return 100.0 * float(np.mean(others < abs(effect)))

    def strongest(self, count: int) -> list[int]:
        """Features by magnitude of their effect, those without any left out."""
        self.refresh()
        known = [(abs(self.effect(i) or 0.0), -i) for i in range(self.features)]
        return [-i for size, i in sorted(known, reverse=True)[:count] if size > 0]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Accuracy over labelled images: unedited (index 0), without each feature, under controls.

    Attributes
    ----------
    accuracy, balanced
        (1 + F + C) share of right answers, and mean over labels of each one's share.
    """

    accuracy: Floats
    balanced: Floats
    images: int

    @classmethod
    def of(cls, right: NDArray[np.int8], truths: NDArray[np.int_]) -> "Counted | None":
        """What is known of the images that were asked about to the end; None before there are any.

        Parameters
        ----------
        right
            As of `Tally`.
        truths
            (images,) class of each.
        """
        done = (right >= 0).all(axis=1) if right.size else np.zeros(len(right), bool)
        if not done.any():
            return None
        known, classes = right[done].astype(np.float64), truths[done]
        shares = [known[classes == each].mean(axis=0) for each in np.unique(classes)]
        return cls(
            accuracy=known.mean(axis=0), balanced=np.mean(shares, axis=0), images=int(done.sum())
        )


def key_of(context: Context, what: dict[str, Any]) -> str:
    """What a saved state must have been made for."""
    from interp_gui.analyses.passes import identity

    encoded = msgspec.to_builtins({**identity(context), **what}, enc_hook=str)
    return json.dumps(encoded, sort_keys=True)


def blocks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Items in turns of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _means(values: Floats) -> Floats:
    """Mean over images of what is known; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def _known(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None
