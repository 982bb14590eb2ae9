"""Which cards are chosen: the usual rules of Ctrl and Shift, without a widget."""

from collections.abc import Iterable


class Selection:
    """Chosen indices, the current one, and the anchor from which Shift extends."""

    def __init__(self) -> None:
        self.chosen: set[int] = set()
        self.current: int | None = None
        self._anchor = 0

    def go(
        self, index: int, *, extend: bool = False, toggle: bool = False, keep: bool = False
    ) -> None:
        """Move to `index`.

        Parameters
        ----------
        extend
            Choose everything from the anchor to here (Shift).
        toggle
            Change only this one (Ctrl + click).
        keep
            Move without choosing (Ctrl + arrow).
        """
        self.current = index
        if extend:
            low, high = sorted((self._anchor, index))
            self.chosen = set(range(low, high + 1))
            return
        if keep:
            return
        if toggle:
            self.chosen ^= {index}
        else:
            self.chosen = {index}
        self._anchor = index

    def all(self, count: int) -> None:
        """Choose all."""
        self.chosen = set(range(count))
        if self.current is None and count:
            self.current = 0

    def clear(self) -> None:
        """Choose none."""
        self.chosen = set()

    def reset(self, chosen: Iterable[int], current: int | None) -> None:
        """Adopt indices of a new order."""
        self.chosen = set(chosen)
        self.current = current
        self._anchor = current or 0
