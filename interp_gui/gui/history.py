"""Back and forward over what was looked at."""

from collections.abc import Collection
from dataclasses import dataclass

from interp_gui.core.feature import Feature

LIMIT = 200


@dataclass(frozen=True)
class Visit:
    """One place that was looked at: a layer, a feature, a tab and an image of a model."""

    layer: str = ""
    feature: Feature | None = None
    tab: str = ""
    image: str | None = None
    model: str = ""
    """Handle of the model."""


class History:
    """A browser-like list of visits with a current position.

    Visiting after going back forgets what lay ahead. The oldest visits fall out at `LIMIT`.
    """

    def __init__(self) -> None:
        self._visits: list[Visit] = []
        self._at = -1

    @property
    def current(self) -> Visit | None:
        """The visit that is shown, None while there is none."""
        return self._visits[self._at] if self._visits else None

    @property
    def length(self) -> int:
        """Number of visits."""
        return len(self._visits)

    @property
    def can_back(self) -> bool:
        """Whether something lies behind."""
        return self._at > 0

    @property
    def can_forward(self) -> bool:
        """Whether something lies ahead."""
        return self._at + 1 < len(self._visits)

    def visit(self, place: Visit) -> bool:
        """Append a visit; False if it is where we are already."""
        if place == self.current:
            return False
        self._visits = [*self._visits[: self._at + 1], place][-LIMIT:]
        self._at = len(self._visits) - 1
        return True

    def back(self) -> Visit | None:
        """Step back; None at the beginning."""
        if not self.can_back:
            return None
        self._at -= 1
        return self._visits[self._at]

    def forward(self) -> Visit | None:
        """Step forward; None at the end."""
        if not self.can_forward:
            return None
        self._at += 1
        return self._visits[self._at]

    def keep_models(self, handles: Collection[str]) -> bool:
        """Forget the visits to models that are closed; whether there were any."""

        def stays(visit: Visit) -> bool:
            return not visit.model or visit.model in handles

        kept = [visit for visit in self._visits if stays(visit)]
        if len(kept) == len(self._visits):
            return False
        behind = sum(map(stays, self._visits[: self._at + 1]))
        self._visits, self._at = kept, max(behind - 1, min(0, len(kept) - 1))
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._visits = []
        self._at = -1
