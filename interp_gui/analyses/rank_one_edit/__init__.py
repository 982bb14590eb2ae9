"""Rewriting one linear layer in closed form, with what that does to everything else."""

from interp_gui.analyses.rank_one_edit.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
