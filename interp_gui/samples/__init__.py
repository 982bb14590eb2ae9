"""Sample networks and pictures; importable without torch."""

from interp_gui.samples.catalog import Sample, find_sample, samples
from interp_gui.samples.mobilenet import mobilenet_path
from interp_gui.samples.photographs import photographs
from interp_gui.samples.places import shapes_folder, shapes_model

__all__ = [
    "Sample",
    "find_sample",
    "mobilenet_path",
    "photographs",
    "samples",
    "shapes_folder",
    "shapes_model",
]
