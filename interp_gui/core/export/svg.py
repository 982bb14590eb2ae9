"""Drawings as SVG: vector text and shapes, images embedded without loss."""

import base64
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from interp_gui.core.export.drawing import (
    HALO,
    Discs,
    Drawing,
    ImageItem,
    Item,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.fonts import SVG_FAMILY
from interp_gui.core.export.png import RECIPE_KEYWORD, encode

_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_RECIPE_NAMESPACE = "urn:interp-gui:recipe"


def svg_bytes(drawing: Drawing, *, scale: float = 1.0, recipe: str = "") -> bytes:
    """An SVG file; the recipe stands as text in `<metadata>`."""
    width, height = _n(drawing.width), _n(drawing.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg {_NAMESPACES} version="1.1" width="{_n(drawing.width * scale)}" '
        f'height="{_n(drawing.height * scale)}" viewBox="0 0 {width} {height}" '
        f"font-family={quoteattr(SVG_FAMILY)}>",
        f"<title>{_text(drawing.title)}</title>",
    ]
    if recipe:
        lines.append(
            f'<metadata><recipe xmlns="{_RECIPE_NAMESPACE}" id="{RECIPE_KEYWORD}">'
            f"{_text(_escaped(recipe))}</recipe></metadata>"
        )
    if drawing.background:
        lines.append(f'<rect width="{width}" height="{height}" fill="{drawing.background}"/>')
    lines += [_element(item) for item in drawing.items]
    lines.append("</svg>\n")
    return "\n".join(lines).encode("utf-8")


def _element(item: Item) -> str:
    match item:
        case ImageItem():
            data = base64.b64encode(encode(item.pixels)).decode("ascii")
            faint = "" if item.opacity >= 1 else f' opacity="{_n(item.opacity)}"'
            return (
                f'<image x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" '
                f'height="{_n(item.height)}" preserveAspectRatio="none"{faint} '
                f'xlink:href="data:image/png;base64,{data}"/>'
            )
        case Rectangle():
            return (
                f'<rect x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" '
                f'height="{_n(item.height)}" fill="{item.fill}"/>'
            )
        case Polyline():
            points = " ".join(f"{_n(x)},{_n(y)}" for x, y in item.points)
            return (
                f'<polyline points="{points}" fill="none" stroke="{item.colour}" '
                f'stroke-width="{_n(item.width)}" stroke-linejoin="round"/>'
            )
        case Discs():
            radius = np.broadcast_to(item.radius, len(item.xy))
            fills = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in item.rgb]
            circles = (
                f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}" fill="{fill}"/>'
                for (x, y), r, fill in zip(item.xy, radius, fills, strict=True)
            )
            return f"<g>{''.join(circles)}</g>"
        case Text():
            halo = ""
            if item.halo:
                halo = (
                    f' stroke="{item.halo}" stroke-width="{_n(2 * HALO * item.size)}" '
                    'stroke-linejoin="round" paint-order="stroke"'
                )
            anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
            weight = ' font-weight="bold"' if item.bold else ""
            return (
                f'<text x="{_n(item.x)}" y="{_n(item.y)}" font-size="{_n(item.size)}" '
                f'fill="{item.colour}"{anchor}{weight}{halo} xml:space="preserve">'
                f"{_text(item.text)}</text>"
            )


def _text(text: str) -> str:
    # XML has no way to write most control characters, not even escaped
    allowed = (c for c in text if c in "\t\n\r" or (c >= " " and not _forbidden(c)))
    return escape("".join(allowed)).replace("\r", "&#13;")


def _escaped(json: str) -> str:
    """JSON with what XML forbids as JSON's own escapes: such signs stand only inside its texts."""
    return "".join(f"\\u{ord(c):04x}" if _forbidden(c) else c for c in json)


def _forbidden(sign: str) -> bool:
    return "\ud800" <= sign <= "\udfff" or sign in "\ufffe\uffff"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
