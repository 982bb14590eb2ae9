"""The estimate beside the button."""

from PySide6.QtWidgets import QWidget

from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.cost_label import CostLabel


class AtlasCost(CostLabel):
    """Says what a map would take, in one line of a row."""

    def __init__(self, bridge: EngineBridge, *, view: str, parent: QWidget | None = None) -> None:
        super().__init__(bridge, view=view, parent=parent)
        self.setWordWrap(False)
