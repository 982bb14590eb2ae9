"""Opening models and images, and keeping the engine told of them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import FileProblem, InterpError
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.model_places import is_model_folder
from interp_gui.core.opening import OpenChoice
from interp_gui.engine.messages import Ended
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.image_list import ImageList
from interp_gui.gui.opening.model_list import ModelList
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.undoing.changes import change_preprocessing
from interp_gui.gui.views.pins import Pin
from interp_gui.gui.views.state import ViewState


class Documents(QObject):
    """What is open, and the ways to open more."""

    opening_changed = Signal()
    """`opening`, `waiting_for` or `stopped` changed."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        background: Background,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._bridge = bridge
        self._background = background
        self._settings = settings
        self.images = ImageList(state, bridge, background, self)
        self.models = ModelList(state, bridge, settings, self)
        for signal in (self.models.opening_changed, bridge.lost, bridge.restarting, bridge.ready):
            signal.connect(lambda *_: self.opening_changed.emit())

    @property
    def opening(self) -> str:
        """Name of the model that is being opened, or waits for the engine; empty if none is."""
        return self.models.opening

    @property
    def waiting_for(self) -> str:
        """Why the model that is being opened is not open yet."""
        if self.models.is_waiting:
            return "The engine is starting; the model opens as soon as it is ready."
        return "Reading the weights and trying every layer."

    @property
    def stopped(self) -> str:
        """Why nothing can be opened until the engine is restarted; empty while there is hope."""
        stopped = self._bridge.stopped
        return stopped.reason if stopped is not None else ""

    # --- models --------------------------------------------------------------------------------

    def open_model(
        self,
        path: str,
        *,
        then: Callable[[], object] | None = None,
        failed: Callable[[], object] | None = None,
        preprocessing: Preprocessing | None = None,
        choice: OpenChoice | None = None,
        outputs: tuple[OutputInfo, ...] = (),
        anyway: bool = False,
    ) -> None:
        """Open a checkpoint beside those that are open; see `ModelList.open`."""
        self.models.open(
            path, then=then, failed=failed, preprocessing=preprocessing, choice=choice,
            outputs=outputs, anyway=anyway,
        )  # fmt: skip

    def close_model(self, handle: str = "") -> None:
        """Close a model, the current one by default."""
        model = self._state.model
        self.models.close(handle or (model.handle if model is not None else ""))

    def reopen_for(self, view: ViewState, model: OpenModelState) -> None:
        """Open the model again to which a view is pinned, and pin the view to it."""
        weights = model.description.weights_sha256

        def opened() -> None:
            found = (m for m in self._state.models if m.description.weights_sha256 == weights)
            again = next(found, None)
            if again is None:
                self._state.notify("warning", f"'{model.path}' holds other weights now.")
            else:
                held: dict[Pin, object] = {"model": again}
                view.hold(held)

        found = model.description
        self.open_model(
            model.path, then=opened, preprocessing=found.preprocessing, choice=found.choice,
            outputs=found.outputs,
        )  # fmt: skip

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Change how images become the current model's input; can be undone."""
        change_preprocessing(self._state, self.models, preprocessing)

    # --- images --------------------------------------------------------------------------------

    def add_images(self, paths: Iterable[str], *, then: Callable[[], object] | None = None) -> None:
        """List images of files and folders behind those that are listed."""
        self.images.add(paths, then=then)

    def remove_images(self, paths: set[str]) -> None:
        """Take images off the list; files are left alone."""
        self.images.remove(paths)

    def clear_images(self) -> None:
        """Take all images off the list."""
        self.images.clear()

    # --- anything ------------------------------------------------------------------------------

    def open(self, paths: Iterable[str]) -> None:
        """Open files and folders: checkpoints as model, the rest as images."""
        images: list[str] = []
        models: list[str] = []
        for path in paths:
            kind = kind_of(path)
            if kind == "missing":
                self._state.notify_problem(
                    FileProblem(f"There is no file '{path}'.", hint="Was it moved or renamed?")
                )
            elif kind == "model":
                models.append(path)
            else:
                images.append(path)
        for path in models:
            self.open_model(path)
        self.add_images(images)

    def tell_failure(self, ended: Ended, sentence: str) -> None:
        """Show why a job failed; one that was cancelled is no failure."""
        error = ended.error
        if error is not None:
            self._state.notify("error", error.message, error.hint, error.details)
        elif ended.outcome != "cancelled":
            self._state.notify("error", sentence)

    def tell_problem(self, problem: InterpError) -> None:
        """Show an expected failure of work in the background."""
        self._state.notify_problem(problem)


def kind_of(path: str) -> str:
    """`missing`, `folder` of images, `image`, or `model`: all else, and the engine says what."""
    # pathlib's own questions raise where a folder above is locked
    if not os.path.exists(path):
        return "missing"
    if os.path.isdir(path):
        return "model" if is_model_folder(path) else "folder"
    return "image" if Path(path).suffix.lower() in IMAGE_SUFFIXES else "model"
