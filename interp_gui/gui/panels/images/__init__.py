"""The Images panel."""

from interp_gui.gui.panels.images.panel import ImagesPanel

__all__ = ["ImagesPanel"]
