"""What pictures of an atlas will cost: one block's steps, or a few decoded images, are timed."""

from contextlib import suppress

from interp_gui.analyses.asked import asked_layer
from interp_gui.analyses.atlas.costs import cells_of, points_of
from interp_gui.analyses.atlas_pictures.icons import Goals, icon_maker
from interp_gui.analyses.atlas_pictures.settings import PictureSettings
from interp_gui.analyses.costs import remembered, spread, step_s
from interp_gui.analyses.passes import identity
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import as_seen, read_for


def estimate(context: Context, settings: PictureSettings) -> Cost:
    """Time of the pictures asked for; that of the atlas itself is told by its own analysis."""
    from interp_gui.analyses.atlas_pictures.order import cell_range

    layer = asked_layer(context)
    cells = cells_of(context, layer, settings)
    side = settings.level or min(cells)
    # a level that is not thought to be offered: of points in every cell that has a picture
    count = cells.get(side, max(1, points_of(context, layer, settings) // settings.minimum))
    if settings.cells.strip():
        count = len(cell_range(settings.cells, side * side))
    pixels = 3 * settings.size**2
    if settings.source == "crop":
        return Cost(seconds=count * image_s(context), disk_bytes=count * pixels)
    group = min(settings.group, count)
    seconds = block_step_s(context, layer, settings, group)
    steps = settings.steps * settings.tries * -(-count // group)
    return Cost(seconds=seconds * steps, disk_bytes=count * pixels)


def block_step_s(
    context: Context, layer: LayerInfo, settings: PictureSettings, group: int
) -> float:
    """Seconds of a step of a whole block of icons."""
    import numpy as np

    def timed() -> float:
        maker = icon_maker(context, layer, settings.recipe)
        random = np.random.default_rng(0)
        directions = random.normal(size=(group, layer.units)).astype(np.float32)
        goals = Goals(
            directions, np.zeros(layer.units, np.float32), np.ones(group, np.float32),
            tuple(range(group)),
        )  # fmt: skip
        begun = maker.start(goals)
        return step_s(lambda: maker.step(begun))

    what = {
        "what": "icon step", "layer": layer.name, "group": group,
        **settings.recipe.plain(), **identity(context),
    }  # fmt: skip
    return remembered(context, what, timed)


def image_s(context: Context) -> float:
    """Seconds of decoding one image on one thread."""
    dataset = context.inputs.dataset
    paths = spread(dataset.paths, 3) if dataset is not None else ()
    preprocessing = context.model.preprocessing

    def read() -> None:
        for path in paths:
            with suppress(ImageProblem):
                as_seen(read_for(path, preprocessing), preprocessing)

    if not paths:
        return 0.0
    what = {"what": "decoding", "paths": list(paths)}
    return remembered(context, what, lambda: step_s(read)) / len(paths)
