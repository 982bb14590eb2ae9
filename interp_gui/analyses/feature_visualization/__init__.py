"""Feature visualisation: pictures optimised to make a feature respond.

After Olah, Mordvintsev and Schubert (Feature Visualization, Distill 2017); the numbers are those
of lucid unless said otherwise.
"""

from interp_gui.analyses.feature_visualization.climb import run
from interp_gui.analyses.feature_visualization.costs import estimate
from interp_gui.analyses.feature_visualization.plan import ANALYSIS_ID, VERSION, spared_needs
from interp_gui.analyses.feature_visualization.settings import Settings
from interp_gui.core.analysis import Analysis

__all__ = ["ANALYSIS", "Settings"]

ANALYSIS = Analysis(
    id=ANALYSIS_ID,
    title="Feature visualisation",
    summary="A picture optimised to make a unit, direction, layer or class respond.",
    parameters=Settings,
    run=run,
    unedited=True,
    needs=("features", "gradient"),
    uses=("dataset",),
    produces=("picture",),
    spares=spared_needs,
    version=VERSION,
    estimate=estimate,
)
