"""Brushed places by image, and the way back from every stroke."""

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import shiboken6
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from interp_gui.core.errors import InvalidValue
from interp_gui.core.model import Preprocessing
from interp_gui.gui.undoing.stack import UndoStack
from interp_gui.gui.widgets.region import RegionCanvas

Shown = tuple[str, Preprocessing | None]
"""Path and preprocessing: a place is one in the network's input."""
Weights = NDArray[np.float32]


class BrushedPlaces(QObject):
    """Remembers what is brushed on each image, so that it is there when the image is again.

    Parameters
    ----------
    canvas
        Where it is brushed; steps do not keep it alive.
    shown
        What the canvas shows; None for nothing.
    show
        Goes to the image of a path: a step that is undone is seen.
    """

    def __init__(
        self,
        canvas: RegionCanvas,
        undo: UndoStack,
        *,
        shown: Callable[[], Shown | None],
        show: Callable[[str], object],
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._undo, self._shown, self._show = canvas, undo, shown, show
        self._places: dict[Shown, Weights] = {}
        canvas.brushed.connect(self._record)

    def recall(self) -> None:
        """Brush again what was brushed on the image that is shown now."""
        shown = self._shown()
        if shown is not None and shown in self._places:
            self._canvas.set_weights(self._places[shown])

    def _record(self, before: Weights, after: Weights) -> None:
        shown = self._shown()
        if shown is None:
            return
        name, itself = Path(shown[0]).name, weakref.ref(self)
        self._undo.change(
            f"brush a place in {name}" if after.any() else f"clear the place in {name}",
            partial(_put, itself, shown, after),
            partial(_put, itself, shown, before),
        )

    def put(self, shown: Shown, weights: Weights) -> None:
        """Set what is brushed on an image, whether it is shown now or later; for the steps."""
        if weights.any():
            self._places[shown] = weights
        else:
            self._places.pop(shown, None)
        if shown == self._shown():
            self._canvas.set_weights(weights)
        else:
            self._show(shown[0])


def _put(places: "weakref.ref[BrushedPlaces]", shown: Shown, weights: Weights) -> None:
    found = places()
    if found is None or not shiboken6.isValid(found):
        raise InvalidValue(
            "The view in which the place was brushed is closed.",
            hint="This step is left out; what was done before it can still be undone.",
        )
    found.put(shown, weights)
