"""Commands that collect examples of a concept."""

from functools import partial
from typing import TYPE_CHECKING

from interp_gui.core.examples import Example
from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.concepts.brushed import brushed_of
from interp_gui.gui.concepts.collected import TITLES
from interp_gui.gui.concepts.menus import add_to

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def concept_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Adding the selected images, and the brushed place, to either side."""
    panel, state = window.images, window.state

    def images(side: str) -> None:
        chosen = panel.selected or ([panel.current] if panel.current is not None else [])
        if chosen:
            add_to(state, side, [Example(e.path, None, e.group) for e in chosen])

    def place(side: str) -> None:
        example = brushed_of(state).example
        if example is not None:
            add_to(state, side, [example])

    found = []
    for side, title in TITLES.items():
        found += [
            ActionSpec(
                id=f"concepts.add_{side}", title=f"Add images to {title}", menu="Edit/Images",
                group="5", tooltip=f"Use the selected images as examples {side} a concept",
                enabled_when=lambda: panel.current is not None, handler=partial(images, side),
                keywords="concept example",
            ),
            ActionSpec(
                id=f"concepts.place_{side}", title=f"Add brushed place to {title}",
                menu="Edit/Images", group="6", handler=partial(place, side),
                tooltip=f"Use what is brushed on the image as an example {side} a concept",
                enabled_when=lambda: brushed_of(state).example is not None,
                why_not=lambda: "Brush a place on the image first.",
                keywords="concept example region",
            ),
        ]  # fmt: skip
    return tuple(found)
