"""Sessions in the window: saving, opening, and getting back what a crash would have taken."""
