"""The real images that units respond to most, recorded in one pass over the images at hand."""

from interp_gui.analyses.real_examples.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
