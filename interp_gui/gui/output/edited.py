"""The answer for the current image before and after what is in force, and beside a kept stack."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QToolButton, QWidget

from interp_gui.core.interventions.kinds import Intervention
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.words import contents_of, title_of_stack
from interp_gui.gui.output.mark import EditedMark
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.widgets.intervention import InterventionView

WAITING = "Asking the edited model…"
RESTARTING = "The engine is starting again…"
OLD = "These are the answers before that."


class EditedAnswer(QWidget):
    """What the edits do to the answer for the image in front.

    Signals
    -------
    explain
        Class, or place among the numbers, that is to be the Target.
    """

    explain = Signal(int)

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._state, self._bridge = state, bridge
        self._live = live_of(state)
        self._interventions = interventions_of(state)
        self.view: InterventionView | None = None
        self.other: InterventionView | None = None
        self.mark = EditedMark()
        self.logits = QToolButton()
        self.logits.setText("Logits")
        self.logits.setCheckable(True)
        self.logits.setAutoRaise(True)
        self.logits.setToolTip("Show logits and their differences instead of probabilities")
        self.logits.setAccessibleName("Show logits")
        self.logits.toggled.connect(self._set_logits)
        self.follow = parts.icon_button(
            "eye",
            "Show the edited network: heat maps, rankings, unit pages and analyses follow the "
            "edits (Ctrl+Shift+E)",
        )
        self.follow.setCheckable(True)
        self.follow.setAccessibleName("Show the edited network")
        self.follow.clicked.connect(state.shared.set_follows_edits)
        self.message = parts.label(dim=True)
        self.compared_heading = parts.label(dim=True)
        self._column = parts.column(self, spacing=theme.SPACE_S)
        row = parts.row()
        row.addWidget(self.mark)
        row.addStretch(1)
        row.addWidget(self.follow)
        row.addWidget(self.logits)
        self._column.addLayout(row)
        self._column.addWidget(self.message)
        self._column.addWidget(self.compared_heading)
        self._live.changed.connect(self.refresh)
        state.edits_changed.connect(self.refresh)
        self._interventions.compared_changed.connect(self._compare)
        state.stacks_changed.connect(self._compare)
        self._compare()

    # --- what is shown ---------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known now."""
        state = self._state
        self.follow.setChecked(state.follows_edits)
        if not self._live.in_force:
            return
        words = "Held" if state.held else "Edited"
        self.mark.tell(words, state.edits_in_force)
        result = self._live.current
        self._say(result)
        if result is not None and not result.problem:
            if self.view is None:
                self.view = self._make()
                self._column.insertWidget(1, self.view)
            if self.view.result is not result:
                self.view.set_result(result, self._live.recipe(state.image or ""))
            self.logits.setVisible(result.output_kind in ("softmax", "sigmoid"))
        if self.view is not None:
            self.view.setVisible(result is not None and not result.problem)
            self.view.setEnabled(self._bridge.is_ready)
        self._show_other()

    def _say(self, result: Intervention | None) -> None:
        text = self._live.problem
        if not text and result is not None:
            text = "\n".join(filter(None, (result.problem, *result.notes)))
        elif not text:
            text = WAITING if self._bridge.is_ready else RESTARTING
        if result is not None and not self._bridge.is_ready:
            text = f"{RESTARTING} {OLD}"
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _make(self) -> "InterventionView":
        # here and not above: views of results bring the drawing of exports with them, which the
        # first paint of the window need not wait for
        from interp_gui.gui.export_ui import connect_export
        from interp_gui.gui.widgets.intervention import InterventionView

        view = InterventionView()
        view.set_logits(self.logits.isChecked())
        connect_export(view, self._state)
        view.explain.connect(self.explain)
        return view

    def _set_logits(self, on: bool) -> None:
        for view in (self.view, self.other):
            if view is not None:
                view.set_logits(on)

    # --- beside a kept stack --------------------------------------------------------------------

    def _compare(self) -> None:
        number, stacks = self._interventions.compared, self._state.stacks
        there = number is not None and number < len(stacks)
        self._live.compare(stacks[number] if there and number is not None else None)
        self._show_other()

    def _show_other(self) -> None:
        number, stacks = self._interventions.compared, self._state.stacks
        there = number is not None and number < len(stacks)
        result = self._live.compared(self._state.image or "") if there else None
        self.compared_heading.setVisible(there)
        if there and number is not None:
            name = title_of_stack(stacks[number], number)
            problem = result.problem if result is not None else ""
            self.compared_heading.setText(f"Beside it: {name}{f'. {problem}' if problem else ''}")
            self.compared_heading.setToolTip(contents_of(stacks[number]))
        if result is not None and not result.problem:
            if self.other is None:
                self.other = self._make()
                self._column.addWidget(self.other)
            if self.other.result is not result:
                recipe = self._live.compared_recipe(self._state.image or "")
                self.other.set_result(result, recipe)
        if self.other is not None:
            self.other.setVisible(result is not None and not result.problem)
