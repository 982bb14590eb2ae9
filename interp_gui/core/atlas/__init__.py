"""Activation atlases: what one is, how directions leave it, and how it is drawn."""
