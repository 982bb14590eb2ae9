"""The box around what is brushed on an image, as an example."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from interp_gui.core.examples import Example
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

if TYPE_CHECKING:  # it brings the drawing of maps, which the first paint need not wait for
    from interp_gui.gui.widgets.region import RegionCanvas

Box = tuple[float, float, float, float]
Region = tuple[tuple[float, ...], ...]


def box_of(weights: NDArray[np.float32]) -> Box | None:
    """Smallest box (top, left, bottom, right, as shares) around what is brushed; None if nothing.

    What is brushed by less than half counts only where nothing is brushed more.
    """
    marked = weights >= 0.5
    if not marked.any():
        marked = weights > 0
    if not marked.any():
        return None
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    height, width = weights.shape
    return (
        float(rows[0] / height), float(columns[0] / width),
        float((rows[-1] + 1) / height), float((columns[-1] + 1) / width),
    )  # fmt: skip


class BrushedExample(QObject):
    """What was brushed last in any view of a window, as an example.

    Signals
    -------
    changed
        Another place, or none.
    """

    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.example: Example | None = None
        self._region: Region = ()

    def set(self, example: Example | None, region: Region = ()) -> None:
        """Take another one; `region` is what is brushed, as `Inputs.region` takes it."""
        if (example, region) != (self.example, self._region):
            self.example, self._region = example, region
            self.changed.emit()

    def region_on(self, image: str | None) -> Region:
        """What is brushed on an image; empty if nothing is, or on another one."""
        return self._region if self.example is not None and self.example.path == image else ()


def brushed_of(state: AppState) -> BrushedExample:
    """The brushed place of a window."""
    return child_of(state.shared, BrushedExample) or BrushedExample(state.shared)


def follow_brush(canvas: "RegionCanvas", state: AppState, path: Callable[[], str]) -> None:
    """Note what is brushed on a canvas.

    Parameters
    ----------
    path
        The image that the canvas shows; empty for none.
    """

    def note() -> None:
        box, shown = box_of(canvas.region.weights), path()
        if box is None or not shown:
            brushed_of(state).set(None)
        else:
            brushed_of(state).set(Example(shown, box), canvas.region.rows())

    canvas.region_changed.connect(note)
