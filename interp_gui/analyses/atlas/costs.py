"""What an atlas will cost, by the work that is known of a layout and a step of the network."""

from interp_gui.analyses.atlas.about import KEEP_EACH, parse_about
from interp_gui.analyses.atlas.about import SIDES as CLASS_SIDES
from interp_gui.analyses.atlas.known import known_cells, was_made
from interp_gui.analyses.atlas.labels import BY_ATTRIBUTION, MOST_LOOKED_AT
from interp_gui.analyses.atlas.levels import COARSER, SIDES
from interp_gui.analyses.atlas.picked import require_vectors, spec_of
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.atlas.umap_layout import epochs_of
from interp_gui.analyses.attribution import attribution_s
from interp_gui.analyses.costs import spread
from interp_gui.analyses.dataset_pass import images_at_hand
from interp_gui.analyses.harvest.costs import harvest_cost
from interp_gui.analyses.unit_maps import map_size
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost
from interp_gui.core.layer import LayerInfo

_NEAREST_S, _PRODUCT_S = 7e-9, 4e-11
"""Of one pair of points: to rank it, and of each unit."""
_EDGE_S, _BODY_S = 7.5e-8, 5e-7
"""Of UMAP, one neighbour of a point in an epoch; of t-SNE, one neighbour in an iteration."""
_TURNS = 1000
_FILLED, _CROWDED = 0.4, 2.5
"""Share of a grid that is about filled; a level is offered up to so many times the cells that
could all hold enough points, for points lie in clumps."""
_FOUND_S = 3e-4
"""Of an image whose part of the atlas is read again."""


def layout_s(points: int, units: int, settings: AtlasSettings) -> float:
    """Seconds of laying so many points out on one core."""
    components = points * units * 1e-9 * 20
    if settings.layout == "pca":
        return components
    nearest = points * points * (_NEAREST_S + _PRODUCT_S * units)
    k = min(settings.neighbours, points)
    if settings.layout == "tsne":
        return components + nearest + _TURNS * points * 3 * k * _BODY_S / 10
    return components + nearest + epochs_of(points) * points * k * _EDGE_S + 2.0


def points_of(context: Context, layer: LayerInfo, settings: AtlasSettings) -> int:
    """How many points the map will hold at most."""
    images = len(images_at_hand(context).images)
    grid = map_size(layer, context.model.preprocessing.size)
    positions = spec_of(settings, images).positions
    return min(settings.points, images * min(positions, grid[0] * grid[1]))


def cells_of(context: Context, layer: LayerInfo, settings: AtlasSettings) -> dict[int, int]:
    """About how many cells have a picture, by the side of each level that will be offered.

    Exact for an atlas that was made before. Otherwise a guess: points lie in some part of the
    map, and each cell with a picture needs so many of them.
    """
    known = known_cells(context, layer.name, settings)
    if known:
        return known
    points, whole = points_of(context, layer, settings), SIDES
    if settings.about.strip():
        whole = CLASS_SIDES
        points = points if settings.least > 0 else min(points, settings.keep or 2 * KEEP_EACH)
    most = points / settings.minimum
    filled = {side: _FILLED * side**2 for side in (*whole, *COARSER)}
    sides = [side for side in whole if filled[side] <= _CROWDED * most]
    if not sides:
        coarser = [side for side in COARSER if side < whole[0] and filled[side] <= _CROWDED * most]
        sides = [coarser[0] if coarser else COARSER[-1]]
    return {side: max(1, round(min(filled[side], most))) for side in sides}


def atlas_cost(
    context: Context, layer: LayerInfo, settings: AtlasSettings, *, labels: bool = True
) -> Cost:
    """Time and room of the pass, the layout and the labels."""
    require_vectors(layer)
    dataset = images_at_hand(context)
    if was_made(context, layer.name, settings, labels=labels):
        return Cost(seconds=len(dataset.images) * _FOUND_S, note="It was made before.")
    spec = spec_of(settings, len(dataset.images))
    points = points_of(context, layer, settings)
    seconds = layout_s(points, layer.units, settings)
    model = context.model.description
    looked = 0
    if parse_about(settings.about, model) is not None:
        looked = points
    by_default = settings.labels == "auto" and model.class_count > 1
    by_attribution = settings.labels == BY_ATTRIBUTION or by_default
    if labels and by_attribution and not model.gradient_problem:
        looked += min(points, MOST_LOOKED_AT)
    if looked:
        seconds += attribution_s(
            context, layer, positions=looked, images=len(dataset.images),
            path=spread(dataset.paths, 1)[0],
        )  # fmt: skip
    memory = 4 * points * (layer.units + 4 * settings.neighbours)
    found = harvest_cost(context, [layer], spec, batch=settings.batch)
    return found + Cost(seconds=seconds, disk_bytes=8 * points, memory_bytes=memory)
