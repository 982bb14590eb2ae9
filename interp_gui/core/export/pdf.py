"""Drawings as one PDF page: vector text and shapes, images without loss.

The same drawing gives the same bytes: no dates, no random identifiers.
"""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from interp_gui.core.export.drawing import (
    HALO,
    Discs,
    Drawing,
    ImageItem,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import PDF_BOLD, PDF_REGULAR, font_file, printable
from interp_gui.core.export.png import RECIPE_KEYWORD

_POINTS_PER_PIXEL = 0.75


def pdf_bytes(drawing: Drawing, *, scale: float = 1.0, recipe: str = "") -> bytes:
    """A PDF file; the recipe is base64 in the document's keywords."""
    from reportlab.pdfgen.canvas import Canvas

    factor = _POINTS_PER_PIXEL * scale
    stream = io.BytesIO()
    page = (drawing.width * factor, drawing.height * factor)
    canvas = Canvas(stream, pagesize=page, invariant=1, pageCompression=1)
    canvas.setTitle(drawing.title or "interp-gui")
    canvas.setCreator("interp-gui")
    canvas.setAuthor("")
    canvas.setSubject("")
    if recipe:
        encoded = base64.b64encode(recipe.encode("utf-8")).decode("ascii")
        canvas.setKeywords(f"{RECIPE_KEYWORD}:{encoded};")
    found = faces()
    # the drawing's origin is at the top, PDF's at the bottom
    canvas.translate(0, page[1])
    canvas.scale(factor, factor)
    if drawing.background:
        canvas.setFillColor(drawing.background)
        canvas.rect(0, -drawing.height, drawing.width, drawing.height, stroke=0, fill=1)
    for item in drawing.items:
        _draw(canvas, item, found)
    canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _draw(canvas: Any, item: Any, faces: tuple[str, str]) -> None:
    from reportlab.lib.utils import ImageReader

    match item:
        case ImageItem():
            image = Image.fromarray(item.pixels)
            if item.opacity < 1.0:
                image = image.convert("RGBA")
                image.putalpha(image.getchannel("A").point(lambda a: round(a * item.opacity)))
            reader = ImageReader(image)
            bottom = -(item.y + item.height)
            canvas.drawImage(reader, item.x, bottom, item.width, item.height, mask="auto")
        case Rectangle():
            canvas.setFillColor(item.fill)
            canvas.rect(item.x, -(item.y + item.height), item.width, item.height, stroke=0, fill=1)
        case Polyline():
            path = canvas.beginPath()
            path.moveTo(item.points[0][0], -item.points[0][1])
            for x, y in item.points[1:]:
                path.lineTo(x, -y)
            canvas.setStrokeColor(item.colour)
            canvas.setLineWidth(item.width)
            canvas.setLineJoin(1)
            canvas.drawPath(path, stroke=1, fill=0)
        case Discs():
            radius = np.broadcast_to(item.radius, len(item.xy))
            for (x, y), r, rgb in zip(item.xy, radius, item.rgb, strict=True):
                canvas.setFillColorRGB(*(float(c) / 255 for c in rgb))
                canvas.circle(float(x), -float(y), float(r), stroke=0, fill=1)
        case Text():
            if item.halo:
                _halo(canvas, item, faces[1 if item.bold else 0])
            canvas.setFillColor(item.colour)
            canvas.setFont(faces[1 if item.bold else 0], item.size)
            write = {
                "start": canvas.drawString,
                "middle": canvas.drawCentredString,
                "end": canvas.drawRightString,
            }[item.anchor]
            write(item.x, -item.y, printable(item.text))


def _halo(canvas: Any, item: Text, face: str) -> None:
    """The letters' outlines, wide, under the letters themselves."""
    shown = printable(item.text)
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor]
    text = canvas.beginText(item.x - shift * canvas.stringWidth(shown, face, item.size), -item.y)
    text.setFont(face, item.size)
    text.setTextRenderMode(1)
    canvas.saveState()
    canvas.setStrokeColor(item.halo)
    canvas.setLineWidth(2 * HALO * item.size)
    canvas.setLineJoin(1)
    text.textOut(shown)
    text.setTextRenderMode(0)
    canvas.drawText(text)
    canvas.restoreState()


def faces() -> tuple[str, str]:
    """Names of the regular and the bold typeface, registered with reportlab."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    regular, bold = font_file(), font_file(bold=True)
    if regular is None or bold is None:
        return "Helvetica", "Helvetica-Bold"
    registered = set(pdfmetrics.getRegisteredFontNames())
    for name, path in ((PDF_REGULAR, regular), (PDF_BOLD, bold)):
        if name not in registered:
            pdfmetrics.registerFont(TTFont(name, str(path)))
    return PDF_REGULAR, PDF_BOLD
