"""The pass that records what is not on disk yet, batch by batch, and can be stopped anywhere."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.decoding import Decoder, Taken, input_decoder
from interp_gui.analyses.harvest.block import Block, block_of, tried_places
from interp_gui.analyses.harvest.folder import LayerFolder, New
from interp_gui.analyses.harvest.hashes import packed
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.harvest.wanted import Wanted
from interp_gui.analyses.passes import Route
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem, OutputProblem
from interp_gui.core.images import image_sha256

Floats = NDArray[np.float32]

CHUNK_BYTES = 2**23
_MOST_WAITING_BYTES = 2**26
_SHORTEST_S, _LONGEST_S = 2.0, 30.0
"""So long what was computed may wait to be written: it is what a killed process loses."""
_SHARE = 0.1
"""Of the time that went into it, between these two: so there are few chunks, 150 in an hour."""

TEXT = "Recording activations"


class _Waiting:
    """What was computed and is not written yet, of one layer."""

    def __init__(self, folder: LayerFolder, said: tuple[str, ...]) -> None:
        self._folder = folder
        self._said = said
        self.bytes = 0
        self._hashes: list[str] = []
        self._blocks: list[Block] = []
        self._broken: dict[str, tuple[str, str]] = {}

    def add(self, hashes: Sequence[str], block: Block) -> None:
        self._hashes += hashes
        self._blocks.append(block)
        self.bytes += block.nbytes

    def add_broken(self, sha256: str, name: str, text: str) -> None:
        self._broken[sha256] = (name, text)

    def write(self, *, sync: bool) -> None:
        hashes, blocks, broken = packed(self._hashes), self._blocks, self._broken
        self._hashes, self._blocks, self._broken, self.bytes = [], [], {}, 0
        if blocks or broken:
            block = Block.joined(blocks) if blocks else None
            new = New(hashes=hashes, block=block, broken=broken, said=self._said)
            self._folder.add(new, sync=sync)


class Recording:
    """Records the images that some layer lacks.

    Parameters
    ----------
    route
        What computes; its layers are recorded.
    folders
        Of these layers, by name.
    wanted
        All images that are at hand and can be read.

    Attributes
    ----------
    broken
        A sentence for each image that could not be decoded, by its place in the dataset.
    gone
        Places of images that were there at first, and are no longer, or have changed.
    recorded
        Images that this computed.
    """

    def __init__(
        self,
        context: Context,
        route: Route,
        folders: Mapping[str, LayerFolder],
        wanted: Wanted,
        spec: HarvestSpec,
    ) -> None:
        self._context = context
        self._route = route
        self._folders = {layer.name: folders[layer.name] for layer in route.layers}
        self._spec = spec
        self._wanted = wanted
        self._images = wanted.images
        self.broken: dict[int, str] = {}
        self.gone: set[int] = set()
        self.recorded = 0
        self._lacking = self._missing()

    @property
    def lacking(self) -> int:
        """Images that are still to be recorded."""
        return int(self._lacking.sum())

    def _missing(self) -> NDArray[np.bool_]:
        """Which images some layer lacks; of equal ones the first."""
        return self._wanted.lacking(self._folders.values(), self.broken)

    def _progress(self) -> Progress:
        total = len(self._images)
        return Progress(done=total - self.lacking, total=total, text=TEXT)

    def steps(self, batch: int) -> Generator[Progress, None, None]:
        """Record them, so many images a step.

        What was computed is written when the steps end for whatever reason but a full disk.
        """
        said = self._route.notes
        waiting = {name: _Waiting(folder, said) for name, folder in self._folders.items()}
        number, lock = next(iter(self._folders.values())).direction()
        try:
            yield from self._steps(batch, number, waiting)
            yield from _written(list(waiting.values()), self._progress())
        except OutputProblem:
            raise
        except BaseException:
            for each in waiting.values():
                with suppress(OutputProblem):
                    each.write(sync=False)
            raise
        finally:
            if lock is not None:
                lock.release()

    def _steps(
        self, batch: int, direction: int, waiting: dict[str, _Waiting]
    ) -> Generator[Progress, None, None]:
        begun = written = time.monotonic()
        wanted = np.flatnonzero(self._lacking)
        # aligned to the first image that is missing, so that a resumed pass repeats the batches
        parts = [wanted[start : start + batch] for start in range(0, len(wanted), batch)]
        parts = _ordered(parts, direction)
        order = np.concatenate([np.zeros(0, np.int64), *parts])
        ahead = self._decoder(order)
        try:
            done = 0
            for part in parts:
                self._context.check()
                yield self._progress()
                step = range(done, done + len(part))
                done = step.stop
                if self._lacking[part].any():
                    taken = ahead.take(step, self._context.check)
                    self._take([self._images[int(i)] for i in part], taken, step, waiting)
                self._lacking[part] = False
                now = time.monotonic()
                pause = min(max(_SHORTEST_S, _SHARE * (now - begun)), _LONGEST_S)
                late = now - written > pause
                late = late or sum(each.bytes for each in waiting.values()) > _MOST_WAITING_BYTES
                due = [each for each in waiting.values() if late or each.bytes > CHUNK_BYTES]
                if due:
                    yield from _written(due, self._progress())
                if late:
                    written = time.monotonic()
                    if any(folder.others_added() for folder in self._folders.values()):
                        self._lacking &= self._missing()
        finally:
            ahead.stop()

    def _decoder(self, order: NDArray[np.int64]) -> Decoder:
        """Decodes the images in this order, but for those that others have recorded since."""
        paths = [self._images[i].entry.path for i in order.tolist()]
        return input_decoder(self._context.model, paths, skip=_Recorded(self._lacking, order))

    def _take(
        self,
        images: Sequence[Known],
        taken: Taken,
        step: range,
        waiting: dict[str, _Waiting],
    ) -> list[str]:
        """Run a batch; nothing is kept of it if that fails. Hashes of what was recorded."""
        context, size = self._context, self._context.model.preprocessing.size
        for item, problem in taken.problems.items():
            self._leave_out(images[item - step.start], problem, waiting)
        inputs: list[Floats] = []
        whole: list[Known] = []
        for item, seen in zip(taken.items, taken.inputs, strict=True):
            image = images[item - step.start]
            if self._unchanged(image):
                inputs.append(seen)
                whole.append(image)
        if not inputs:
            return []
        hashes = [image.sha256 for image in whole]
        layers = self._route.layers
        tried = tried_places(hashes, layers, size, self._spec)
        asked: dict[str, Any] = {
            name: np.maximum(places, 0).astype(np.int64) for name, places in tried.items()
        }
        found = self._route.harvested(context, np.stack(inputs), asked)
        for layer in layers:
            name = layer.name
            block = block_of(found[name], tried[name], layer, size, self._spec)
            waiting[name].add(hashes, block)
        self.recorded += len(hashes)
        return hashes

    def _leave_out(self, image: Known, problem: ImageProblem, waiting: dict[str, _Waiting]) -> None:
        if not self._unchanged(image):
            return
        self.broken[image.place] = problem.message
        for each in waiting.values():
            each.add_broken(image.sha256, image.entry.name, problem.message)

    def _unchanged(self, image: Known) -> bool:
        """Whether the file is still the one whose hash is known; it is left out otherwise."""
        try:
            same = image_sha256(image.entry.path) == image.sha256
            problem = f"'{image.entry.name}' has changed while the images were read."
        except ImageProblem as found:
            same, problem = False, found.message
        if not same:
            self.gone.add(image.place)
            self.broken[image.place] = problem
        return same


def _written(waiting: Sequence[_Waiting], progress: Progress) -> Generator[Progress, None, None]:
    """Write layer by layer: each is a step."""
    for each in waiting:
        each.write(sync=True)
        yield progress


def _ordered(batches: Sequence[NDArray[np.int64]], direction: int) -> list[NDArray[np.int64]]:
    """Batches forward, backward, or forward from the middle on."""
    middle = len(batches) // 2 if direction > 1 else 0
    turned = [*batches[middle:], *batches[:middle]]
    return turned[::-1] if direction == 1 else turned


class _Recorded:
    """Which places of an order hold an image that is no longer lacking."""

    def __init__(self, lacking: NDArray[np.bool_], order: NDArray[np.int64]) -> None:
        self._lacking, self._order = lacking, order

    def __contains__(self, item: object) -> bool:
        return isinstance(item, int) and not self._lacking[self._order[item]]
