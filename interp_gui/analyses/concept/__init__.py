"""Concepts: the direction that tells examples with something from examples without it."""

from interp_gui.analyses.concept.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
