"""Which cells are patched: layers by positions, or layers by heads."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from interp_gui.analyses.activation_patching.settings import Parameters
from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit
from interp_gui.core.errors import EditProblem, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.core.place import Place

_BLOCKS = ("block", "stage")
_FEWEST_BLOCKS = 3


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Rows of layers by columns of places or of heads.

    Parameters
    ----------
    key
        `positions` or `heads`.
    places
        One a column, for positions.
    heads
        One a column, for heads.
    labels
        Of the columns.
    """

    key: str
    layers: tuple[LayerInfo, ...]
    labels: tuple[str, ...]
    places: tuple[Place, ...] = ()
    heads: tuple[int, ...] = ()
    column_title: str = ""
    note: str = ""

    @property
    def all(self) -> list[tuple[int, int]]:
        """Every cell that there is, by row and column."""
        found = []
        for row, layer in enumerate(self.layers):
            known = layer.heads if self.heads else len(self.labels)
            found += [(row, column) for column in range(known)]
        return found

    def edit(self, row: int, column: int, source: str) -> Edit:
        """What a cell stands for, as `Matrix.edit` gives it."""
        feature = Feature(layer=self.layers[row].name)
        if self.heads:
            feature = Feature(layer=feature.layer, units=(self.heads[column],), heads=True)
            return Edit(feature=feature, kind="patch", source=source)
        return Edit(feature=feature, kind="patch", place=self.places[column], source=source)


def cells_of(context: Context, parameters: Parameters) -> list[Cells]:
    """What is patched, by the settings and by what the model has.

    Raises
    ------
    MissingAbility
        The model has no positions, or no heads, that can be patched.
    EditProblem
        A named layer cannot be changed.
    """
    found = []
    named = _named(context, parameters.layers)
    if parameters.parts in ("both", "positions"):
        positions = _positions(context, parameters, [one for one in named if not _has_heads(one)])
        found += [positions] if positions is not None else []
    if parameters.parts in ("both", "heads"):
        heads = _heads(context, [layer for layer in named if _has_heads(layer)], named)
        found += [heads] if heads is not None else []
    if not found:
        what = {"both": "positions and no heads"}.get(parameters.parts, parameters.parts)
        raise MissingAbility(
            f"'{context.model.description.name}' has no {what} that could be patched.",
            hint="Name layers with rows and columns, with tokens, or with heads.",
        )
    return found


def _named(context: Context, text: str) -> list[LayerInfo]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    layers = [context.model.description.layer(name) for name in names]
    for layer in layers:
        if not layer.writable:
            raise EditProblem(
                f"{layer.name} can be read but not changed in this model.",
                hint="Choose another layer.",
            )
    return sorted(layers, key=lambda layer: layer.depth)


def _has_heads(layer: LayerInfo) -> bool:
    return "head" in layer.axes


# --- positions ----------------------------------------------------------------------------------


def _positions(
    context: Context, parameters: Parameters, named: Sequence[LayerInfo]
) -> Cells | None:
    candidates = list(named) or _spread(_blocks(context), parameters.most_layers)
    if parameters.layers and not named:
        return None
    grids = [layer for layer in candidates if layer.grid is not None and layer.grid != (1, 1)]
    tokens = [layer for layer in candidates if layer.grid is None and layer.token_grid is not None]
    if len(grids) >= len(tokens):
        return _on_grids(grids, parameters.cells) if grids else None
    common, _ = Counter((layer.token_grid, layer.prefix_tokens) for layer in tokens).most_common(1)[
        0
    ]
    alike = [layer for layer in tokens if (layer.token_grid, layer.prefix_tokens) == common]
    return _on_tokens(alike, parameters.cells)


def _blocks(context: Context) -> list[LayerInfo]:
    usable = [
        layer
        for layer in context.model.description.layers
        if layer.worthwhile and layer.writable and layer.spatial and layer.units
        and not _has_heads(layer) and layer.grid != (1, 1)
    ]  # fmt: skip
    blocks = [layer for layer in usable if layer.role in _BLOCKS]
    return blocks if len(blocks) >= _FEWEST_BLOCKS else usable


def _spread(layers: Sequence[LayerInfo], most: int) -> list[LayerInfo]:
    """At most so many, the last one among them."""
    if len(layers) <= most:
        return list(layers)
    step = len(layers) / most
    return [layers[math.ceil((i + 1) * step) - 1] for i in range(most)]


def _on_grids(layers: Sequence[LayerInfo], most: int) -> Cells:
    side = max(1, math.isqrt(most))
    rows = min(side, *(layer.grid[0] for layer in layers if layer.grid), side)
    columns = min(side, *(layer.grid[1] for layer in layers if layer.grid), side)
    places, labels = [], []
    for y in range(rows):
        for x in range(columns):
            region = tuple(
                tuple(float((i, j) == (y, x)) for j in range(columns)) for i in range(rows)
            )
            places.append(Place("region", region=region))
            labels.append(f"{y},{x}")
    return Cells(
        key="positions", layers=tuple(layers), labels=tuple(labels), places=tuple(places),
        column_title=f"position (row, column of {rows} × {columns})",
        note=f"Each position is one of {rows} × {columns} parts of the image; where a layer's map "
        "is larger, that is a block of it.",
    )  # fmt: skip


def _on_tokens(layers: Sequence[LayerInfo], most: int) -> Cells:
    first = layers[0]
    assert first.token_grid is not None
    height, width = first.token_grid
    side = max(1, math.isqrt(most))
    rows, columns = min(side, height), min(side, width)
    extra = first.prefix_tokens
    places, labels = [], []
    for token in range(extra):
        places.append(Place("tokens", tokens=(token,)))
        labels.append("class" if token == first.class_token else f"token {token}")
    for y in range(rows):
        for x in range(columns):
            within = tuple(
                extra + i * width + j
                for i in range(height)
                for j in range(width)
                if (i * rows // height, j * columns // width) == (y, x)
            )
            places.append(Place("tokens", tokens=within))
            labels.append(f"{y},{x}")
    return Cells(
        key="positions", layers=tuple(layers), labels=tuple(labels), places=tuple(places),
        column_title=f"position (row, column of {rows} × {columns})",
        note=f"Each position is the patches in one of {rows} × {columns} parts of the image.",
    )  # fmt: skip


# --- heads --------------------------------------------------------------------------------------


def _heads(
    context: Context, named: Sequence[LayerInfo], all_named: Sequence[LayerInfo]
) -> Cells | None:
    if all_named and not named:
        return None
    layers = list(named) or [
        layer
        for layer in context.model.description.layers
        if layer.role == "z" and layer.writable and layer.heads
    ]
    if not layers:
        return None
    most = max(layer.heads for layer in layers)
    return Cells(
        key="heads", layers=tuple(layers), labels=tuple(str(i) for i in range(most)),
        heads=tuple(range(most)), column_title="head",
    )  # fmt: skip
