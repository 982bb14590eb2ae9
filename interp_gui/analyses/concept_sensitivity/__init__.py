"""Whether an answer depends on a direction: by its derivative, and by taking it away."""

from interp_gui.analyses.concept_sensitivity.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
