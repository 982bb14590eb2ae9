"""How strong a finished picture is, beside the images at hand."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.objectives import Compiled
from interp_gui.analyses.feature_visualization.readings import Reading
from interp_gui.analyses.feature_visualization.transforms import draw, plain_view, views
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import dataset_sha256
from interp_gui.core.preprocessing import load_input

TRANSFORMED_VIEWS = 8
IMAGES_AT_ONCE = 4

Source = tuple[str, str, int | None, int | None, bool]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Strength:
    """Figures of one finished picture; None where the objective is no single quantity."""

    objective: float
    activation: float | None
    under_transforms: float | None


def strengths(
    network: Network, compiled: Sequence[Compiled], pixels: NDArray[np.uint8], seeds: Sequence[int]
) -> Generator[None, None, list[Strength]]:
    """Evaluate finished pictures by the network as it was opened; yields between passes.

    Parameters
    ----------
    pixels
        (N, H, W, planes): what is shown is what is judged.
    seeds
        One a picture, for the transformed views.
    """
    pictures = torch.from_numpy(pixels.copy()).movedim(3, 1).float() / 255
    found: list[Strength] = []
    for slot, each in enumerate(compiled):
        own = pictures[slot : slot + 1].to(network.device)
        with torch.no_grad():
            values = network.exact_values(plain_view(own, network.own_size))
            objective = float(each.evaluate(values, 0))
        yield
        if each.reading is None:
            found.append(Strength(objective, None, None))
            continue
        plain = _read(network, each.reading, values, 1)[0]
        generator = torch.Generator().manual_seed(seeds[slot])
        moved: list[float] = []
        for _ in range(2):
            draws = [draw(generator) for _ in range(TRANSFORMED_VIEWS // 2)]
            with torch.no_grad():
                seen = views(own.expand(len(draws), -1, -1, -1), draws, network.own_size)
                values = network.exact_values(seen)
            moved += list(_read(network, each.reading, values, len(draws)))
            yield
        found.append(Strength(objective, float(plain), float(np.mean(moved))))
    return found


def _read(network: Network, reading: Reading, values: Any, count: int) -> NDArray[np.float64]:
    info = network.infos.get(reading.layer)
    rows = [reading.units(values[reading.layer][slot], info) for slot in range(count)]
    return reading.combine(np.stack(rows))


class Photographs:
    """What the images at hand make of the layers: read once, kept by content.

    Whole layers are kept, so that one pass serves every unit of a wall.
    """

    def __init__(self, context: Context, identity: dict[str, Any]) -> None:
        self._context = context
        self._identity = identity
        self._tables: dict[Source, Floats] = {}

    def table(self, reading: Reading) -> Floats:
        """(images, C) numbers of the units, once `read` has been through."""
        return self._tables[reading.source]

    def read(
        self, network: Network, readings: Iterable[Reading]
    ) -> Generator[Progress, None, None]:
        """Run the images through the network for what is not known yet; bad files are left out."""
        wanted = {reading.source: reading for reading in readings}
        missing = {s: r for s, r in wanted.items() if s not in self._tables}
        dataset = self._context.inputs.dataset
        if dataset is None or not missing:
            return
        content = self._content(dataset.paths)
        for source in list(missing):
            table = self._kept(source, content)
            if table is not None:
                self._tables[source] = table
                del missing[source]
        if not missing:
            return
        rows: dict[Source, list[Floats]] = {source: [] for source in missing}
        for start in range(0, len(content), IMAGES_AT_ONCE):
            self._context.check()
            for batch in self._load(content[start : start + IMAGES_AT_ONCE]):
                with torch.no_grad():
                    values = network.exact_network_values(batch)
                for source, reading in missing.items():
                    info = network.infos.get(reading.layer)
                    each = values[reading.layer]
                    rows[source] += [reading.units(value, info) for value in each]
            yield Progress(
                done=min(start + IMAGES_AT_ONCE, len(content)), total=len(content),
                text="comparing with the images at hand",
            )  # fmt: skip
        for source, numbers in rows.items():
            table = np.stack(numbers) if numbers else np.zeros((0, 1), np.float32)
            self._tables[source] = table
            if self._context.cache is not None:
                self._context.cache.put(self._key(source, content), {"numbers": table})

    def _content(self, paths: Sequence[str]) -> list[str]:
        """Readable paths, so that the key names what was read."""
        usable: list[str] = []
        for path in paths:
            try:
                dataset_sha256([path])
            except ImageProblem:
                continue
            usable.append(path)
        return usable

    def _load(self, paths: Sequence[str]) -> list[Tensor]:
        """Batches of inputs: one, or one an image where they differ in size."""
        inputs: list[Floats] = []
        for path in paths:
            try:
                inputs.append(load_input(path, self._context.model.preprocessing))
            except ImageProblem:
                continue
        alike = len({each.shape for each in inputs}) == 1
        groups = [inputs] if alike else [[each] for each in inputs]
        device = self._context.model.device
        return [torch.from_numpy(np.stack(group)).to(device) for group in groups]

    def _key(self, source: Source, content: Sequence[str]) -> dict[str, Any]:
        return {
            **self._identity,
            "what": "readings-of-images",
            "source": list(source),
            "images": dataset_sha256(content),
        }

    def _kept(self, source: Source, content: Sequence[str]) -> Floats | None:
        found = self._context.recall(self._key(source, content))
        numbers: Floats | None = None if found is None else found["numbers"]
        return numbers


def comparison(reading: Reading, strength: float, table: Floats) -> dict[str, float | int]:
    """Rank (1: above every image), number of images, the best of them, and the ratio to it."""
    if not len(table):
        return {}
    images = reading.combine(table)
    best = float(images.max())
    found: dict[str, float | int] = {
        "rank": 1 + int((images >= strength).sum()),
        "images": len(images),
        "best_image_activation": best,
    }
    if best > 0:
        found["ratio_to_best_image"] = strength / best
    return found
