"""Colours, textures, backgrounds and light of a scene.

Colours of objects are strong and backgrounds are pale, and light and texture change how bright a
colour is and never its hue, so that a hue belongs to one concept.
"""

import colorsys
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

HUES = {
    "red": 0.0,
    "orange": 28.0,
    "yellow": 54.0,
    "green": 120.0,
    "cyan": 180.0,
    "blue": 222.0,
    "purple": 273.0,
    "pink": 325.0,
}
"""Degrees on the colour circle."""
HUE_SPREAD = 5.0
"""A colour's hue varies by so many degrees to either side."""
BRIGHTEST = 0.92
TEXTURES = ("plain", "stripes", "dots", "checker")
BACKGROUNDS = ("flat", "gradient", "clouds", "grain", "bands")
_GRAINS = 21  # across the scene, whatever its size: a larger scene shows the same
_DARK = 0.42  # of the bright tone of a texture


def colour(name: str, random: np.random.Generator) -> Field:
    """One tone of a colour, (3,) in 0..1."""
    hue, saturation, value = random.uniform((-HUE_SPREAD, 0.78, 0.75), (HUE_SPREAD, 1, BRIGHTEST))
    return np.array(colorsys.hsv_to_rgb((HUES[name] + hue) % 360 / 360, saturation, value))


def brightness(texture: str, y: Field, x: Field, period_px: float) -> Field:
    """How bright a texture is at each place, relative to its colour.

    Parameters
    ----------
    y, x
        Places in the object's own frame, in pixels.
    period_px
        Distance at which the texture repeats.
    """
    if texture == "plain":
        return np.ones_like(y)
    if texture == "stripes":
        wave = np.sin(2 * pi * y / period_px)
    elif texture == "dots":
        near_y, near_x = ((each / period_px + 0.5) % 1 - 0.5 for each in (y, x))
        wave = (np.hypot(near_y, near_x) - 0.3) * 2 * pi
    else:  # checker
        wave = np.sin(pi * y / period_px) * np.sin(pi * x / period_px) * 2
    # steep, yet not a step: a pixel on the border has a tone between the two
    bright = np.clip(0.5 + wave * period_px / (2 * pi), 0, 1)
    found: Field = _DARK + (1 - _DARK) * bright
    return found


def background(kind: str, side: int, random: np.random.Generator) -> Field:
    """A pale ground, (side, side, 3) in 0..1, of two tones of one pale colour."""
    hue, saturation = random.uniform((0, 0), (1, 0.18))
    low, high = np.sort(random.uniform(0.18, 0.88, 2))
    turn, waves, cells = random.uniform(0, 2 * pi), random.uniform(1.0, 2.5), random.integers(3, 8)
    place = np.linspace(-1, 1, side)
    ramp = (place[:, None] * sin(turn) + place[None] * cos(turn)) / 2**0.5
    if kind == "flat":
        mix = np.full((side, side), random.uniform())
    elif kind == "gradient":
        mix = (ramp + 1) / 2
    elif kind == "bands":
        mix = (np.sin(ramp * waves * 2 * pi) + 1) / 2
    else:  # clouds, and grain which is finer
        count = int(cells) if kind == "clouds" else _GRAINS
        spread = _spread(side, count)
        mix = spread @ random.uniform(0, 1, (count, count)) @ spread.T
        mix = np.clip((mix - 0.5) * (1.6 if kind == "clouds" else 0.8) + 0.5, 0, 1)
    tint = np.array(colorsys.hsv_to_rgb(hue, saturation, 1.0))
    found: Field = (low + (high - low) * mix)[..., None] * tint
    return found


def _spread(side: int, count: int) -> Field:
    """Weights (side, count) that lay `count` values smoothly over `side` places."""
    at = np.linspace(0, count - 1, side)
    near = np.clip(1 - np.abs(at[:, None] - np.arange(count)), 0, 1)
    weights: Field = near * near * (3 - 2 * near)
    return weights


def light(side: int, strength: float, random: np.random.Generator) -> Field:
    """Light over the scene, (side, side, 1): even at strength 0, never so strong as to clip."""
    gain, slope, turn = random.uniform((0.72, 0, 0), (1.0, 0.22, 2 * pi))
    place = np.linspace(-1, 1, side)
    ramp = (place[:, None] * sin(turn) + place[None] * cos(turn)) / 2**0.5
    field = gain * (1 + slope * ramp)
    field = np.minimum(field, 1 / BRIGHTEST)
    found: Field = (1 + strength * (field - 1))[..., None]
    return found
