"""Which atlases were made before, for estimates: nothing of them is read for that."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from interp_gui.analyses.atlas.settings import AtlasSettings, of_atlas
from interp_gui.analyses.costs import within
from interp_gui.analyses.dataset_pass import identified, images_at_hand
from interp_gui.analyses.harvest import Harvest
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context


def note_made(
    context: Context, layer: str, settings: AtlasSettings, found: Harvest, *, labels: bool
) -> None:
    """Note that this atlas is in the cache now, with or without labels."""
    if context.cache is None or found.partial:
        return
    hashes = (image.sha256 for image in found.images)
    key = _key(context, layer, settings, hashes, labels=labels)
    if context.recall(key) is None:
        context.cache.put(key, {"made": True})


def was_made(context: Context, layer: str, settings: AtlasSettings, *, labels: bool) -> bool:
    """Whether such an atlas was made; False too where finding out would take long."""
    if context.cache is None:
        return False
    images, _ = within(identified(context, {}), len(images_at_hand(context).images))
    if images is None:
        return False
    hashes = [image.sha256 for image in images]
    wanted = [True] if labels else [True, False]
    keys = (_key(context, layer, settings, hashes, labels=each) for each in wanted)
    return any(context.recall(key) is not None for key in keys)


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
