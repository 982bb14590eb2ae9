"""The rows of the panel, in the stack's order: which are chosen, and what keys do to them."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

from interp_gui.core.edit import Edit
from interp_gui.core.errors import InterpError
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.layer import LayerInfo
from interp_gui.gui import theme
from interp_gui.gui.interventions.choices import Region
from interp_gui.gui.interventions.deeds import Deeds
from interp_gui.gui.interventions.heads import GroupHead, ImageRow
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.row import EditRow
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState

_SHIFT, _CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


class EditList(QScrollArea):
    """Rows that stand for the edits of the window.

    Parameters
    ----------
    brushed
        What is brushed on the current image now.

    Signals
    -------
    drag_wanted
        Edits of these numbers are being dragged away.
    menu_wanted
        Of the chosen edits, at a global position.
    key_wanted
        What a row's key means, where the list does not do it itself: `copy`, `paste`, `open`.
    """

    drag_wanted = Signal(tuple)
    menu_wanted = Signal(QPoint)
    key_wanted = Signal(str)

    def __init__(self, state: AppState, brushed: Callable[[], Region]) -> None:
        super().__init__()
        self._state, self._brushed = state, brushed
        self.edits = interventions_of(state)
        self._live, self._sources, self._names = live_of(state), sources_of(state), names_of(state)
        self.deeds = Deeds(state, self)
        self.rows: list[EditRow] = []
        self.image_rows: list[ImageRow] = []
        self._heads: list[GroupHead] = []
        self._chosen: set[int] = set()
        self._current: int | None = None
        self.setAccessibleName("Edits")
        self.setAccessibleDescription("Up and Down go from edit to edit, Space switches one")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = inside = QWidget()
        self._column = QVBoxLayout(inside)
        edge = theme.SPACE_S
        self._column.setContentsMargins(edge, edge, edge, edge)
        self._column.setSpacing(theme.SPACE_S)
        self.setWidget(inside)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.show_effects)
        self._fitting = QTimer(self, singleShot=True, interval=0)
        self._fitting.timeout.connect(self._fit)
        self._placing = QTimer(self, singleShot=True, interval=0)
        self._placing.timeout.connect(self._place)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        state = self._state
        for signal in (
            state.edits_changed, state.model_changed, state.dataset_changed, state.image_changed,
            state.watched_changed, self.edits.statistics_changed, self._names.changed,
            self._sources.changed,
        ):  # fmt: skip
            signal.connect(self.refresh)
        for signal in (self._live.changed, state.target_changed):
            signal.connect(self._later.start)
        self.edits.added.connect(self._on_added)

    # --- which are chosen ----------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[int, ...]:
        """Numbers of the chosen edits, in order."""
        return tuple(sorted(self._chosen))

    @property
    def current(self) -> int | None:
        """Number of the edit that keys are about."""
        return self._current

    def choose(self, indices: Iterable[int], *, focus: bool = False) -> None:
        """Choose edits; the last one of them becomes the current one."""
        count = len(self._state.edits.edits)
        wanted = [i for i in indices if 0 <= i < count]
        self._chosen = set(wanted)
        self._current = wanted[-1] if wanted else None
        self._show_chosen()
        if self._current is not None:
            row = self.rows[self._current]
            if focus:
                row.setFocus(Qt.FocusReason.OtherFocusReason)
            QTimer.singleShot(0, row, partial(self._reveal, row))

    def _reveal(self, row: EditRow) -> None:
        self.ensureWidgetVisible(row, 0, theme.SPACE_S)

    def _show_chosen(self) -> None:
        alone = len(self._chosen) == 1
        for i, row in enumerate(self.rows):
            row.set_chosen(i in self._chosen, expanded=alone and i in self._chosen)
        if alone:
            self._show_details(next(iter(self._chosen)))
        self.show_effects()

    def _on_pressed(self, row: EditRow, modifiers: Qt.KeyboardModifier) -> None:
        index = row.index
        if modifiers & _CTRL:
            rest = self._chosen ^ {index}
            self.choose([*sorted(rest - {index}), *([index] if index in rest else [])])
        elif modifiers & _SHIFT and self._current is not None:
            low, high = sorted((self._current, index))
            before = self._current
            self.choose(range(low, high + 1))
            self._current = before
        elif index not in self._chosen or len(self._chosen) > 1:
            self.choose((index,))

    def _on_added(self, indices: tuple[int, ...]) -> None:
        self.refresh()
        self.choose(indices)

    # --- what is shown -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the stack as it is."""
        stack = self._state.edits
        self._keep_focus(len(stack.edits))
        while len(self.rows) < len(stack.edits):
            self.rows.append(self._make_row())
        for row in self.rows[len(stack.edits) :]:
            row.setParent(None)
            row.deleteLater()
        del self.rows[len(stack.edits) :]
        self._chosen = {i for i in self._chosen if i < len(self.rows)}
        if self._current is not None and self._current >= len(self.rows):
            self._current = None
        for i, edit in enumerate(stack.edits):
            self.rows[i].show_edit(
                i, edit, name=self._name(edit), value=self._value(i, edit),
                live=stack.is_live(i) and not self.edits.problem_of(i),
            )  # fmt: skip
        self._show_image_edits()
        self._arrange()
        self._show_chosen()

    def _keep_focus(self, count: int) -> None:
        """Give the focus on before the row that has it goes."""
        focused = QApplication.focusWidget()
        going = self.rows[count:]
        if focused is None:
            return
        if any(row is focused or row.isAncestorOf(focused) for row in going):
            if count:
                self.rows[count - 1].setFocus(Qt.FocusReason.OtherFocusReason)
            else:
                self.focusNextChild()

    def _name(self, edit: Edit) -> str:
        return self._names.name(edit.feature) or edit.feature.text

    def _value(self, index: int, edit: Edit) -> str:
        """What is put in place of the feature's value, in a word or two."""
        if edit.image_source:
            return f"from {self._sources.name_of(edit.image_source)}"
        if edit.kind != "ablate":
            return ""
        if self.edits.is_waiting(index):
            return "mean not known" if self.edits.waiting_problem(index) else "mean…"
        return "mean" if edit.baseline.kind == "mean" else "zero"

    def _show_image_edits(self) -> None:
        stack = self._state.edits
        while len(self.image_rows) < len(stack.image_edits):
            row = ImageRow(self._inside)
            index = len(self.image_rows)
            row.toggled.connect(
                lambda on, i=index: self.edits.change_image_edit(i, enabled=on)
            )  # fmt: skip
            row.remove_wanted.connect(partial(self.edits.remove_image_edits, index))
            row.radius_chosen.connect(
                lambda px, i=index: self.edits.change_image_edit(i, radius_px=px)
            )  # fmt: skip
            self.image_rows.append(row)
        for row in self.image_rows[len(stack.image_edits) :]:
            row.setParent(None)
            row.deleteLater()
        del self.image_rows[len(stack.image_edits) :]
        for row, edit in zip(self.image_rows, stack.image_edits, strict=True):
            row.show_edit(
                edit, image=self._sources.name_of(edit.image),
                live=edit.enabled and not stack.muted and stack.solo is None,
            )  # fmt: skip

    def _arrange(self) -> None:
        """Put rows into order, a head over each group."""
        groups = list(dict.fromkeys(e.group for e in self._state.edits.edits if e.group))
        while len(self._heads) < len(groups):
            self._heads.append(self._make_head())
        wanted: list[QWidget] = []
        heads = dict(zip(groups, self._heads, strict=False))
        for row, edit in zip(self.rows, self._state.edits.edits, strict=True):
            head = heads.pop(edit.group, None)
            if head is not None:
                mates = [e.enabled for e in self._state.edits.edits if e.group == edit.group]
                head.show_group(edit.group, mates)
                wanted.append(head)
            wanted.append(row)
        wanted += self.image_rows
        for head in self._heads:
            head.setVisible(head in wanted)
        column = self._column
        items = [column.itemAt(i) for i in range(column.count())]
        now = [item.widget() for item in items if item is not None]
        if now != [*wanted, None]:
            while column.count():
                column.takeAt(0)
            for widget in wanted:
                column.addWidget(widget)
            column.addStretch(1)

    def show_effects(self) -> None:
        """Show what the edits did, as far as it is known."""
        self._later.stop()
        for i, row in enumerate(self.rows):
            effect, problem = self._live.effects(i), self.edits.problem_of(i)
            row.show_effect(effect, problem)
            if row.is_expanded and row.details is not None:
                row.details.show_effect(
                    effect, problem=problem, target=self._target(),
                    adoptable=self.edits.can_adopt(i),
                )  # fmt: skip
        self._fit()

    def _fit(self) -> None:
        """Give every row the height of its words."""
        edge = self._column.contentsMargins()
        width = self.viewport().width() - edge.left() - edge.right()
        before = [row.height() for row in self.rows]
        for row in self.rows:
            row.fit(width)
        if before != [row.height() for row in self.rows]:
            self._placing.start()

    def _place(self) -> None:
        """Let the rows below stand lower, also where a scroll bar that came made them higher."""
        self._column.invalidate()
        QApplication.sendEvent(self._inside, QEvent(QEvent.Type.LayoutRequest))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fitting.start()

    def _target(self) -> str:
        answer = self._live.current
        return answer.target_title if answer is not None else ""

    def _show_details(self, index: int) -> None:
        row, edit = self.rows[index], self._state.edits.edits[index]
        if row.details is None:
            return
        row.details.show_edit(
            edit, layer=self._layer(edit), sources=self._sources,
            known=self._statistics(edit), waits=self.edits.is_waiting(index),
            has_images=self.edits.book.is_possible, problem=self.edits.waiting_problem(index),
            alone=self._state.edits.solo == index,
        )  # fmt: skip

    def _statistics(self, edit: Edit) -> FeatureStatistics | None:
        if edit.kind not in ("scale", "add", "clamp") or self._layer(edit) is None:
            return None
        return self.edits.statistics_of(edit.feature)

    def _layer(self, edit: Edit) -> LayerInfo | None:
        model = self._state.model
        if model is None:
            return None
        try:
            return model.description.layer(edit.feature.layer)
        except InterpError:
            return None

    # --- rows and what they do -----------------------------------------------------------------

    def _make_row(self) -> EditRow:
        row = EditRow(self._brushed, self._inside)
        row.pressed.connect(lambda modifiers: self._on_pressed(row, modifiers))
        row.dragged.connect(lambda: self._drag(row))
        row.toggled.connect(lambda on: self.edits.set_enabled(on, *self._meant(row)))
        row.key_wanted.connect(lambda meaning: self._on_key(row, meaning))
        row.menu_wanted.connect(lambda where: self._menu(row, where))
        row.detailed.connect(lambda: self._on_detailed(row))
        return row

    def _on_detailed(self, row: EditRow) -> None:
        self.deeds.connect_details(row)
        if row.details is not None:
            row.details.strength.refused.connect(self._fitting.start)

    def _meant(self, row: EditRow) -> tuple[int, ...]:
        """What a row stands for: all that is chosen, if it is among that."""
        return self.chosen if row.index in self._chosen else (row.index,)

    def _drag(self, row: EditRow) -> None:
        self.drag_wanted.emit(self._meant(row))

    def _menu(self, row: EditRow, where: QPoint) -> None:
        if row.index not in self._chosen:
            self.choose((row.index,), focus=True)
        self.menu_wanted.emit(where)

    def _on_key(self, row: EditRow, meaning: str) -> None:
        index, count = row.index, len(self.rows)
        if meaning in ("up", "down"):
            self.choose((max(0, min(count - 1, index + (1 if meaning == "down" else -1))),),
                        focus=True)  # fmt: skip
        elif meaning in ("earlier", "later"):
            self.shift(-1 if meaning == "earlier" else 1, meant=self._meant(row))
        elif meaning == "remove":
            self.remove(self._meant(row))
        elif meaning == "all":
            self.choose(range(count))
        elif meaning == "open":
            if not row.is_expanded:
                self.choose((index,))
            if row.details is not None:
                row.details.kind.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            if index not in self._chosen:
                self.choose((index,))
            self.key_wanted.emit(meaning)

    def shift(self, by: int, meant: Collection[int] | None = None) -> None:
        """Move the chosen edits by one place."""
        moving = sorted(meant if meant is not None else self._chosen)
        if not moving:
            return
        count = len(self.rows)
        to = moving[0] - 1 if by < 0 else moving[-1] + 2
        if 0 <= to <= count:
            self.move_to(moving, to)

    def move_to(self, moving: Collection[int], to: int) -> None:
        """Move edits before the one that is now at `to`; they stay chosen."""
        chosen = sorted(moving)
        first = to - sum(i < to for i in chosen)
        had_focus = any(row.hasFocus() for row in self.rows)
        self.edits.move(chosen, to)
        self.choose(range(first, first + len(chosen)), focus=had_focus)

    def remove(self, indices: Collection[int]) -> None:
        """Take edits off the panel; the one behind them is chosen next."""
        if not indices:
            return
        had_focus = any(row.hasFocus() for row in self.rows)
        first = min(indices)
        self.edits.remove(*indices)
        if self.rows:
            self.choose((min(first, len(self.rows) - 1),), focus=had_focus)

    # --- groups --------------------------------------------------------------------------------

    def _make_head(self) -> GroupHead:
        head = GroupHead(self._inside)
        head.toggled.connect(lambda on: self.edits.set_enabled(on, *self._mates(head)))
        head.pressed.connect(lambda: self.choose(self._mates(head)))
        head.dragged.connect(lambda: self.drag_wanted.emit(self._mates(head)))
        head.menu_wanted.connect(lambda where: self._head_menu(head, where))
        return head

    def _mates(self, head: GroupHead) -> tuple[int, ...]:
        edits = self._state.edits.edits
        return tuple(i for i, edit in enumerate(edits) if edit.group == head.group)

    def _head_menu(self, head: GroupHead, where: QPoint) -> None:
        self.choose(self._mates(head))
        self.menu_wanted.emit(where)

    # --- where things land ---------------------------------------------------------------------

    def row_at(self, position: QPoint) -> EditRow | None:
        """The row at a position in the list's coordinates."""
        inside = self._inside.mapFrom(self, position)
        return next((row for row in self.rows if row.geometry().contains(inside)), None)

    def place_at(self, position: QPoint) -> int:
        """Before which edit something lands that is dropped there."""
        inside = self._inside.mapFrom(self, position)
        for i, row in enumerate(self.rows):
            if inside.y() < row.geometry().center().y():
                return i
        return len(self.rows)

    def edge_of(self, place: int) -> int:
        """Where the gap before an edit is, in pixels from the top of the list."""
        if not self.rows:
            return theme.SPACE_S
        if place < len(self.rows):
            y = self.rows[place].geometry().top() - theme.SPACE_S // 2
        else:
            y = self.rows[-1].geometry().bottom() + theme.SPACE_S // 2
        return self._inside.mapTo(self, QPoint(0, y)).y()
