"""What the model answers for all images at hand: asked on demand, told when it is out of date."""

from functools import partial

import numpy as np
from PySide6.QtCore import QObject

from interp_gui.core.analysis import Inputs
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.cost_label import CostLabel
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.opening.image_list import counted
from interp_gui.gui.panels.images.panel import ImagesPanel
from interp_gui.gui.panels.images.source import Asked
from interp_gui.gui.state import AppState, OpenModelState

ANALYSIS = "dataset-predictions"
_VIEW = "images-answers"


class DatasetAnswers(QObject):
    """Runs the pass over the images and hands its answers to the Images panel."""

    def __init__(
        self, state: AppState, bridge: EngineBridge, documents: Documents, panel: ImagesPanel
    ) -> None:
        super().__init__(panel)
        self._state = state
        self._bridge = bridge
        self._documents = documents
        self._panel = panel
        self._of: tuple[str, Preprocessing] | None = None
        # Only asks about long runs; there is no room for its words.
        self._cost = CostLabel(bridge, view=f"{_VIEW}-cost", parent=panel)
        self._cost.hide()
        state.model_changed.connect(self._look)
        panel.source.changed.connect(lambda _before: self._look())

    @property
    def can_ask(self) -> bool:
        """Whether there is something to ask, and something that answers."""
        model = self._state.model
        return (
            self._bridge.is_ready
            and ANALYSIS in self._bridge.analyses
            and model is not None
            and model.description.class_count > 0
            and self._state.dataset is not None
        )

    @property
    def out_of_date(self) -> bool:
        """Whether the answers are those of another model or preprocessing."""
        model = self._state.model
        return self._of is not None and model is not None and self._of != _key(model)

    def ask(self) -> None:
        """Ask the model about every image; a long pass is confirmed first."""
        model, dataset = self._state.model, self._state.dataset
        if not self.can_ask or model is None or dataset is None:
            return
        request = Run(
            analysis=ANALYSIS, model=model.handle, inputs=Inputs(),
            dataset=self._state.dataset_handle, parameters={"listed": 0},
        )  # fmt: skip
        self._cost.start(request, partial(self._start, request, model, dataset.paths))

    def _start(self, request: Run, model: OpenModelState, paths: tuple[str, ...]) -> None:
        self._bridge.run(
            request,
            title=f"Answers for {counted(len(paths))}",
            priority="background",
            view=_VIEW,
            on_result=partial(self._came, model, paths),
            on_end=self._ended,
        )

    def _came(
        self,
        model: OpenModelState,
        paths: tuple[str, ...],
        result: AnyResult,
        _recipe: Recipe | None,
    ) -> None:
        if not isinstance(result, Table) or "predicted" not in result.values:
            return
        description = model.description
        names = tuple(description.class_name(i) for i in range(description.class_count))
        self._of = _key(model)
        self._panel.source.set_asked(
            Asked(
                paths=paths,
                classes=np.asarray(result.values["predicted"], np.int32),
                probability=np.asarray(result.values["probability"], np.float32),
                names=names,
            )
        )
        self._look()

    def _ended(self, ended: Ended) -> None:
        if ended.outcome == "failed":
            self._documents.tell_failure(ended, "The model could not be asked about all images.")

    def _look(self) -> None:
        if self._panel.source.asked is not None and self._state.dataset is None:
            self._of = None
            self._panel.source.set_asked(None)
        if self.out_of_date:
            self._panel.tell(
                "The answers are those of another model or preprocessing.", "Ask again", self.ask
            )
        else:
            self._panel.tell("")


def _key(model: OpenModelState) -> tuple[str, Preprocessing]:
    return model.description.weights_sha256, model.description.preprocessing
