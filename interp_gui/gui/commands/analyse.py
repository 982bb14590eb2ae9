"""One command for each analysis."""

from functools import partial
from typing import TYPE_CHECKING

from interp_gui.core.analysis import Need
from interp_gui.engine.messages import Hello
from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

ANALYSE = "analyse."


def analysis_commands(window: "MainWindow", hello: Hello) -> tuple[ActionSpec, ...]:
    """One command for each analysis that menus offer, from its declaration alone."""
    return tuple(
        ActionSpec(
            id=f"{ANALYSE}{info.id}", title=info.title, tooltip=info.summary, icon="analysis",
            menu=info.menu or "Analyse", group="plugin" if info.plugin else "built-in",
            enabled_when=lambda: window.state.model is not None and window.bridge.is_ready,
            why_not=partial(_why_not, window, info.needs),
            handler=lambda wanted=info.id: window.centre.show_analysis(wanted),
        )
        for info in hello.analyses
        if info.offered
    )  # fmt: skip


def _why_not(window: "MainWindow", needs: tuple[Need, ...]) -> str:
    """What the current model lacks for good; what can be opened yet, the view itself asks for."""
    state = window.state
    if state.model is None:
        return "Open a model first."
    if "gradient" in needs and state.gradient_problem:
        return f"It needs gradients: {state.gradient_problem}"
    return state.no_classes if "classes" in needs else ""
