"""The window: Qt only, no torch."""
