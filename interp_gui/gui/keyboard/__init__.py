"""Keys: what they do, and where the focus is."""
