"""What a layer's units are compared to, so that the wall can sort by it."""

from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState

ANALYSIS = "unit-similarity"
VIEW = "wall-similarity"


class Similarity(QObject):
    """Compares all units of the current layer to one feature, perhaps of another layer.

    Signals
    -------
    came
        Table with the columns unit and similarity.
    changed
        `text` is another.
    """

    came = Signal(object)
    changed = Signal()

    def __init__(self, state: AppState, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge = state, bridge
        self.feature: Feature | None = None
        self.text = ""
        """What is going on, or why there is nothing; empty if there is no need to say."""

    def compare(self, feature: Feature | None) -> None:
        """Compare to a feature; None to stop."""
        self.feature = feature
        model, state = self._state.model, self._state
        if feature is None or model is None or not state.layer:
            self._stop("")
        elif feature.model not in ("", model.description.weights_sha256):
            self._stop(f"{feature.title} belongs to another model.")
        elif not state.dataset_handle:
            self._stop("Open some images: units are compared by what they do over them.")
        elif ANALYSIS in self._bridge.analyses:
            self._run(feature, model.handle)

    def _run(self, feature: Feature, model: str) -> None:
        inputs = Inputs(layer=self._state.layer, features=(feature,))
        request = Run(
            analysis=ANALYSIS, model=model, inputs=inputs, dataset=self._state.dataset_handle
        )
        self._say(f"Comparing units to {feature.title}…")
        self._bridge.run(
            request,
            title=f"Units of {self._state.layer} like {feature.title}",
            view=VIEW,
            on_result=self._came,
            on_end=self._ended,
        )

    def stop(self) -> None:
        """Cancel what is under way."""
        self._stop("")

    def _stop(self, text: str) -> None:
        self._bridge.drop(VIEW)
        self._say(text)

    def _came(self, result: AnyResult, _recipe: Recipe | None) -> None:
        if isinstance(result, Table):
            self.came.emit(result)

    def _ended(self, ended: Ended) -> None:
        self._say("" if ended.error is None else ended.error.message)

    def _say(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self.changed.emit()
