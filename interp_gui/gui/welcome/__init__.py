"""The centre while no model is open: what to do first."""

from interp_gui.gui.welcome.page import Welcome

__all__ = ["Welcome"]
