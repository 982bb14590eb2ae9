"""The run: an atlas's cells as crops or as icons, block by block, the wanted ones first."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from interp_gui.analyses.asked import asked_layer
from interp_gui.analyses.atlas.make import make_atlas
from interp_gui.analyses.atlas_pictures.climbing import Climber, Icons
from interp_gui.analyses.atlas_pictures.crops import CropMaker
from interp_gui.analyses.atlas_pictures.goals import (
    cosines,
    goals_of,
    nearest_cells,
    require_direction,
)
from interp_gui.analyses.atlas_pictures.icons import Goals, Pixels, icon_maker
from interp_gui.analyses.atlas_pictures.order import (
    Cells,
    blocks,
    cell_range,
    level_of,
    wanted_first,
)
from interp_gui.analyses.atlas_pictures.settings import PictureSettings
from interp_gui.analyses.atlas_pictures.stages import Drawn, in_stages
from interp_gui.core.analysis import Context, Progress, Saved, Steps
from interp_gui.core.atlas.kinds import Atlas, AtlasLevel, CellPictures, Sheet
from interp_gui.core.errors import MissingAbility
from interp_gui.core.planes import composite
from interp_gui.core.result import Number

CROPS_VERSION = 1
CROPS_AT_ONCE = 32
BLOCKS_AHEAD = 2
"""Blocks that workers are given before the first of them is waited for."""


def run(context: Context, settings: PictureSettings) -> Steps:
    """Sheets of pictures for the cells wanted and those that share a block with them.

    Crops come once. Icons come twice: all of them after `first` steps, then finished ones.
    """
    if settings.source == "icon":
        require_direction(asked_layer(context), settings.direction)
    atlas = yield from found_atlas(context, settings)
    yield from drawn(context, settings, atlas)


def drawn(context: Context, settings: PictureSettings, atlas: Atlas) -> Steps:
    """The same of an atlas that is at hand."""
    level = level_of(atlas, settings.level)
    wanted = cell_range(settings.cells, len(level.count))
    if settings.source == "crop":
        yield from _crops(context, settings, atlas, level, wanted)
    else:
        yield from _icons(context, settings, atlas, level, wanted)


def found_atlas(
    context: Context, settings: PictureSettings
) -> Generator[Progress | Saved, None, Atlas]:
    """The atlas that the settings describe, made or remembered, without showing it."""
    making = make_atlas(context, settings, preview=False, labels=False)
    try:
        while True:
            try:
                step = next(making)
            except StopIteration as stop:
                atlas: Atlas = stop.value
                return atlas
            if not isinstance(step, Atlas):
                yield step
    finally:
        making.close()


# --- crops --------------------------------------------------------------------------------------


def _crops(
    context: Context,
    settings: PictureSettings,
    atlas: Atlas,
    level: AtlasLevel,
    wanted: Sequence[int],
) -> Steps:
    parts = wanted_first(blocks(level, minimum=atlas.minimum, size=CROPS_AT_ONCE), wanted)
    total, done = sum(len(part) for part in parts), 0
    keys = [_crops_key(context, settings, atlas, level, part) for part in parts]
    missing: list[int] = []
    for index, (part, key) in enumerate(zip(parts, keys, strict=True)):
        context.check()
        kept = context.recall(key)
        if kept is None:
            missing.append(index)
            continue
        done += len(part)
        yield _crop_sheet(settings, atlas, level, kept["cells"], kept["pixels"])
        yield Progress(done=done, total=total, text="Cutting examples")
    preprocessing = context.model.preprocessing
    with CropMaker(
        atlas, level, preprocessing, size_px=settings.size, check=context.check
    ) as maker:
        begun: dict[int, list[Future[Pixels | str]]] = {}
        for place, index in enumerate(missing):
            for ahead in missing[place : place + BLOCKS_AHEAD + 1]:
                if ahead not in begun:
                    begun[ahead] = maker.begin(parts[ahead])
            steps = maker.finish(begun.pop(index))
            while True:
                try:
                    ready = next(steps)
                except StopIteration as stop:
                    found: list[Pixels | str] = stop.value
                    break
                yield Progress(done=done + ready, total=total, text="Cutting examples")
            done += len(parts[index])
            made = [i for i, each in enumerate(found) if not isinstance(each, str)]
            cells = parts[index][made]
            problems = tuple(dict.fromkeys(each for each in found if isinstance(each, str)))
            pixels = np.zeros((len(made), settings.size, settings.size, 3), np.uint8)
            for row, i in enumerate(made):
                pixels[row] = found[i]
            if context.cache is not None and not problems:
                context.cache.put(keys[index], {"cells": cells, "pixels": pixels})
            if made or problems:
                yield _crop_sheet(settings, atlas, level, cells, pixels, problems)


def _crops_key(
    context: Context, settings: PictureSettings, atlas: Atlas, level: AtlasLevel, part: Cells
) -> dict[str, Any]:
    import msgspec

    return {
        "kind": "atlas-crops", "version": CROPS_VERSION, "atlas": _digest(atlas),
        "side": level.side, "cells": [int(cell) for cell in part], "size": settings.size,
        "examples": level.examples[part].tolist(), "minimum": atlas.minimum,
        "preprocessing": msgspec.to_builtins(context.model.preprocessing),
    }  # fmt: skip


def _crop_sheet(
    settings: PictureSettings,
    atlas: Atlas,
    level: AtlasLevel,
    cells: Cells,
    pixels: Pixels,
    problems: tuple[str, ...] = (),
) -> Sheet:
    pictures = CellPictures(level=level.side, source="crop", cells=cells, pixels=pixels)
    return Sheet(
        key=f"crops {level.side} {int(cells[0]) if len(cells) else 'none'}",
        title=f"Real crops of cells of {atlas.layer}, {level.side} a side",
        layer=atlas.layer, atlas=_digest(atlas), pictures=pictures,
        notes=tuple(f"Left out: {problem}" for problem in problems),
        provenance={"atlas_sha256": _digest(atlas), "size": settings.size},
    )  # fmt: skip


def _digest(atlas: Atlas) -> str:
    return str(atlas.provenance.get("atlas_sha256", ""))


# --- icons --------------------------------------------------------------------------------------


def _icons(
    context: Context,
    settings: PictureSettings,
    atlas: Atlas,
    level: AtlasLevel,
    wanted: Sequence[int],
) -> Steps:
    climber, parts, goals = planned(context, settings, atlas, level, wanted)
    shown = _Shown(settings, atlas, level)
    for step in in_stages(context, climber, goals, first=settings.first):
        if isinstance(step, Drawn):
            yield shown.sheet(parts[step.index], step.icons, final=step.final)
        else:
            yield step


def planned(
    context: Context,
    settings: PictureSettings,
    atlas: Atlas,
    level: AtlasLevel,
    wanted: Sequence[int],
) -> tuple[Climber, list[Cells], list[Goals]]:
    """What would make the icons, the blocks in order, and what each block climbs towards."""
    layer = asked_layer(context)
    if context.inputs.edits.active:
        raise MissingAbility(
            "Icons are made of the network without its edits.",
            hint="Switch the edits off, or look at real crops.",
        )
    recipe = settings.recipe
    climber = Climber(
        context, lambda: icon_maker(context, layer, recipe), steps=settings.steps,
        tries=settings.tries, key={"layer": layer.name, "recipe": recipe.plain()},
    )  # fmt: skip
    parts = wanted_first(blocks(level, minimum=atlas.minimum, size=settings.group), wanted)
    inverse = None
    if settings.direction == "whitened":
        from interp_gui.core.atlas.directions import too_many_units, whitening

        if len(atlas.covariance) != level.vectors.shape[1]:
            raise too_many_units(atlas.layer)
        inverse = whitening(atlas.covariance)
    goals = [
        goals_of(
            level.vectors[part], kind=settings.direction, mean=atlas.mean, inverse=inverse,
            seed=context.inputs.seed,
        )
        for part in parts
    ]  # fmt: skip
    return climber, parts, goals


class _Shown:
    """Sheets of icons, with figures over all that are finished so far."""

    def __init__(self, settings: PictureSettings, atlas: Atlas, level: AtlasLevel) -> None:
        self._settings, self._atlas, self._level = settings, atlas, level
        self._raw: list[float] = []
        self._centred: list[float] = []
        self._own: list[bool] = []

    def sheet(self, part: Cells, icons: Icons, *, final: bool) -> Sheet:
        vectors = self._level.vectors[part]
        numbers: dict[str, Number] = {"steps": icons.steps, "icons": len(part)}
        if final:
            mean = self._atlas.mean
            self._raw += list(cosines(icons.found, vectors))
            self._centred += list(cosines(icons.found, vectors, origin=mean))
            self._own += list(nearest_cells(self._level, self._atlas, icons.found) == part)
            numbers |= {
                "finished_icons": len(self._own),
                "median_cosine": float(np.median(self._raw)),
                "median_cosine_centred": float(np.median(self._centred)),
                "nearest_is_own_cell_percent": 100 * float(np.mean(self._own)),
            }
        pictures = CellPictures(
            level=self._level.side, source="icon", cells=part, steps=icons.steps,
            pixels=np.stack([composite(each) for each in icons.pixels]),
            cosine=icons.cosine,
        )  # fmt: skip
        settings = self._settings
        return Sheet(
            key=f"icons {self._level.side} {int(part[0])}", final=final,
            title=f"Icons of cells of {self._atlas.layer}, {self._level.side} a side",
            layer=self._atlas.layer, atlas=_digest(self._atlas), pictures=pictures,
            numbers=numbers,
            provenance={
                "atlas_sha256": _digest(self._atlas),
                "icons": {
                    **settings.recipe.plain(), "direction": settings.direction,
                    "group": [int(cell) for cell in part],
                },
            },
        )  # fmt: skip
