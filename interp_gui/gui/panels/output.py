"""The Output panel: what the current model answers for the current image."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Bars
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.widgets.bars import BarsView

ANALYSIS = "predict"
VIEW = "output"


class OutputPanel(QWidget):
    """The strongest answers as bars; asks again whenever model or image change."""

    def __init__(self, state: AppState, bridge: EngineBridge) -> None:
        super().__init__()
        self._state = state
        self._bridge = bridge
        self.setMinimumWidth(150)
        self.heading = parts.label()
        self.message = parts.label(dim=True)
        self.bars: BarsView | None = None
        column = parts.column(self, margin=theme.SPACE_M, spacing=theme.SPACE_M)
        column.addWidget(self.heading)
        column.addWidget(self.message)
        column.addStretch(1)
        self._column = column
        state.model_changed.connect(self.ask)
        state.image_changed.connect(self.ask)
        bridge.ready.connect(self.ask)
        bridge.lost.connect(lambda _lost: self.ask())
        self.ask()

    def ask(self) -> None:
        """Ask the engine for the current image's answer, or say what is missing for it."""
        model, image = self._state.model, self._state.image
        if model is None:
            return self._say("Open a model to see its answers here.")
        if image is None:
            return self._say("Open an image to see what the model answers.")
        if not self._bridge.is_ready:
            return self._say("The engine is starting again…")
        self.heading.setText(Path(image).name)
        self.heading.setVisible(True)
        if self.bars is not None:
            self.bars.setEnabled(False)
        else:
            self.message.setText("Asking the model…")
            self.message.setVisible(True)
        request = Run(
            analysis=ANALYSIS,
            model=model.handle,
            inputs=Inputs(images=(image,), target=self._state.target),
        )
        self._bridge.run(request, view=VIEW, on_result=self._on_result, on_end=self._on_end)
        return None

    def _say(self, text: str) -> None:
        self._bridge.drop(VIEW)
        self.heading.setVisible(False)
        if self.bars is not None:
            self.bars.setVisible(False)
        self.message.setText(text)
        self.message.setVisible(True)

    def _on_result(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Bars):
            return
        if self.bars is None:
            self.bars = self._make_bars()
        self.bars.set_result(result, recipe)
        self.bars.setVisible(True)
        self.bars.setEnabled(True)
        self.message.setText("\n".join(result.notes))
        self.message.setVisible(bool(result.notes))

    def _make_bars(self) -> "BarsView":
        # Here and not above: views of results bring the drawing of exports with them, which the
        # first paint of the window need not wait for.
        from interp_gui.gui.widgets.bars import BarsView

        bars = BarsView()
        self._column.insertWidget(self._column.count() - 1, bars)
        return bars

    def _on_end(self, ended: Ended) -> None:
        if ended.error is not None:
            self._say(f"{ended.error.message} {ended.error.hint}".strip())
