"""Shapes: small labelled scenes of which every pixel's concepts are known.

>>> one = scene((0, 7), Spec(spurious=Spurious(label="star")))
>>> one.label, sorted(one.concepts)  # doctest: +SKIP
('heart', ['background', 'blue', 'dots', 'heart'])
"""

from interp_gui.samples.shapes.paint import TEXTURES
from interp_gui.samples.shapes.scenes import (
    COLOURS,
    DISTRACTOR,
    GROUND,
    MARKER,
    OBJECTS,
    Scene,
    Spec,
    Spurious,
    scene,
)

__all__ = [
    "COLOURS",
    "DISTRACTOR",
    "GROUND",
    "MARKER",
    "OBJECTS",
    "TEXTURES",
    "Scene",
    "Spec",
    "Spurious",
    "scene",
]
