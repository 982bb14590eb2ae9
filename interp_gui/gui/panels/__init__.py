"""Docked panels: model, images, output, jobs, log."""
