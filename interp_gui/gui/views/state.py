"""The state as one view sees it: that of the window, or held fast where the view is pinned.

A view is given one of these instead of the window's own state and need not know: it reads the
same properties, follows the same signals and calls the same setters.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.target import Target
from interp_gui.gui.state import AppState, Level, OpenModelState
from interp_gui.gui.views.pins import (
    PINS,
    Pin,
    complete,
    fits_layer,
    fits_target,
    moved,
    same_model,
    to_plain,
    to_values,
)


class ViewState(AppState):
    """Follows the window's state in all that is not pinned.

    With only the model pinned, layer, feature and target follow as far as the pinned model has
    them: two checkpoints can be compared unit by unit, side by side.

    Signals
    -------
    pins_changed
        Something was pinned or let go, or what is pinned is another, or its model was closed.
    """

    pins_changed = Signal()

    def __init__(self, shared: AppState, parent: QObject | None = None) -> None:
        # Not AppState's own: history, undo and all that is not looked at are the window's.
        QObject.__init__(self, parent)
        self._shared_state = shared
        self._pins: frozenset[Pin] = frozenset()
        self._wanted: dict[Pin, Any] = {}
        self.is_closed = False
        """Whether the model of this view was closed while it is pinned to it."""
        self.undo = shared.undo
        self.history = shared.history
        self._model, self._image = shared.model, shared.image
        self._fits = []
        self._target, self._layer, self._feature = shared.target, shared.layer, shared.feature
        for signal in (
            shared.model_changed, shared.image_changed, shared.target_changed,
            shared.layer_changed, shared.feature_changed,
        ):  # fmt: skip
            signal.connect(self._sync)
        shared.models_changed.connect(self._on_models)
        shared.dataset_changed.connect(self.dataset_changed)
        shared.edits_changed.connect(self.edits_changed)
        shared.watched_changed.connect(self.watched_changed)
        shared.stacks_changed.connect(self.stacks_changed)
        shared.tab_changed.connect(self.tab_changed)
        shared.history_changed.connect(self.history_changed)

    @property
    def shared(self) -> AppState:
        return self._shared_state

    # --- what is the window's in any case --------------------------------------------------------

    @property
    def models(self) -> tuple[OpenModelState, ...]:
        return self._shared_state.models

    @property
    def edits(self) -> EditStack:
        return self._shared_state.edits

    @property
    def held(self) -> tuple[Edit, ...]:
        return self._shared_state.held

    @property
    def follows_edits(self) -> bool:
        return self._shared_state.follows_edits

    @property
    def watched(self) -> tuple[str, ...]:
        return self._shared_state.watched

    @property
    def stacks(self) -> tuple[EditStack, ...]:
        return self._shared_state.stacks

    @property
    def dataset(self) -> Dataset | None:
        return self._shared_state.dataset

    @property
    def dataset_handle(self) -> str:
        return self._shared_state.dataset_handle

    @property
    def tab(self) -> str:
        return self._shared_state.tab

    def set_models(self, models: tuple[OpenModelState, ...]) -> None:
        self._shared_state.set_models(models)

    def set_edits(self, edits: EditStack) -> None:
        self._shared_state.set_edits(edits)

    def set_held(self, edits: tuple[Edit, ...]) -> None:
        self._shared_state.set_held(edits)

    def set_follows_edits(self, on: bool) -> None:
        self._shared_state.set_follows_edits(on)

    def set_watched(self, paths: tuple[str, ...]) -> None:
        self._shared_state.set_watched(paths)

    def set_stacks(self, stacks: tuple[EditStack, ...]) -> None:
        self._shared_state.set_stacks(stacks)

    def set_dataset(self, dataset: Dataset | None, handle: str = "") -> None:
        self._shared_state.set_dataset(dataset, handle)

    def set_tab(self, tab: str, *, visit: bool = True) -> None:
        self._shared_state.set_tab(tab, visit=visit)

    def back(self) -> None:
        self._shared_state.back()

    def forward(self) -> None:
        self._shared_state.forward()

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
        self._shared_state.notify(
            level, message, hint, details, action=action, on_action=on_action, key=key
        )

    def withdraw(self, key: str) -> None:
        self._shared_state.withdraw(key)

    # --- going elsewhere -------------------------------------------------------------------------

    def open_feature(self, feature: Feature) -> None:
        """Show a feature on a page that follows; the model of this view becomes current."""
        if self._lend_model():
            self._shared_state.open_feature(feature)

    def open_image(self, path: str) -> None:
        """Show an image in a view that follows."""
        self._shared_state.open_image(path)

    def _lend_model(self) -> bool:
        if self.is_closed:
            self.notify("info", "The model of this view was closed.", "Open it again first.")
            return False
        if "model" in self._pins and self._model is not None:
            self._shared_state.set_model(self._model)
        return True

    # --- pins ------------------------------------------------------------------------------------

    @property
    def pins(self) -> frozenset[Pin]:
        """What is held fast."""
        return self._pins

    @property
    def pinned(self) -> bool:
        """Whether anything is held fast."""
        return bool(self._pins)

    def set_pins(self, pins: Iterable[Pin]) -> None:
        """Hold these fast as they are now, and follow in all else."""
        pins = complete(pins)
        if pins != self._pins:
            self._pins = pins
            self._wanted.clear()
            self.is_closed = self._lacks_model()
            self._sync()
            self.pins_changed.emit()

    def pin_all(self) -> None:
        """Hold everything fast."""
        self.set_pins(PINS)

    def unpin(self) -> None:
        """Follow the window again in everything."""
        self.set_pins(())

    def hold(self, values: Mapping[Pin, Any]) -> None:
        """Pin these values, and leave alone what is not given; a feature brings its layer."""
        feature = values.get("feature")
        given = {"layer": feature.layer, **values} if feature is not None else dict(values)
        self._pins |= frozenset(given)
        self._adopt(given)
        self._on_models()
        self.pins_changed.emit()

    # --- setters: here where pinned, else for everyone -----------------------------------------

    def set_model(self, model: OpenModelState | None) -> None:
        if "model" not in self._pins:
            self._shared_state.set_model(model)
        elif model != self._model and model is not None:
            self._adopt({"model": model})
            self._on_models()
            self.pins_changed.emit()

    def set_image(self, path: str | None) -> None:
        if self._is_free("image", path):
            self._shared_state.set_image(path)

    def set_target(self, target: Target) -> None:
        if self._is_free("target", target):
            self._shared_state.set_target(target)

    def set_layer(self, layer: str) -> None:
        if self._is_free("layer", layer):
            if fits_layer(self._shared_state.model, layer):
                self._shared_state.set_layer(layer)
            else:  # of a pinned model that the window's model knows nothing of
                self._adopt({"layer": layer})

    def set_feature(self, feature: Feature | None) -> None:
        if feature == self._feature:
            return
        values: dict[Pin, Any] = {"feature": feature}
        if feature is not None:
            values["layer"] = feature.layer
        if "feature" in self._pins:
            self._hold_here(values)
            return
        theirs = moved(feature, self._shared_state.model)
        if feature is None or theirs is not None:
            self._shared_state.set_feature(theirs)
        else:
            self._adopt(values)

    def _is_free(self, name: Pin, value: object) -> bool:
        """Whether a value is left to the window; a pinned one is set here."""
        if name in self._pins:
            self._hold_here({name: value})
        return name not in self._pins

    def _hold_here(self, values: Mapping[Pin, Any]) -> None:
        if self._adopt(values):
            self.pins_changed.emit()

    # --- following -------------------------------------------------------------------------------

    def _sync(self) -> None:
        """Take over from the window what is not pinned and fits."""
        shared = self._shared_state
        model = self._model if "model" in self._pins else shared.model
        values: dict[Pin, Any] = {"model": model, "image": shared.image}
        other = not same_model(model, shared.model)
        if not other or fits_target(model, shared.target):
            values["target"] = shared.target
        if not other or fits_layer(model, shared.layer):
            values["layer"] = shared.layer
        feature = moved(shared.feature, model) if other else shared.feature
        if not other or feature is not None:
            values["feature"] = feature
        self._adopt({name: value for name, value in values.items() if name not in self._pins})

    def _adopt(self, values: Mapping[Pin, Any]) -> bool:
        """Set all values, then tell of those that are new; whether there were any."""
        new = [
            name for name in PINS if name in values and values[name] != getattr(self, f"_{name}")
        ]
        for name in new:
            setattr(self, f"_{name}", values[name])
        # before anybody hears of it: who takes the view for closed ends what is asked for it
        self.is_closed = self._lacks_model()
        for name in new:
            getattr(self, f"{name}_changed").emit()
        return bool(new)

    def _on_models(self) -> None:
        """Keep to the pinned model as it is now, and know whether it is still open."""
        before = self.is_closed
        self._try_wanted()
        if "model" in self._pins and self._model is not None:
            handle = self._model.handle
            now = next((m for m in self.models if m.handle == handle), None)
            if now is not None:
                self._adopt({"model": now})
        closed = self._lacks_model()
        self.is_closed = closed
        if closed != before:
            self.pins_changed.emit()
        self.models_changed.emit()

    def _lacks_model(self) -> bool:
        if "model" not in self._pins or self._model is None:
            return False
        return all(model.handle != self._model.handle for model in self.models)

    # --- for sessions ----------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What is pinned, and to what, as JSON can hold it."""
        return to_plain({name: getattr(self, f"_{name}") for name in PINS if name in self._pins})

    def restore(self, found: object) -> None:
        """Pin again what `snapshot` gave; what makes no sense is left out.

        A model that is not open yet is waited for.
        """
        self._wanted = to_values(found)
        self._try_wanted()

    def _try_wanted(self) -> None:
        values = dict(self._wanted)
        weights = values.pop("model", None)
        if weights is not None:
            meant = (m for m in self.models if m.description.weights_sha256 == weights)
            values["model"] = model = next(meant, None)
            if model is None:
                return
        self._wanted = {}
        if values:
            self.hold(values)
