"""Where the positions of one image lie on an atlas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import asked_layer, current_image, run_edited
from interp_gui.analyses.atlas.make import make_atlas
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Analysis, Context, Progress, Saved, Steps
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.errors import InvalidValue
from interp_gui.core.result import Table

Floats = NDArray[np.float32]
_PAIRS = 4_000_000
"""Similarities that are computed at once."""


@dataclass(frozen=True, kw_only=True)
class Parameters(AtlasSettings):
    """Settings of `atlas-path`: those of the atlas."""


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Table` (key `path`), a row for each position of the image, row by row.

    A position that is itself a point of the atlas lies where that point does. Any other lies at
    the point whose vector is most like its own: by the cosine of both without the layer's mean.
    """
    seen = current_image(context)
    layer = asked_layer(context)
    atlas: Atlas | None = None
    steps = make_atlas(context, parameters, preview=False, labels=False)
    while atlas is None:
        try:
            step = next(steps)
        except StopIteration as end:
            atlas = end.value
            break
        if isinstance(step, Progress | Saved):
            yield step
    assert atlas is not None
    if not len(atlas.xy):
        raise InvalidValue("There are no points on this map.", hint="Open more images.")
    yield Progress(text="Looking at the image")
    captured = run_edited(context, seen.batch, capture=[layer.name]).captured[layer.name]
    maps = unit_maps(captured, layer, seen.size)[0]
    units, height, width = maps.shape
    if (height, width) != tuple(atlas.grid):
        raise InvalidValue("The image gives the layer another grid than the atlas has.")
    places = inner_places((height, width), skip_edges=parameters.skip_edges)
    vectors = maps.reshape(units, -1).T[places].astype(np.float32)
    if not np.isfinite(vectors).all():
        raise InvalidValue("The layer's values for this image are not all numbers.")
    found, similarity = most_alike(vectors, atlas, check=context.check)
    own = own_points(atlas, seen.sha256, places)
    points = np.where(own >= 0, own, found)
    similarity = np.where(own >= 0, np.float32(1), similarity)
    xy = atlas.xy[points]
    row, column = np.divmod(places, width)
    mine = own >= 0
    count = int(mine.sum())
    rest = "Each lies at the point of the map that is most like it."
    if count:
        rest = f"{count} are points of the map; the others lie at the points most like them."
    yield Table(
        key="path",
        title=f"The image on the atlas of {atlas.layer}",
        columns=("row", "column", "x", "y", "similarity", "point", "own"),
        cells=tuple(
            (int(r), int(c), float(x), float(y), float(s), int(p), bool(o))
            for r, c, (x, y), s, p, o in zip(
                row, column, xy, similarity, points, mine, strict=True
            )
        ),
        values={
            "x": xy[:, 0].astype(np.float32), "y": xy[:, 1].astype(np.float32),
            "row": row.astype(np.int64),
            "column": column.astype(np.int64),
            "own": mine.astype(np.uint8), "point": points.astype(np.int64),
            "similarity": similarity.astype(np.float32),
        },
        numbers={"positions": len(places), "own": count},
        notes=(rest,),
        provenance={
            "image_sha256": seen.sha256,
            "atlas_sha256": atlas.provenance.get("atlas_sha256", ""),
        },
    )  # fmt: skip


def inner_places(grid: tuple[int, int], *, skip_edges: bool) -> NDArray[np.int64]:
    """Positions row by row, without the outermost where there are three rows or columns."""
    height, width = grid
    row, column = np.divmod(np.arange(height * width), width)
    inside = np.ones(len(row), bool)
    if skip_edges and height >= 3:
        inside &= (row > 0) & (row < height - 1)
    if skip_edges and width >= 3:
        inside &= (column > 0) & (column < width - 1)
    return np.flatnonzero(inside)


def most_alike(
    vectors: Floats, atlas: Atlas, *, check: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.int64], Floats]:
    """Of each vector (n, C) the point most like it, and their cosine without the layer's mean."""
    mean = atlas.mean.astype(np.float32)
    points = _normalised(atlas.vectors - mean)
    wanted = _normalised(vectors - mean)
    found = np.zeros(len(wanted), np.int64)
    best = np.zeros(len(wanted), np.float32)
    step = max(1, _PAIRS // len(points))
    for start in range(0, len(wanted), step):
        check()
        cosines = wanted[start : start + step] @ points.T
        found[start : start + step] = cosines.argmax(axis=1)
        best[start : start + step] = cosines.max(axis=1)
    return found, best


def own_points(atlas: Atlas, sha256: str, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each position the point of the atlas that it is; −1 where it is none."""
    wanted = np.frombuffer(bytes.fromhex(sha256), np.uint8)
    images = np.flatnonzero((atlas.sha256 == wanted).all(axis=1))
    own = np.full(len(places), -1, np.int64)
    if not len(images):
        return own
    points = np.flatnonzero(atlas.image == images[0])
    at = {int(place): int(point) for point, place in zip(points, atlas.place[points], strict=True)}
    return np.array([at.get(int(place), -1) for place in places], np.int64)


def _normalised(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
    return found


ANALYSIS = Analysis(
    id="atlas-path",
    title="An image on an atlas",
    summary="Where the positions of one image lie on the activation atlas of a layer.",
    parameters=Parameters,
    needs=("image", "dataset", "layer"),
    produces=("table",),
    offered=False,
    run=run,
)
