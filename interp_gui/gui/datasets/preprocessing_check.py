"""Whether another common preprocessing answers more labelled images right, and a way to take it."""

from functools import partial

import msgspec
from PySide6.QtCore import QObject

from interp_gui.core.analysis import Inputs
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.state import AppState

ANALYSIS = "check-preprocessing"
_VIEW = "check-preprocessing-notice"
_OFFER, _BETTER = "check-preprocessing", "better-preprocessing"


class PreprocessingCheck(QObject):
    """Runs the check in the background; tells of a better setting, or that there is none."""

    def __init__(
        self, state: AppState, bridge: EngineBridge, documents: Documents, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._bridge = bridge
        self._documents = documents
        self._offered: set[str] = set()
        self._about: tuple[object, ...] = ()
        state.model_changed.connect(self._look)
        state.dataset_changed.connect(self._look)

    @property
    def can_check(self) -> bool:
        """Whether there are labelled images whose right answer is known."""
        model, dataset = self._state.model, self._state.dataset
        return (
            self._bridge.is_ready
            and ANALYSIS in self._bridge.analyses
            and model is not None
            and model.description.class_count > 0
            and dataset is not None
            and bool(dataset.classes)
        )

    def offer(self) -> None:
        """Offer the check, once for each model."""
        model = self._state.model
        if self.can_check and model is not None and model.handle not in self._offered:
            self._offered.add(model.handle)
            self._state.notify(
                "info",
                "The right answers of these images are known now.",
                "A quick check tells whether the preprocessing suits this model.",
                action="Check preprocessing",
                on_action=self.run,
                key=_OFFER,
            )

    def _look(self) -> None:
        """Take back what was offered for other images, another model or preprocessing."""
        model, dataset = self._state.model, self._state.dataset
        about: tuple[object, ...] = (model,)
        if dataset is not None:  # images may be added behind those it was offered for
            about = (model, dataset.images[0].path, dataset.classes)
        if about != self._about:
            self._about = about
            self._forget()

    def _forget(self) -> None:
        self._state.withdraw(_OFFER)
        self._state.withdraw(_BETTER)

    def run(self) -> None:
        """Try common settings on some of the labelled images."""
        model = self._state.model
        if not self.can_check or model is None:
            return
        self._offered.add(model.handle)
        self._forget()
        self._bridge.run(
            Run(
                analysis=ANALYSIS, model=model.handle, inputs=Inputs(),
                dataset=self._state.dataset_handle,
            ),
            title="Check preprocessing",
            priority="visible",
            view=_VIEW,
            on_result=partial(self._came, model.handle),
            on_end=self._ended,
        )  # fmt: skip

    def _came(self, handle: str, result: AnyResult, _recipe: Recipe | None) -> None:
        if not isinstance(result, Table) or result.key != "settings" or not result.final:
            return
        message = result.notes[0] if result.notes else "The preprocessing was checked."
        better = result.provenance.get("better")
        if better is None:
            self._state.notify("success", message)
            return
        settings = result.provenance["preprocessing"]
        wanted = msgspec.convert(settings[int(better)], Preprocessing)
        self._state.notify(
            "warning",
            message,
            " ".join(result.notes[1:]),
            action="Use it",
            on_action=partial(self._use, handle, wanted),
            key=_BETTER,
        )

    def _use(self, handle: str, wanted: Preprocessing) -> None:
        model = self._state.model
        if model is not None and model.handle == handle:
            self._documents.set_preprocessing(wanted)
        else:
            self._state.notify("info", "Another model is current now; nothing was changed.")

    def _ended(self, ended: Ended) -> None:
        if ended.outcome == "failed":
            self._documents.tell_failure(ended, "The preprocessing could not be checked.")
