"""Pictures of an atlas's cells: crops of real images, and icons of the cells' directions."""

from interp_gui.analyses.atlas_pictures.costs import estimate
from interp_gui.analyses.atlas_pictures.drawing import run
from interp_gui.analyses.atlas_pictures.settings import PictureSettings
from interp_gui.core.analysis import Analysis, Need

__all__ = ["ANALYSIS", "PictureSettings"]


def _spares(settings: PictureSettings) -> tuple[Need, ...]:
    """Crops need no gradient."""
    return ("gradient",) if settings.source == "crop" else ()


ANALYSIS = Analysis(
    id="atlas-pictures",
    title="Pictures of an atlas",
    summary="Draws the cells of an activation atlas: as crops of real images, or as icons "
    "optimised for what each cell stands for.",
    parameters=PictureSettings,
    needs=("dataset", "layer", "gradient"),
    spares=_spares,
    produces=("sheet",),
    offered=False,
    run=run,
    unedited=True,
    estimate=estimate,
)
