"""Real images of any feature: strongest, least, random, by quantile, and by label or group."""

from interp_gui.analyses.top_examples.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
