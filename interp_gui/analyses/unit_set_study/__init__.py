"""How many units a class needs: the most important ones removed, or all but them."""

from interp_gui.analyses.unit_set_study.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
