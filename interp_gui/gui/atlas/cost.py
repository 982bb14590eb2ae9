"""The estimate beside the button, and what is decided by it."""

from PySide6.QtCore import Signal

from interp_gui.core.cost import Cost
from interp_gui.engine.messages import Run
from interp_gui.gui.jobs.cost_label import CostLabel


class AtlasCost(CostLabel):
    """Says what a map would take.

    Signals
    -------
    known
        `Cost` of the request that is set, or None where it cannot be told.
    """

    known = Signal(object)

    def _came(self, request: Run, cost: Cost | None) -> None:
        super()._came(request, cost)
        if request == self._request:
            self.known.emit(cost)
