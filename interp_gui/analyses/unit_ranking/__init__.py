"""Why this answer: units ranked by activation and attribution, confirmed by ablation."""

from interp_gui.analyses.unit_ranking.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
