"""Results that were kept for the report; every change of them can be undone."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.session.document import KeptResult, ReportHead
from interp_gui.gui.state import AppState

Items = tuple[KeptResult, ...]


class KeptResults(QObject):
    """The results of a window's report, in its order.

    Parameters
    ----------
    state
        The root state, whose undo stack takes every change.
    """

    changed = Signal()
    """Items came, went, moved or were changed."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._state = state
        self._items: Items = ()
        self._head = ReportHead()

    @property
    def head(self) -> ReportHead:
        """Title, author and introduction of the report."""
        return self._head

    @property
    def items(self) -> Items:
        """What is kept, in the order of the report."""
        return self._items

    def item(self, item_id: str) -> KeptResult | None:
        """One of them by its id."""
        return next((item for item in self._items if item.id == item_id), None)

    def holds(self, result: AnyResult) -> bool:
        """Whether this very result is kept already."""
        return any(item.result is result for item in self._items)

    # --- changes by hand -------------------------------------------------------------------------

    def keep(
        self, result: AnyResult, recipe: Recipe | None, companions: Sequence[AnyResult] = ()
    ) -> str:
        """Put a result at the end of the report.

        Parameters
        ----------
        companions
            Results of the same run that belong to it: its controls, its numbers.

        Returns
        -------
        Id of the kept result; of the one that is there already, where it is kept already.
        """
        known = next((item for item in self._items if item.result is result), None)
        if known is not None:
            return known.id
        model = self._state.model
        name = recipe.model.name if recipe is not None else model.description.name if model else ""
        item = KeptResult(
            id=uuid.uuid4().hex,
            result=result,
            recipe=recipe,
            companions=tuple(other for other in companions if other is not result),
            kept=datetime.now(UTC).isoformat(timespec="seconds"),
            model_name=name,
        )
        self._change(f"keep {_short(result.title)}", lambda items: (*items, item))
        return item.id

    def remove(self, ids: Iterable[str]) -> None:
        """Take results out of the report."""
        gone = [item for item in self._items if item.id in set(ids)]
        if gone:
            what = _short(gone[0].result.title) if len(gone) == 1 else f"{len(gone)} results"
            left = {item.id for item in gone}
            self._change(
                f"remove {what} from the report",
                lambda items: tuple(item for item in items if item.id not in left),
            )

    def update(self, item_id: str, **fields: Any) -> None:
        """Change `note` or `included` of one; letters typed one after another are one step."""
        item = self.item(item_id)
        if item is None or all(getattr(item, name) == value for name, value in fields.items()):
            return
        what = "edit the note on" if "note" in fields else _ticking(fields)
        self._change(
            f"{what} {_short(item.result.title)}",
            lambda items: tuple(
                msgspec.structs.replace(each, **fields) if each.id == item_id else each
                for each in items
            ),
            merge=f"kept-note:{item_id}" if set(fields) == {"note"} else "",
        )

    def move(self, ids: Collection[str], place: int) -> None:
        """Put results, in their present order, before the one that is now at `place`."""
        moving = tuple(item for item in self._items if item.id in ids)
        before = tuple(item for item in self._items[:place] if item.id not in ids)
        behind = tuple(item for item in self._items[place:] if item.id not in ids)
        if not moving or (*before, *moving, *behind) == self._items:
            return
        order = [item.id for item in (*before, *moving, *behind)]
        what = _short(moving[0].result.title) if len(moving) == 1 else f"{len(moving)} results"
        self._change(
            f"move {what}",
            lambda items: tuple(sorted(items, key=lambda item: order.index(item.id))),
        )

    def write_head(self, **fields: str) -> None:
        """Change `title`, `author` or `intro`; letters typed one after another are one step."""
        before, after = self._head, msgspec.structs.replace(self._head, **fields)
        if before != after:
            self._state.undo.change(
                f"edit the {' and '.join(fields)} of the report",
                lambda: self._set_head(after),
                lambda: self._set_head(before),
                merge=f"report-{'-'.join(fields)}",
            )

    def _set_head(self, head: ReportHead) -> None:
        self._head = head
        self.changed.emit()

    def _change(self, title: str, to: Callable[[Items], Items], *, merge: str = "") -> None:
        before, after = self._items, to(self._items)
        self._state.undo.change(
            title, lambda: self._set(after), lambda: self._set(before), merge=merge
        )

    # --- whole contents --------------------------------------------------------------------------

    def restore(self, items: Sequence[KeptResult], head: ReportHead | None = None) -> None:
        """Hold exactly these, as a session does when it is opened; cannot be undone."""
        self._head = head if head is not None else ReportHead()
        self._set(tuple(items))

    def _set(self, items: Items) -> None:
        self._items = items
        self.changed.emit()


def kept_of(state: AppState) -> KeptResults:
    """The kept results of a window, from its state or that of a pinned view."""
    root = state.shared
    found = next((c for c in root.children() if isinstance(c, KeptResults)), None)
    return found or KeptResults(root)


def _ticking(fields: dict[str, Any]) -> str:
    if "included" not in fields:
        return "change"
    return "tick" if fields["included"] else "untick"


def _short(title: str) -> str:
    return title if len(title) <= 40 else f"{title[:39].rstrip()}…"
