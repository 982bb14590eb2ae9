"""What can be done with a feature, wherever it is shown: one list that menus, keys and drops share.

Views register what they do with a feature under an id; dropping a feature on a view and choosing
the same from a menu then do the same thing.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MethodType
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.gui.state import AppState, OpenModelState

Features = tuple[Feature, ...]
Run = Callable[[Features], object]
T = TypeVar("T")


@dataclass(frozen=True)
class FeatureContext:
    """Where a command was called, for those that need more than the features.

    Parameters
    ----------
    source
        The view; dialogs open over it.
    image
        Picture that the view shows of the first feature; null if none.
    text
        What stands beside the picture: title and numbers.
    export
        Asks where to, and writes what the view shows with its recipe; None if it has no more
        than `image`.
    """

    source: QWidget | None = None
    image: QImage = field(default_factory=QImage)
    text: str = ""
    export: Callable[[], object] | None = None


@dataclass(frozen=True)
class FeatureTarget:
    """One thing that can be done with features."""

    id: str
    title: str
    run: Callable[[], Run | None]
    """Gives the function, or None when its view is gone."""
    why_not: Callable[[Features], str]
    shortcut: str = ""
    tooltip: str = ""
    any_model: bool = False
    owner: Callable[[], object | None] = lambda: None


class FeatureCommands(QObject):
    """The list of a window; found by `feature_commands_of`."""

    changed = Signal()
    """A target was registered or withdrawn."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._targets: dict[str, list[FeatureTarget]] = {}
        self.context = FeatureContext()
        """While a target runs: where it was called."""

    def register(
        self,
        id: str,
        title: str,
        run: Run,
        *,
        enabled: Callable[[Features], bool] = lambda features: True,
        why_not: Callable[[Features], str] | None = None,
        shortcut: str = "",
        tooltip: str = "",
        any_model: bool = False,
        owner: QObject | None = None,
    ) -> None:
        """Say what a view does with features.

        Parameters
        ----------
        run
            Gets the features, one or more. A method of a view does not keep the view alive.
        enabled, why_not
            Whether it can be done now; `why_not` gives the sentence that says why not (empty if
            it can), and is the better one to give.
        any_model
            Whether features of models that are not open will do. Otherwise the model of the
            features is made current before `run`.
        owner
            When it is gone, so is the target; for a method the object that it belongs to.

        Notes
        -----
        A second target of the same id takes the place of the first one until its view is gone;
        a view that registers again comes before the others.
        """
        get: Callable[[], Run | None] = partial(_itself, run)
        own: Callable[[], object | None] = partial(_itself, owner)
        if isinstance(run, MethodType):
            get = weakref.WeakMethod(run)
            own = weakref.ref(owner if owner is not None else run.__self__)
        elif owner is not None:
            own = weakref.ref(owner)
        target = FeatureTarget(
            id, title, get, why_not or partial(_plainly, enabled), shortcut, tooltip, any_model, own
        )
        mine, known = own(), self._targets.get(id, [])
        is_new = not known
        self._targets[id] = [*(t for t in known if mine is None or t.owner() is not mine), target]
        if is_new:
            self.changed.emit()

    def unregister(self, id: str, owner: QObject | None = None) -> None:
        """Withdraw a target: that of a view, or all of that id."""
        left = [
            t for t in self._targets.get(id, ()) if owner is not None and t.owner() is not owner
        ]
        self._targets[id] = left
        self.changed.emit()

    def target(self, id: str) -> FeatureTarget | None:
        """The target of an id that was registered last and whose view is still there."""
        left = [t for t in self._targets.get(id, ()) if _alive(t)]
        if not left:
            self._targets.pop(id, None)
            return None
        self._targets[id] = left
        return left[-1]

    @property
    def targets(self) -> tuple[FeatureTarget, ...]:
        """All that can be called, in the order in which they were first registered."""
        found = (self.target(name) for name in tuple(self._targets))
        return tuple(target for target in found if target is not None)

    # --- doing it ------------------------------------------------------------------------------

    def refusal(self, id: str, features: Sequence[Feature]) -> str:
        """Why a target cannot take these features now; empty if it can."""
        target, wanted = self.target(id), tuple(features)
        if not wanted:
            return "Choose a unit first."
        if target is None:
            missing = self._state.model is None
            return "Open a model first." if missing else "No view that can do this is open."
        if not target.any_model:
            problem = self.why_foreign(wanted)
            if problem:
                return problem
        return target.why_not(wanted)

    def why_foreign(self, features: Sequence[Feature]) -> str:
        """Why features do not belong to a model that is open; empty if they do."""
        model = self._model_of(features)
        if self._state.model is None:
            return "Open a model first."
        if model is None:
            several = len({feature.model for feature in features}) > 1
            return (
                "These units belong to different models. Choose units of one."
                if several
                else "This unit belongs to a model that is not open."
            )
        try:
            for feature in features:
                feature.check(model.description.layer(feature.layer))
        except InterpError as problem:
            return problem.message
        return ""

    def act(
        self, id: str, features: Sequence[Feature], context: FeatureContext | None = None
    ) -> bool:
        """Do it, or tell why not; whether it was done."""
        wanted = tuple(features)
        problem = self.refusal(id, wanted)
        target = self.target(id)
        run = target.run() if target is not None else None
        if problem or target is None or run is None:
            self._state.notify("info", problem or "This view has been closed.")
            return False
        if not target.any_model:
            model = self._model_of(wanted)
            if model is not None:
                self._state.set_model(model)
        self.context = context or FeatureContext()
        try:
            run(wanted)
        finally:
            self.context = FeatureContext()
        return True

    def _model_of(self, features: Sequence[Feature]) -> OpenModelState | None:
        """The open model that all features fit: the current one where they name none."""
        named = {feature.model for feature in features if feature.model}
        current = self._state.model
        if len(named) > 1 or current is None:
            return None
        if not named or current.description.weights_sha256 in named:
            return current
        others = (m for m in self._state.models if m.description.weights_sha256 in named)
        return next(others, None)


def why_no_map(state: AppState, features: Sequence[Feature]) -> str:
    """Why there is no map over the current image; empty if there is one to show."""
    if state.model is None:
        return "Open a model first."
    if state.image is None:
        return "Open an image first."
    names = {layer.name: layer for layer in state.model.description.layers}
    for feature in features:
        layer = names.get(feature.layer)
        if layer is not None and (not layer.spatial or layer.grid == (1, 1)):
            return "This layer has no places: there is no map."
    return ""


def feature_commands_of(state: AppState) -> FeatureCommands:
    """The list of a window, with what needs no view in it."""
    shared = state.shared
    found = next((c for c in shared.children() if isinstance(c, FeatureCommands)), None)
    if found is None:
        from interp_gui.gui.features.acts import register_own

        found = FeatureCommands(shared)
        register_own(found, shared)
    return found


def _itself(value: T) -> T:
    return value


def _plainly(enabled: Callable[[Features], bool], features: Features) -> str:
    return "" if enabled(features) else "This cannot be done with what is chosen."


def _alive(target: FeatureTarget) -> bool:
    if target.run() is None:
        return False
    owner = target.owner()
    is_weak = isinstance(target.owner, weakref.ref)
    if owner is None:
        return not is_weak
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
