"""What a harvest records of every image."""

from dataclasses import dataclass

from interp_gui.core.errors import InvalidValue

MOST_POSITIONS, MOST_KEPT = 1024, 4096


@dataclass(frozen=True, kw_only=True)
class HarvestSpec:
    """What is recorded.

    Parameters
    ----------
    positions
        Random positions an image whose whole vectors are kept.
    skip_edges
        Whether rows and columns at the border, where padding shows, are left out of these.
    k
        Strongest positions kept of each unit; one an image.
    seed
        Of the random positions.
    """

    positions: int = 1
    skip_edges: bool = True
    k: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.positions <= MOST_POSITIONS:
            raise InvalidValue(
                f"{self.positions} positions an image cannot be recorded.",
                hint=f"Ask for 1 to {MOST_POSITIONS}.",
            )
        if not 1 <= self.k <= MOST_KEPT:
            raise InvalidValue(
                f"{self.k} strongest positions cannot be kept.", hint=f"Ask for 1 to {MOST_KEPT}."
            )
