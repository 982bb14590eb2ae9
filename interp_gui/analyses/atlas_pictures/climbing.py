"""Blocks of icons on their way: from the cache, from a held state, or from their beginning."""

import hashlib
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from interp_gui.analyses.atlas_pictures.icons import Floats, Goals, Group, IconMaker, Pixels
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context

VERSION = 1
"""Raised whenever the same goals would give other pixels."""

STATES_KEPT_BYTES = 256 * 2**20
_KIND = "icons"


@dataclass(frozen=True, eq=False)
class Icons:
    """Finished or half-finished pictures of a block.

    Parameters
    ----------
    pixels
        (n, s, s, planes) uint8.
    objective, cosine
        (n,): what was climbed, and the cosine to the direction, without transforms.
    found
        (n, C): what each picture makes the layer do.
    """

    pixels: Pixels
    objective: Floats
    cosine: Floats
    found: Floats
    steps: int

    def plain(self) -> dict[str, Any]:
        """For the cache."""
        return {
            "pixels": self.pixels, "objective": self.objective, "cosine": self.cosine,
            "found": self.found, "steps": self.steps,
        }  # fmt: skip

    def better(self, other: "Icons") -> "Icons":
        """Of each picture that of the higher objective."""
        wins = other.objective > self.objective
        four, two = wins[:, None, None, None], wins[:, None]
        return Icons(
            np.where(four, other.pixels, self.pixels),
            np.where(wins, other.objective, self.objective),
            np.where(wins, other.cosine, self.cosine),
            np.where(two, other.found, self.found),
            self.steps,
        )


class Climber:
    """Makes blocks of icons, keeps what is finished, and holds what is on its way.

    Parameters
    ----------
    maker
        Gives the maker on first use: its network is copied only if anything is left to be made.
    steps
        Of a finished icon.
    tries
        Starts of each; the best is kept.
    key
        What belongs to the identity of the pictures, beside the model and the goals.
    """

    def __init__(
        self,
        context: Context,
        maker: Callable[[], IconMaker],
        *,
        steps: int,
        tries: int = 1,
        key: dict[str, Any],
    ) -> None:
        self.steps, self.tries = steps, tries
        self._context = context
        self._make = maker
        self._maker: IconMaker | None = None
        self._key = {"kind": "icons", "version": VERSION, **key, **identity(context)}
        self._states = {} if context.cache is None else context.cache.unfinished(_KIND)

    def known(self, goals: Goals) -> Icons | None:
        """The finished pictures of a block, if they were made before."""
        found = self._context.recall(self._name(goals, self.steps))
        return None if found is None else Icons(**found)

    def taken(self, goals: Goals) -> int:
        """Steps of a block's first try that need not be taken again."""
        held = self._states.get(self._trajectory(goals))
        steps = 0 if held is None else int(held["steps"])
        return steps if steps <= self.steps else 0

    def climb(self, goals: Goals, until: int) -> Generator[int, None, Icons]:
        """Let a block's first try climb to `until` steps, yielding after each."""
        maker = self._maker or self._make()
        self._maker = maker
        group = maker.start(goals)
        name = self._trajectory(goals)
        held = self._states.get(name)
        if held is not None and int(held["steps"]) <= until:
            group.ascent.restore(held)
        try:
            yield from self._rise(maker, group, until)
        finally:
            # also where the run is cancelled: it goes on from here
            self._hold(name, group)
        return self._looked_at(maker, group)

    def finish(self, goals: Goals) -> Generator[int, None, Icons]:
        """Let a block climb to its end, all tries of it, and keep it.

        The first try's state stays held too: a map asks for a few steps of all icons, then for
        more of each.
        """
        best = yield from self.climb(goals, self.steps)
        maker = self._maker
        assert maker is not None
        for attempt in range(1, self.tries):
            other = Goals(
                goals.directions, goals.origin, goals.lengths,
                tuple(_further(seed, attempt) for seed in goals.seeds),
            )  # fmt: skip
            group = maker.start(other)
            yield from self._rise(maker, group, self.steps)
            best = best.better(self._looked_at(maker, group))
        if self._context.cache is not None:
            self._context.cache.put(self._name(goals, self.steps), best.plain())
        return best

    def _rise(self, maker: IconMaker, group: Group, until: int) -> Generator[int, None, None]:
        while group.ascent.steps < until:
            self._context.check()
            maker.step(group)
            yield group.ascent.steps

    def _looked_at(self, maker: IconMaker, group: Group) -> Icons:
        pixels = maker.pixels(group)
        objective, cosine, found = maker.judge(group, pixels)
        return Icons(pixels, objective, cosine, found, group.ascent.steps)

    def _hold(self, name: str, group: Group) -> None:
        self._states.pop(name, None)
        if group.ascent.steps == 0:
            return
        state = group.ascent.state()
        self._states[name] = state
        size = 3 * int(state["coefficients"].nbytes)
        while len(self._states) > 1 and len(self._states) * size > STATES_KEPT_BYTES:
            self._states.pop(next(iter(self._states)))

    def _name(self, goals: Goals, steps: int) -> dict[str, Any]:
        return {
            **self._key, "goals": _digest(goals), "steps": steps, "tries": self.tries,
        }  # fmt: skip

    def _trajectory(self, goals: Goals) -> str:
        text = json.dumps({**self._key, "goals": _digest(goals)}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _digest(goals: Goals) -> str:
    digest = hashlib.sha256()
    for array in (goals.directions, goals.origin, goals.lengths):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr((goals.directions.shape, goals.seeds)).encode())
    return digest.hexdigest()


def _further(seed: int, attempt: int) -> int:
    digest = hashlib.sha256(f"{seed}/try/{attempt}".encode()).digest()
    return int.from_bytes(digest[:7])
