"""The box that says by what a wall is sorted."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox

from interp_gui.core.feature import Feature
from interp_gui.gui.tabs.layers import SHORTEST_PX
from interp_gui.gui.tabs.wall_order import SORTS, SortKey

SIMILARITY: SortKey = "similarity"


class SortBox(QComboBox):
    """Orders of units; similarity is offered once there is a feature to be similar to.

    Signals
    -------
    chosen
        Another order, or similarity to another feature.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Sort by")
        self.setToolTip("Order of the cards")
        for key, words in SORTS.items():
            self.addItem(f"Sort by {words}", key)
        self.setMinimumWidth(SHORTEST_PX)
        self.currentIndexChanged.connect(self.chosen)

    @property
    def key(self) -> SortKey:
        """What is chosen."""
        found: SortKey = self.currentData()
        return found

    def choose(self, key: str) -> None:
        """Choose an order; one that is not offered is left out."""
        at = self.findData(key)
        if at >= 0:
            self.setCurrentIndex(at)

    def choose_similarity(self, feature: Feature, name: str) -> None:
        """Offer similarity to a feature, and choose it."""
        blocker = QSignalBlocker(self)
        at = self.findData(SIMILARITY)
        if at < 0:
            at = self.count()
            self.addItem("", SIMILARITY)
        self.setItemText(at, f"Similarity to {name}")
        self.setItemData(at, feature.text, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(at)
        blocker.unblock()
        self.chosen.emit()
