"""What edits do: the answer before and after, and the effect of every edit beside controls."""

from interp_gui.analyses.intervene.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
