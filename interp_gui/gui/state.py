"""What all views share: the current model, image, dataset, target, layer and feature.

Views read the properties, follow the signals, and change things only by the setters. Setting a
value to what it is already emits nothing, so that views may set in answer to a signal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.fitting import fitted
from interp_gui.core.model import ModelDescription
from interp_gui.core.target import Target
from interp_gui.gui.history import History, Visit
from interp_gui.gui.undoing.stack import UndoStack

Level = Literal["info", "success", "warning", "error"]


@dataclass(frozen=True)
class OpenModelState:
    """A model that the engine has open."""

    handle: str
    description: ModelDescription
    path: str


@dataclass(frozen=True)
class Notification:
    """Something to tell the user, shown as a toast and kept in the log."""

    level: Level
    message: str
    hint: str = ""
    details: str = ""
    action: str = ""
    """Text of a button that does something about it; empty for none."""
    on_action: Callable[[], object] | None = None
    key: str = ""
    """What it is about, for `AppState.withdraw`."""


NO_CLASSES = "This model has no classes."


class AppState(QObject):
    """The shared state of one window.

    Signals carry nothing: read the property. Only `notified` carries a `Notification`.
    """

    model_changed = Signal()
    models_changed = Signal()
    """Another set of models is open."""
    edits_changed = Signal()
    """Other edits are in force, or stand in the stack."""
    watched_changed = Signal()
    stacks_changed = Signal()
    image_changed = Signal()
    model_described = Signal()
    """It was found out what the current model runs fastest on; nothing else of it changed."""
    dataset_changed = Signal()
    target_changed = Signal()
    layer_changed = Signal()
    feature_changed = Signal()
    tab_changed = Signal()
    tab_asked = Signal()
    """`set_tab` was called, perhaps with the tab that it is already: bring it to the front."""
    history_changed = Signal()
    notified = Signal(object)
    withdrawn = Signal(str)
    """Notifications of a key are out of date."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model: OpenModelState | None = None
        self._models: tuple[OpenModelState, ...] = ()
        self._edits = EditStack()
        self._fits: list[tuple[EditStack, OpenModelState | None, EditStack]] = []
        """What was found to fit, newest last: asked for a hundred times a move of a slider."""
        self._held: tuple[Edit, ...] = ()
        self._follows_edits = False
        self._watched: tuple[str, ...] = ()
        self._stacks: tuple[EditStack, ...] = ()
        self._image: str | None = None
        self._dataset: Dataset | None = None
        self._dataset_handle = ""
        self._target = Target()
        self.references: dict[tuple[float, ...], str] = {}
        """Names of the images whose embeddings were taken as references of a Target."""
        self._layer = ""
        self._feature: Feature | None = None
        self._tab = ""
        self._left: dict[str, tuple[str, Feature | None, Target]] = {}
        self.history = History()
        self.undo = UndoStack(self)
        self.undo.refused.connect(self.notify_problem)
        # One action of the user may set several values: it is one visit, recorded when all are set.
        self._settled = QTimer(self, singleShot=True, interval=0)
        self._settled.timeout.connect(self._record)

    @property
    def shared(self) -> "AppState":
        """The state of the window, which a pinned view's own state leads back to."""
        return self

    # --- what is current -----------------------------------------------------------------------

    @property
    def models(self) -> tuple[OpenModelState, ...]:
        """All models that are open, in the order in which they were opened."""
        return self._models

    @property
    def edits(self) -> EditStack:
        """The stack on the intervention panel, with what is switched off in it."""
        return self._edits

    @property
    def edits_that_fit(self) -> EditStack:
        """The stack with what does not fit the current model switched off, at the same places.

        An edit of another model's weights, or of a layer that the model lacks, stays on the panel
        and is not in force: whatever was asked with it would fail.
        """
        return self._fitted(self.edits)

    @property
    def edits_in_force(self) -> EditStack:
        """What changes the network now: the stack's live edits, and those held by a key.

        Only those that fit the current model, see `edits_that_fit`.
        """
        live = self.edits_that_fit.in_force()
        if not self.held:
            return live
        held = self._fitted(EditStack(edits=self.held)).active
        return msgspec.structs.replace(live, edits=(*live.edits, *held))

    def _fitted(self, edits: EditStack) -> EditStack:
        model = self.model
        for asked, of, found in self._fits:
            if asked is edits and of is model:
                return found
        found = edits if model is None else fitted(edits, model.description)
        self._fits = [*self._fits[-3:], (edits, model, found)]
        return found

    @property
    def held(self) -> tuple[Edit, ...]:
        """Edits in force only while a key is held down; they stand in no stack."""
        return self._held

    @property
    def follows_edits(self) -> bool:
        """Whether heat maps, rankings and pages show the edited network."""
        return self._follows_edits

    @property
    def edits_of_views(self) -> EditStack:
        """The edits that views ask with: those in force, or none."""
        return self.edits_in_force if self.follows_edits else EditStack()

    @property
    def watched(self) -> tuple[str, ...]:
        """Paths of the images whose answers are watched, in order."""
        return self._watched

    @property
    def stacks(self) -> tuple[EditStack, ...]:
        """Stacks that were kept, to compare the one in force with."""
        return self._stacks

    @property
    def model(self) -> OpenModelState | None:
        """The current model."""
        return self._model

    @property
    def image(self) -> str | None:
        """Path of the current image."""
        return self._image

    @property
    def dataset(self) -> Dataset | None:
        """The images at hand; None if there are none."""
        return self._dataset

    @property
    def dataset_handle(self) -> str:
        """Name under which the engine knows the dataset; empty if there is none."""
        return self._dataset_handle

    @property
    def target(self) -> Target:
        """The number being explained."""
        return self._target

    @property
    def layer(self) -> str:
        """Address of the current layer; empty if none."""
        return self._layer

    @property
    def feature(self) -> Feature | None:
        """The current feature."""
        return self._feature

    @property
    def tab(self) -> str:
        """Id of the tab in front: `image`, `wall`, `unit`, `analysis:ID`."""
        return self._tab

    # --- changing it ---------------------------------------------------------------------------

    @property
    def gradient_problem(self) -> str:
        """Why the current model gives no gradients; empty where it does, or where none is open."""
        return self.model.description.gradient_problem if self.model is not None else ""

    def set_runtime_reason(self, handle: str, reason: str) -> None:
        """Tell what a model runs on; no view has to compute anew for that."""

        def told(model: OpenModelState) -> OpenModelState:
            description = msgspec.structs.replace(model.description, runtime_reason=reason)
            return replace(model, description=description)

        self._models = tuple(told(m) if m.handle == handle else m for m in self._models)
        if self._model is not None and self._model.handle == handle:
            self._model = told(self._model)
            self.model_described.emit()

    @property
    def no_classes(self) -> str:
        """Why nothing can be asked about classes; empty where the current model has some."""
        if self.model is None:
            return "Open a model first."
        if self.model.description.class_count:
            return ""
        kinds = {"embedding": "an embedding", "map": "a map", "scalar": "no choice between classes"}
        outputs = self.model.description.outputs
        kind = kinds.get(outputs[0].kind, "") if outputs else ""
        return f"This model has no classes: its output is {kind}." if kind else NO_CLASSES

    def set_model(self, model: OpenModelState | None) -> None:
        """Make a model current; layer, feature and target are those last looked at in it.

        The same handle with a new description (after a change of preprocessing) keeps them.
        """
        if model == self._model:
            return
        before = self._model
        same = model is not None and before is not None and model.handle == before.handle
        if before is not None:
            self._left[before.handle] = (self._layer, self._feature, self._target)
        if model is not None and model not in self._models:
            others = [m for m in self._models if m.handle != model.handle]
            at = next((i for i, m in enumerate(self._models) if m.handle == model.handle), None)
            others.insert(len(others) if at is None else at, model)
            self.set_models(tuple(others))
        self._model = model
        if not same:
            fresh = ("", None, self._fitting_target(model))
            seen = self._left.get(model.handle, fresh) if model is not None else fresh
            self._layer, self._feature, target = seen
        else:
            target = self._still_fitting(model)
        changed, self._target = target != self._target, target
        self.model_changed.emit()
        if not same:
            self.layer_changed.emit()
            self.feature_changed.emit()
        if changed:
            self.target_changed.emit()
        if not same:
            self.history_changed.emit()
            self._settled.start()

    def _still_fitting(self, model: OpenModelState | None) -> Target:
        """The Target as it is, or another one where its output is of another kind now."""
        if model is None:
            return self._target
        classes = self._target.kind in ("logit", "logit_difference", "probability")
        if classes != bool(model.description.class_count):
            return self._fitting_target(model)
        return self._target

    def _fitting_target(self, model: OpenModelState | None) -> Target:
        if model is None or not model.description.outputs:
            return Target()
        if model.description.class_count:
            return Target(output=model.description.outputs[0].name)
        return Target(kind="scalar", index=0, output=model.description.outputs[0].name)

    def set_models(self, models: tuple[OpenModelState, ...]) -> None:
        """Say which models are open; `set_model` chooses the current one of them."""
        if models != self._models:
            self._models = models
            left = {model.handle for model in models}
            if self.history.keep_models(left):
                self.history_changed.emit()
            self._left = {h: seen for h, seen in self._left.items() if h in left}
            self.models_changed.emit()

    def set_edits(self, edits: EditStack) -> None:
        """Put another stack on the intervention panel."""
        if edits != self._edits:
            self._edits = edits
            self.edits_changed.emit()

    def set_held(self, edits: tuple[Edit, ...]) -> None:
        """Put edits in force for as long as a key is held; none to end that."""
        if edits != self._held:
            self._held = edits
            self.edits_changed.emit()

    def set_follows_edits(self, on: bool) -> None:
        """Show the edited network in heat maps, rankings and pages, or the network as it is."""
        if on != self._follows_edits:
            self._follows_edits = on
            self.edits_changed.emit()

    def set_watched(self, paths: tuple[str, ...]) -> None:
        """Watch other images."""
        if paths != self._watched:
            self._watched = paths
            self.watched_changed.emit()

    def set_stacks(self, stacks: tuple[EditStack, ...]) -> None:
        """Keep other stacks."""
        if stacks != self._stacks:
            self._stacks = stacks
            self.stacks_changed.emit()

    def set_image(self, path: str | None) -> None:
        """Make an image current."""
        if path != self._image:
            self._image = path
            self.image_changed.emit()
            self._settled.start()

    def set_dataset(self, dataset: Dataset | None, handle: str = "") -> None:
        """Set the images at hand and the handle under which the engine knows them."""
        if dataset is not None and not dataset.images:
            dataset = None
        if dataset is None:
            handle = ""
        # handles first: comparing 100,000 images one by one takes a while
        if handle != self._dataset_handle or dataset != self._dataset:
            self._dataset, self._dataset_handle = dataset, handle
            self.dataset_changed.emit()

    def set_target(self, target: Target) -> None:
        """Choose the number being explained."""
        if target != self._target:
            self._target = target
            self.target_changed.emit()

    def set_layer(self, layer: str) -> None:
        """Make a layer current; the feature stays what it is."""
        if layer != self._layer:
            self._layer = layer
            self.layer_changed.emit()
            self._settled.start()

    def set_feature(self, feature: Feature | None) -> None:
        """Make a feature current, and its layer with it."""
        if feature == self._feature:
            return
        self._feature = feature
        if feature is not None:
            self.set_layer(feature.layer)
        self.feature_changed.emit()
        self._settled.start()

    def set_tab(self, tab: str, *, visit: bool = True) -> None:
        """Bring a tab to the front; `visit`: so that Back leads to where one was."""
        if tab != self._tab:
            self._tab = tab
            self.tab_changed.emit()
            if visit:
                self._settled.start()
        self.tab_asked.emit()

    def open_feature(self, feature: Feature) -> None:
        """Show a feature on its own page."""
        self.set_feature(feature)
        self.set_tab("unit")

    def open_image(self, path: str) -> None:
        """Show an image as large as fits."""
        self.set_image(path)
        self.set_tab("image")

    # --- back and forward ----------------------------------------------------------------------

    @property
    def can_back(self) -> bool:
        """Whether `back` goes anywhere."""
        return self.history.can_back

    @property
    def can_forward(self) -> bool:
        """Whether `forward` goes anywhere."""
        return self.history.can_forward

    def back(self) -> None:
        """Show what was shown before."""
        self._go(self.history.back())

    def forward(self) -> None:
        """Show again what `back` left."""
        self._go(self.history.forward())

    def _go(self, visit: Visit | None) -> None:
        if visit is None:
            return
        model = next((m for m in self._models if m.handle == visit.model), None)
        if model is not None:
            self.set_model(model)
        self.set_feature(visit.feature)
        self.set_layer(visit.layer)
        self.set_image(visit.image)
        if visit.tab:
            self.set_tab(visit.tab)
        self._settled.stop()
        self.history_changed.emit()

    def _record(self) -> None:
        if self._model is None:
            return
        place = Visit(self._layer, self._feature, self._tab, self._image, self._model.handle)
        if self.history.visit(place):
            self.history_changed.emit()

    # --- telling the user ----------------------------------------------------------------------

    def notify(
        self,
        level: Level,
        message: str,
        hint: str = "",
        details: str = "",
        *,
        action: str = "",
        on_action: Callable[[], object] | None = None,
        key: str = "",
    ) -> None:
        """Tell the user something; it is shown as a toast and kept in the log.

        What offers an action stays until it is closed: give it a `key`, and withdraw that when
        its occasion is over.
        """
        self.notified.emit(Notification(level, message, hint, details, action, on_action, key))

    def withdraw(self, key: str) -> None:
        """Take toasts away that are out of date; the log keeps what was said."""
        self.withdrawn.emit(key)

    def notify_problem(self, problem: InterpError) -> None:
        """Tell the user of an expected failure."""
        self.notify("error", problem.message, problem.hint)
