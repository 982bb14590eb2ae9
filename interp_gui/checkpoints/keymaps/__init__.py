"""Networks under another library's names: tested maps from one naming to another."""

from interp_gui.checkpoints.keymaps.by_order import by_order
from interp_gui.checkpoints.keymaps.catalogue import renamings

__all__ = ["by_order", "renamings"]
