"""What the centre does with features, wherever they are shown."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from interp_gui.core.feature import Feature
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.features.commands import feature_commands_of, why_no_map
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.centre import Centre

SIMILARITY = "unit-similarity"


def register_targets(centre: "Centre", state: AppState, bridge: EngineBridge) -> None:
    """Register what menus, keys and drops call."""

    def beside(features: Sequence[Feature]) -> None:
        centre.open_beside("unit", pinned={"model": state.model, "feature": features[0]})

    def lay_map(features: Sequence[Feature]) -> None:
        state.set_tab("image")
        view: Any = centre.tab("image")
        view.show_map(features[0])

    def similar(features: Sequence[Feature]) -> None:
        state.set_tab("wall")
        view: Any = centre.tab("wall")
        view.sort_by_similarity(features[0])

    def why_not_similar(features: Sequence[Feature]) -> str:
        if SIMILARITY not in bridge.analyses:
            return "The analysis that compares units is missing."
        return "" if state.dataset is not None else "Open some images first."

    def colour(features: Sequence[Feature]) -> None:
        state.set_tab("atlas")
        view: Any = centre.tab("atlas")
        view.colour_by(features[0])

    commands = feature_commands_of(state)
    commands.register("open-beside", "Open unit page beside", beside, owner=centre)
    commands.register(
        "map", "Show where it responds", lay_map, owner=centre, why_not=partial(why_no_map, state)
    )
    commands.register(
        "atlas-colour", "Colour the atlas by it", colour, owner=centre,
        tooltip="Show on the atlas where it is active",
    )  # fmt: skip
    commands.register(
        "similar", "Sort the wall by similarity", similar, owner=centre, why_not=why_not_similar
    )
