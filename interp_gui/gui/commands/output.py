"""Commands on answers: which images are watched, and what views show of the edits."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.output import watched

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def output_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Watching images, and following the edits."""
    state = window.state

    def why_not_selected() -> str:
        return "" if window.images.current is not None else "Select images first."

    return (
        ActionSpec(
            id="output.watch", title="&Watch this image", shortcut="Ctrl+Shift+W", icon="pin",
            menu="Edit/Images", group="3", checkable=True,
            tooltip="Keep its answer, before and after edits, in sight in Output",
            checked_when=lambda: state.image is not None and state.image in state.watched,
            why_not=lambda: watched.why_not_watch(state),
            handler=lambda _on: watched.toggle_current(state),
            keywords="pin strip compare",
        ),
        ActionSpec(
            id="output.watch_selected", title="Watch the s&elected images", menu="Edit/Images",
            group="3", tooltip="Keep the answers for the images selected in the Images panel "
            "in sight", why_not=why_not_selected,
            handler=lambda: watched.watch(
                state, [entry.path for entry in window.images.selected]
            ),
        ),
        ActionSpec(
            id="output.watch_none", title="Watch &no images", menu="Edit/Images", group="3",
            tooltip="Empty the strip of watched images",
            why_not=lambda: "" if state.watched else "No image is watched.",
            handler=lambda: watched.unwatch_all(state),
        ),
        ActionSpec(
            id="output.follow", title="Show the edite&d network", shortcut="Ctrl+Shift+E",
            icon="eye", menu="Intervene", group="1", checkable=True,
            tooltip="Heat maps, rankings, unit pages and analyses follow the edits in force",
            checked_when=lambda: state.follows_edits, handler=state.set_follows_edits,
            keywords="interventions before after",
        ),
    )  # fmt: skip
