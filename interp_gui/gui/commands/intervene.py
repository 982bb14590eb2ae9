"""What can be done with the interventions as a whole, and with what is chosen of them."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.interventions.model import interventions_of

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

MENU = "Intervene"
DATASET_EFFECT, SWEEP = "dataset-effect", "ablation-sweep"


def intervene_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """In the order of the menu: force, the stack, keeping, asking more."""
    state, panel = window.state, window.interventions
    edits = interventions_of(state)

    def lacking() -> str:
        stack = state.edits
        return "" if stack.edits or stack.image_edits else "Nothing is on the panel yet."

    def not_one() -> str:
        return lacking() or ("" if panel.list.current is not None else "Choose an edit first.")

    def solo(_on: bool) -> None:
        current = panel.list.current
        edits.solo(None if current is None or state.edits.solo is not None else current)

    return (
        ActionSpec(
            id="intervene.mute", title="&Mute all", shortcut="Shift+M", menu=MENU, group="1",
            icon="mute", tooltip="Show the network as it is, and the interventions again",
            checkable=True, checked_when=lambda: state.edits.muted, why_not=lacking,
            handler=edits.mute_all,
        ),
        ActionSpec(
            id="intervene.solo", title="&Alone in force", menu=MENU, group="1", icon="solo",
            shortcut="Shift+A", tooltip="Put only the chosen edit in force, and all of them again",
            checkable=True, checked_when=lambda: state.edits.solo is not None, why_not=not_one,
            handler=solo,
        ),
        ActionSpec(
            id="intervene.panel", title="&Go to the interventions", shortcut="Ctrl+E", menu=MENU,
            group="2", icon="interventions", tooltip="Show the panel and go to its edits",
            handler=lambda: _go_to(window),
        ),
        ActionSpec(
            id="intervene.paste", title="&Paste edits", shortcut="Ctrl+Shift+V", menu=MENU,
            group="2", tooltip="Put copied edits, or copied units, on the panel",
            handler=panel.paste,
        ),
        ActionSpec(
            id="intervene.clear", title="&Clear", menu=MENU, group="2", icon="clear",
            tooltip="Take everything off the panel; it can be undone", why_not=lacking,
            handler=edits.clear,
        ),
        ActionSpec(
            id="intervene.keep", title="&Keep these edits", shortcut="Ctrl+Shift+K", menu=MENU,
            group="3", icon="keep", why_not=lacking, handler=panel.keep_stack,
            tooltip="Keep a copy beside the panel and on the shelf, to compare others with",
        ),
        ActionSpec(
            id="intervene.exchange", title="E&xchange with the kept ones", menu=MENU, group="3",
            shortcut="Ctrl+Alt+E", icon="exchange",
            tooltip="Put the kept edits on the panel, and keep those that stand there",
            why_not=lambda: "" if state.stacks else "No edits are kept yet.",
            handler=lambda: edits.exchange(edits.compared or 0),
        ),
        ActionSpec(
            id="intervene.compare", title="C&ompare with the kept ones", menu=MENU, group="3",
            checkable=True,
            tooltip="Show the answers of kept edits beside those of the panel",
            checked_when=lambda: edits.compared is not None,
            why_not=lambda: "" if state.stacks else "No edits are kept yet.",
            handler=lambda _on: panel.compare_next(),
        ),
        ActionSpec(
            id="intervene.open", title="Open e&dits…", menu=MENU, group="4",
            tooltip="Put the edits of a file on the panel", handler=lambda: _open(window),
        ),
        ActionSpec(
            id="intervene.save", title="&Save edits…", menu=MENU, group="4", why_not=lacking,
            tooltip="Write the edits to a file that the command line takes too",
            handler=lambda: _save(window),
        ),
        ActionSpec(
            id="intervene.dataset", title="Over the &images…", menu=MENU, group="5",
            icon="open-images", tooltip="See what the edits do to every image at hand",
            why_not=lambda: lacking() or _missing(window, DATASET_EFFECT),
            handler=lambda: window.centre.show_analysis(DATASET_EFFECT),
        ),
        ActionSpec(
            id="intervene.sweep", title="S&weep this layer…", menu=MENU, group="5",
            tooltip="Switch every unit of the current layer off, one at a time",
            why_not=lambda: _missing(window, SWEEP),
            handler=lambda: window.centre.show_analysis(SWEEP),
        ),
        ActionSpec(
            id="intervene.bake", title="&Bake into a checkpoint…", menu=MENU, group="6",
            icon="export", tooltip="Write a model that behaves as the edited one does",
            why_not=lacking, handler=lambda: _bake(window),
        ),
    )  # fmt: skip


def _missing(window: "MainWindow", analysis: str) -> str:
    if window.state.model is None:
        return "Open a model first."
    return "" if analysis in window.bridge.analyses else "The analysis that does this is missing."


def _go_to(window: "MainWindow") -> None:
    dock = window.docks["interventions"]
    dock.show()
    dock.raise_()
    window.interventions.take_focus()


def _open(window: "MainWindow") -> None:
    from interp_gui.gui.interventions.files import open_edits

    open_edits(window, window.state)


def _save(window: "MainWindow") -> None:
    from interp_gui.gui.interventions.files import save_edits

    save_edits(window, window.state, window.state.edits)


def _bake(window: "MainWindow") -> None:
    from interp_gui.gui.interventions.bake_dialog import open_bake_dialog

    open_bake_dialog(window, window.state, window.bridge, window.documents)
