"""Edits written into weights: what is linear in a network's weights becomes part of them.

A change ``x' = A x + c`` of a layer's value goes into the weights that make the value (their rows)
or into those of everything that reads it (their columns). What was written is compared with the
edited network before it counts.
"""

from interp_gui.runtimes.baking.outcome import AGREEMENT, Baked, NotBakeable, Outcome

__all__ = ["AGREEMENT", "Baked", "NotBakeable", "Outcome"]
