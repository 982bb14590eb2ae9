"""What the map that is shown is a map of, in one line."""

from interp_gui.gui.atlas.form import LAYOUT_NAMES
from interp_gui.gui.atlas.work import Kept


def words_of(kept: Kept) -> str:
    """Class, layout, seed, points: `tabby · UMAP · seed 0 · 1,778 points of 900 images`."""
    atlas = kept.atlas
    layout = LAYOUT_NAMES.get(atlas.layout, atlas.layout)
    parts = [
        atlas.about or "Whole layer",
        f"first look by {layout}" if kept.is_first_look else layout,
    ]
    seed = kept.request.inputs.seed if kept.request.model else None
    if seed is None and kept.recipe is not None:
        seed = kept.recipe.seed
    if seed is not None:
        parts.append(f"seed {seed}")
    points, images = len(atlas.xy), len(atlas.sha256)
    of = "1 image" if images == 1 else f"{images:,} images"
    parts.append(f"1 point of {of}" if points == 1 else f"{points:,} points of {of}")
    return " · ".join(parts)


def told_of(kept: Kept, *, current: bool) -> str:
    """The same, and whether the settings are by now those of another map."""
    words = words_of(kept)
    if current or not kept.request.model:
        return words
    return f"The settings have changed; the map shows: {words}"
