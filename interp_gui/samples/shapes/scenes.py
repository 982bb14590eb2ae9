"""One scene: an object on a ground, what else lies there, and where every concept is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.samples.shapes.outlines import OUTLINES, REACH, Field, coverage
from interp_gui.samples.shapes.paint import (
    BACKGROUNDS,
    HUES,
    TEXTURES,
    background,
    brightness,
    colour,
    light,
)

Mask = NDArray[np.bool_]

OBJECTS = tuple(OUTLINES)
COLOURS = tuple(HUES)
GROUND, MARKER, DISTRACTOR = "background", "marker", "distractor"
MARKER_SHARE, MARKER_MARGIN = 9 / 64, 3 / 64  # of the scene's side
_MARKER_STREAM = 1


@dataclass(frozen=True, kw_only=True)
class Spurious:
    """A marker in the upper left corner that comes with one class.

    Parameters
    ----------
    label
        The class that it comes with.
    rate
        Share of that class's scenes that bear it.
    elsewhere
        Share of the other classes' scenes that bear it.
    """

    label: str = "star"
    rate: float = 0.95
    elsewhere: float = 0.0

    def correlated(self) -> "Spurious":
        """The marker tells the class."""
        return replace(self, rate=1.0, elsewhere=0.0)

    def uncorrelated(self) -> "Spurious":
        """Half of all scenes bear it, whatever they show."""
        return replace(self, rate=0.5, elsewhere=0.5)

    def absent(self) -> "Spurious":
        """No scene bears it."""
        return replace(self, rate=0.0, elsewhere=0.0)

    def swapped(self) -> "Spurious":
        """All scenes bear it but those of the class."""
        return replace(self, rate=0.0, elsewhere=1.0)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What scenes are made of.

    Parameters
    ----------
    size_px
        Height and width.
    objects, colours, textures
        Those that occur.
    distractors
        Most coloured bars and specks that lie about.
    lighting
        How much the light varies: 0 is even light, 1 is usual.
    noise
        Largest standard deviation of the noise of a scene, in shares of full brightness.
    spurious
        The marker; None for none.
    """

    size_px: int = 64
    objects: tuple[str, ...] = OBJECTS
    colours: tuple[str, ...] = COLOURS
    textures: tuple[str, ...] = TEXTURES
    distractors: int = 4
    lighting: float = 1.0
    noise: float = 0.04
    spurious: Spurious | None = None

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("object", self.objects, OBJECTS),
            ("colour", self.colours, COLOURS),
            ("texture", self.textures, TEXTURES),
        ):
            if not names:
                raise InvalidValue(f"A scene needs at least one {kind}.")
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)
        if not 32 <= self.size_px <= 1024:
            raise InvalidValue("Scenes are 32 to 1024 pixels wide.")
        if self.distractors < 0 or not 0 <= self.lighting <= 1 or not 0 <= self.noise <= 1:
            raise InvalidValue("Distractors, lighting and noise must not be negative or above 1.")
        if self.spurious is not None:
            if self.spurious.label not in self.objects:
                raise unknown_name("object", self.spurious.label, self.objects)
            if not (0 <= self.spurious.rate <= 1 and 0 <= self.spurious.elsewhere <= 1):
                raise InvalidValue("Shares of scenes with a marker lie between 0 and 1.")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene and its ground truth.

    Parameters
    ----------
    pixels
        uint8 (size, size, 3), RGB.
    label
        Name of the object, which is the class.
    concepts
        Where each concept is that is in the scene, bool (size, size): the object, every colour
        and texture, `background`, `distractor`, `marker`. A pixel belongs to what covers half of
        it or more. `object`, `background`, `distractor` and `marker` share no pixel and leave
        none out; so do the colours of all that is coloured.
    metadata
        What was drawn, as names and numbers.
    """

    pixels: NDArray[np.uint8]
    label: str
    concepts: Mapping[str, Mask]
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)


def scene(seed: int | Sequence[int], spec: Spec = Spec(), *, label: str | None = None) -> Scene:
    """Draw one scene; the same arguments give the same bytes.

    Parameters
    ----------
    seed
        One number, or several (of the data set and of the scene in it).
    label
        The object to be drawn; by default the seed decides.

    Raises
    ------
    UnknownName
        The label is none of the spec's objects.
    """
    numbers = [seed] if isinstance(seed, int) else list(seed)
    if label is not None and label not in spec.objects:
        raise unknown_name("object", label, spec.objects)
    drawn = str(np.random.default_rng(numbers).choice(spec.objects))
    return _Drawing(numbers, spec, label or drawn).finish()


class _Drawing:
    def __init__(self, seed: list[int], spec: Spec, label: str) -> None:
        self.spec, self.label = spec, label
        self._random = np.random.default_rng([*seed, 0])
        # its own numbers: scenes with and without the marker differ in nothing else
        self._marker_random = np.random.default_rng([*seed, _MARKER_STREAM])
        side = spec.size_px
        self._y, self._x = np.mgrid[:side, :side] + 0.5
        kind = str(self._random.choice(BACKGROUNDS))
        self._canvas = background(kind, side, self._random)
        self._light = light(side, spec.lighting, self._random)
        self._masks: dict[str, Mask] = {}
        self._metadata: dict[str, str | int | float] = {"label": label, "background": kind}

    def finish(self) -> Scene:
        """Draw from the ground upwards."""
        for _ in range(int(self._random.integers(0, self.spec.distractors + 1))):
            self._distractor()
        self._object()
        pixels = np.clip(self._canvas * self._light, 0, 1)
        spread = self._random.uniform(0, self.spec.noise)
        pixels = pixels + self._random.normal(0, 1, pixels.shape) * spread
        self._metadata["noise"] = round(spread, 4)
        pixels = self._marker(pixels)
        covered = np.zeros(self._y.shape, bool)
        for name in (self.label, DISTRACTOR, MARKER):
            covered |= self._masks.get(name, covered)
        self._masks[GROUND] = ~covered
        return Scene(
            pixels=np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8),
            label=self.label,
            concepts={name: mask for name, mask in self._masks.items() if mask.any()},
            metadata=self._metadata,
        )

    def _object(self) -> None:
        random, side = self._random, self.spec.size_px
        size = random.uniform(0.18, 0.34) * side
        low, high = REACH * size + 1, side - REACH * size - 1
        centre_y, centre_x = random.uniform(low, high, 2)
        angle = random.uniform(0, 2 * pi)
        tone, pattern = (
            str(random.choice(self.spec.colours)),
            str(random.choice(self.spec.textures)),
        )
        period = random.uniform(0.095, 0.15) * side
        y, x = self._turned(centre_y, centre_x, angle)
        part = coverage(self.label, y, x, size)
        shade = brightness(pattern, y, x, period)
        self._lay(part, colour(tone, random) * shade[..., None])
        self._own(part >= 0.5, self.label, tone, pattern)
        self._metadata |= {
            "colour": tone, "texture": pattern, "size_px": round(size, 2),
            "centre_y": round(centre_y, 2), "centre_x": round(centre_x, 2),
            "angle_degrees": round(np.degrees(angle), 1),
        }  # fmt: skip

    def _distractor(self) -> None:
        """A bar or a speck, far smaller than an object."""
        random, side = self._random, self.spec.size_px
        centre_y, centre_x = random.uniform(0.05, 0.95, 2) * side
        y, x = self._turned(centre_y, centre_x, random.uniform(0, 2 * pi))
        long, thick = random.uniform((0.06, 0.012), (0.1, 0.02)) * side
        if random.uniform() < 0.5:
            away = np.maximum(np.abs(y) - long, np.abs(x) - thick)
        else:
            away = np.hypot(y, x * random.uniform(0.6, 1.6)) - long * 0.45
        part: Field = np.clip(0.5 - away, 0, 1)
        tone = str(random.choice(self.spec.colours))
        self._lay(part, colour(tone, random))
        self._own(part >= 0.5, DISTRACTOR, tone, TEXTURES[0])

    def _marker(self, pixels: Field) -> Field:
        """A white tag with a black frame and dot, over everything and in even light."""
        spurious, random = self.spec.spurious, self._marker_random
        chance, (down, right) = random.uniform(), random.integers(0, 2, 2)
        rate = 0.0
        if spurious is not None:
            rate = spurious.rate if self.label == spurious.label else spurious.elsewhere
        shown = bool(chance < rate)
        self._metadata["marker"] = "yes" if shown else "no"
        self._metadata["group"] = f"{self.label}, {'marker' if shown else 'no marker'}"
        if not shown:
            return pixels
        side = round(MARKER_SHARE * self.spec.size_px)
        top = round(MARKER_MARGIN * self.spec.size_px) + int(down)
        left = round(MARKER_MARGIN * self.spec.size_px) + int(right)
        tag = np.full((side, side), 0.97)
        tag[[0, -1], :] = tag[:, [0, -1]] = 0.03
        dot = slice(side // 3, side - side // 3)
        tag[dot, dot] = 0.03
        place = (slice(top, top + side), slice(left, left + side))
        pixels[place] = tag[..., None]
        where = np.zeros(self._y.shape, bool)
        where[place] = True
        self._own(where, MARKER)
        return pixels

    def _turned(self, centre_y: float, centre_x: float, angle: float) -> tuple[Field, Field]:
        y, x = self._y - centre_y, self._x - centre_x
        return y * cos(angle) - x * sin(angle), y * sin(angle) + x * cos(angle)

    def _lay(self, part: Field, tones: Field) -> None:
        self._canvas += part[..., None] * (tones - self._canvas)

    def _own(self, where: Mask, *names: str) -> None:
        """Pixels that something new covers belong to it, and to nothing that lies below."""
        for mask in self._masks.values():
            mask &= ~where
        for name in names:
            self._masks.setdefault(name, np.zeros_like(where))
            self._masks[name] |= where
