"""Activation grids: one image as a layer has it, every position drawn as the icon of its vector.

After Olah et al., The building blocks of interpretability (Distill 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interp_gui.analyses.asked import asked_layer, current_image, run_edited
from interp_gui.analyses.atlas_pictures.climbing import Climber, Icons
from interp_gui.analyses.atlas_pictures.goals import goals_of
from interp_gui.analyses.atlas_pictures.icons import Floats, Pixels, Recipe, icon_maker
from interp_gui.analyses.atlas_pictures.order import along_curve
from interp_gui.analyses.atlas_pictures.stages import Drawn, in_stages
from interp_gui.analyses.unit_maps import require_positions, unit_maps
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.place import resample_by_area
from interp_gui.core.planes import composite
from interp_gui.core.result import Grid, GridItem, Picture

BACKGROUND = 255
LEAST_SHARE = 0.12
"""The quietest position is still drawn so large, as a share of its tile."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `activation-grid`."""

    most: int = parameter(
        14, help="Rows and columns at most; finer grids are averaged over neighbouring positions.",
        minimum=1, maximum=64, title="cells a side",
    )  # fmt: skip
    size: int = parameter(96, help="Height and width of an icon.", unit="px", minimum=32,
                          maximum=512)  # fmt: skip
    steps: int = parameter(128, help="Steps of an icon.", minimum=1, maximum=10_000)
    first: int = parameter(
        24, help="Steps of the first look at all icons; 0: none.", minimum=0, maximum=10_000,
        title="steps of a first look", advanced=True,
    )  # fmt: skip
    direction: Literal["raw", "centred"] = parameter(
        "raw",
        help="What icons climb towards: a position's vector (raw), or what it has beyond the mean "
        "of the image's positions (centred).",
    )
    power: float = parameter(
        4.0, help="Power of the cosine in what an icon makes large.", minimum=0.0, maximum=32.0,
        advanced=True,
    )  # fmt: skip
    group: int = parameter(
        8, help="Icons that are optimised together; the same groups give the same pixels again.",
        minimum=1, maximum=64, title="icons at once", advanced=True,
    )  # fmt: skip


def pooled(maps: Floats, most: int) -> Floats:
    """Maps (C, h, w) averaged by area to at most so many rows and columns."""
    rows, columns = min(maps.shape[1], most), min(maps.shape[2], most)
    if maps.shape[1:] == (rows, columns):
        return maps
    each = [resample_by_area(plane.astype(np.float64), rows, columns) for plane in maps]
    return np.stack(each).astype(np.float32)


