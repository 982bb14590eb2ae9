"""Drawings as pixels."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from interp_gui.core.export.drawing import Drawing, ImageItem, Polyline, Rectangle, Text
from interp_gui.core.export.fonts import font, printable
from interp_gui.core.result import Pixels

RECIPE_KEYWORD = "interp-gui-recipe"

_OVERSAMPLING = 4


def rasterise(drawing: Drawing, scale: float = 1.0) -> Pixels:
    """Paint a drawing.

    Parameters
    ----------
    scale
        Pixels a unit. At 1, pictures keep their exact pixels; otherwise they are resampled by
        Lanczos, and text and shapes are drawn anew at that size.

    Returns
    -------
    (H, W, 3) uint8, or (H, W, 4) for a bare picture with transparency.
    """
    size = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    if not drawing.background:
        return np.ascontiguousarray(_bare(drawing, size))
    canvas = Image.new("RGB", size, drawing.background)
    brush = ImageDraw.Draw(canvas)
    for item in drawing.items:
        match item:
            case ImageItem():
                _paste(canvas, item, scale)
            case Rectangle():
                _box(canvas, item, scale)
            case Polyline():
                _polyline(canvas, brush, item, scale)
            case Text():
                anchor = {"start": "ls", "middle": "ms", "end": "rs"}[item.anchor]
                at = round(item.x * scale), round(item.y * scale)
                face = font(item.size * scale, bold=item.bold)
                brush.text(at, printable(item.text), fill=item.colour, font=face, anchor=anchor)
    return np.array(canvas)


def png_bytes(drawing: Drawing, *, scale: float = 1.0, recipe: str = "") -> bytes:
    """A PNG file; the recipe goes into a compressed iTXt chunk `interp-gui-recipe`."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "interp-gui")
    if drawing.title:
        texts.add_itxt("Title", drawing.title)
    if recipe:
        texts.add_itxt(RECIPE_KEYWORD, recipe, zip=True)
    return encode(rasterise(drawing, scale), texts, dpi=96 * scale)


def encode(pixels: Pixels, texts: PngImagePlugin.PngInfo | None = None, dpi: float = 96.0) -> bytes:
    """Pixels as a PNG file, without loss."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=texts, dpi=(dpi, dpi))
    return stream.getvalue()


def _bare(drawing: Drawing, size: tuple[int, int]) -> Pixels:
    (item,) = (i for i in drawing.items if isinstance(i, ImageItem))
    return _resampled(item.pixels, size)


def _paste(canvas: Image.Image, item: ImageItem, scale: float) -> None:
    left, top = round(item.x * scale), round(item.y * scale)
    width = max(1, round((item.x + item.width) * scale) - left)
    height = max(1, round((item.y + item.height) * scale) - top)
    pixels = _resampled(item.pixels, (width, height))
    image = Image.fromarray(pixels)
    canvas.paste(image, (left, top), image if pixels.shape[2] == 4 else None)


def _resampled(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = pixels.shape[:2]
    if size == (width, height):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # colours under full transparency must not bleed into what is seen
        image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image)


def _polyline(canvas: Image.Image, brush: Any, item: Polyline, scale: float) -> None:
    (x0, y0), (x1, y1) = item.points[0], item.points[-1]
    if len(item.points) == 2 and (x0 == x1 or y0 == y1):
        # rules sit on whole pixels, else they blur
        width = max(1, round(item.width * scale))
        box = [round(v * scale) for v in (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))]
        if y0 == y1:
            brush.rectangle((box[0], box[1], box[2] - 1, box[1] + width - 1), fill=item.colour)
        else:
            brush.rectangle((box[0], box[1], box[0] + width - 1, box[3] - 1), fill=item.colour)
        return
    factor = scale * _OVERSAMPLING
    points = [(x * factor, y * factor) for x, y in item.points]
    low_x, low_y, high_x, high_y = _bounds(item, scale)
    shifted = [(x - low_x * _OVERSAMPLING, y - low_y * _OVERSAMPLING) for x, y in points]
    size = (high_x - low_x) * _OVERSAMPLING, (high_y - low_y) * _OVERSAMPLING
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).line(
        shifted, fill=255, width=max(1, round(item.width * factor)), joint="curve"
    )
    small = mask.resize((high_x - low_x, high_y - low_y), Image.Resampling.BOX)
    canvas.paste(item.colour, (low_x, low_y), small)


def _bounds(item: Polyline, scale: float) -> tuple[int, int, int, int]:
    xs = [x * scale for x, _ in item.points]
    ys = [y * scale for _, y in item.points]
    reach = item.width * scale + 2
    low_x, low_y = int(min(xs) - reach), int(min(ys) - reach)
    return low_x, low_y, int(max(xs) + reach) + 1, int(max(ys) + reach) + 1


def _box(canvas: Image.Image, item: Rectangle, scale: float) -> None:
    """A box with its true, fractional ends: lengths of bars are read against each other."""
    left, right = item.x * scale, (item.x + item.width) * scale
    top = round(item.y * scale)
    bottom = max(round((item.y + item.height) * scale), top + 1)
    columns = np.arange(int(np.floor(left)), int(np.ceil(right)))
    if not len(columns):
        return
    cover = np.clip(np.minimum(right, columns + 1) - np.maximum(left, columns), 0, 1)
    mask = np.repeat(np.rint(cover * 255).astype(np.uint8)[None], bottom - top, axis=0)
    canvas.paste(item.fill, (int(columns[0]), top), Image.fromarray(mask))
