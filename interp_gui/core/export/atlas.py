"""An atlas as a drawing: what the window's canvas shows of it, for PNG, SVG and PDF."""

from dataclasses import replace

import numpy as np

from interp_gui.core.atlas.colours import kind_colours
from interp_gui.core.atlas.display import Display, View, display_scene, picture_px, shown_side
from interp_gui.core.atlas.kinds import Atlas, Sheet
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.atlas.view import TINT, frame_px
from interp_gui.core.colormaps import apply_colormap
from interp_gui.core.export.atlas_json import LevelPicture
from interp_gui.core.export.drawing import (
    INK,
    MARGIN,
    PAPER,
    SMALL_SIZE,
    SOFT,
    Discs,
    Drawing,
    ImageItem,
    Item,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import shorten
from interp_gui.core.export.frame import close_frame, open_frame
from interp_gui.core.export.grids import grid_drawing
from interp_gui.core.export.numbers import readable
from interp_gui.core.result import Grid, GridItem, Pixels

MAP_PX = 1280
"""Side of a whole map, where its pictures ask for no more."""
LARGEST_PX = 8192
_FEWEST_CELLS = 5
_BAR_PX = 120
_WIDER = 1.12
"""Letters of the exports' typeface are so much wider than labels reckon with."""


def atlas_drawing(atlas: Atlas) -> Drawing:
    """The part `atlas.seen` of the map at the level `atlas.side`, under its title.

    Pictures keep their own pixels as far as the page allows it.
    """
    drawing, _ = _laid_out(atlas)
    return drawing


def level_picture(atlas: Atlas, file: str) -> LevelPicture:
    """Where the cells stand in the PNG that an export of `atlas` at its level makes."""
    _, (shown, left, top) = _laid_out(atlas)
    placed = shown.pictures
    boxes = {
        int(cell): (round(left + x), round(top + y), int(size), int(size))
        for cell, x, y, size in zip(placed.cells, placed.x, placed.y, placed.size, strict=True)
    }
    source = {
        int(cell): atlas.pictures[sheet].source
        for cell, sheet in zip(placed.cells, placed.sheet, strict=True)
    }
    return LevelPicture(file=file, boxes=boxes, source=source)


def sheet_drawing(sheet: Sheet) -> Drawing:
    """Pictures of cells by themselves, where their atlas is not at hand."""
    pictures = sheet.pictures
    items = tuple(
        GridItem(title=f"Cell {cell}", pixels=pixels)
        for cell, pixels in zip(pictures.cells, pictures.pixels, strict=True)
    )
    return grid_drawing(
        Grid(key=sheet.key, title=sheet.title, items=items, notes=sheet.notes,
             numbers=sheet.numbers)
    )  # fmt: skip


def _laid_out(atlas: Atlas) -> tuple[Drawing, tuple[Display, float, float]]:
    scene = Scene(atlas, atlas.look)
    view = _view(atlas, scene)
    shown = display_scene(scene, view)
    # title and notes are set for a page of the usual size, then grow with the map
    width, height = view.width / view.ratio, view.height / view.ratio
    frame, y = open_frame(atlas, width)
    left = (frame.width - width) / 2
    below = y + height
    if scene.look.legend:
        below = _legend(frame, scene, left, below + 22.0)
    drawing = enlarged(close_frame(frame, below, atlas.notes), view.ratio)
    left, top = (float(round(part * view.ratio)) for part in (left, y))
    _paint(drawing, atlas, shown, left, top)
    return drawing, (shown, left, top)


def enlarged(drawing: Drawing, factor: float) -> Drawing:
    """The same drawing, so many times as large."""
    if factor == 1.0:
        return drawing
    return replace(
        drawing, width=float(round(drawing.width * factor)),
        height=float(round(drawing.height * factor)),
        items=[_enlarged(item, factor) for item in drawing.items],
    )  # fmt: skip


def _enlarged(item: Item, factor: float) -> Item:
    match item:
        case Text():
            return replace(item, x=item.x * factor, y=item.y * factor, size=item.size * factor)
        case Polyline():
            points = tuple((x * factor, y * factor) for x, y in item.points)
            return replace(item, points=points, width=item.width * factor)
        case Discs():
            return replace(item, xy=item.xy * factor, radius=item.radius * factor)
        case ImageItem() | Rectangle():
            return replace(
                item, x=item.x * factor, y=item.y * factor, width=item.width * factor,
                height=item.height * factor,
            )  # fmt: skip


def _view(atlas: Atlas, scene: Scene) -> View:
    left, top, right, bottom = atlas.seen
    share = max(right - left, bottom - top, 1e-6)
    side = atlas.side
    if not side:
        side = shown_side(scene.sides, View.fit(MAP_PX, MAP_PX)) if share >= 1 else 0
    scale = MAP_PX / share
    if side in scene.sides:
        sizes = [p.pixels.shape[1] for p in atlas.pictures if p.level == side]
        cell = _cell_px(max(sizes, default=0), side * share)
        cell = max(cell, int(np.ceil(MAP_PX / max(side, _FEWEST_CELLS) / share)))
        scale = side * float(min(cell, LARGEST_PX // (side * share)))
    width, height = (max(1, round(part * scale)) for part in (right - left, bottom - top))
    ratio = max(1.0, max(width, height) / MAP_PX)
    return View(left=left, top=top, scale=scale, width=width, height=height, ratio=ratio, side=side)


def _cell_px(picture: int, across: float) -> int:
    """Whole pixels of a cell, of so many across the page, in which pictures keep their own."""
    cell = picture
    while round(picture_px(cell, max(1.0, cell * across / MAP_PX))) < picture:
        cell += 1
    return cell


def _paint(drawing: Drawing, atlas: Atlas, shown: Display, left: float, top: float) -> None:
    placed, view = shown.pictures, shown.view
    frames = frame_px(placed.size)
    for i in range(len(placed.cells)):
        pixels = atlas.pictures[placed.sheet[i]].pixels[placed.row[i]]
        size = float(placed.size[i])
        if placed.coloured[i]:
            pixels = tinted(pixels, placed.rgb[i], size, float(frames[i]))
        box = _within(view, float(placed.x[i]), float(placed.y[i]), size, pixels)
        if box is not None:
            x, y, width, height, part = box
            opacity = float(placed.opacity[i])
            drawing.add(ImageItem(left + x, top + y, width, height, part, opacity=opacity))
    dots = shown.dots
    inside = (
        (dots.x >= dots.radius) & (dots.x <= view.width - dots.radius)
        & (dots.y >= dots.radius) & (dots.y <= view.height - dots.radius)
    )  # fmt: skip
    if inside.any():
        xy = np.stack([dots.x[inside] + left, dots.y[inside] + top], axis=1)
        paper = np.array([int(PAPER[i : i + 2], 16) for i in (1, 3, 5)], np.float64)
        share = dots.opacity[inside, None]
        rgb = np.rint(dots.rgb[inside] * share + paper * (1 - share)).astype(np.uint8)
        drawing.add(Discs(xy, np.full(len(xy), dots.radius), rgb))
    names = shown.labels
    for x, y, text, size, width in zip(
        names.x, names.y, names.text, names.size, names.width, strict=True
    ):
        drawing.add(
            Text(
                left + float(x), top + float(y) + 0.35 * float(size),
                shorten(text, _WIDER * float(width), float(size)), float(size), INK,
                anchor="middle", halo=PAPER,
            )
        )  # fmt: skip


def tinted(pixels: Pixels, rgb: Pixels, size: float, frame: float) -> Pixels:
    """A picture under a tint of its cell's colour, in a frame of that colour.

    Parameters
    ----------
    size, frame
        Side of the picture on the page, and width of the frame there.
    """
    mixed = pixels.astype(np.float32) * (1 - TINT) + rgb.astype(np.float32) * TINT
    edge = max(1, round(frame * pixels.shape[0] / max(size, 1.0)))
    mixed[:edge], mixed[-edge:] = rgb, rgb
    mixed[:, :edge], mixed[:, -edge:] = rgb, rgb
    found: Pixels = np.rint(mixed).astype(np.uint8)
    return found


def _within(
    view: View, x: float, y: float, size: float, pixels: Pixels
) -> tuple[float, float, float, float, Pixels] | None:
    """The part of a picture that lies in the view: box, and its pixels."""
    first_x, first_y = max(x, 0.0), max(y, 0.0)
    last_x, last_y = min(x + size, float(view.width)), min(y + size, float(view.height))
    if last_x - first_x < 1 or last_y - first_y < 1:
        return None
    if (first_x, first_y, last_x, last_y) == (x, y, x + size, y + size):
        return x, y, size, size, pixels
    step = pixels.shape[0] / size
    rows = slice(int((first_y - y) * step), max(1, int(np.ceil((last_y - y) * step))))
    columns = slice(int((first_x - x) * step), max(1, int(np.ceil((last_x - x) * step))))
    return first_x, first_y, last_x - first_x, last_y - first_y, pixels[rows, columns]


def _legend(drawing: Drawing, scene: Scene, left: float, y: float) -> float:
    """What colours mean, under the map; returns where it ends."""
    look = scene.look
    words = Text(left, y, look.legend, SMALL_SIZE, SOFT)
    drawing.add(words)
    if look.categories is not None:
        return _kinds(drawing, scene, left, y + 16.0)
    if look.values is None:
        return y
    low, high = scene.ends
    bar = left + words.width + 14.0
    lowest = Text(bar, y, readable(float(low)), SMALL_SIZE, SOFT)
    colours = apply_colormap(
        np.linspace(low, high, _BAR_PX)[None], "diverging" if look.symmetric else "sequential",
        low, high,
    )  # fmt: skip
    drawing.add(
        lowest,
        ImageItem(bar + lowest.width + 6.0, y - 9.0, _BAR_PX, 10.0, np.repeat(colours, 10, axis=0)),
        Text(bar + lowest.width + _BAR_PX + 12.0, y, readable(float(high)), SMALL_SIZE, SOFT),
    )
    return y


def _kinds(drawing: Drawing, scene: Scene, left: float, y: float) -> float:
    """A swatch and the name of each kind, the commonest first, as many as stand in two lines."""
    look = scene.look
    kinds = look.categories if look.categories is not None else np.zeros(0, np.int32)
    counts = np.bincount(kinds[kinds >= 0], minlength=len(look.names))[: len(look.names)]
    colours = kind_colours(len(look.names))
    x, line = left, 0
    for kind in np.argsort(-counts, kind="stable"):
        if not counts[kind]:
            break
        text = shorten(look.names[kind], 160.0, SMALL_SIZE)
        width = 14.0 + Text(0, 0, text, SMALL_SIZE).width + 16.0
        if x + width > drawing.width - MARGIN:
            x, line = left, line + 1
            if line == 2:
                break
        r, g, b = (int(part) for part in colours[kind])
        at = y + 14.0 * line
        drawing.add(
            Rectangle(x, at - 8.0, 9.0, 9.0, f"#{r:02x}{g:02x}{b:02x}"),
            Text(x + 14.0, at, text, SMALL_SIZE, SOFT),
        )
        x += width
    return y + 14.0 * min(line, 1)
