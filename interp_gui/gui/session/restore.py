"""Showing a session: everything that needs no model at once, then its models one after another."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.model_places import is_model_folder
from interp_gui.core.opening import OpenChoice
from interp_gui.core.session.document import ModelRef, SessionDocument
from interp_gui.gui.concepts.collected import concept_examples_of
from interp_gui.gui.interventions.files import tell_unfit
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.output.watched import MOST as MOST_WATCHED
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session.missing import MissingModel
from interp_gui.gui.settings import Settings
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import AppState, OpenModelState

MOST_SEARCHED = 200
"""Folders beside a session that are searched for a model that moved."""


class Restorer(QObject):
    """Puts a session into the window.

    Parameters
    ----------
    window
        Over which it asks where a model is.
    restore_views
        Opens the views of a session, as `Centre.restore`.

    Signals
    -------
    filled
        What needs no model is there; models are opened next.
    finished
        Everything of this document that could be restored is.
    """

    filled = Signal()
    finished = Signal(object)

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        documents: Documents,
        settings: Settings,
        restore_views: Callable[[dict[str, Any]], object],
    ) -> None:
        super().__init__(window)
        self._window, self._state, self._documents = window, state, documents
        self._settings, self._restore_views = settings, restore_views
        self._document: SessionDocument | None = None
        self._folder = ""
        self._waiting: list[ModelRef] = []
        self._opened: dict[int, OpenModelState] = {}
        self._run = 0
        self.absent: tuple[ModelRef, ...] = ()
        """Models of the session that are not open: the user left them for another time."""

    @property
    def is_active(self) -> bool:
        """Whether models of the session are still being opened."""
        return self._document is not None

    def overlay(self, captured: SessionDocument) -> SessionDocument:
        """What the window shows, completed by what it does not show yet."""
        whole = self._document
        if whole is None:
            return captured
        return msgspec.structs.replace(
            captured,
            models=whole.models, current_model=whole.current_model, layer=whole.layer,
            feature=whole.feature, image=whole.image, tab=whole.tab, target=whole.target,
            edits=whole.edits, stacks=whole.stacks, watched=whole.watched, views=whole.views,
        )  # fmt: skip

    # --- beginning -----------------------------------------------------------------------------

    def start(self, document: SessionDocument, folder: str = "") -> None:
        """Put a session in place of what there is.

        Parameters
        ----------
        folder
            Where its file lies; models that moved are looked for there.
        """
        self._run += 1
        self._document, self._folder = document, folder
        self._opened, self.absent = {}, ()
        state, documents = self._state, self._documents
        for model in reversed(state.models):
            if not any(_is(model, ref, strictly=True) for ref in document.models):
                documents.close_model(model.handle)
        names_of(state).restore(document.names)
        shelf_of(state).restore(document.shelf)
        concept_examples_of(state).restore({})  # their own come with the view of concepts
        kept_of(state).restore(document.kept, document.report)
        found = document.dataset
        documents.images.restore(
            Dataset(name=found.name, images=found.images, classes=found.classes)
            if found is not None
            else None
        )
        state.set_held(())
        state.set_edits(EditStack())  # those of the document before are in force no longer
        state.set_stacks(document.stacks)
        state.set_watched(document.watched[:MOST_WATCHED])
        state.set_image(document.image or None)
        self._waiting = list(document.models)
        state.undo.clear()
        self.filled.emit()
        self._next()

    def stop(self) -> None:
        """Give up what is not restored yet."""
        self._run += 1
        self._document, self._waiting = None, []

    # --- models --------------------------------------------------------------------------------

    def _next(self) -> None:
        document = self._document
        if document is None:
            return
        if not self._waiting:
            self._finish(document)
            return
        ref = self._waiting[0]
        places = self._places(ref)
        self._try(ref, places, "")

    def _places(self, ref: ModelRef) -> list[str]:
        """Files that may be the model, the likeliest first."""
        places = [
            *(m.path for m in self._state.models if _is(m, ref, strictly=True)),
            ref.path,
            self._settings.model_with(ref.weights_sha256),
            *beside(self._folder, os.path.basename(ref.path.replace("\\", "/"))),
        ]
        return [path for path in dict.fromkeys(places) if path and _is_model(path)]

    def _try(self, ref: ModelRef, places: Sequence[str], other: str) -> None:
        """Open the first of some files; `other` is one that holds other weights."""
        if not places:
            self._ask(ref, other)
            return
        path, rest = places[0], places[1:]
        run = self._run
        self._documents.open_model(
            path,
            then=partial(self._on_open, run, ref, path, rest, other),
            failed=partial(self._on_failed, run, ref, path, rest, other),
            preprocessing=ref.preprocessing,
            choice=_safe(ref.choice),
            outputs=ref.outputs,
            anyway=True,
        )

    def _on_open(self, run: int, ref: ModelRef, path: str, rest: Sequence[str], other: str) -> None:
        model = next((m for m in reversed(self._state.models) if m.path == path), None)
        if run != self._run:
            return
        if model is not None and _is(model, ref):
            self._accept(model)
            return
        if model is not None:
            self._documents.close_model(model.handle)
        self._try(ref, rest, path)

    def _on_failed(
        self, run: int, ref: ModelRef, path: str, rest: Sequence[str], other: str
    ) -> None:
        if run != self._run:
            return
        if self._documents.models.was_refused:  # the file is found: no other is looked for
            self._ask(ref, "", refused=path)
            return
        self._try(ref, rest, other)

    def _accept(self, model: OpenModelState) -> None:
        document = self._document
        if document is None:
            return
        self._opened[len(document.models) - len(self._waiting)] = model
        self._waiting.pop(0)
        self._next()

    # --- asking --------------------------------------------------------------------------------

    def _ask(self, ref: ModelRef, other: str, *, refused: str = "") -> None:
        run = self._run
        dialog = MissingModel(ref, self._folder, self._window, other=other, refused=refused)
        dialog.located.connect(partial(self._on_located, run, ref))
        dialog.use_other.connect(partial(self._on_other, run, ref, other))
        dialog.skipped.connect(partial(self._on_skipped, run, ref))
        dialog.forgotten.connect(partial(self._on_forgotten, run))
        dialog.open()

    def _on_located(self, run: int, ref: ModelRef, path: str) -> None:
        if run == self._run:
            self._try(ref, [path], path)

    def _on_other(self, run: int, ref: ModelRef, path: str) -> None:
        def opened() -> None:
            model = next((m for m in reversed(self._state.models) if m.path == path), None)
            if run == self._run and model is not None:
                self._accept(model)

        if run == self._run:
            self._documents.open_model(
                path, then=opened, failed=partial(self._on_failed, run, ref, path, (), ""),
                preprocessing=ref.preprocessing, choice=_safe(ref.choice), outputs=ref.outputs,
                anyway=True,
            )  # fmt: skip

    def _on_skipped(self, run: int, ref: ModelRef) -> None:
        if run == self._run:
            self.absent = (*self.absent, ref)
            self._on_forgotten(run)

    def _on_forgotten(self, run: int) -> None:
        if run == self._run and self._waiting:
            self._waiting.pop(0)
            self._next()

    # --- ending --------------------------------------------------------------------------------

    def _finish(self, document: SessionDocument) -> None:
        """Show what the session showed, as far as its current model is there."""
        self._document = None
        state = self._state
        current = self._opened.get(document.current_model)
        if current is not None:
            self._documents.models.choose(current.handle)
            self._look(document, current)
        state.set_edits(document.edits)
        state.set_image(document.image or None)
        if state.model is not None:
            self._restore_views(document.views)
            if document.tab:
                state.set_tab(document.tab)
        tell_unfit(state)
        self._opened = {}
        self.finished.emit(document)

    def _look(self, document: SessionDocument, model: OpenModelState) -> None:
        """Target, layer and feature, where the model has them."""
        state, found = self._state, model.description
        try:
            document.target.check(found)
            state.set_target(document.target)
        except InterpError:
            state.set_target(state.target)
        known = {layer.name for layer in found.layers}
        feature = document.feature
        try:
            if feature is not None and feature.layer in known:
                feature.check(found.layer(feature.layer))
                state.set_feature(feature)
        except InterpError:
            feature = None
        if document.layer in known:
            state.set_layer(document.layer)


def beside(folder: str, name: str) -> list[str]:
    """Files of a name in a folder and in the folders directly below it."""
    if not folder or not name:
        return []
    root = Path(folder)
    try:
        below = sorted(entry for entry in root.iterdir() if entry.is_dir())[:MOST_SEARCHED]
        places = [root / name, *(inner / name for inner in below)]
        return [str(path) for path in places if path.is_file()]
    except OSError:
        return []


def _safe(choice: OpenChoice) -> OpenChoice:
    """What a session may decide about a file; what it says of code or stand-ins is passed over."""
    return OpenChoice(
        architecture=choice.architecture, weights=choice.weights, head=choice.head,
        output=choice.output,
    )  # fmt: skip


def _is_model(path: str) -> bool:
    """Whether there is a file, or a folder that is a model."""
    return os.path.isfile(path) or is_model_folder(path)


def _is(model: OpenModelState, ref: ModelRef, *, strictly: bool = False) -> bool:
    """Whether a model has the weights of another one; strictly: and is fed alike."""
    found = model.description
    same = not ref.weights_sha256 or found.weights_sha256 == ref.weights_sha256
    return same and (not strictly or ref.preprocessing in (None, found.preprocessing))
