"""Answers under the edits in force, asked for as they change: newest first, never two at once.

A request about the current image alone takes one pass of what lies behind the edit; the strip of
watched images and the controls take many. While something is being dragged only the first kind is
asked, and none is cancelled for a newer one: a slider that moves faster than the model answers
would otherwise never get an answer. The others are asked once nothing has changed for a moment,
and make way at once.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.analysis import Inputs
from interp_gui.core.edit import EditStack
from interp_gui.core.interventions.kinds import EditEffect, Intervention
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.target import Target
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

ANALYSIS = "intervene"
VIEW = "interventions"
SETTLED_MS = 250
"""So long nothing may change before the strip and the controls are asked for."""
CONTROLS = 20

_Stack = Literal["own", "compared"]


@dataclass(frozen=True)
class _Asked:
    """What a request is about; two that are equal have the same answers."""

    model: str
    preprocessing: Preprocessing
    target: Target
    stack: EditStack
    which: _Stack
    images: tuple[str, ...]
    controls: int
    dataset: str
    rows: tuple[int, ...]
    """Row of the panel's stack for each edit asked about that stands there."""

    def is_about(self, other: "_Asked") -> bool:
        """Whether another request has the same model, Target and way of asking."""
        return (self.model, self.preprocessing, self.target, self.which) == (
            other.model, other.preprocessing, other.target, other.which,
        )  # fmt: skip


class _Known(NamedTuple):
    """An answer and what it is an answer to."""

    answer: Intervention
    recipe: Recipe | None
    asked: _Asked


