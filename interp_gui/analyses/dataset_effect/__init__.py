"""What edits do to the answers for a whole dataset, beside the same changes made elsewhere."""

from interp_gui.analyses.dataset_effect.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
