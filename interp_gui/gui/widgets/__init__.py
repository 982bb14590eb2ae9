"""Views and controls without knowledge of the engine."""
