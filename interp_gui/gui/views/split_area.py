"""Groups of tabs side by side and one below the other, in splitters that come and go."""

from collections.abc import Callable
from typing import Any, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from interp_gui.gui.views.tab_group import TabGroup

Side = Literal["right", "below"]
_WAYS = {"right": Qt.Orientation.Horizontal, "below": Qt.Orientation.Vertical}
DEEPEST = 8
"""Splits within splits that a snapshot may hold."""


class SplitArea(QWidget):
    """Holds at least one group.

    Parameters
    ----------
    make_group
        Makes an empty group.
    """

    def __init__(self, make_group: Callable[[], TabGroup]) -> None:
        super().__init__()
        self._make_group = make_group
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._root: QWidget = make_group()
        self._layout.addWidget(self._root)

    @property
    def groups(self) -> list[TabGroup]:
        """All groups, from left to right and from top to bottom."""
        return _groups(self._root)

    def split(self, group: TabGroup, side: Side) -> TabGroup:
        """A new, empty group beside or below another one."""
        way, new = _WAYS[side], self._make_group()
        holder = group.parentWidget()
        if isinstance(holder, QSplitter) and holder.orientation() == way:
            at, sizes = holder.indexOf(group), holder.sizes()
            holder.insertWidget(at + 1, new)
            new.show()
            half = sizes[at] // 2
            holder.setSizes([*sizes[:at], sizes[at] - half, half, *sizes[at + 1 :]])
            return new
        splitter = _splitter(way)
        room = group.width() if side == "right" else group.height()
        # Not replaceWidget: Python would go on owning the new splitter, and delete it.
        if isinstance(holder, QSplitter):
            sizes = holder.sizes()
            holder.insertWidget(holder.indexOf(group), splitter)
            splitter.addWidget(group)
            holder.setSizes(sizes)
        else:
            self._set_root(splitter)
            splitter.addWidget(group)
        splitter.addWidget(new)
        for widget in (splitter, group, new):
            widget.show()  # now: what is put into it is to get the focus
        splitter.setSizes([room // 2, room - room // 2])
        return new

    def other(self, group: TabGroup) -> TabGroup | None:
        """The next group; None if there is only this one."""
        groups = self.groups
        if group not in groups:
            return groups[0]
        return groups[(groups.index(group) + 1) % len(groups)] if len(groups) > 1 else None

    def collapse(self) -> None:
        """Take away groups without tabs, as long as one is left."""
        for group in self.groups:
            if group.count() == 0 and len(self.groups) > 1:
                self._remove(group)

    def _remove(self, group: TabGroup) -> None:
        holder = group.parentWidget()
        group.hide()
        group.setParent(None)
        group.deleteLater()
        while isinstance(holder, QSplitter) and holder.count() == 1:
            left = _inside(holder)[0]
            above = holder.parentWidget()
            if isinstance(above, QSplitter):
                sizes = above.sizes()
                above.insertWidget(above.indexOf(holder), left)
                holder.setParent(None)
                above.setSizes(sizes)
            else:
                self._set_root(left)
            left.show()
            holder.setParent(None)
            holder.deleteLater()
            holder = above

    def _set_root(self, widget: QWidget) -> None:
        self._layout.removeWidget(self._root)
        self._root = widget
        self._layout.addWidget(widget)

    # --- snapshots -------------------------------------------------------------------------------

    def tree(self) -> dict[str, Any]:
        """How it is split, as JSON can hold it."""
        return _tree(self._root)

    def rebuild(self, tree: object, fill: Callable[[TabGroup, dict[str, Any]], object]) -> None:
        """Split as `tree` gave it; `fill` puts the tabs of each group in.

        The groups before are taken away: they must be empty. What makes no sense is left out.
        """
        old = self._root
        self._set_root(self._built(tree, fill, 0) or self._make_group())
        old.hide()
        old.setParent(None)
        old.deleteLater()
        self.collapse()

    def _built(
        self, tree: object, fill: Callable[[TabGroup, dict[str, Any]], object], depth: int
    ) -> QWidget | None:
        if not isinstance(tree, dict) or depth > DEEPEST:
            return None
        way, inside = _WAYS.get(str(tree.get("split"))), tree.get("parts")
        if way is None:
            group = self._make_group()
            fill(group, tree)
            return group
        found = inside if isinstance(inside, list) else []
        widgets = [w for part in found[:DEEPEST] if (w := self._built(part, fill, depth + 1))]
        if not widgets:
            return None
        splitter = _splitter(way)
        for widget in widgets:
            splitter.addWidget(widget)
        sizes = tree.get("sizes")
        if isinstance(sizes, list) and len(sizes) == len(widgets):
            splitter.setSizes([max(1, s) if isinstance(s, int) else 1 for s in sizes])
        return splitter


def _splitter(way: Qt.Orientation) -> QSplitter:
    splitter = QSplitter(way)
    splitter.setChildrenCollapsible(False)
    return splitter


def _inside(splitter: QSplitter) -> list[QWidget]:
    found = (splitter.widget(i) for i in range(splitter.count()))
    return [widget for widget in found if widget is not None]


def _groups(widget: QWidget) -> list[TabGroup]:
    if isinstance(widget, TabGroup):
        return [widget]
    if isinstance(widget, QSplitter):
        return [group for inside in _inside(widget) for group in _groups(inside)]
    return []


def _tree(widget: QWidget) -> dict[str, Any]:
    if isinstance(widget, QSplitter):
        side = next(name for name, way in _WAYS.items() if way == widget.orientation())
        parts = [_tree(inside) for inside in _inside(widget)]
        return {"split": side, "sizes": widget.sizes(), "parts": parts}
    assert isinstance(widget, TabGroup)
    current = widget.current_frame
    keys = [frame.key for frame in widget.frames]
    return {"tabs": keys, "front": current.key if current is not None else ""}
