"""The estimate beside the button, and what is decided by it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from interp_gui.core.cost import Cost
from interp_gui.engine.messages import Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.cost_label import CostLabel


class AtlasCost(CostLabel):
    """Says what a map would take.

    Signals
    -------
    known
        `Cost` of the request that is set, or None where it cannot be told.
    """

    known = Signal(object)

    def __init__(self, bridge: EngineBridge, *, view: str, parent: QWidget | None = None) -> None:
        super().__init__(bridge, view=view, parent=parent)
        self.setWordWrap(False)  # it stands in a row, beside the button

    def _came(self, request: Run, cost: Cost | None) -> None:
        super()._came(request, cost)
        if request == self._request:
            self.known.emit(cost)
