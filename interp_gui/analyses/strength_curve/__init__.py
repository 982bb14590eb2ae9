"""The answer over strengths of one feature's edit."""

from interp_gui.analyses.strength_curve.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
