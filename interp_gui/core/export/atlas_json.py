"""An atlas as JSON: its levels, cells and points by content, without a path of this machine."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel

ATLAS_FORMAT_VERSION = 1
MOST_LABELS = 5

Box = tuple[int, int, int, int]
"""Left, top, width and height in a picture, in pixels."""


class LevelPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of one level: its file, and where each cell stands in it.

    Parameters
    ----------
    source
        `crop` or `icon`, by cell, as are `boxes`.
    """

    file: str
    boxes: Mapping[int, Box]
    source: Mapping[int, str]


def atlas_json(atlas: Atlas, pictures: Mapping[int, LevelPicture] | None = None) -> bytes:
    """The document `atlas.json`.

    Parameters
    ----------
    pictures
        Of levels, by their side, where there are any.

    Returns
    -------
    UTF-8 JSON: `levels` (one a grid), `cells` (`level`, `x`, `y`, `count`, `vector_sha256` of the
    float32 vector as the NPZ holds it, `labels` with attribution or share, `examples` by image and
    position, `purity`, `spread`, `picture`), `points` as columns, and `images` by SHA-256. The
    `purity` of a cell is the share of its points that bear its label, or, labelled by attribution,
    of those looked at whose attribution to its class is above zero; null without a label.
    """
    known = pictures or {}
    levels, cells = [], []
    for level in atlas.levels:
        picture = known.get(level.side)
        levels.append({
            "side": level.side, "cells": len(level.count), "points": int(level.count.sum()),
            "file": picture.file if picture is not None else None,
        })  # fmt: skip
        shares = _shares(atlas, level)
        cells += [_cell(atlas, level, i, picture, shares) for i in range(len(level.count))]
    row, column = np.divmod(atlas.place, max(atlas.grid[1], 1))
    document = {
        "format": ATLAS_FORMAT_VERSION,
        "layer": atlas.layer,
        "layout": atlas.layout,
        "about": atlas.about,
        "labelled_by": atlas.labelled_by,
        "minimum": atlas.minimum,
        "numbers": atlas.numbers,
        "notes": list(atlas.notes),
        "levels": levels,
        "cells": cells,
        "points": {
            "x": _rounded(atlas.xy[:, 0]), "y": _rounded(atlas.xy[:, 1]),
            "image": atlas.image.tolist(), "row": row.tolist(), "column": column.tolist(),
        },
        "images": {
            "sha256": [bytes(one).hex() for one in atlas.sha256],
            **{name: list(texts) for name, texts in atlas.columns.items()},
        },
    }  # fmt: skip
    return msgspec.json.encode(document) + b"\n"


def _cell(
    atlas: Atlas,
    level: AtlasLevel,
    i: int,
    picture: LevelPicture | None,
    shares: list[dict[str, float]],
) -> dict[str, Any]:
    vector = np.ascontiguousarray(level.vectors[i], np.float32)
    box = picture.boxes.get(i) if picture is not None else None
    purity = float(level.purity[i])
    return {
        "level": level.side,
        "x": int(level.x[i]),
        "y": int(level.y[i]),
        "count": int(level.count[i]),
        "vector_sha256": hashlib.sha256(vector.tobytes()).hexdigest(),
        "labels": _labels(atlas, level, i, shares),
        "examples": [_example(atlas, int(point)) for point in level.examples[i] if point >= 0],
        "purity": None if np.isnan(purity) else purity,
        "spread": float(level.spread[i]),
        "picture": (
            {"file": picture.file, "box": list(box), "source": picture.source[i]}
            if picture is not None and box is not None
            else None
        ),
    }


def _labels(
    atlas: Atlas, level: AtlasLevel, i: int, shares: list[dict[str, float]]
) -> list[dict[str, Any]]:
    """The strongest classes by attribution, or the commonest labels with their shares."""
    if atlas.labelled_by != "attribution":
        ranked = sorted(shares[i].items(), key=lambda item: (-item[1], item[0])) if shares else []
        return [{"name": name, "share": share} for name, share in ranked[:MOST_LABELS]]
    values = level.attribution[i]
    if not len(values) or np.isnan(values).all():
        return []
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:MOST_LABELS]
    return [
        {"name": atlas.class_names[c], "attribution": float(values[c])}
        for c in order
        if values[c] > 0
    ]


def _shares(atlas: Atlas, level: AtlasLevel) -> list[dict[str, float]]:
    """Of all of each cell's points, the share that bears each label; some may bear none."""
    column = atlas.columns.get(atlas.labelled_by)
    if column is None:
        return []
    counted: list[dict[str, float]] = [{} for _ in level.count]
    texts = [column[image] for image in atlas.image]
    for cell, text in zip(atlas.cell_of(level.side), texts, strict=True):
        if cell >= 0 and text:
            counted[cell][text] = counted[cell].get(text, 0.0) + 1.0
    return [
        {name: n / int(count) for name, n in found.items()}
        for found, count in zip(counted, level.count, strict=True)
    ]


def _example(atlas: Atlas, point: int) -> dict[str, Any]:
    image = int(atlas.image[point])
    row, column = divmod(int(atlas.place[point]), max(atlas.grid[1], 1))
    return {
        "point": point, "image": image, "image_sha256": bytes(atlas.sha256[image]).hex(),
        "row": row, "column": column,
    }  # fmt: skip


def _rounded(values: Any) -> list[float]:
    return [round(float(v), 6) for v in values]
