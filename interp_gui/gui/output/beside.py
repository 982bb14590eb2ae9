"""What another open model answers for the same image, below the current one's answers."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Bars
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.other_model import OtherModelBox

if TYPE_CHECKING:
    from interp_gui.gui.widgets.bars import BarsView

ANALYSIS = "predict"
VIEW = "output-beside"


class BesideAnswers(QWidget):
    """A second model's answers; there as soon as two models are open."""

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._state, self._bridge = state, bridge
        self.box = OtherModelBox(state, self, optional="No other model")
        self.message = parts.label(dim=True)
        self.bars: BarsView | None = None
        column = parts.column(self, spacing=theme.SPACE_S)
        caption = parts.label("Beside it", dim=True, wrap=False)
        caption.setBuddy(self.box)
        row = parts.row(spacing=theme.SPACE_S)
        row.addWidget(caption)
        row.addWidget(self.box, 1)
        column.addLayout(row)
        column.addWidget(self.message)
        self._column = column
        self.box.chosen.connect(self.ask)
        state.models_changed.connect(self.ask)
        state.model_changed.connect(self.ask)
        state.image_changed.connect(self.ask)
        bridge.ready.connect(self.ask)
        self.ask()

    def ask(self) -> None:
        """Ask the engine for the second model's answer, if one is chosen."""
        self.setVisible(len(self._state.models) > 1)
        model, image = self.box.opened, self._state.image
        if model is None or image is None or not self._bridge.is_ready:
            self._bridge.drop(VIEW)
            self._show_bars(False)
            self.message.setVisible(False)
            return
        request = Run(analysis=ANALYSIS, model=model.handle, inputs=Inputs(images=(image,)))
        self._bridge.run(request, view=VIEW, on_result=self._came, on_end=self._ended)

    def _came(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Bars):
            return
        if self.bars is None:
            # views of results bring the drawing of exports with them, which may come later
            from interp_gui.gui.export_ui import connect_export
            from interp_gui.gui.widgets.bars import BarsView

            self.bars = BarsView()
            connect_export(self.bars, self._state)
            self._column.addWidget(self.bars)
        self.bars.set_result(result, recipe)
        self._show_bars(True)
        self.message.setText("\n".join(result.notes))
        self.message.setVisible(bool(result.notes))

    def _ended(self, ended: Ended) -> None:
        if ended.error is not None:
            self._show_bars(False)
            self.message.setText(ended.error.message)
            self.message.setVisible(True)

    def _show_bars(self, visible: bool) -> None:
        if self.bars is not None:
            self.bars.setVisible(visible)
