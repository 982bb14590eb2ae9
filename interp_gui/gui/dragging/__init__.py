"""Dragging features and files, and saying what a drop will do."""
