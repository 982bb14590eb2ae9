"""The cards of a layer wall and what came for them; the wall lays them out."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from PySide6.QtGui import QImage

from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, Picture
from interp_gui.gui.export_ui import Exportable
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.wall_order import UnitRow
from interp_gui.gui.widgets.card import STRIP, Card
from interp_gui.gui.widgets.pixels import shrunk, to_image

KEPT_RESULTS = 800
"""Units whose results stay in memory; those that were seen longest ago are asked for again."""
_MAIN_PX, _STRIP_PX = 256, 72


class WallCards:
    """A card and a row of numbers for every unit, by the text of its feature."""

    def __init__(self) -> None:
        self.rows: dict[str, UnitRow] = {}
        self.cards: dict[str, Card] = {}
        self.empty = "…"
        """What stands in a card whose examples are not there yet."""
        self._examples: OrderedDict[str, tuple[Grid, Recipe | None]] = OrderedDict()
        self._pictures: dict[str, tuple[Picture, Recipe | None]] = {}
        self._failed: dict[str, str] = {}

    def begin(self, features: Iterable[Feature], name_of: Callable[[Feature], str]) -> None:
        """Show other units."""
        self.rows = {f.text: UnitRow(f, name=name_of(f)) for f in features}
        self.cards = {
            key: Card(key=key, title="", feature=row.feature) for key, row in self.rows.items()
        }
        self._examples.clear()
        self._pictures.clear()
        self._failed.clear()

    @property
    def dead(self) -> int:
        """Number of dead units."""
        return sum(row.dead for row in self.rows.values())

    def describe(self, card: Card) -> None:
        """Title, numbers and tag of a card that is about to be shown."""
        key = card.key
        row = self.rows[key]
        card.title = f"{row.index}  {row.name}" if row.name else str(row.index)
        parts = []
        if row.similarity is not None:
            parts.append(f"like it {readable(row.similarity)}")
        if row.response is not None:
            parts.append(f"here {readable(row.response)}")
        if row.peak is not None:
            parts.append(f"peak {readable(row.peak)}")
        card.caption = " · ".join(parts)
        card.dim = row.dead
        picture = self._pictures.get(key)
        card.tag = "dead" if row.dead else picture_tag(picture[0]) if picture else ""
        reason = self._failed.get(key, "")
        if card.main.isNull():
            if row.dead:
                placeholder = "dead"
            elif key in self._examples or reason:
                placeholder = "no examples"
            else:
                placeholder = self.empty
            if placeholder != card.placeholder:
                card.placeholder = placeholder
                card.revision += 1
        card.tooltip = "\n".join(text for text in (key, card.caption, reason) if text)

    # --- what comes ------------------------------------------------------------------------------

    def add_examples(self, key: str, grid: Grid, recipe: Recipe | None) -> None:
        """Real examples of a unit."""
        self._examples[key] = (grid, recipe)
        self._examples.move_to_end(key)
        card, row = self.cards[key], self.rows[key]
        pictures = [to_image(item.pixels) for item in grid.items]
        has_optimised = key in self._pictures
        if pictures and not has_optimised:
            card.main = shrunk(pictures[0], _MAIN_PX)
        beneath = pictures if has_optimised else pictures[1:]
        card.strip = tuple(shrunk(picture, _STRIP_PX) for picture in beneath[:STRIP])
        if grid.numbers.get("dead") is True:
            row.dead = True

    def add_picture(self, key: str, picture: Picture, recipe: Recipe | None) -> None:
        """An optimised picture of a unit, or a later version of it."""
        first = key not in self._pictures
        self._pictures[key] = (picture, recipe)
        card = self.cards[key]
        if first and not card.main.isNull():
            # the strongest real example moves into the strip, never out of sight
            card.strip = (shrunk(card.main, _STRIP_PX), *card.strip)[:STRIP]
        card.main = shrunk(to_image(picture.pixels), _MAIN_PX)

    def fail(self, key: str, reason: str) -> None:
        """The examples of a unit cannot be had."""
        self._failed[key] = reason

    def forget_old(self, visible: Collection[str]) -> list[str]:
        """Forget the examples that were seen longest ago; their keys."""
        gone = []
        for key in list(self._examples):
            if len(self._examples) <= KEPT_RESULTS:
                break
            if key not in visible and key not in self._pictures:
                del self._examples[key]
                self.cards[key].main, self.cards[key].strip = QImage(), ()
                gone.append(key)
        return gone

    def forget_examples(self) -> None:
        """Forget all real examples: the images at hand are others."""
        for key, card in self.cards.items():
            if key not in self._pictures:
                card.main = QImage()
            card.strip = ()
            card.revision += 1
        self._examples.clear()
        self._failed.clear()

    # --- what there is ---------------------------------------------------------------------------

    def result(self, key: str) -> tuple[AnyResult, Recipe | None] | None:
        """The optimised picture of a unit, or its real examples."""
        return self._pictures.get(key) or self._examples.get(key)

    def exportables(self, keys: Sequence[str]) -> list[Exportable]:
        """What there is to export of some cards: optimised pictures before real examples."""
        return [Exportable(*found) for key in keys if (found := self.result(key)) is not None]


def picture_tag(picture: Picture) -> str:
    """What a card says of how far its picture is."""
    if picture.final:
        return ""
    steps = picture.numbers.get("steps", picture.numbers.get("step"))
    return f"{steps} steps" if isinstance(steps, int) else "optimising"


def hint(state: AppState, *, some: bool) -> str:
    """What an empty wall says; `some`: whether the layer has units."""
    if state.model is None:
        return "Open a model: drop a checkpoint on the window, or choose File ▸ Open model."
    if not state.layer:
        return "Choose a layer above or in the Model panel to see its units."
    if some:
        return "No unit fits the filter."
    return "This layer has no units to look at. Choose another one above."
