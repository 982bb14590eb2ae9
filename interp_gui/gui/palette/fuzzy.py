"""Finding what was meant by a few typed letters: a scorer without any widget."""

import re
from dataclasses import dataclass

WORD_START = 8.0
"""A letter that begins a word is worth this much more."""
CONSECUTIVE = 8.0
"""A letter right behind the one before it is worth this much more."""
WHOLE = 40.0
"""Where the whole text was typed."""
BY_WORDS = 5.0
"""A letter of a word that stands elsewhere than in the title."""
_GAP, _LENGTH = 0.15, 0.02
_MOST_GAP = 20


@dataclass(frozen=True)
class Match:
    """How well a text fits, and which of its letters were typed."""

    score: float
    positions: tuple[int, ...] = ()


class Query:
    """What was typed; words in any order, each found as letters in order.

    Parameters
    ----------
    text
        As typed; case does not matter.
    """

    def __init__(self, text: str) -> None:
        self.words = tuple(text.lower().split())
        self.text = " ".join(self.words)

    def match(self, text: str) -> Match | None:
        """How well a text fits; None if a word is not in it.

        Notes
        -----
        Letters count more at the start of a word and right behind one another, so that `flw`
        finds "Filter layer wall" before "followed"; short texts come before long ones.
        """
        if not self.words:
            return Match(0.0)
        low = text.lower()
        total, positions = 0.0, set[int]()
        for word in self.words:
            found = _best(word, low, text)
            if found is None:
                return None
            total += found.score
            positions.update(found.positions)
        if low == self.text:
            total += WHOLE
        total -= _LENGTH * len(text)
        if len(low) != len(text):  # some letters have no lower case of one letter
            positions.clear()
        return Match(total, tuple(sorted(positions)))

    def match_words(self, text: str) -> Match | None:
        """How well a longer text fits: only beginnings of its words count, not letters in order."""
        words = re.split(r"[^\w]+", text.lower())
        if not self.words or not all(any(w.startswith(t) for w in words) for t in self.words):
            return None
        return Match(BY_WORDS * sum(map(len, self.words)))


def _best(word: str, low: str, text: str) -> Match | None:
    """The better of the two ways: in one piece, or as letters that begin words."""
    if not _is_within(word, low):
        return None
    spread = _spread(word, low, text)
    at = _piece(word, low, text)
    if at < 0:
        return spread
    whole = _scored(tuple(range(at, at + len(word))), text)
    return whole if whole.score >= spread.score else spread


def _is_within(word: str, low: str) -> bool:
    at = -1
    for letter in word:
        at = low.find(letter, at + 1)
        if at < 0:
            return False
    return True


def _piece(word: str, low: str, text: str) -> int:
    """Where the word is in one piece, at the start of a word if it can be; -1 if nowhere."""
    first = at = low.find(word)
    while at >= 0 and not starts_word(text, at):
        at = low.find(word, at + 1)
    return at if at >= 0 else first


def _spread(word: str, low: str, text: str) -> Match:
    """Letter by letter: the next one if it follows at once, else where a word begins with it."""
    places: list[int] = []
    at = -1
    for i, letter in enumerate(word):
        near = low.find(letter, at + 1)
        chosen = near
        if near != at + 1 or at < 0:
            start = near
            while start >= 0 and not starts_word(text, start):
                start = low.find(letter, start + 1)
            if start >= 0 and _is_within(word[i + 1 :], low[start + 1 :]):
                chosen = start
        places.append(chosen)
        at = chosen
    return _scored(tuple(places), text)


def _scored(places: tuple[int, ...], text: str) -> Match:
    score, before = 0.0, -1
    for at in places:
        score += 1.0
        if starts_word(text, at):
            score += WORD_START
        if before >= 0:
            score += CONSECUTIVE if at == before + 1 else -_GAP * min(at - before, _MOST_GAP)
        before = at
    return Match(score - _GAP * min(places[0], _MOST_GAP) if places else 0.0, places)


def starts_word(text: str, at: int) -> bool:
    """Whether a word begins there: `features.14`, `ImageTab`, `layer wall`."""
    if at == 0:
        return True
    if at >= len(text):
        return False
    here, before = text[at], text[at - 1]
    if not here.isalnum():
        return False
    if not before.isalnum():
        return True
    return (here.isupper() and before.islower()) or (here.isdigit() != before.isdigit())
