"""Searching all that has a name, a few milliseconds at a time on the event loop."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.gui.palette.fuzzy import Match, Query
from interp_gui.gui.state import AppState

SLICE_S = 0.004
"""How long the event loop waits for a search at most; the rest is done when it is back."""
TELL_S = 0.1
MOST = 60
"""So many are shown."""


@dataclass(frozen=True)
class Item:
    """One thing that can be chosen.

    Parameters
    ----------
    kind
        What it is, in a word (`Layer`).
    detail
        What tells it from others of the same name.
    reason
        Why it cannot be chosen now; empty if it can.
    """

    title: str
    kind: str
    run: Callable[[], object]
    detail: str = ""
    shortcut: str = ""
    icon: str = ""
    reason: str = ""
    checked: bool = False


@dataclass(frozen=True)
class Candidate:
    """A name to be searched. What it stands for is asked of its provider by `key`.

    Parameters
    ----------
    bonus
        Added to the score; for what fits by other means than its letters.
    sure
        Fits whatever was typed: it was made from it.
    more
        Other words for it; a beginning of each is enough, and they count less than the text.
    """

    text: str
    key: Any
    bonus: float = 0.0
    sure: bool = False
    more: str = ""


class Provider(Protocol):
    """A source of things to find.

    `prefix` is the sign that asks for this kind alone, `hint` says what it finds.
    """

    prefix: str
    hint: str

    def candidates(self, text: str) -> Iterator[Candidate | None]:
        """All that may fit, one at a time, none of them costly to make.

        None says that more is to come: whoever passes over many gives it now and then, so that
        the event loop need not wait.
        """

    def item(self, key: Any) -> Item | None:
        """What a key stands for; None if it has gone."""


class PaletteSources(QObject):
    """The providers that a window's palette asks; any part of the window may add one."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._providers: list[Provider] = []

    @property
    def providers(self) -> Sequence[Provider]:
        """All of them, in the order in which they were added."""
        return self._providers

    def add(self, provider: Provider) -> None:
        """Let the palette find more."""
        self._providers.append(provider)


def palette_sources_of(state: AppState) -> PaletteSources:
    """Those of a window."""
    shared = state.shared
    found = next((c for c in shared.children() if isinstance(c, PaletteSources)), None)
    return found or PaletteSources(shared)


@dataclass(frozen=True)
class Hit:
    """An item that was found."""

    item: Item
    positions: tuple[int, ...] = ()
    """Letters of its title that were typed."""


@dataclass(order=True)
class _Ranked:
    score: float
    order: int  # earlier ones first where scores are the same
    match: Match = field(compare=False)
    text: str = field(compare=False)
    provider: Provider = field(compare=False)
    key: Any = field(compare=False)


class Search(QObject):
    """Searches providers for what was typed; a new search forgets the one before.

    Signals
    -------
    found
        The best hits so far, best first; several times if there is much to search.
    """

    found = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._go_on)
        self._work: Iterator[None] = iter(())
        self._best: list[_Ranked] = []
        self.busy = False
        self._told = 0.0

    def start(self, text: str, providers: Sequence[Provider]) -> None:
        """Search for a text; one that begins with a provider's prefix asks that one alone."""
        asked = [p for p in providers if p.prefix and text.startswith(p.prefix)]
        if asked:
            text = text[len(asked[0].prefix) :]
        self._best = []
        self._work = self._search(text.strip(), asked or providers)
        self.busy, self._told = True, 0.0
        self._go_on()

    def stop(self) -> None:
        """Forget the search."""
        self._timer.stop()
        self._work = iter(())
        self.busy = False

    def _go_on(self) -> None:
        end = perf_counter() + SLICE_S
        for _ in self._work:
            if perf_counter() > end:
                self._timer.start()
                break
        else:
            self.busy = False
        if not self.busy or perf_counter() > self._told + TELL_S:
            self.found.emit(self.hits())
            self._told = perf_counter()

    def _search(self, text: str, providers: Sequence[Provider]) -> Iterator[None]:
        query, numbers = Query(text), count()
        for provider in providers:
            yield
            for candidate in provider.candidates(text):
                number = next(numbers)
                if candidate is None:
                    yield
                    continue
                match = Match(0.0) if candidate.sure else query.match(candidate.text)
                if match is None and candidate.more:
                    match = query.match_words(f"{candidate.text} {candidate.more}")
                if match is not None:
                    score = match.score + candidate.bonus
                    self._keep(
                        _Ranked(score, -number, match, candidate.text, provider, candidate.key)
                    )
                if not query.words and len(self._best) == MOST:
                    return  # nothing was typed: the first ones
                if number % 32 == 0:
                    yield

    def _keep(self, ranked: _Ranked) -> None:
        if len(self._best) < MOST:
            heapq.heappush(self._best, ranked)
        else:
            heapq.heappushpop(self._best, ranked)

    def hits(self) -> list[Hit]:
        """The best so far, best first."""
        found = []
        for ranked in sorted(self._best, reverse=True):
            item = ranked.provider.item(ranked.key)
            if item is not None:
                letters = ranked.match.positions if ranked.text == item.title else ()
                found.append(Hit(item, letters))
        return found
