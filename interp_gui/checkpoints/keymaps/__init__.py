"""Networks under another library's names: tested maps from one naming to another."""

from collections.abc import Mapping

from interp_gui.checkpoints.keymaps.by_order import by_order
from interp_gui.checkpoints.keymaps.catalogue import renamings
from interp_gui.checkpoints.match import Renaming

__all__ = ["Mapping", "Renaming", "by_order", "renamings"]
