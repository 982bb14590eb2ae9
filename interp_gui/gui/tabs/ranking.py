"""Units that speak for the answer: what the engine found, as cards in the order asked for."""

import math
from dataclasses import dataclass, field
from typing import Literal

from interp_gui.core.export.numbers import readable
from interp_gui.core.feature import Feature
from interp_gui.core.result import Grid, Number, Table

Order = Literal["attribution", "activation", "effect"]
ORDERS: dict[Order, str] = {
    "attribution": "activation × gradient",
    "activation": "activation",
    "effect": "effect when switched off",
}
NO_UNITS = "This layer has no units to rank: choose another one above."
_EFFECT = "fall of target"
_PERCENTILE = "percentile of controls"


@dataclass
class RankedUnit:
    """One unit of a ranking."""

    feature: Feature
    rank: int = 0
    activation: float | None = None
    attribution: float | None = None
    effect: float | None = None
    """Target before − after switching it off; None where that was not tried."""
    percentile: float | None = None
    """Share of random units with a smaller effect, in percent."""

    @property
    def caption(self) -> str:
        """The numbers in one short line: the effect, or what it is ranked by."""
        if self.effect is not None:
            return f"Δ Target {_signed(-self.effect)}"
        if self.attribution is not None:
            return f"a×g {readable(self.attribution)}"
        return ""

    @property
    def verdict(self) -> str:
        """Whether switching it off bears the ranking out; empty where that was not tried."""
        if self.effect is None or math.isnan(self.effect):
            return ""
        if self.percentile is None:
            return "switched off"
        if self.percentile >= 100.0 and self.effect > 0:
            return "confirmed"
        # the target rises, and by more than any random unit changes it
        return "opposite" if self.percentile >= 100.0 and self.effect < 0 else "like random"

    @property
    def spoken(self) -> str:
        """All numbers, a line each."""
        lines = [self.feature.text]
        if self.activation is not None:
            lines.append(f"Activation here: {readable(self.activation)}")
        if self.attribution is not None:
            lines.append(f"Activation × gradient: {readable(self.attribution)}")
        if self.effect is not None:
            lines.append(f"Switched off, the target changes by {_signed(-self.effect)}")
        if self.percentile is not None:
            lines.append(f"More than {readable(self.percentile)} % of random units of the layer")
        return "\n".join(lines)


def _signed(value: float) -> str:
    text = readable(value)
    return f"+{text}" if value > 0 else text


@dataclass
class Ranking:
    """The units of one ranking, refined as results come in."""

    units: dict[str, RankedUnit] = field(default_factory=dict)
    title: str = ""
    notes: tuple[str, ...] = ()
    final: bool = False
    control: float | None = None
    """Largest change of the Target by a random unit."""

    def adopt_table(self, table: Table) -> None:
        """Take over numbers; rows of random units are kept apart."""
        places = {name: i for i, name in enumerate(table.columns)}
        ranked: dict[str, RankedUnit] = {}
        for feature, cells in zip(table.features, table.cells, strict=False):
            role = cells[places["role"]] if "role" in places else "ranked"
            if feature is None or role != "ranked":
                continue
            ranked[feature.text] = RankedUnit(
                feature=feature,
                rank=len(ranked) + 1,
                activation=_at(cells, places.get("activation")),
                attribution=_at(cells, places.get("activation × gradient")),
                effect=_at(cells, places.get(_EFFECT)),
                percentile=_at(cells, places.get(_PERCENTILE)),
            )
        self.units = ranked
        self.title, self.notes, self.final = table.title, table.notes, table.final
        largest = table.numbers.get("control_change_largest")
        self.control = float(largest) if isinstance(largest, float | int) else None

    def adopt_grid(self, grid: Grid) -> None:
        """Take over units that no table has named."""
        for item in grid.items:
            if item.feature is not None and item.feature.text not in self.units:
                self.units[item.feature.text] = RankedUnit(item.feature, rank=len(self.units) + 1)

    def ordered(self, order: Order) -> list[RankedUnit]:
        """Units in the order asked for; those without that number come last."""
        return sorted(self.units.values(), key=lambda unit: _key(unit, order))

    @property
    def summary(self) -> str:
        """What the effects are compared to."""
        if self.control is None:
            return ""
        return f"Random units of the layer change the target by at most {readable(self.control)}."


def _key(unit: RankedUnit, order: Order) -> tuple[bool, float, int]:
    value = getattr(unit, order)
    return value is None, -(value or 0.0), unit.rank


def _at(cells: tuple[Number, ...], place: int | None) -> float | None:
    value = cells[place] if place is not None else None
    return float(value) if isinstance(value, float | int) else None
