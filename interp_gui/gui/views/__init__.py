"""The views of the centre: framed, grouped in tabs, split, torn off."""
