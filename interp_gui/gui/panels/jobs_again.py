"""From a job back to where its result is, and to another run of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from interp_gui.engine.messages import OpenModel, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.row import JobRow
from interp_gui.gui.state import AppState, OpenModelState

ANALYSIS = "analysis:"
MOST_PATHS = 20_000
TABS = {"unit-": "unit", "image-": "image", "wall": "wall", "open-model": "image"}
"""First part of a view's name for the engine, and the tab in which it stands."""


class Views(Protocol):
    """What of the centre is needed here."""

    def show_analysis(self, analysis_id: str) -> object: ...
    def tab(self, kind: str) -> QWidget | None: ...
    def reveal_job(self, view: str) -> bool: ...


class JobActions(QObject):
    """Shows the results of jobs and runs them again.

    Parameters
    ----------
    open_model
        Opens a checkpoint by its path.
    views
        Gives the centre; asked late, for it is made after the panels.
    """

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        open_model: Callable[[str], object],
        views: Callable[[], Views],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._bridge = state, bridge
        self._open_model, self._views = open_model, views

    def show_result(self, row: JobRow) -> None:
        """Bring up the view that asked for the job, with what it was about."""
        tab = tab_of(row)
        if isinstance(row.request, Run) and not self._restore(row.request):
            return
        if row.view and self._views().reveal_job(row.view):
            return
        if tab.startswith(ANALYSIS):
            self._state.notify(
                "info",
                f"The view of '{row.title}' was closed.",
                "Run it again to see its result.",
                action="Run again",
                on_action=lambda: self.run_again(row),
            )
        elif tab:
            self._state.set_tab(tab)

    def run_again(self, row: JobRow) -> None:
        """Ask for the same once more; its results appear in the tab of its analysis."""
        self._go(row, run=True)

    def change(self, row: JobRow) -> None:
        """Show the settings of the job, to be changed before it is run."""
        self._go(row, run=False)

    def _go(self, row: JobRow, *, run: bool) -> None:
        request = row.request
        if isinstance(request, OpenModel):
            self._open_model(request.path)
        elif isinstance(request, Run) and self._restore(request):
            views = self._views()
            views.show_analysis(request.analysis)
            adopt = getattr(views.tab(ANALYSIS + request.analysis), "adopt_request", None)
            if adopt is not None:
                adopt(self._current(request), run=run)

    def _current(self, request: Run) -> Run:
        """The request as it can be asked now: on the images that are at hand."""
        handle = self._state.dataset_handle
        return msgspec.structs.replace(request, dataset=handle, state=None)

    def _restore(self, request: Run) -> bool:
        """Make current what a job was about; False, and said why, if its model is closed."""
        state = self._state.shared
        model = self._model(request.model)
        if model is None:
            state.notify(
                "warning",
                "The model of this job is closed.",
                "Open it again, then run the analysis anew.",
            )
            return False
        inputs = request.inputs
        state.set_model(model)
        state.set_target(inputs.target)
        known = {layer.name for layer in model.description.layers}
        feature = inputs.features[0] if inputs.features else None
        if feature is not None and feature.layer in known:
            state.set_feature(feature)
        if inputs.layer in known:
            state.set_layer(inputs.layer)
        listed = state.dataset.paths if state.dataset is not None else ()
        if inputs.images and inputs.images[0] in listed:
            state.set_image(inputs.images[0])
        return True

    def _model(self, handle: str) -> OpenModelState | None:
        state = self._state.shared
        open_models = (*state.models, *([state.model] if state.model is not None else []))
        return next((model for model in open_models if model.handle == handle), None)


def open_paths(state: AppState) -> list[str]:
    """Files and folders that are open, which have no place in what is given away."""
    root = state.shared
    models = [model.path for model in (*root.models, root.model) if model is not None]
    images = root.dataset.paths[:MOST_PATHS] if root.dataset is not None else ()
    folders = {str(Path(path).parent / "x") for path in (*images, root.image or "x")}
    return [*models, *sorted(folders)]


def tab_of(row: JobRow) -> str:
    """Id of the tab that asked for a job; empty where none did."""
    view = row.view.partition("@")[0]
    if view.startswith(ANALYSIS):
        return view
    return next((tab for start, tab in TABS.items() if view.startswith(start)), "")