class LiveAnswers(QObject):
    """Asks the model, edited, about the current and the watched images.

    One per window: `live_of`. Without a bridge (`attach`) and without anything in force nothing
    is asked, and there are no answers.

    Signals
    -------
    answered
        An `Intervention` of the stack in force came; its `image` says of which image.
    changed
        What is known is another: an answer came, was withdrawn or is out of date, or asking
        failed, began or ended.
    """

    answered = Signal(object)
    changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._bridge: EngineBridge | None = None
        self._known: dict[tuple[_Stack, str], _Known] = {}
        self._compared: EditStack | None = None
        self._running: _Asked | None = None
        self._has_answered = False
        """Whether the running request gave something; what it still refines may be cut off."""
        self._done: set[_Asked] = set()
        """Not asked again: nothing else would come of it."""
        self._problem = ""
        self._lent: tuple[str, ...] = ()
        """Images that were known when it was asked last, from which edits take values."""
        self._settled = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._settled.timeout.connect(self._on_settled)
        for signal in (
            state.edits_changed, state.image_changed, state.target_changed, state.model_changed,
            state.watched_changed,
        ):  # fmt: skip
            signal.connect(self._on_change)

    def attach(self, bridge: EngineBridge) -> None:
        """Ask by this engine from now on."""
        if self._bridge is None:
            self._bridge = bridge
            bridge.ready.connect(lambda _hello: self._on_change())
            bridge.lost.connect(lambda _lost: self._on_lost())
            sources_of(self._state).changed.connect(self._on_sources)
            self._on_change()

    def _on_lost(self) -> None:
        """What is known stays, as the answers of before."""
        self._drop()
        self.changed.emit()

    # --- what is known -------------------------------------------------------------------------

    @property
    def in_force(self) -> bool:
        """Whether anything changes the answers now."""
        stack = self._state.edits_in_force
        return bool(stack.edits or stack.image_edits)

    @property
    def current(self) -> Intervention | None:
        """The newest answer for the current image; None if there is none (yet) or no edits are."""
        return self.of(self._state.image or "") if self.in_force else None

    def of(self, path: str) -> Intervention | None:
        """The newest answer for an image; None if there is none (yet).

        Of watched images there are answers without any edits, too: nothing of them has changed.
        """
        known = self._known.get(("own", path))
        return known.answer if known is not None else None

    def recipe(self, path: str) -> Recipe | None:
        """What makes the newest answer for an image again."""
        known = self._known.get(("own", path))
        return known.recipe if known is not None else None

    def compared(self, path: str) -> Intervention | None:
        """What the stack compared with answers for an image; None if there is none (yet)."""
        known = self._known.get(("compared", path))
        return known.answer if known is not None else None

    def compared_recipe(self, path: str) -> Recipe | None:
        """What makes the answer of the stack compared with again."""
        known = self._known.get(("compared", path))
        return known.recipe if known is not None else None

    @property
    def is_asking(self) -> bool:
        """Whether an answer is being waited for."""
        return self._running is not None

    @property
    def problem(self) -> str:
        """Why there is no answer; empty if nothing went wrong."""
        return self._problem

    def is_stale(self, path: str) -> bool:
        """Whether the answer for an image is one of other strengths or edits than those now."""
        known, now = self._known.get(("own", path)), self._wanted("own")
        if known is None or now is None:
            return False
        alive = self._bridge is None or self._bridge.is_ready
        return not alive or known.asked.stack != now.stack

    def effects(self, index: int, path: str = "") -> EditEffect | None:
        """What the edit of a row of the panel did; None if that is not known (yet).

        Parameters
        ----------
        index
            Place in the stack on the panel, `state.edits`.
        path
            Of the image; empty for the current one.

        Returns
        -------
        Its `index` is the row's. While a value is being dragged it is that of the value before.
        An edit that is not in force is `off`.
        """
        stack = self._state.edits
        if not 0 <= index < len(stack.edits):
            return None
        if not stack.is_live(index):
            return EditEffect(index=index, state="off")
        known = self._known.get(("own", path or self._state.image or ""))
        if known is None or index not in known.asked.rows:
            return None
        at = known.asked.rows.index(index)
        if not _same_edit(known.asked.stack, at, stack, index):
            return None
        effect = next((effect for effect in known.answer.effects if effect.index == at), None)
        return None if effect is None else msgspec.structs.replace(effect, index=index)

    # --- what is wanted ------------------------------------------------------------------------

    def compare(self, stack: EditStack | None) -> None:
        """Ask about another stack too (A/B); None to end that."""
        if stack != self._compared:
            self._compared = stack
            self._forget("compared")
            self._on_change()

    def ask_again(self) -> None:
        """Ask once more, as after a failure."""
        self._drop()
        self._done.clear()
        self._known.clear()
        self._on_change()

    def _wanted(
        self, which: _Stack, images: tuple[str, ...] = (), *, controls: int = 0
    ) -> _Asked | None:
        """A request about the stack in force now; None where there is nothing to ask."""
        state, model = self._state, self._state.model
        found = state.edits_in_force if which == "own" else self._compared
        if model is None or found is None:
            return None
        stack = found.in_force()
        return _Asked(
            model=model.handle, preprocessing=model.description.preprocessing,
            target=state.target, stack=stack, which=which, images=images, controls=controls,
            dataset=state.dataset_handle if stack.image_sources else "",
            rows=state.edits_that_fit.live if which == "own" else (),
        )  # fmt: skip

    def _on_change(self) -> None:
        self._problem = ""
        for which in ("own", "compared"):
            self._forget_others(which)
        if self._next(settled=True) is not None:
            self._settled.start()
        running = self._running
        if running is not None and self._makes_way(running):
            self._drop()
        self._ask_next()
        self.changed.emit()

    def _makes_way(self, running: _Asked) -> bool:
        """Whether a running request ends for what has changed."""
        now = self._wanted(running.which)
        current = (self._state.image,)
        is_short = running.images == current and not running.controls
        if now is None or not running.is_about(now) or not is_short:
            return True
        return self._has_answered or not (self.in_force or running.which == "compared")

    def _forget_others(self, which: _Stack) -> None:
        """Answers of another model or Target say nothing about what is asked now."""
        now = self._wanted(which)
        any_known = next((k for (of, _), k in self._known.items() if of == which), None)
        if any_known is not None and (now is None or not any_known.asked.is_about(now)):
            self._forget(which)

    def _forget(self, which: _Stack) -> None:
        self._known = {key: known for key, known in self._known.items() if key[0] != which}
        self._done = {done for done in self._done if done.which != which}

    def _next(self, *, settled: bool) -> _Asked | None:
        """What has to be asked now: the current image, then the watched ones, then controls."""
        image = self._state.image
        stages: list[tuple[_Stack, tuple[str, ...], int]] = []
        if image is not None and self.in_force:
            stages.append(("own", (image,), 0))
        if image is not None:
            stages.append(("compared", (image,), 0))
        if settled:
            stages.append(("own", self._unanswered("own"), 0))
            stages.append(("compared", self._unanswered("compared"), 0))
        if settled and image is not None and self.in_force:
            stages.append(("own", (image,), CONTROLS))
        for which, images, controls in stages:
            wanted = self._wanted(which, images, controls=controls)
            if wanted is not None and images and not self._is_answered(wanted):
                return wanted
        return None

    def _is_answered(self, wanted: _Asked) -> bool:
        if wanted in self._done:
            return True
        known = self._known.get((wanted.which, wanted.images[0]))
        return not wanted.controls and known is not None and known.asked.stack == wanted.stack

    def _unanswered(self, which: _Stack) -> tuple[str, ...]:
        """Watched images that the stack in force was not asked about."""
        now = self._wanted(which)
        if now is None:
            return ()
        known = {p: self._known.get((which, p)) for p in self._state.watched}
        return tuple(p for p, k in known.items() if k is None or k.asked.stack != now.stack)

    def _on_settled(self) -> None:
        self._ask_next()
        self.changed.emit()

    def _ask_next(self) -> None:
        bridge = self._bridge
        if self._running is not None or bridge is None or self._problem:
            return
        if not bridge.is_ready or ANALYSIS not in bridge.analyses:
            return
        wanted = self._next(settled=not self._settled.isActive())
        if wanted is None:
            return
        self._running, self._has_answered = wanted, False
        self._lent = self._lendable()
        request = Run(
            analysis=ANALYSIS,
            model=wanted.model,
            inputs=Inputs(images=wanted.images, target=wanted.target, edits=wanted.stack),
            dataset=wanted.dataset,
            parameters={"controls": wanted.controls},
        )
        bridge.run(
            request, view=VIEW, on_result=partial(self._came, wanted),
            on_end=partial(self._ended, wanted),
        )  # fmt: skip

    def _on_sources(self) -> None:
        """Where images of edits lie is known only now, as after a session was opened."""
        if self._lent != self._lendable():
            self.ask_again()

    def _lendable(self) -> tuple[str, ...]:
        return sources_of(self._state).paths_for(self._state.edits_in_force)

    def _drop(self) -> None:
        if self._bridge is not None:
            self._bridge.drop(VIEW)
        self._running = None

    # --- what comes ----------------------------------------------------------------------------

    def _came(self, asked: _Asked, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Intervention):
            return
        self._known[asked.which, result.image] = _Known(result, recipe, asked)
        # what was asked of other strengths is not what is known any more
        self._done = {d for d in self._done if d.which != asked.which or d.stack == asked.stack}
        self._has_answered = True
        if asked.which == "own":
            self.answered.emit(result)
        if asked is self._running and self._is_out_of_date(asked):
            # what it would still refine is of a value that was left already
            self._drop()
            self._ask_next()
        self.changed.emit()

    def _is_out_of_date(self, asked: _Asked) -> bool:
        now = self._wanted(asked.which)
        return now is None or now.stack != asked.stack

    def _ended(self, asked: _Asked, ended: Ended) -> None:
        self._running = None
        self._done.add(asked)
        now = self._wanted(asked.which)
        if ended.error is not None and now is not None and now.stack == asked.stack:
            # asked again only after a change: what failed would fail again
            self._problem = f"{ended.error.message} {ended.error.hint}".strip()
            self._known = {k: known for k, known in self._known.items() if k[0] != asked.which}
        self._ask_next()
        self.changed.emit()


def _same_edit(asked: EditStack, at: int, stack: EditStack, row: int) -> bool:
    """Whether an edit asked about is that of a row, whatever its strength is now."""
    one, other = asked.edits[at], stack.edits[row]
    return (one.feature, one.kind, one.place) == (other.feature, other.kind, other.place)


def live_of(state: AppState) -> LiveAnswers:
    """The live answers of a window."""
    return child_of(state.shared, LiveAnswers) or LiveAnswers(state.shared)
