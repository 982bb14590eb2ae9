"""Drawings as pixels."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from interp_gui.core.export.drawing import (
    HALO,
    Discs,
    Drawing,
    ImageItem,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import font, printable
from interp_gui.core.result import Pixels

RECIPE_KEYWORD = "interp-gui-recipe"

MOST_PIXELS = 2**25
"""A drawing of more is painted strip by strip: in one piece it would take a gigabyte."""

_OVERSAMPLING = 4
_STRIP_PIXELS = 2**23


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
    return paint_rows(drawing, scale, 0, size[1])


def paint_rows(drawing: Drawing, scale: float, top: int, bottom: int) -> Pixels:
    """The rows of pixels from `top` to `bottom` of a drawing with a background.

    The same whatever the rows that are painted with them, so that a drawing too large for memory
    is painted in strips.
    """
    width = max(1, round(drawing.width * scale))
    canvas = Image.new("RGB", (width, bottom - top), drawing.background)
    for item in drawing.items:
        match item:
            case ImageItem():
                _paste(canvas, item, scale, top)
            case Rectangle():
                _box(canvas, item, scale, top)
            case Polyline():
                _polyline(canvas, item, scale, top)
            case Discs():
                _discs(canvas, item, scale, top)
            case Text():
                _write(canvas, item, scale, top)
    return np.array(canvas)


def png_bytes(drawing: Drawing, *, scale: float = 1.0, recipe: str = "") -> bytes:
    """A PNG file; the recipe goes into a compressed iTXt chunk `interp-gui-recipe`."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "interp-gui")
    if drawing.title:
        texts.add_itxt("Title", drawing.title)
    if recipe:
        texts.add_itxt(RECIPE_KEYWORD, recipe, zip=True)
    if drawing.background and drawing.width * drawing.height * scale**2 > MOST_PIXELS:
        return striped_png(drawing, scale, texts)
    return encode(rasterise(drawing, scale), texts, dpi=96 * scale)


