"""The analysis `activation-atlas`: the map, and where wanted the pictures of its cells."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.analyses.asked import asked_layer
from interp_gui.analyses.atlas.costs import atlas_cost, cells_of
from interp_gui.analyses.atlas.make import make_atlas
from interp_gui.analyses.atlas.settings import AtlasSettings, of_atlas
from interp_gui.core.analysis import Analysis, Context, Steps, parameter
from interp_gui.core.cost import Cost


@dataclass(frozen=True, kw_only=True)
class Parameters(AtlasSettings):
    """Settings of `activation-atlas`: those of the atlas, and how its cells are drawn."""

    pictures: Literal["none", "crops", "icons"] = parameter(
        "crops",
        help="Pictures of the cells, all of every level: none, crops of real images, or icons "
        "optimised for what each cell stands for, which take minutes.",
    )
    size: int = parameter(
        96, help="Height and width of a picture.", unit="px", minimum=32, maximum=512,
        title="picture size",
    )  # fmt: skip
    steps: int = parameter(
        128, help="Steps of an icon.", minimum=1, maximum=10_000, title="icon steps"
    )
    direction: Literal["centred", "raw", "whitened"] = parameter(
        "centred",
        help="What an icon climbs towards: the cell's mean minus the layer's mean (centred), the "
        "cell's mean (raw), or the first in a space where the layer varies alike in all "
        "directions (whitened).",
        advanced=True,
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """The `Atlas`, more and more of it under one key, and then a `Sheet` for each part drawn."""
    if parameters.pictures == "icons":
        from interp_gui.analyses.atlas_pictures.goals import require_direction

        require_direction(asked_layer(context), parameters.direction)
    atlas = yield from make_atlas(context, parameters)
    if parameters.pictures == "none":
        return
    from interp_gui.analyses.atlas_pictures.drawing import drawn
    from interp_gui.analyses.atlas_pictures.settings import PictureSettings

    for level in atlas.levels:
        settings = PictureSettings(
            **of_atlas(parameters), level=level.side, size=parameters.size,
            source="icon" if parameters.pictures == "icons" else "crop", steps=parameters.steps,
            direction=parameters.direction,
        )  # fmt: skip
        yield from drawn(context, settings, atlas)


def estimate(context: Context, parameters: Parameters) -> Cost:
    """The pass over the images as far as it is not known, the layout, labels and pictures."""
    layer = asked_layer(context)
    cost = atlas_cost(context, layer, parameters)
    if parameters.pictures == "none":
        return cost
    from interp_gui.analyses.atlas_pictures.costs import estimate as pictures_cost
    from interp_gui.analyses.atlas_pictures.settings import PictureSettings

    for side in cells_of(context, layer, parameters):
        settings = PictureSettings(
            **of_atlas(parameters), level=side, size=parameters.size, steps=parameters.steps,
            source="icon" if parameters.pictures == "icons" else "crop",
        )  # fmt: skip
        cost += pictures_cost(context, settings)
    return cost


ANALYSIS = Analysis(
    id="activation-atlas",
    title="Activation atlas",
    summary="A map of what a layer holds over many images: places that are near one another look "
    "alike to the network.",
    parameters=Parameters,
    needs=("dataset", "layer"),
    uses=("target",),
    produces=("atlas", "sheet"),
    run=run,
    estimate=estimate,
)
