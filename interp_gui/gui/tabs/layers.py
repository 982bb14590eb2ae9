"""A box to choose a layer in, which follows the shared layer and leads it."""

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QWidget

from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription
from interp_gui.gui.state import AppState

SHORTEST_PX = 96
"""What a box in a row over a tab keeps in a narrow window."""


def unit_feature(model: ModelDescription, layer: str, unit: int) -> Feature:
    """One unit of a layer as a feature."""
    return Feature(layer=layer, units=(unit,), model=model.weights_sha256)


def layer_text(layer: LayerInfo) -> str:
    """A layer in one line: `features.14 · 96 × 14 × 14`."""
    return f"{layer.name}  ·  {' × '.join(str(n) for n in layer.shape)}"


class LayerBox(QComboBox):
    """The layers worth looking at, and the current one even if it is not among them.

    Parameters
    ----------
    accepts
        Which layers may be chosen at all.
    every
        List all that are accepted, not only those worth looking at.
    """

    def __init__(
        self,
        state: AppState,
        *,
        accepts: Callable[[LayerInfo], bool] = lambda layer: layer.units > 0,
        every: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._accepts, self._every = state, accepts, every
        self.setAccessibleName("Layer")
        self.setToolTip("The layer that is looked at; all views follow it")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMinimumWidth(SHORTEST_PX)
        self.setMaxVisibleItems(24)
        state.model_changed.connect(self._refill)
        state.layer_changed.connect(self._follow)
        self.activated.connect(self._chosen)
        self._refill()

    def _layers(self) -> list[LayerInfo]:
        model = self._state.model
        if model is None:
            return []
        current = self._state.layer
        return [
            layer
            for layer in model.description.layers
            if self._accepts(layer) and (self._every or layer.worthwhile or layer.name == current)
        ]

    def _refill(self) -> None:
        blocker = QSignalBlocker(self)
        self.clear()
        for layer in self._layers():
            self.addItem(layer_text(layer), layer.name)
        self.setCurrentIndex(self.findData(self._state.layer))
        self.setPlaceholderText("Choose a layer" if self.count() else "No model is open")
        self.setEnabled(self.count() > 0)
        blocker.unblock()

    def _follow(self) -> None:
        place = self.findData(self._state.layer)
        if place < 0:
            self._refill()
        else:
            self.setCurrentIndex(place)

    def _chosen(self, place: int) -> None:
        self._state.set_layer(str(self.itemData(place)))


def current_layer(state: AppState) -> LayerInfo | None:
    """What is known of the current layer."""
    model = state.model
    if model is None or not state.layer:
        return None
    return next((x for x in model.description.layers if x.name == state.layer), None)
