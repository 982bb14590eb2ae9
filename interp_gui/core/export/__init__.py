"""Export: results of every kind as PNG, SVG, PDF, CSV and NPZ, with the recipe inside."""

import math
from collections.abc import Sequence
from pathlib import Path

from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.export.drawing import Drawing
from interp_gui.core.export.files import make_folder, write_atomically
from interp_gui.core.export.layout import drawing_of
from interp_gui.core.export.numbers import csv_bytes, npz_bytes
from interp_gui.core.export.png import png_bytes, rasterise
from interp_gui.core.export.recipes import read_recipe
from interp_gui.core.export.svg import svg_bytes
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Grid, GridItem, Picture, Pixels

FORMATS = ("png", "svg", "pdf", "csv", "npz")
LARGEST_SIDE = 16_384

__all__ = [
    "FORMATS", "contact_sheet", "export_bytes", "export_result", "make_folder", "read_recipe",
    "result_image", "write_atomically",
]  # fmt: skip


def export_result(
    result: AnyResult,
    path: Path | str,
    *,
    recipe: Recipe | None = None,
    scale: float = 1.0,
    format: str | None = None,
) -> Path:
    """Write a result to a file, whole or not at all.

    Parameters
    ----------
    path
        Its folder must exist.
    recipe
        Embedded in every format but CSV, which has no place for it.
    scale
        Pixels a unit for PNG; size of the page for SVG and PDF.
    format
        One of `FORMATS`; by default what the file name ends in.

    Raises
    ------
    OutputProblem
        It cannot be written.
    InvalidValue
        The format or scale is none that is known.
    """
    target = Path(path)
    data = export_bytes(
        result, format or target.suffix.lstrip(".").lower(), recipe=recipe, scale=scale
    )
    write_atomically(target, data)
    return target


def export_bytes(
    result: AnyResult, format: str, *, recipe: Recipe | None = None, scale: float = 1.0
) -> bytes:
    """The content of such a file."""
    text = recipe.to_json() if recipe is not None else ""
    if format == "csv":
        return csv_bytes(result)
    if format == "npz":
        return npz_bytes(result, recipe=text)
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    drawing = _checked(drawing_of(result), scale)
    if format == "svg":
        return svg_bytes(drawing, scale=scale, recipe=text)
    if format == "pdf":
        from interp_gui.core.export.pdf import pdf_bytes

        return pdf_bytes(drawing, scale=scale, recipe=text)
    return png_bytes(drawing, scale=scale, recipe=text)


def result_image(result: AnyResult, scale: float = 1.0) -> Pixels:
    """A result of any kind as pixels, (H, W, 3 or 4) uint8."""
    return rasterise(_checked(drawing_of(result), scale), scale)


def contact_sheet(
    results: Sequence[Picture | Grid] | Grid, *, title: str = "", columns: int = 0
) -> Grid:
    """Many pictures, and the cards of grids, on one sheet.

    A grid's cards stand under its title; pictures stand by themselves.
    """
    if isinstance(results, Grid):
        return results
    items: list[GridItem] = []
    for result in results:
        if isinstance(result, Picture):
            items.append(
                GridItem(
                    title=result.title, pixels=result.pixels, numbers=result.numbers,
                    feature=result.feature,
                )
            )  # fmt: skip
            continue
        items += [
            GridItem(
                title=item.title, pixels=item.pixels, numbers=item.numbers, feature=item.feature,
                group=f"{result.title} · {item.group}" if item.group else result.title,
            )
            for item in result.items
        ]  # fmt: skip
    return Grid(key="contact-sheet", title=title, items=tuple(items), columns=columns)


def _checked(drawing: Drawing, scale: float) -> Drawing:
    longest = max(drawing.width, drawing.height)
    if not (math.isfinite(scale) and scale > 0) or longest * scale > LARGEST_SIDE:
        raise InvalidValue(
            f"At a scale of {scale:g} the longer side would be {longest * scale:g} pixels.",
            hint=f"Choose a scale above 0 and up to {LARGEST_SIDE / max(longest, 1):.3g}.",
        )
    return drawing
