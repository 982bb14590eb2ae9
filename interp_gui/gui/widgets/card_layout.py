"""Where cards lie: plain geometry, so that a list can find what is in view without asking all."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a list: a heading, or cards `first` to `first + count - 1`."""

    top: int
    height: int
    first: int
    count: int
    heading: str = ""


class CardLayout:
    """Rows of equally large cards under headings.

    Parameters
    ----------
    groups
        Heading of each card; equal neighbours share one heading, an empty one shows none.
    width
        Width of the view in pixels.
    card
        Width and height of a card.
    columns
        Cards a row; 0: as many as fit.
    """

    def __init__(
        self,
        groups: Sequence[str],
        *,
        width: int,
        card: tuple[int, int],
        spacing: int = 8,
        heading: int = 26,
        columns: int = 0,
    ) -> None:
        self.card, self.spacing = card, spacing
        self.count = len(groups)
        fits = max(1, (width - spacing) // (card[0] + spacing))
        self.columns = min(columns, fits) if columns else fits
        used = self.columns * (card[0] + spacing) + spacing
        self.left = spacing + (max(0, (width - used) // 2) if self.count > self.columns else 0)
        self.rows: list[Row] = []
        self._row_of: list[int] = []
        self.height = self._arrange(groups, heading)
        self._tops = [row.top for row in self.rows]

    def _arrange(self, groups: Sequence[str], heading: int) -> int:
        top, start = self.spacing, 0
        while start < len(groups):
            end = start
            while end < len(groups) and groups[end] == groups[start]:
                end += 1
            if groups[start]:
                self.rows.append(Row(top, heading, start, 0, groups[start]))
                top += heading + 2
            for first in range(start, end, self.columns):
                count = min(self.columns, end - first)
                self._row_of += [len(self.rows)] * count
                self.rows.append(Row(top, self.card[1], first, count))
                top += self.card[1] + self.spacing
            start = end
        return top

    def position(self, index: int) -> tuple[int, int]:
        """Left and top of a card."""
        row = self.rows[self._row_of[index]]
        return self.left + (index - row.first) * (self.card[0] + self.spacing), row.top

    def rows_in(self, top: int, bottom: int) -> list[Row]:
        """Rows that touch `top` to `bottom`."""
        first = max(0, bisect_right(self._tops, top) - 1)
        last = bisect_right(self._tops, bottom)
        return [row for row in self.rows[first:last] if row.top + row.height > top]

    def indices_in(self, top: int, bottom: int) -> range:
        """Cards that touch `top` to `bottom`."""
        rows = [row for row in self.rows_in(top, bottom) if row.count]
        return range(rows[0].first, rows[-1].first + rows[-1].count) if rows else range(0)

    def index_at(self, x: int, y: int) -> int | None:
        """The card at a point, None between cards."""
        for row in self.rows_in(y, y):
            column, inside = divmod(x - self.left, self.card[0] + self.spacing)
            if 0 <= column < row.count and inside < self.card[0]:
                return row.first + column
        return None

    def moved(self, index: int, *, rows: int = 0, columns: int = 0) -> int:
        """The card that an arrow key leads to from `index`."""
        target = max(0, min(self.count - 1, index + columns))
        card_rows = [i for i, row in enumerate(self.rows) if row.count]
        if not rows or not card_rows:
            return target
        here = card_rows.index(self._row_of[index])
        there = self.rows[card_rows[max(0, min(len(card_rows) - 1, here + rows))]]
        column = index - self.rows[self._row_of[index]].first
        return there.first + min(column, there.count - 1)
