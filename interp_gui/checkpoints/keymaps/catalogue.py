"""All maps, tried on a file's names."""

from functools import cache

from interp_gui.checkpoints.keymaps.rules import KeyMap, apply, view_of
from interp_gui.checkpoints.keymaps.wrappers import identity, views
from interp_gui.checkpoints.match import Renaming, Shapes

_MOST_TENSORS = 20_000


@cache
def all_maps() -> tuple[KeyMap, ...]:
    """Every map, in the order in which they are tried."""
    from interp_gui.checkpoints.keymaps import (
        in_a_row,
        mmpretrain,
        originals_cnn,
        originals_vit,
        torchvision_cnn,
        torchvision_vit,
        transformers_clip,
        transformers_cnn,
        transformers_others,
        transformers_swin,
        transformers_vit,
    )  # fmt: skip

    modules = (
        transformers_vit, transformers_clip, transformers_swin, transformers_cnn,
        transformers_others, originals_vit, originals_cnn, mmpretrain, torchvision_vit,
        torchvision_cnn, in_a_row,
    )  # fmt: skip
    return tuple(keymap for module in modules for keymap in module.MAPS)


def renamings(shapes: Shapes) -> tuple[Renaming, ...]:
    """Every known way to read a file's tensors under another library's names.

    Nothing is computed but names and shapes; tensors are touched by `Renaming.convert` alone. A
    map answers only if it has a place for every name in the file, or names it as dropped. Whether
    there is an architecture with the resulting names and shapes is for the caller to find out.

    Parameters
    ----------
    shapes
        Names and shapes in the file, wrappers such as ``module.`` already taken off or not.
    """
    if not 0 < len(shapes) <= _MOST_TENSORS:
        return ()
    plain = view_of(shapes, {key: key for key in shapes})
    found: list[Renaming] = []
    for view in (plain, *views(plain)):
        if view is not plain:
            same = identity(view)
            if same is not None:
                found.append(same)
        for keymap in all_maps():
            renamed = apply(keymap, view)
            if renamed is not None:
                found.append(renamed)
    return _distinct(found)


def _distinct(found: list[Renaming]) -> tuple[Renaming, ...]:
    # a wrapper and a map may come to the same names by two roads
    kept: list[Renaming] = []
    for each in found:
        if not any(
            each.shapes == other.shapes and each.target == other.target
            and set(each.dropped) == set(other.dropped) for other in kept
        ):  # fmt: skip
            kept.append(each)
    return tuple(kept)


__all__ = ["all_maps", "renamings"]
