"""Opening models and images, and keeping the engine told of them."""

import os
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import FileProblem, InterpError
from interp_gui.core.model import ModelDescription, Preprocessing
from interp_gui.engine.messages import (
    CloseModel,
    Ended,
    OpenModel,
    SetPreprocessing,
)
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.image_list import ImageList
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState, OpenModelState

MODEL_SUFFIXES = frozenset((".pt", ".pth", ".safetensors", ".bin", ".ckpt", ".pkl", ".onnx"))


class Documents(QObject):
    """What is open, and the ways to open more.

    Models that are opened before the engine is ready wait for it.
    """

    opening_changed = Signal()
    """`opening` changed."""

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
        self._queued: tuple[str, Callable[[], object] | None] | None = None
        self.images = ImageList(state, bridge, background, self)
        self.opening = ""
        """Name of the model that is being opened, or waits for the engine; empty if none is."""
        bridge.ready.connect(self._on_ready)

    @property
    def waiting_for(self) -> str:
        """Why the model that is being opened is not open yet."""
        if self._queued is not None:
            return "The engine is starting; the model opens as soon as it is ready."
        return "Reading the weights and trying every layer."

    # --- models --------------------------------------------------------------------------------

    def open_model(self, path: str, *, then: Callable[[], object] | None = None) -> None:
        """Open a checkpoint; the newest wish wins. `then` is called when it is open."""
        self.opening = Path(path).name
        self._queued = None if self._bridge.is_ready else (path, then)
        self.opening_changed.emit()
        if self._queued is not None:
            return
        handle = f"model-{uuid.uuid4().hex[:8]}"
        self._bridge.run(
            OpenModel(model=handle, path=path),
            title=f"Open {self.opening}",
            view="open-model",
            on_end=partial(self._on_opened, path, handle, then),
        )

    def _on_opened(
        self, path: str, handle: str, then: Callable[[], object] | None, ended: Ended
    ) -> None:
        self.opening = ""
        self.opening_changed.emit()
        if ended.description is None:
            self.tell_failure(ended, f"'{Path(path).name}' could not be opened.")
            return
        before = self._state.model
        self._state.set_model(OpenModelState(handle, ended.description, path))
        self._settings.add_recent_model(path, ended.description.weights_sha256)
        if before is not None:
            self._bridge.run(CloseModel(model=before.handle))
        self._state.set_layer(first_layer(ended.description))
        self._state.set_tab(self._state.tab or "image")
        if then is not None:
            then()

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Change how images become the current model's input."""
        model = self._state.model
        if model is None:
            return

        def ended(event: Ended) -> None:
            current = self._state.model
            if event.description is None:
                self.tell_failure(event, "The preprocessing could not be changed.")
            elif current is not None and current.handle == model.handle:
                self._state.set_model(OpenModelState(model.handle, event.description, model.path))

        self._bridge.run(
            SetPreprocessing(model=model.handle, preprocessing=preprocessing),
            view="preprocessing",
            on_end=ended,
        )

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
        if models:
            self.open_model(models[0])
        if len(models) > 1:
            others = ", ".join(f"'{Path(path).name}'" for path in models[1:])
            self._state.notify(
                "info",
                f"One model is open at a time: '{Path(models[0]).name}' is opened.",
                f"Open the others one by one: {others}.",
            )
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

    def _on_ready(self) -> None:
        if self._queued is not None:
            path, then = self._queued
            self._queued = None
            self.open_model(path, then=then)


def first_layer(model: ModelDescription) -> str:
    """Address of the layer that is shown first: the last one worth looking at that has places."""
    for layer in reversed(model.layers):
        places = layer.grid != (1, 1)  # what is pooled has none to point at
        if layer.worthwhile and layer.spatial and layer.units and places:
            return layer.name
    return ""


def kind_of(path: str) -> str:
    """`missing`, `folder`, `image`, or `model` (all else: the engine says what it is not)."""
    # pathlib's own questions raise where a folder above is locked
    if not os.path.exists(path):
        return "missing"
    if os.path.isdir(path):
        return "folder"
    return "image" if Path(path).suffix.lower() in IMAGE_SUFFIXES else "model"
