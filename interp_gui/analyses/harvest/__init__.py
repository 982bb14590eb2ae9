"""The activation store: what every unit does in every image at hand, recorded once."""

from interp_gui.analyses.harvest.analysis import ANALYSIS
from interp_gui.analyses.harvest.costs import harvest_cost
from interp_gui.analyses.harvest.passing import harvest
from interp_gui.analyses.harvest.record import Harvest, HarvestedImage, LabelPeaks, LayerRecord
from interp_gui.analyses.harvest.spec import HarvestSpec

__all__ = [
    "ANALYSIS",
    "Harvest",
    "HarvestSpec",
    "HarvestedImage",
    "LabelPeaks",
    "LayerRecord",
    "harvest",
    "harvest_cost",
]
