"""Two models side by side: what both answer, and how alike their layers are."""

from interp_gui.analyses.compare_models.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
