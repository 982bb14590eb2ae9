"""What results of all kinds share."""

from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.feature import Feature

RESULT_KINDS = (
    "picture", "grid", "heatmap", "bars", "table", "curve", "matrix", "intervention", "atlas",
    "sheet", "graph",
)  # fmt: skip

Number = float | int | str | bool | None
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Result(msgspec.Struct, kw_only=True, eq=False, tag_field="kind"):
    """What all kinds share.

    Parameters
    ----------
    key
        Stable within one run: a later result of the same key replaces the earlier one.
    title
        Short line for people, in the vocabulary of the design.
    final
        False while it is still being refined.
    numbers
        Figures that belong to it, by name with unit (`activation`, `rank_percent`).
    feature
        The feature shown, which can be dragged from it.
    notes
        Sentences about how far it can be trusted.
    provenance
        What a recipe adds for this result (`batch`, `image_sha256`), JSON-like.
    """

    key: str
    title: str
    final: bool = True
    numbers: dict[str, Number] = {}
    feature: Feature | None = None
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = {}

    kind: ClassVar[str] = ""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that an NPZ export holds."""
        return {}

    def rows(self) -> list[tuple[Number, ...]]:
        """Rows that a CSV export holds, the first being the header."""
        return [("name", "value"), *self.numbers.items()]
