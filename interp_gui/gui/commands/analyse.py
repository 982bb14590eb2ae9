"""One command for each analysis."""

from typing import TYPE_CHECKING

from interp_gui.engine.messages import Hello
from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

ANALYSE = "analyse."


def analysis_commands(window: "MainWindow", hello: Hello) -> tuple[ActionSpec, ...]:
    """One command for each analysis, from its declaration alone."""
    return tuple(
        ActionSpec(
            id=f"{ANALYSE}{info.id}", title=info.title, tooltip=info.summary, icon="analysis",
            menu=info.menu or "Analyse", group="plugin" if info.plugin else "built-in",
            enabled_when=lambda: window.state.model is not None and window.bridge.is_ready,
            handler=lambda wanted=info.id: window.centre.show_analysis(wanted),
        )
        for info in hello.analyses
    )  # fmt: skip
