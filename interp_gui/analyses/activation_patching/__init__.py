"""Values of a source image put into a base image, layer by layer and place by place."""

from interp_gui.analyses.activation_patching.analysis import ANALYSIS

__all__ = ["ANALYSIS"]
