"""How strong features are in the images at hand: what strengths and baselines are measured in."""

from interp_gui.analyses.feature_statistics.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