def assembled(icons: Sequence[Pixels | None], norms: Floats, columns: int, tile_px: int) -> Pixels:
    """One picture of all positions; each icon's side is its share of the largest norm."""
    rows = -(-len(icons) // columns)
    canvas = np.full((rows * tile_px, columns * tile_px, 3), BACKGROUND, np.uint8)
    largest = max(float(norms.max()), 1e-12)
    for place, icon in enumerate(icons):
        if icon is None:
            continue
        share = max(float(norms[place]) / largest, LEAST_SHARE)
        side = max(1, round(share * tile_px))
        scaled = np.asarray(Image.fromarray(icon).resize((side, side), Image.Resampling.LANCZOS))
        row, column = divmod(place, columns)
        top = row * tile_px + (tile_px - side) // 2
        left = column * tile_px + (tile_px - side) // 2
        canvas[top : top + side, left : left + side] = scaled
    return canvas


class _Drawing:
    """What is known of the grid so far."""

    def __init__(
        self, context: Context, parameters: Parameters, maps: Floats, finer: tuple[int, int]
    ) -> None:
        seen = current_image(context)
        self._sha256 = seen.sha256
        self._name = Path(seen.path).stem
        self._layer = asked_layer(context).name
        self._model = context.model.description.weights_sha256
        self._parameters, self._finer = parameters, finer
        self.rows, self.columns = int(maps.shape[1]), int(maps.shape[2])
        self.vectors: Floats = np.ascontiguousarray(maps.reshape(len(maps), -1).T)
        self._norms: NDArray[np.float32] = np.linalg.norm(self.vectors, axis=1)
        self._icons: list[Pixels | None] = [None] * len(self.vectors)
        self._cosines = np.full(len(self.vectors), np.nan)

    @property
    def norms(self) -> NDArray[np.float32]:
        """(positions,) lengths of the vectors."""
        return self._norms

    def take(self, places: Sequence[int], icons: Icons) -> None:
        """Put a block's pictures in their places."""
        for place, pixels, cosine in zip(places, icons.pixels, icons.cosine, strict=True):
            self._icons[place] = composite(pixels)
            self._cosines[place] = cosine

    def picture(self, steps: int, *, final: bool) -> Picture:
        """The assembled grid."""
        tile = self._parameters.size
        known = self._cosines[~np.isnan(self._cosines)]
        return Picture(
            key="grid",
            title=f"{self._name} as {self._layer} has it",
            final=final,
            pixels=assembled(self._icons, self._norms, self.columns, tile),
            numbers={
                "rows": self.rows, "columns": self.columns, "steps": steps,
                "median_cosine": float(np.median(known)) if len(known) else None,
                "largest_norm": float(self._norms.max()),
                "smallest_norm": float(self._norms.min()),
            },
            notes=self._notes(),
            provenance={"image_sha256": self._sha256},
        )  # fmt: skip

    def grid(self, steps: int, *, final: bool) -> Grid:
        """The icons as cards in their places, each with its position's vector to drag."""
        items = []
        start = self.vectors.mean(axis=0) if self._parameters.direction == "centred" else 0.0
        kind = "" if self._parameters.direction == "raw" else " beyond the image's mean"
        blank = np.full((self._parameters.size,) * 2 + (3,), BACKGROUND, np.uint8)
        for place, icon in enumerate(self._icons):
            row, column = divmod(place, self.columns)
            vector = self.vectors[place] - start
            feature = Feature(
                layer=self._layer, vectors=as_vectors(vector), model=self._model,
                name=f"{self._name} at {row},{column}{kind}",
            ) if np.isfinite(vector).all() and vector.any() else None  # fmt: skip
            cosine = float(self._cosines[place])
            items.append(
                GridItem(
                    title=f"{row},{column}", pixels=blank if icon is None else icon,
                    feature=feature,
                    numbers={
                        "row": row, "column": column, "norm": float(self._norms[place]),
                        "cosine": None if np.isnan(cosine) else cosine,
                    },
                )
            )  # fmt: skip
        return Grid(
            key="positions",
            title=f"Positions of {self._name} in {self._layer}",
            final=final, items=tuple(items), columns=self.columns, numbers={"steps": steps},
            notes=self._notes(), provenance={"image_sha256": self._sha256},
        )  # fmt: skip

    def _notes(self) -> tuple[str, ...]:
        notes = ["Each icon's side is its vector's length as a share of the longest."]
        if self._finer != (self.rows, self.columns):
            notes.append(
                f"The layer's {self._finer[0]} × {self._finer[1]} positions are averaged to "
                f"{self.rows} × {self.columns}."
            )
        if not self._norms.all():
            notes.append("Positions where the layer is silent have an icon of nothing.")
        return tuple(notes)


def run(context: Context, parameters: Parameters) -> Steps:
    """The grid as one `Picture` and its positions as a `Grid`, refined block by block."""
    layer = asked_layer(context)
    require_positions(layer)
    if context.inputs.edits.active:
        raise MissingAbility(
            "Icons are made of the network without its edits.", hint="Switch the edits off."
        )
    yield Progress(text="Running the model")
    seen = current_image(context)
    value = run_edited(context, seen.batch, capture=[layer.name], until=layer.name)
    maps = unit_maps(value.captured[layer.name], layer, seen.size)[0]
    if not np.isfinite(maps).all():
        raise InvalidValue("The layer's values are not numbers.")
    drawing = _Drawing(
        context, parameters, pooled(maps, parameters.most), (maps.shape[1], maps.shape[2])
    )
    parts = _blocks(drawing, parameters.group)
    recipe = Recipe(size=parameters.size, place="centre", power=parameters.power)
    climber = Climber(
        context, lambda: icon_maker(context, layer, recipe), steps=parameters.steps,
        key={"layer": layer.name, "recipe": recipe.plain()},
    )  # fmt: skip
    mean = drawing.vectors.mean(axis=0, dtype=np.float64)
    goals = [
        goals_of(drawing.vectors[part], kind=parameters.direction, mean=mean,
                 seed=context.inputs.seed)
        for part in parts
    ]  # fmt: skip
    done = 0
    for step in in_stages(context, climber, goals, first=parameters.first):
        if not isinstance(step, Drawn):
            yield step
            continue
        drawing.take(parts[step.index], step.icons)
        done += step.final
        final = done == len(parts)
        yield drawing.picture(step.icons.steps, final=final)
        if final:
            yield drawing.grid(step.icons.steps, final=True)


def _blocks(drawing: _Drawing, size: int) -> list[Any]:
    """Positions in blocks that lie together, those with the longest vector first."""
    places = np.arange(len(drawing.vectors))
    y, x = np.divmod(places, drawing.columns)
    ordered = along_curve(x, y)
    parts = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    return sorted(parts, key=lambda part: -float(drawing.norms[part].max()))


ANALYSIS = Analysis(
    id="activation-grid",
    title="Activation grid",
    summary="One image as a layer has it: every position drawn as what its vector stands for.",
    parameters=Parameters,
    needs=("image", "layer", "spatial", "gradient"),
    produces=("picture", "grid"),
    run=run,
    unedited=True,
)
