"""Which atlases were made before, for estimates: of them only the number of cells is read."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from interp_gui.analyses.atlas.settings import AtlasSettings, of_atlas
from interp_gui.analyses.costs import within
from interp_gui.analyses.dataset_pass import identified, images_at_hand
from interp_gui.analyses.harvest import Harvest
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context
from interp_gui.core.atlas.kinds import Atlas


def note_made(
    context: Context,
    layer: str,
    settings: AtlasSettings,
    found: Harvest,
    *,
    labels: bool,
    atlas: Atlas | None = None,
) -> None:
    """Note that this atlas is in the cache now, with or without labels, and its cells."""
    if context.cache is None or found.partial:
        return
    hashes = (image.sha256 for image in found.images)
    key = _key(context, layer, settings, hashes, labels=labels)
    value: dict[str, Any] = {"made": True}
    if atlas is not None:
        value["cells"] = [
            [level.side, int((level.count >= atlas.minimum).sum())] for level in atlas.levels
        ]
    kept = context.recall(key)
    if kept is None or not kept.keys() >= value.keys():
        context.cache.put(key, value)


def was_made(context: Context, layer: str, settings: AtlasSettings, *, labels: bool) -> bool:
    """Whether such an atlas was made; False too where finding out would take long."""
    return bool(_noted(context, layer, settings, [True] if labels else [True, False]))


def known_cells(context: Context, layer: str, settings: AtlasSettings) -> dict[int, int]:
    """Cells that have a picture, by the side of their level; empty where that is not known."""
    for noted in _noted(context, layer, settings, [False, True]):
        if noted.get("cells"):
            return {int(side): int(count) for side, count in noted["cells"]}
    return {}


def _noted(
    context: Context, layer: str, settings: AtlasSettings, labels: list[bool]
) -> list[Mapping[str, Any]]:
    if context.cache is None:
        return []
    images, _ = within(identified(context, {}), len(images_at_hand(context).images))
    if images is None:
        return []
    hashes = [image.sha256 for image in images]
    keys = (_key(context, layer, settings, hashes, labels=each) for each in labels)
    return [noted for key in keys if (noted := context.recall(key)) is not None]


def _key(
    context: Context, layer: str, settings: AtlasSettings, hashes: Iterable[str], *, labels: bool
) -> dict[str, Any]:
    digest = hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
    # labels and their Target do not matter to an atlas that has none
    target = msgspec.to_builtins(context.inputs.target) if labels else None
    chosen = of_atlas(settings)
    if not labels:
        for name in ("labels", "label_points"):
            chosen.pop(name, None)
    return {
        "kind": "atlas-made", "version": 1, "layer": layer, "settings": chosen,
        "seed": context.inputs.seed, "images": digest, "target": target, "labels": labels,
        **identity(context),
    }  # fmt: skip
