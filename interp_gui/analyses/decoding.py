"""Image files decoded and preprocessed ahead of the network, on threads of their own.

Decoding a photograph takes longer than a small network does to look at it. The threads only ever
look a few batches ahead, end when these are done, and are started again by whoever takes the next
batch: nothing has to be closed for them to go away.
"""

import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread

from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.preprocessing import load_input
from interp_gui.core.runtime import Array, Runtime

AHEAD = 2
"""Batches that are decoded beyond the one that is taken."""

_MOST_THREADS = 8
_LOOK_S = 0.02

Load = Callable[[str], Array]


@dataclass(frozen=True)
class Taken:
    """Images of one step.

    Parameters
    ----------
    items
        Indices of those that could be decoded, in order.
    inputs
        Their preprocessed arrays (C, h, w).
    problems
        What is wrong with each of the others, by index.
    """

    items: tuple[int, ...]
    inputs: tuple[Array, ...]
    problems: dict[int, ImageProblem]


def decoding_threads(device: str) -> int:
    """How many threads may decode: half of the processor where the network runs on it too."""
    cores = os.cpu_count() or 1
    share = max(1, cores // 2) if device == "cpu" else max(1, cores - 1)
    return min(_MOST_THREADS, share)


def input_decoder(
    model: Runtime, paths: Sequence[str], *, skip: Container[int] = (), ahead: int = AHEAD
) -> "Decoder":
    """A decoder of images for a network; InvalidValue where one does not have its input's size."""
    preprocessing = model.preprocessing

    def load(path: str) -> Array:
        seen = load_input(path, preprocessing)
        if seen.shape[1:] != preprocessing.size:
            # positions of maps of another grid could not be told from those of the others
            raise InvalidValue(
                f"'{Path(path).name}' does not have the size of the network's input.",
                hint="Switch cropping on, or resize to an exact size.",
            )
        return seen

    threads = decoding_threads(model.device)
    return Decoder(paths, load, skip=skip, threads=threads, ahead=ahead)


class Decoder:
    """Decodes a list of images in its order, a few ahead of what is asked for.

    Parameters
    ----------
    paths
        All images.
    load
        Makes the network's input of a path; ImageProblem where that cannot be.
    skip
        Indices that are left out without looking at them; asked again for each image.
    threads
        How many decode at once.
    ahead
        Batches beyond the one that is taken. Memory holds that many, the one that is taken, and
        one image a thread.
    """

    def __init__(
        self,
        paths: Sequence[str],
        load: Load,
        *,
        skip: Container[int] = (),
        threads: int = 1,
        ahead: int = AHEAD,
    ) -> None:
        self._paths = paths
        self._load = load
        self._skip = skip
        self._threads = max(1, threads)
        self._ahead = ahead
        self._changed = Condition()
        # all of what follows is changed under that lock alone
        self._held: dict[int, Array | BaseException] = {}
        self._first = 0  # of what is held or will be
        self._next = 0  # to be given to a thread
        self._end = 0  # beyond which nothing is decoded yet
        self._working = 0
        self._turn = 0  # what was begun in an earlier one is not wanted any more

    def take(self, step: range, check: Callable[[], None] = lambda: None) -> Taken:
        """The images of a step, decoded; waits for them as long as that takes.

        Steps follow each other; the same one may be taken again, and any other begins anew.

        Parameters
        ----------
        check
            Called while it waits; where it raises, decoding stops.

        Raises
        ------
        BaseException
            Whatever else than an ImageProblem an image raised, when its turn comes.
        """
        self._reach(step)
        try:
            with self._changed:
                while not all(i in self._held or i in self._skip for i in step):
                    self._changed.wait(_LOOK_S)
                    check()
                held = [(i, self._held.get(i)) for i in step if i not in self._skip]
        except BaseException:
            self.stop()
            raise
        items: list[int] = []
        inputs: list[Array] = []
        problems: dict[int, ImageProblem] = {}
        for i, found in held:
            if isinstance(found, ImageProblem):
                problems[i] = found
            elif isinstance(found, BaseException):
                self.stop()
                raise found
            elif found is not None:
                items.append(i)
                inputs.append(found)
        return Taken(tuple(items), tuple(inputs), problems)

    def stop(self) -> None:
        """Decode nothing more, and forget what is held; images that are under way are dropped."""
        with self._changed:
            self._turn += 1
            self._held.clear()
            self._first = self._next = self._end = 0

    def _reach(self, step: range) -> None:
        """Have everything decoded up to some batches behind a step."""
        with self._changed:
            if not self._first <= step.start <= self._next:
                self._turn += 1
                self._held.clear()
                self._next = step.start
            self._first = step.start
            for i in [i for i in self._held if i < step.start]:
                del self._held[i]
            self._end = min(len(self._paths), step.stop + self._ahead * len(step))
            wanted = min(self._threads, self._end - self._next)
            for _ in range(wanted - self._working):
                self._working += 1
                Thread(target=self._work, name="decoding", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._next < self._end and self._next in self._skip:
                    self._next += 1
                if self._next >= self._end:
                    self._working -= 1
                    return
                i, turn = self._next, self._turn
                self._next += 1
            found: Array | BaseException
            try:
                found = self._load(self._paths[i])
            except BaseException as problem:  # noqa: BLE001  (raised where it is taken)
                found = problem
            with self._changed:
                if turn == self._turn:
                    self._held[i] = found
                    self._changed.notify_all()
