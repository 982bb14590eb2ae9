"""The nouns of interp-gui: plain data and numpy, importable from both processes."""
