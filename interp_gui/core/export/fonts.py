"""The typeface of exports: Bitstream Vera Sans, which comes with reportlab.

One typeface for the PNG and the PDF makes them agree to the letter, on every machine. It has no
arrows and no Greek: such signs are spelled out.
"""

import importlib.util
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

SVG_FAMILY = "'Bitstream Vera Sans','DejaVu Sans',Verdana,sans-serif"
PDF_REGULAR, PDF_BOLD = "InterpVera", "InterpVera-Bold"

_MEASURING_SIZE = 200
_SPELLED = {
    "→": "->", "←": "<-", "↔": "<->", "↑": "^", "↓": "v", "α": "alpha", "β": "beta",
    "γ": "gamma", "Δ": "delta ", "λ": "lambda", "μ": "µ", "σ": "sigma", "\t": " ",
    "\n": " ", "\r": " ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "✓": "yes", "✗": "no",
}  # fmt: skip


def font_file(*, bold: bool = False) -> Path | None:
    """Path of the typeface, None where reportlab came without it."""
    found = importlib.util.find_spec("reportlab")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "fonts" / ("VeraBd.ttf" if bold else "Vera.ttf")
    return path if path.is_file() else None


@cache
def font(size: float, *, bold: bool = False) -> Any:
    """A Pillow font of that size in pixels."""
    path = font_file(bold=bold)
    if path is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def printable(text: str) -> str:
    """The text in signs that the typeface has; others are spelled out or lose their accents."""
    return "".join(_sign(sign) for sign in text)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Length of a line of text: as outlines or fitted to pixels, whichever is longer."""
    shown = printable(text)
    outlines = font(_MEASURING_SIZE, bold=bold).getlength(shown) * size / _MEASURING_SIZE
    return float(max(outlines, font(size, bold=bold).getlength(shown)))


def shorten(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text, or as much of its two ends as fits with an ellipsis between them.

    The ends of names say more than their middles: `encoder.layers.…_attention`.
    """
    if text_width(text, size, bold=bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        kept = (low + high + 1) // 2
        low, high = (
            (kept, high)
            if text_width(_ends(text, kept), size, bold=bold) <= width
            else (low, kept - 1)
        )
    return _ends(text, low)


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of at most `width`, broken at spaces."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(shorten(word, width, size))
    return lines


def _ends(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    tail = kept - head
    return f"{text[:head].rstrip()}…{text[len(text) - tail :].lstrip() if tail else ''}"


@cache
def _sign(sign: str) -> str:
    if sign in _SPELLED:
        return _SPELLED[sign]
    if " " <= sign <= "~" or _has(sign):
        return sign
    plain = "".join(c for c in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(c))
    return plain if plain != sign and plain and all(" " <= c <= "~" for c in plain) else "?"


def _has(sign: str) -> bool:
    if unicodedata.category(sign).startswith("C"):
        return False
    measuring = font(40.0)
    missing = bytes(measuring.getmask("\uffff"))
    return bytes(measuring.getmask(sign)) != missing
