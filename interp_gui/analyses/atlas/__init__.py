"""Activation atlases: a layer's activations over many images, laid out on a map."""

from interp_gui.analyses.atlas.analysis import ANALYSIS
from interp_gui.analyses.atlas.make import make_atlas
from interp_gui.analyses.atlas.settings import AtlasSettings

__all__ = ["ANALYSIS", "AtlasSettings", "make_atlas"]
