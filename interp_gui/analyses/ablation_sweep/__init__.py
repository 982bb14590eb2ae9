"""Every unit of a layer switched off, one at a time."""

from interp_gui.analyses.ablation_sweep.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
