"""Choosing a second model beside the current one."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from interp_gui.gui.panels.model import titled
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.widgets.wheel import calm_wheel


class OtherModelBox(QComboBox):
    """The open models but the current one.

    Parameters
    ----------
    optional
        Text of a first row that means none; empty where one has to be chosen.

    Signals
    -------
    chosen
        `opened` is another, by hand or because models were opened or closed.
    """

    chosen = Signal()

    def __init__(
        self, state: AppState, parent: QWidget | None = None, *, optional: str = ""
    ) -> None:
        super().__init__(parent)
        self._state, self._optional = state, optional
        self.setAccessibleName("Second model")
        self.setAccessibleDescription("An open model that the current one is compared with")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        calm_wheel(self)
        self.activated.connect(lambda _row: self.chosen.emit())
        state.models_changed.connect(self._refill)
        state.model_changed.connect(self._refill)
        self._refill()

    @property
    def handle(self) -> str:
        """Handle of the chosen model; empty if there is none."""
        return str(self.currentData() or "")

    @property
    def opened(self) -> OpenModelState | None:
        """The chosen model."""
        return next((each for each in self._state.models if each.handle == self.handle), None)

    def choose(self, handle: str) -> None:
        """Choose a model by its handle; one that is not open is passed over."""
        row = self.findData(handle)
        if row >= 0 and row != self.currentIndex():
            self.setCurrentIndex(row)
            self.chosen.emit()

    def _refill(self) -> None:
        before, current = self.handle, self._state.model
        own = current.handle if current is not None else ""
        with QSignalBlocker(self):
            self.clear()
            if self._optional:
                self.addItem(self._optional, "")
            for model, title in titled(self._state.models):
                if model.handle != own:
                    self.addItem(title, model.handle)
            self.setCurrentIndex(max(0, self.findData(before)) if self.count() else -1)
        self.setEnabled(self.count() > bool(self._optional))
        if self.handle != before:
            self.chosen.emit()
