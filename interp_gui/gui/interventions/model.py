"""The edits of a window and every change of them by hand, each with its way back.

The stack itself is `AppState.edits`; this is the one who changes it.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from interp_gui.core.edit import Baseline, Edit, EditKind, EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.interventions.fitting import why_no_place, why_unfit
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.model import ModelDescription
from interp_gui.core.place import Place
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.interventions import content as contents
from interp_gui.gui.interventions import words
from interp_gui.gui.interventions.content import Content
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.interventions.statistics import StatisticsBook
from interp_gui.gui.shared import child_of
from interp_gui.gui.state import AppState

Stacks = tuple[EditStack, ...]


class Interventions(QObject):
    """Changes of the stack on the panel and of the stacks that are kept beside it.

    Signals
    -------
    added
        Numbers of the edits that came, to show them.
    statistics_changed
        More is known of features over the images at hand.
    compared_changed
        Another stack is compared with the one on the panel, or none.
    """

    added = Signal(tuple)
    statistics_changed = Signal()
    compared_changed = Signal()

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._known = Content(state.edits)
        self._compared: int | None = None
        # asked for every row at every change, so found once for each edit and model
        self._unfit: dict[int, tuple[Edit, ModelDescription, str]] = {}
        self.book = StatisticsBook(state, self)
        self.book.changed.connect(self._on_statistics)
        state.edits_changed.connect(self._want_statistics)
        state.model_changed.connect(self._want_statistics)

    def attach(self, bridge: EngineBridge) -> None:
        """Say whom to ask for statistics, and where images lie that edits take values from."""
        self.book.attach(bridge)
        bridge.sources_for = sources_of(self._state).paths_for

    @property
    def stack(self) -> EditStack:
        """What stands on the panel."""
        return self._state.edits

    # --- adding and removing -------------------------------------------------------------------

    def add_features(
        self,
        features: Sequence[Feature],
        kind: EditKind = "ablate",
        *,
        place: Place = Place(),
        source: str = "",
        at: int | None = None,
    ) -> bool:
        """Put an edit of each feature on the panel; whether that could be done.

        Parameters
        ----------
        source
            SHA-256 of the image that a patch takes its values from.
        at
            Before which of the present edits; None: behind all.
        """
        model = self._state.model
        own = model.description.weights_sha256 if model is not None else ""
        edits = []
        try:
            for feature in contents.bundled(features):
                known = feature if feature.model else msgspec.structs.replace(feature, model=own)
                edits.append(contents.fresh(known, kind, place=place, source=source))
        except InterpError as problem:
            self._state.notify_problem(problem)
            return False
        waits = self.book.is_possible
        rows = [(edit, waits and contents.waits_for_statistics(edit)) for edit in edits]
        return self._insert(f"{words.verb(kind)} {words.count_of(features)}", rows, at)

    def add_edits(
        self, edits: EditStack | Sequence[Edit], *, at: int | None = None, title: str = ""
    ) -> None:
        """Put edits on the panel as they are, those of images too."""
        stack = edits if isinstance(edits, EditStack) else EditStack(edits=tuple(edits))
        rows = [(edit, False) for edit in stack.edits]
        if not self._has_room(len(rows)):
            return
        what = title or stack.name or words.edits_of(stack.edits or ()) if stack.edits else ""
        if stack.image_edits:
            now = self._content
            more = contents.with_stack(
                now, image_edits=(*now.stack.image_edits, *stack.image_edits)
            )
            count = len(now.rows)
            self._change(
                f"put {what or 'changes of images'} on the panel",
                contents.inserted(more, rows, count if at is None else at),
            )
            return
        self._insert(f"put {what} on the panel", rows, at)

    def put_stack(self, stack: EditStack, title: str = "") -> None:
        """Put a stack in place of the one on the panel."""
        called = title or stack.name or "other edits"
        self._change(f"put {called} on the panel", Content(stack))

    def _has_room(self, count: int) -> bool:
        problem = contents.why_too_many(count, len(self.stack.edits))
        if problem:
            self._state.notify("info", f"{problem} Several units of a layer can be one edit.")
        return not problem

    def _insert(self, title: str, rows: Sequence[tuple[Edit, bool]], at: int | None) -> bool:
        """Put edits among the others; whether there was room for them."""
        if not rows or not self._has_room(len(rows)):
            return False
        now = self._content
        place = len(now.rows) if at is None else max(0, min(at, len(now.rows)))
        self._change(title, contents.inserted(now, rows, place))
        self.added.emit(tuple(range(place, place + len(rows))))
        return True

    def remove(self, *indices: int) -> None:
        """Take edits off the panel."""
        now, gone = self._content, set(indices)
        going = [edit for i, (edit, _) in enumerate(now.rows) if i in gone]
        if going:
            left = [i for i in range(len(now.rows)) if i not in gone]
            self._change(f"remove {words.edits_of(going)}", contents.reordered(now, left))

    def duplicate(self, *indices: int) -> None:
        """Put a second one of each behind the last of them."""
        now = self._content
        chosen = sorted(i for i in set(indices) if 0 <= i < len(now.rows))
        if chosen:
            rows = [now.rows[i] for i in chosen]
            self._insert(f"duplicate {words.edits_of([e for e, _ in rows])}", rows, chosen[-1] + 1)

    def clear(self) -> None:
        """Take everything off the panel."""
        if self.stack.edits or self.stack.image_edits:
            self._change("clear the interventions", Content(EditStack()))

    def move(self, indices: int | Iterable[int], to: int) -> None:
        """Put edits, in their present order, before the one that is now at `to`."""
        moving = (indices,) if isinstance(indices, int) else tuple(indices)
        now = self._content
        order = contents.moved_order(len(now.rows), moving, to)
        if order != list(range(len(now.rows))):
            what = words.edits_of([now.stack.edits[i] for i in moving])
            self._change(f"move {what}", contents.reordered(now, order))

    # --- changing one --------------------------------------------------------------------------

    def change(self, index: int, *, merge: str = "", title: str = "", **fields: Any) -> bool:
        """Change values of an edit; whether that could be done.

        Parameters
        ----------
        merge
            As in `UndoStack.change`: the steps of a slider are one, until `seal` is called.
        fields
            Of `core.edit.Edit`.
        """
        edit = self.stack.edits[index]
        try:
            new = msgspec.structs.replace(edit, **fields)
            new.__post_init__()
        except InterpError as problem:
            self._state.notify_problem(problem)
            self._state.edits_changed.emit()  # rows show again what is
            return False
        if new != edit:
            waits = self.is_waiting(index) and not {"baseline", "deviation"} & set(fields)
            self._change(
                title or f"change {edit.feature.title}",
                contents.changed(self._content, index, new, waits=waits),
                merge=f"edit:{index}:{merge}" if merge else "",
            )
        return True

    def change_kind(self, index: int, kind: EditKind, *, source: str = "") -> bool:
        """Make another kind of edit of it, with the values that kind begins with."""
        edit = self.stack.edits[index]
        if edit.kind == kind and (kind != "patch" or edit.source == source):
            return True
        try:
            new = contents.fresh(
                edit.feature, kind, place=edit.place, source=source, group=edit.group
            )
        except InterpError as problem:
            self._state.notify_problem(problem)
            self._state.edits_changed.emit()
            return False
        new = msgspec.structs.replace(new, enabled=edit.enabled)
        waits = self.book.is_possible and contents.waits_for_statistics(new)
        self._change(
            f"{words.verb(kind)} {edit.feature.title}",
            contents.changed(self._content, index, new, waits=waits),
        )
        return True

    def choose_baseline(self, index: int, kind: str, *, source: str = "") -> None:
        """What an edit that switches off puts there: `mean`, `zero`, or that of an `image`."""
        edit = self.stack.edits[index]
        title = f"choose what replaces {edit.feature.title}"
        if kind == "mean":
            new = msgspec.structs.replace(edit, baseline=Baseline())
            self._change(title, contents.changed(self._content, index, new, waits=True))
        elif kind == "image":
            self.change(index, title=title, baseline=Baseline(kind="image", source=source))
        elif edit.baseline != Baseline() or self.is_waiting(index):
            new = msgspec.structs.replace(edit, baseline=Baseline())
            self._change(title, contents.changed(self._content, index, new))

    def set_enabled(self, on: bool, *indices: int) -> None:
        """Switch edits on or off; they stay on the panel."""
        chosen, now = set(indices), self._content
        rows = [
            (msgspec.structs.replace(edit, enabled=on) if i in chosen else edit, waits)
            for i, (edit, waits) in enumerate(now.rows)
        ]
        after = contents.with_rows(now, rows, now.stack.solo)
        if after.stack != now.stack:
            what = words.edits_of([now.stack.edits[i] for i in sorted(chosen)])
            self._change(f"put {what} {'in' if on else 'out of'} force", after)

    def group(self, name: str, *indices: int) -> None:
        """Give edits one name, under which they are shown together; an empty one parts them."""
        chosen, now = sorted(set(indices)), self._content
        if not chosen:
            return
        rows = list(now.rows)
        for i in chosen:
            rows[i] = (msgspec.structs.replace(rows[i][0], group=name), rows[i][1])
        after = contents.with_rows(now, rows, now.stack.solo)
        if name:  # what is shown together stands together
            mates = [i for i, (edit, _) in enumerate(rows) if edit.group == name]
            order = contents.moved_order(len(rows), mates, mates[0])
            after = contents.reordered(after, order)
        if after.stack != now.stack:
            what = words.edits_of([now.stack.edits[i] for i in chosen])
            self._change(f"group {what} as {name}" if name else f"ungroup {what}", after)

    def move_behind(self, index: int, address: str) -> None:
        """Change a feature behind the norm instead of before it."""
        edit = self.stack.edits[index]
        feature = msgspec.structs.replace(edit.feature, layer=address, name="")
        try:
            new = (
                msgspec.structs.replace(
                    edit, feature=feature, baseline=Baseline(), deviation=(), observed=None
                )
                if edit.baseline.kind != "image"
                else msgspec.structs.replace(edit, feature=feature, observed=None)
            )
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        waits = self.book.is_possible and contents.waits_for_statistics(new)
        waits = waits and edit.baseline.kind != "image"
        self._change(
            f"move {edit.feature.title} behind the norm",
            contents.changed(self._content, index, new, waits=waits),
        )

    def adopt(self, index: int) -> None:
        """Let an edit of another model be one of the current model."""
        model, edit = self._state.model, self.stack.edits[index]
        if model is None or why_no_place(edit, model.description):
            return
        own = msgspec.structs.replace(edit.feature, model=model.description.weights_sha256)
        self.change(index, title=f"use {edit.feature.title} in {model.description.name}",
                    feature=own)  # fmt: skip

    # --- all of them ---------------------------------------------------------------------------

    def mute_all(self, on: bool) -> None:
        """Put nothing in force, or again what is switched on."""
        if on != self.stack.muted:
            self._change(
                "mute the interventions" if on else "unmute the interventions",
                contents.with_stack(self._content, muted=on),
            )

    def solo(self, index: int | None) -> None:
        """Put one edit alone in force; None: all that are switched on."""
        if index != self.stack.solo:
            title = "put all edits in force"
            if index is not None:
                title = f"put {self.stack.edits[index].feature.title} alone in force"
            self._change(title, contents.with_stack(self._content, solo=index))

    def seal(self) -> None:
        """The slider was let go: what comes next is a step of its own."""
        self._state.undo.seal()

    # --- changes of images ---------------------------------------------------------------------

    def add_image_edits(self, edits: Sequence[ImageEdit]) -> None:
        """Change images themselves."""
        if edits:
            now = self.stack.image_edits
            self._put_image_edits(f"{words.image_words(edits[0]).lower()} of the image",
                                  (*now, *edits))  # fmt: skip

    def change_image_edit(self, index: int, *, merge: str = "", **fields: Any) -> None:
        """Change values of a change of an image."""
        now = list(self.stack.image_edits)
        title = f"change “{words.image_words(now[index]).lower()}”"
        try:
            now[index] = msgspec.structs.replace(now[index], **fields)
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        self._put_image_edits(title, tuple(now), merge=f"image:{index}:{merge}" if merge else "")

    def remove_image_edits(self, *indices: int) -> None:
        """Take changes of images back."""
        left = tuple(e for i, e in enumerate(self.stack.image_edits) if i not in indices)
        self._put_image_edits("remove a change of the image", left)

    def _put_image_edits(self, title: str, edits: tuple[ImageEdit, ...], merge: str = "") -> None:
        if edits != self.stack.image_edits:
            after = contents.with_stack(self._content, image_edits=edits)
            self._change(title, after, merge=merge)

    # --- stacks that are kept ------------------------------------------------------------------

    @property
    def compared(self) -> int | None:
        """Number of the kept stack whose answers stand beside those of the panel; None: none."""
        return self._compared

    def compare(self, index: int | None) -> None:
        """Show the answers of a kept stack beside those of the panel."""
        if index is not None and not 0 <= index < len(self._state.stacks):
            index = None
        if index != self._compared:
            self._compared = index
            self.compared_changed.emit()

    def keep_stack(self, name: str = "", *, stack: EditStack | None = None) -> int:
        """Keep a copy of what stands on the panel, or of another stack; its number."""
        found = self.stack if stack is None else stack
        kept = msgspec.structs.replace(found, name=name or found.name)
        number = len(self._state.stacks)
        title = f"keep {words.title_of_stack(kept, number)}"
        self._change(title, self._content, (*self._state.stacks, kept))
        return number

    def rename_stack(self, index: int, name: str) -> None:
        """Give a kept stack another name."""
        stacks = list(self._state.stacks)
        before, name = words.title_of_stack(stacks[index], index), " ".join(name.split())
        stacks[index] = msgspec.structs.replace(stacks[index], name=name)
        self._put_stacks(f"rename {before}", tuple(stacks))

    def remove_stack(self, index: int) -> None:
        """Keep a stack no longer."""
        title = words.title_of_stack(self._state.stacks[index], index)
        left = tuple(s for i, s in enumerate(self._state.stacks) if i != index)
        self._put_stacks(f"remove {title}", left)

    def exchange(self, index: int) -> None:
        """Put a kept stack on the panel, and keep in its place what stood there."""
        stacks, now = list(self._state.stacks), self.stack
        title = words.title_of_stack(stacks[index], index)
        wanted, stacks[index] = stacks[index], now
        self._change(f"exchange the interventions with {title}", Content(wanted), tuple(stacks))

    def _put_stacks(self, title: str, stacks: Stacks) -> None:
        if stacks != self._state.stacks:
            self._change(title, self._content, stacks)

    # --- what is known -------------------------------------------------------------------------

    def statistics_of(self, feature: Feature) -> FeatureStatistics | None:
        """How strongly a feature occurs in the images at hand; asked for where it is not known."""
        found = self.book.of(feature)
        if found is None:
            self.book.want((feature,))
        return found

    def is_waiting(self, index: int) -> bool:
        """Whether an edit waits for statistics of its feature."""
        rows = self._content.rows
        return 0 <= index < len(rows) and rows[index][1]

    def waiting_problem(self, index: int) -> str:
        """Why an edit will not get the statistics that it waits for; empty if it may."""
        if not self.is_waiting(index):
            return ""
        return self.book.problem_of(self.stack.edits[index].feature)

    def problem_of(self, index: int) -> str:
        """Why an edit is not in force in the current model; empty where it fits."""
        model = self._state.model
        if model is None:
            return ""
        edit, description = self.stack.edits[index], model.description
        known = self._unfit.get(id(edit))
        if known is None or known[0] is not edit or known[1] is not description:
            if len(self._unfit) > 2 * contents.MOST_ROWS:  # of edits that are no more
                self._unfit.clear()
            known = self._unfit[id(edit)] = (edit, description, why_unfit(edit, description))
        return known[2]

    def can_adopt(self, index: int) -> bool:
        """Whether an edit of another model would fit the current one."""
        model = self._state.model
        return (
            model is not None
            and bool(self.problem_of(index))
            and not why_no_place(self.stack.edits[index], model.description)
        )

    def _on_statistics(self) -> None:
        now = self._content
        after = contents.filled(now, self.book.of)
        if after != now:
            # No step of its own: whoever undoes, takes back the edit and not a number in it.
            self._put(after, self._state.stacks)
        self.statistics_changed.emit()

    def _want_statistics(self) -> None:
        self.book.want(self._content.waiting)

    # --- within --------------------------------------------------------------------------------

    @property
    def _content(self) -> Content:
        """What stands there; where somebody else set it (a session), nothing of it waits."""
        if self._known.stack != self._state.edits:
            self._known = Content(self._state.edits)
        return self._known

    def _change(
        self, title: str, after: Content, stacks: Stacks | None = None, *, merge: str = ""
    ) -> None:
        before, kept = self._content, self._state.stacks
        self._state.undo.change(
            title,
            partial(self._put, after, kept if stacks is None else stacks),
            partial(self._put, before, kept),
            merge=merge,
        )

    def _put(self, content: Content, stacks: Stacks) -> None:
        self._known = contents.filled(content, self.book.of)
        self._state.set_edits(self._known.stack)
        self._state.set_stacks(stacks)
        if self._compared is not None and self._compared >= len(stacks):
            self.compare(None)


def interventions_of(state: AppState) -> Interventions:
    """The interventions of a window, from its state or that of a pinned view."""
    return child_of(state.shared, Interventions) or Interventions(state.shared)