def striped_png(
    drawing: Drawing, scale: float, texts: PngImagePlugin.PngInfo, *, rows: int = 0
) -> bytes:
    """A PNG file of a drawing with a background, of which `rows` rows are in memory at a time.

    Its pixels are those of `rasterise`.
    """
    width = max(1, round(drawing.width * scale))
    height = max(1, round(drawing.height * scale))
    rows = rows or max(1, _STRIP_PIXELS // width)
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    stream.seek(0, io.SEEK_END)

    def chunk(name: bytes, data: bytes) -> None:
        stream.write(struct.pack(">I", len(data)) + name + data)
        stream.write(struct.pack(">I", zlib.crc32(name + data)))

    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    per_metre = round(96 * scale / 0.0254)
    chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    for name, data, *_ in texts.chunks:
        chunk(name, data)
    packer = zlib.compressobj(6)
    for top in range(0, height, rows):
        pixels = paint_rows(drawing, scale, top, min(top + rows, height))
        lines = np.zeros((len(pixels), 1 + 3 * width), np.uint8)
        # each sample less the one left of it packs to half of what the samples themselves do
        flat = pixels.reshape(len(pixels), -1)
        lines[:, 0] = 1
        lines[:, 1:] = flat
        lines[:, 4:] -= flat[:, :-3]
        packed = packer.compress(lines.tobytes())
        if packed:
            chunk(b"IDAT", packed)
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")
    return stream.getvalue()


def encode(pixels: Pixels, texts: PngImagePlugin.PngInfo | None = None, dpi: float = 96.0) -> bytes:
    """Pixels as a PNG file, without loss."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=texts, dpi=(dpi, dpi))
    return stream.getvalue()


def _bare(drawing: Drawing, size: tuple[int, int]) -> Pixels:
    (item,) = (i for i in drawing.items if isinstance(i, ImageItem))
    return _resampled(item.pixels, size)


def _paste(canvas: Image.Image, item: ImageItem, scale: float, top: int) -> None:
    left, upper = round(item.x * scale), round(item.y * scale)
    width = max(1, round((item.x + item.width) * scale) - left)
    height = max(1, round((item.y + item.height) * scale) - upper)
    if upper >= top + canvas.height or upper + height <= top:
        return
    pixels = _resampled(item.pixels, (width, height))
    image = Image.fromarray(pixels)
    mask: Image.Image | None = image.getchannel("A") if pixels.shape[2] == 4 else None
    if item.opacity < 1.0:
        cover = mask if mask is not None else Image.new("L", image.size, 255)
        mask = cover.point(lambda value: round(value * item.opacity))
    canvas.paste(image, (left, upper - top), mask)


def _write(canvas: Image.Image, item: Text, scale: float, top: int) -> None:
    at = round(item.x * scale), round(item.y * scale) - top
    reach = 2 * item.size * scale
    if at[1] + reach < 0 or at[1] - reach > canvas.height:
        return
    face = font(item.size * scale, bold=item.bold)
    edge = max(1, round(item.size * scale * HALO)) if item.halo else 0
    ImageDraw.Draw(canvas).text(
        at, printable(item.text), fill=item.colour, font=face,
        anchor={"start": "ls", "middle": "ms", "end": "rs"}[item.anchor],
        stroke_width=edge, stroke_fill=item.halo or None,
    )  # fmt: skip


def _discs(canvas: Image.Image, item: Discs, scale: float, top: int) -> None:
    """Circles with smooth edges, one after the other; drawn as stamps of equal size."""
    xy = np.asarray(item.xy, np.float64) * scale - np.array((0.0, top))
    radius = np.broadcast_to(np.asarray(item.radius, np.float64) * scale, len(xy))
    reach = int(np.ceil(radius.max(initial=0.0) + 1.0))
    near = (xy[:, 1] > -reach - 1) & (xy[:, 1] < canvas.height + reach + 1)
    xy, radius, rgb = xy[near], radius[near], np.asarray(item.rgb, np.float32)[near]
    pixels = np.array(canvas, np.float32)
    height, width = pixels.shape[:2]
    first = np.floor(xy).astype(np.int64)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            column, row = first[:, 0] + dx, first[:, 1] + dy
            distance = np.hypot(column + 0.5 - xy[:, 0], row + 0.5 - xy[:, 1])
            cover = np.clip(radius + 0.5 - distance, 0.0, 1.0)
            seen = (cover > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
            if seen.any():
                y, x, share = row[seen], column[seen], cover[seen, None].astype(np.float32)
                pixels[y, x] = pixels[y, x] * (1 - share) + rgb[seen] * share
    canvas.paste(Image.fromarray(np.rint(pixels).astype(np.uint8)))


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


def _polyline(canvas: Image.Image, item: Polyline, scale: float, top: int) -> None:
    (x0, y0), (x1, y1) = item.points[0], item.points[-1]
    if len(item.points) == 2 and (x0 == x1 or y0 == y1):
        # rules sit on whole pixels, else they blur
        width = max(1, round(item.width * scale))
        box = [round(v * scale) for v in (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))]
        box[1], box[3] = box[1] - top, box[3] - top
        brush = ImageDraw.Draw(canvas)
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
    canvas.paste(item.colour, (low_x, low_y - top), small)


def _bounds(item: Polyline, scale: float) -> tuple[int, int, int, int]:
    xs = [x * scale for x, _ in item.points]
    ys = [y * scale for _, y in item.points]
    reach = item.width * scale + 2
    low_x, low_y = int(min(xs) - reach), int(min(ys) - reach)
    return low_x, low_y, int(max(xs) + reach) + 1, int(max(ys) + reach) + 1


def _box(canvas: Image.Image, item: Rectangle, scale: float, top: int) -> None:
    """A box with its true, fractional ends: lengths of bars are read against each other."""
    left, right = item.x * scale, (item.x + item.width) * scale
    upper = round(item.y * scale)
    lower = max(round((item.y + item.height) * scale), upper + 1)
    columns = np.arange(int(np.floor(left)), int(np.ceil(right)))
    if not len(columns):
        return
    cover = np.clip(np.minimum(right, columns + 1) - np.maximum(left, columns), 0, 1)
    mask = np.repeat(np.rint(cover * 255).astype(np.uint8)[None], lower - upper, axis=0)
    canvas.paste(item.fill, (int(columns[0]), upper - top), Image.fromarray(mask))
