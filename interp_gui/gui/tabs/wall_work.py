"""What the layer wall asks of the engine, in the order in which cards are looked at.

No widget here: the wall says which units are in view and is told what came.
"""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Picture, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.optimisation import so_far
from interp_gui.gui.views.pass_leave import leave_of

CHUNK = 16
"""Units a request for real examples; a screenful is a few of them."""
GROUP = 8
"""Units optimised in one batch. The groups are aligned (8g to 8g + 7), because a picture depends
on the batch it was made in."""
STAGES = (64, 256)
"""Steps of a first look and of the refined picture."""
MANY_IMAGES = 64
"""A pass over more is listed among the jobs: it takes long enough to be watched or cancelled."""
SETTLE_MS = 120


class WallWork(QObject):
    """Requests of one wall: a summary of the layer, real examples, optimised pictures.

    Signals
    -------
    summary_came
        Table of the layer's units.
    examples_came, picture_came
        Key (text of the feature), result, recipe.
    examples_failed
        Keys whose examples cannot be had, and why.
    busy_changed
        What is being worked on has changed.
    """

    summary_came = Signal(object)
    examples_came = Signal(str, object, object)
    picture_came = Signal(str, object, object)
    examples_failed = Signal(object, str)
    busy_changed = Signal()

    def __init__(self, state: AppState, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bridge, self._leave = state, bridge, leave_of(state)
        self._features: dict[str, Feature] = {}
        self._visible: tuple[str, ...] = ()
        self._ahead: tuple[str, ...] = ()
        self._have_examples: set[str] = set()
        self._example_keys: tuple[str, ...] = ()
        self._first_pass_done = False
        self._declined = False
        self._reached: dict[int, int] = {}
        self._saved: dict[int, dict[str, Any]] = {}
        self._asked: dict[int, None] = {}
        self._group: int | None = None
        self.follow = False
        """Whether every card in view is to get an optimised picture."""
        self.progress_text = ""
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._look)

    # --- what the wall says ------------------------------------------------------------------

    def begin(self, features: Sequence[Feature]) -> None:
        """Work for another layer; whatever was under way is cancelled."""
        self.stop()
        self._features = {feature.text: feature for feature in features}
        self._visible = self._ahead = ()
        self._have_examples.clear()
        self._reached.clear()
        self._saved.clear()
        self._asked.clear()
        self._first_pass_done = self._declined = False
        self.summarise()

    def stop(self) -> None:
        """Cancel everything."""
        for view in ("wall-summary", "wall-examples", "wall-pictures"):
            self._bridge.drop(view)
        self._example_keys, self._group, self.progress_text = (), None, ""
        self._settled.stop()
        self.busy_changed.emit()

    def forget_examples(self) -> None:
        """Ask for real examples anew: the images at hand are others."""
        self._bridge.drop("wall-examples")
        self._have_examples.clear()
        self._example_keys, self._first_pass_done, self._declined = (), False, False
        self._settled.start()

    def forget(self, key: str) -> None:
        """A unit's examples were dropped; they are asked for when it comes into view again."""
        self._have_examples.discard(key)

    def look_at(self, keys: Sequence[str], *, ahead: Sequence[str] = ()) -> None:
        """These cards are in view, in this order, and those will be next; acted on at rest."""
        self._visible, self._ahead = tuple(keys), tuple(ahead)
        self._settled.start()

    def want_pictures(self, keys: Sequence[str]) -> None:
        """Optimise these units' pictures, wherever the view is."""
        for key in keys:
            group = self._group_of(key)
            if group is not None:
                self._asked[group] = None
        self._next_pictures()

    def set_follow(self, follow: bool) -> None:
        """Optimise whatever is in view, or stop doing so."""
        self.follow = follow
        if follow:
            self._next_pictures()
        elif self._group is not None and self._group not in self._asked:
            self._cancel_pictures()

    @property
    def busy(self) -> bool:
        """Whether pictures are being optimised."""
        return self._group is not None

    # --- summary -----------------------------------------------------------------------------

    def summarise(self) -> None:
        """Ask for numbers of every unit of the layer."""
        if not self._features or "layer-summary" not in self._bridge.analyses:
            return
        layer = next(iter(self._features.values())).layer
        image = (self._state.image,) if self._state.image else ()
        if not image and not self._leave.dataset_for(self._state):
            return

        def came(result: AnyResult, recipe: Recipe | None) -> None:
            if isinstance(result, Table):
                self.summary_came.emit(result)

        self._run("layer-summary", Inputs(images=image, layer=layer), "wall-summary", {}, came)

    # --- real examples -----------------------------------------------------------------------

    def _look(self) -> None:
        in_flight = set(self._example_keys)
        # the first request reads all the images; to cancel it would lose the whole pass
        if in_flight and self._first_pass_done and not in_flight & set(self._visible):
            self._bridge.drop("wall-examples")
            self._example_keys = ()
        self._next_examples()
        group = self._group
        if group is not None and group not in self._asked and group not in self._visible_groups():
            self._cancel_pictures()
        self._next_pictures()

    def _next_examples(self) -> None:
        dataset = self._state.dataset
        if self._example_keys or self._declined or not self._leave.dataset_for(self._state):
            return
        if "real-examples" not in self._bridge.analyses:
            return
        missing = [k for k in self._visible if k not in self._have_examples]
        soon = [] if missing else [k for k in self._ahead if k not in self._have_examples]
        keys = tuple((missing or soon)[:CHUNK])
        if not keys:
            return
        self._example_keys = keys
        features = tuple(self._features[key] for key in keys)
        inputs = Inputs(layer=features[0].layer, features=features)
        count = len(dataset.images) if dataset is not None else 0
        is_long = count > MANY_IMAGES and not self._first_pass_done
        self._run(
            "real-examples",
            inputs,
            "wall-examples",
            {},
            self._example,
            self._examples_ended,
            priority="visible" if missing else "background",
            title=f"Looking through {count:,} images for {inputs.layer}" if is_long else "",
        )

    def _example(self, result: AnyResult, recipe: Recipe | None) -> None:
        if isinstance(result, Grid) and result.key in self._features:
            self._first_pass_done = True
            if result.final:
                self._have_examples.add(result.key)
            self.examples_came.emit(result.key, result, recipe)

    def _examples_ended(self, ended: Ended) -> None:
        keys, self._example_keys = self._example_keys, ()
        missing = [key for key in keys if key not in self._have_examples]
        # never asked again by itself: what failed once would fail for ever
        self._have_examples.update(keys)
        if ended.outcome == "finished":
            self._first_pass_done = True
        if missing:
            reason = ended.error.message if ended.error is not None else "No examples."
            self.examples_failed.emit(missing, reason)
        # who cancels the pass does not want the next cards to begin it again
        self._declined = ended.outcome == "cancelled" and not self._first_pass_done
        if self._declined:
            others = [key for key in self._features if key not in self._have_examples]
            self.examples_failed.emit(others, "Cancelled.")
        elif ended.outcome != "failed":
            self._next_examples()

    # --- optimised pictures ------------------------------------------------------------------

    def _group_of(self, key: str) -> int | None:
        feature = self._features.get(key)
        return feature.units[0] // GROUP if feature is not None and feature.units else None

    def _visible_groups(self) -> list[int]:
        found = (self._group_of(key) for key in self._visible)
        return list(dict.fromkeys(group for group in found if group is not None))

    def _next_pictures(self) -> None:
        if self._group is not None or "feature-visualization" not in self._bridge.analyses:
            return
        if self._state.gradient_problem:
            self._asked.clear()
            return
        wanted = list(self._asked) + (self._visible_groups() if self.follow else [])
        for steps in STAGES:
            for group in wanted:
                if self._reached.get(group, 0) < steps:
                    self._optimise(group, steps)
                    return
        self._asked.clear()
        self.progress_text = ""
        self.busy_changed.emit()

    def _optimise(self, group: int, steps: int) -> None:
        self._group = group
        members = [f for f in self._features.values() if f.units and f.units[0] // GROUP == group]
        members.sort(key=lambda f: f.units[0])
        inputs = Inputs(layer=members[0].layer, features=tuple(members))
        first, last = members[0].units[0], members[-1].units[0]
        self.progress_text = f"Optimising units {first} to {last}, {steps} steps"

        def came(result: AnyResult, recipe: Recipe | None) -> None:
            if isinstance(result, Picture) and result.key in self._features:
                self.picture_came.emit(result.key, result, so_far(result, recipe))

        def saved(state: dict[str, Any]) -> None:
            self._saved[group] = state

        def ended(end: Ended) -> None:
            self._group = None
            if end.outcome == "finished":
                self._reached[group] = steps
                if steps == STAGES[-1]:
                    self._saved.pop(group, None)
                    self._asked.pop(group, None)
            else:
                self._reached[group] = STAGES[-1]  # not tried again by itself
                self._asked.pop(group, None)
                if end.error is not None:
                    self._state.notify("error", end.error.message, end.error.hint)
            self._next_pictures()

        self._run(
            "feature-visualization",
            inputs,
            "wall-pictures",
            # ranks among the images at hand would cost a pass for every group; the unit's page
            # shows them
            {"steps": steps, "batch": GROUP, "compare": False},
            came,
            ended,
            on_state=saved,
            state=self._saved.get(group),
            priority="background",
            title=self.progress_text,
        )
        self.busy_changed.emit()

    def _cancel_pictures(self) -> None:
        self._bridge.drop("wall-pictures")
        self._group, self.progress_text = None, ""
        self.busy_changed.emit()

    def _run(
        self,
        analysis: str,
        inputs: Inputs,
        view: str,
        parameters: dict[str, Any],
        on_result: Any,
        on_end: Any = None,
        *,
        on_state: Any = None,
        state: dict[str, Any] | None = None,
        priority: Any = "visible",
        title: str = "",
    ) -> None:
        model = self._state.model
        if model is None:
            return
        request = Run(
            analysis=analysis,
            model=model.handle,
            inputs=inputs,
            dataset=self._leave.dataset_for(self._state),
            parameters=parameters,
            state=state,
        )
        self._bridge.run(
            request,
            title=title,
            priority=priority,
            view=view,
            on_result=on_result,
            on_state=on_state,
            on_end=on_end,
        )
