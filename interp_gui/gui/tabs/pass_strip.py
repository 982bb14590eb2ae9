"""Asks, over a view, before very many images are looked through."""

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QPushButton, QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.cost import LONG_S, Cost
from interp_gui.core.feature import Feature
from interp_gui.engine.messages import Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.parts import label, row
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import current_layer, unit_feature
from interp_gui.gui.views.pass_leave import leave_of

ANALYSIS = "real-examples"
VIEW = "pass-cost"


class PassStrip(QWidget):
    """A sentence with what it costs, and a button; hidden where nothing is to be asked.

    A pass that is short by its estimate, as one that the cache holds, is not asked about.
    """

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._state, self._bridge = state, bridge
        self._leave = leave_of(state)
        self._asked: object = None
        self.text = label()
        self.start = QPushButton("Start")
        self.start.setAccessibleName("Start looking through the images")
        self.start.setToolTip("Look at every image once; it can be cancelled at any time")
        self.start.clicked.connect(lambda: self._leave.give(self._state))
        line = row()
        self.setLayout(line)
        line.addWidget(self.text, 1)
        line.addWidget(self.start)
        for signal in (state.model_changed, state.dataset_changed, state.layer_changed):
            signal.connect(self.follow)
        self._leave.changed.connect(self.follow)
        bridge.ready.connect(self.follow)
        self.follow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._estimate()

    def follow(self) -> None:
        """Ask about what is current, or hide."""
        dataset, model = self._state.dataset, self._state.model
        wanted = model is not None and dataset is not None and not self._leave.given(self._state)
        self.setVisible(wanted)
        if wanted and dataset is not None:
            self._tell(f"Real examples need a look at {len(dataset.images):,} images.")
            if self.isVisible():
                self._estimate()

    def _tell(self, text: str) -> None:
        self.text.setText(text)

    def _estimate(self) -> None:
        model, layer, dataset = self._state.model, current_layer(self._state), self._state.dataset
        known = ANALYSIS in self._bridge.analyses and self._bridge.is_ready
        if model is None or layer is None or not layer.units or dataset is None or not known:
            return
        subject = (model.handle, self._state.dataset_handle, layer.name)
        if subject == self._asked:
            return
        self._asked = subject
        feature: Feature = unit_feature(model.description, layer.name, 0)
        request = Run(
            analysis=ANALYSIS,
            model=model.handle,
            inputs=Inputs(layer=layer.name, features=(feature,)),
            dataset=self._state.dataset_handle,
        )
        self._bridge.estimate(request, self._cost_came, view=VIEW)

    def _cost_came(self, cost: Cost | None) -> None:
        dataset = self._state.dataset
        if cost is None or dataset is None or self._leave.given(self._state):
            return
        if cost.seconds < LONG_S / 6:
            self._leave.give(self._state)
            return
        count = f"{len(dataset.images):,} images"
        self._tell(f"Real examples need a look at {count}. {cost.sentence}")
