"""What is chosen on a map: a cell or any points, what is known of them, and their direction."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.atlas.directions import Kind, cell_direction, direction
from interp_gui.core.atlas.kinds import Atlas, CellPictures, Source
from interp_gui.core.atlas.values import attributed
from interp_gui.core.feature import Feature
from interp_gui.core.result import Pixels
from interp_gui.gui.atlas.spoken import percent, share_words

KINDS: dict[Kind, str] = {
    "centred": "Centred: mean of what is chosen − mean of the layer",
    "raw": "Raw: mean of what is chosen",
    "whitened": "Whitened: what tells it from the rest of the layer",
}
MOST_BARS = 6
MOST_EXAMPLES = 12


def _none() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Points of a map.

    Parameters
    ----------
    side, cell
        Level and index of the cell that they are, where they are one; −1 otherwise.
    """

    points: NDArray[np.int64] = field(default_factory=_none)
    side: int = 0
    cell: int = -1

    @property
    def empty(self) -> bool:
        """Whether nothing is chosen."""
        return self.points.size == 0

    @property
    def is_cell(self) -> bool:
        """Whether it is one cell."""
        return self.cell >= 0

    def same(self, other: "Chosen") -> bool:
        """Whether it is what another one is."""
        if self.is_cell or other.is_cell:
            return (self.side, self.cell) == (other.side, other.cell)
        return bool(np.array_equal(self.points, other.points))


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of what is chosen.

    Parameters
    ----------
    title
        Label of the cell, or how many points they are; one may merely be pointed at.
    line
        Count, images, commonest label or its share, spread, in words.
    bars
        Names and mean attributions of the classes that it argues for, or against, most.
    examples
        Points, the nearest to the mean first.
    """

    title: str
    line: str
    bars: tuple[tuple[str, float], ...] = ()
    examples: tuple[int, ...] = ()


def cell_of(atlas: Atlas, side: int, cell: int) -> Chosen:
    """A cell as what is chosen; nothing if there is no such cell."""
    if not any(level.side == side and 0 <= cell < len(level.count) for level in atlas.levels):
        return Chosen()
    return Chosen(np.flatnonzero(atlas.cell_of(side) == cell), side, cell)


def facts(atlas: Atlas, chosen: Chosen) -> Facts:
    """What is known of a cell or of points."""
    images = len(np.unique(atlas.image[chosen.points]))
    count = len(chosen.points)
    parts = [_many(count, "point"), f"of {_many(images, 'image')}"]
    line = [" ".join(parts)]
    if chosen.is_cell:
        level = atlas.level(chosen.side)
        at = chosen.cell
        label = atlas.names[level.label[at]] if level.label[at] >= 0 else ""
        title = label or f"Cell {level.x[at] + 1}, {level.y[at] + 1} of {level.side} × {level.side}"
        purity, spread = float(level.purity[at]), float(level.spread[at])
        values = level.attribution[at] if level.attribution.size else np.zeros(0, np.float32)
        near = tuple(int(p) for p in level.examples[at] if p >= 0)
    else:
        label, purity = _commonest(atlas, chosen.points)
        title = f"{_many(count, 'point')} chosen" if count > 1 else "1 point"
        spread, near = _spread(atlas, chosen.points)
        values = attributed(atlas, chosen.points).means()
        if label:
            line.append(f"commonest: {label} ({percent(purity)})" if count > 1 else label)
        purity = float("nan")
    if np.isfinite(purity):
        line.append(share_words(atlas, purity))
    line.append(f"spread {spread:.2f}")
    return Facts(title, " · ".join(line), _bars(atlas, values), near[:MOST_EXAMPLES])


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _bars(atlas: Atlas, values: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
    finite = [at for at in range(len(values)) if np.isfinite(values[at])]
    strongest = sorted(finite, key=lambda at: -abs(float(values[at])))[:MOST_BARS]
    strongest.sort(key=lambda at: -float(values[at]))
    return tuple((atlas.class_names[at], float(values[at])) for at in strongest)


def _commonest(atlas: Atlas, points: NDArray[np.int64]) -> tuple[str, float]:
    labels = atlas.columns.get("label", ())
    texts = [labels[image] for image in atlas.image[points]] if labels else []
    known = Counter(texts)
    known.pop("", None)
    if not known:
        return "", float("nan")
    label = min(known, key=lambda text: (-known[text], text))
    return label, known[label] / len(texts)


def _spread(atlas: Atlas, points: NDArray[np.int64]) -> tuple[float, tuple[int, ...]]:
    """Mean cosine distance to the points' mean, without the layer's; and the nearest points."""
    vectors = atlas.vectors[points]
    vectors -= atlas.mean.astype(np.float32)
    middle = np.full(len(points), 1 / len(points), np.float32) @ vectors
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) * np.linalg.norm(middle)
    distance = 1 - (vectors @ middle) / np.maximum(norms, 1e-12)
    order = np.argsort(distance, kind="stable")[:MOST_EXAMPLES]
    spread = float(distance.mean()) if len(points) > 1 else 0.0
    return spread, tuple(int(point) for point in points[order])


def feature_of(atlas: Atlas, chosen: Chosen, kind: Kind, weights: str) -> Feature | None:
    """The direction of what is chosen, as a feature of a model; None where there is none."""
    if chosen.empty:
        return None
    if not chosen.is_cell:
        return direction(atlas, chosen.points, kind, model=weights)
    found = cell_direction(atlas, chosen.side, chosen.cell, kind, model=weights)
    label = int(atlas.level(chosen.side).label[chosen.cell])
    if 0 <= label < len(atlas.names):
        found = msgspec.structs.replace(found, name=f"{atlas.names[label]}, {found.name}")
    return found


def picture_of(atlas: Atlas, chosen: Chosen, source: Source) -> CellPictures | None:
    """The best picture that was made of a chosen cell, alone; None where there is none."""
    best: CellPictures | None = None
    at = -1
    for pictures in atlas.pictures if chosen.is_cell else ():
        if pictures.source != source or pictures.level != chosen.side:
            continue
        places = np.flatnonzero(pictures.cells == chosen.cell)
        if places.size and (best is None or pictures.steps >= best.steps):
            best, at = pictures, int(places[-1])
    if best is None:
        return None
    cosine = best.cosine[at : at + 1] if best.cosine.size else best.cosine
    return CellPictures(
        level=best.level, source=source, cells=best.cells[at : at + 1],
        pixels=best.pixels[at : at + 1], steps=best.steps, cosine=cosine,
    )  # fmt: skip


def spans(points: NDArray[np.int64]) -> str:
    """Points in ascending order as text: `0-15,20`."""
    known = np.unique(points)
    if not known.size:
        return ""
    ends = np.flatnonzero(np.diff(known) > 1)
    first, last = known[np.append(0, ends + 1)].tolist(), known[np.append(ends, -1)].tolist()
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(first, last, strict=True))


def pixels_of(pictures: CellPictures | None) -> Pixels | None:
    """The first picture's pixels."""
    return pictures.pixels[0] if pictures is not None and len(pictures.pixels) else None
