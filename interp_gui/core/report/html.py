"""A report as one HTML file: pictures inside, nothing from elsewhere, no scripts."""

import base64
import io
from collections.abc import Iterable, Iterator
from html import escape

import numpy as np
from PIL import Image

from interp_gui.core.report.content import Card, Report, Rows, Section, Shown
from interp_gui.core.report.style import STYLE
from interp_gui.core.result import Pixels

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
SMALL_PX = 200
"""Pictures that are smaller are shown at twice their size."""


def html_bytes(report: Report) -> bytes:
    """The file's content; the same report gives the same bytes."""
    return "\n".join(_page(report)).encode("utf-8")


def _page(report: Report) -> Iterator[str]:
    options = report.options
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<meta name="generator" content="interp-gui">'
    if options.author:
        yield f'<meta name="author" content="{escape(options.author)}">'
    yield f"<title>{escape(options.title)}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<header>"
    yield f"<h1>{escape(options.title)}</h1>"
    if options.author:
        yield f'<p class="author">{escape(options.author)}</p>'
    yield from _paragraphs(options.intro)
    yield from _facts(report.facts, "about")
    yield "</header>"
    if len(report.sections) > 1:
        yield from _contents(report.sections)
    yield "<main>"
    if not report.sections:
        yield "<p>No result was ticked for this report.</p>"
    for section in report.sections:
        yield from _section(section)
    yield "</main>"
    yield "</body>"
    yield "</html>"
    yield ""


def _contents(sections: Iterable[Section]) -> Iterator[str]:
    yield '<nav aria-label="Contents">'
    yield "<h2>Contents</h2>"
    yield "<ol>"
    for each in sections:
        yield f'<li><a href="#result-{each.number}">{escape(each.shown.title)}</a></li>'
    yield "</ol>"
    yield "</nav>"


def _section(section: Section) -> Iterator[str]:
    name = f"result-{section.number}"
    yield f'<section id="{name}" aria-labelledby="{name}-title">'
    yield f'<h2 id="{name}-title">{section.number}. {escape(section.shown.title)}</h2>'
    if section.note:
        yield '<div class="note">'
        yield from _paragraphs(section.note)
        yield "</div>"
    yield from _shown(section.shown, heading="h3")
    for companion in section.companions:
        yield f"<h3>{escape(companion.title)}</h3>"
        yield from _shown(companion, heading="h4")
    yield "<h3>What it rests on</h3>"
    yield from _facts(section.facts, "facts")
    again = section.again
    if again is not None:
        yield "<details>"
        yield "<summary>Make it again</summary>"
        for title, text in (
            ("On the command line", again.command),
            ("In Python", again.python),
            ("Recipe", again.recipe),
        ):
            yield f"<h4>{title}</h4>"
            yield f'<pre tabindex="0">{escape(text)}</pre>'
        yield "</details>"
    yield "</section>"


def _shown(shown: Shown, *, heading: str) -> Iterator[str]:
    if shown.picture is not None:
        yield f"<figure>{_image(shown.picture, shown.alt, scale=shown.scale)}</figure>"
    if shown.cards:
        yield from _cards(shown, heading)
    elif shown.kind == "grid":
        yield "<p>There is nothing in it.</p>"
    if shown.numbers:
        yield from _facts(shown.numbers, "numbers")
    if shown.table is not None:
        if shown.picture is None:
            yield from _table(shown.table)
        else:
            yield "<details>"
            yield "<summary>As numbers</summary>"
            yield from _table(shown.table)
            yield "</details>"
    if shown.notes:
        yield '<ul class="trust" aria-label="How far it can be trusted">'
        for note in shown.notes:
            yield f"<li>{escape(note)}</li>"
        yield "</ul>"


def _cards(shown: Shown, heading: str) -> Iterator[str]:
    group = None
    opened = False
    for card in shown.cards:
        if card.group != group or not opened:
            if opened:
                yield "</div>"
            if card.group:
                yield f"<{heading}>{escape(card.group)}</{heading}>"
            yield '<div class="cards">'
            group, opened = card.group, True
        yield from _card(card)
    yield "</div>"
    if shown.cards_left_out:
        yield f"<p>{shown.cards_left_out} more are left out.</p>"


def _card(card: Card) -> Iterator[str]:
    yield "<figure>"
    yield _image(card.pixels, card.alt)
    lines = "<br>".join(escape(line) for line in card.lines)
    yield f"<figcaption><b>{escape(card.title)}</b>{'<br>' + lines if lines else ''}</figcaption>"
    yield "</figure>"


def _table(table: Rows) -> Iterator[str]:
    yield '<div class="scroll" tabindex="0">'
    yield "<table>"
    yield f"<caption>{escape(table.caption)}</caption>"
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    yield f"<thead><tr>{cells}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = "".join(
            f'<td class="number">{escape(text)}</td>' if number else f"<td>{escape(text)}</td>"
            for text, number in zip(row, table.numeric, strict=True)
        )
        yield f"<tr>{cells}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</div>"
    if table.left_out:
        yield f"<p>{table.left_out} more rows are left out.</p>"


def _facts(facts: Iterable[tuple[str, str]], kind: str) -> Iterator[str]:
    yield f'<dl class="{kind}">'
    for name, value in facts:
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl>"


def _paragraphs(text: str) -> Iterator[str]:
    for part in text.replace("\r\n", "\n").split("\n\n"):
        if part.strip():
            yield f"<p>{'<br>'.join(escape(line) for line in part.strip().splitlines())}</p>"


def _image(pixels: Pixels, alt: str, *, scale: float = 1.0) -> str:
    height, width = pixels.shape[:2]
    grown = 2 if scale == 1.0 and max(height, width) < SMALL_PX else 1
    sizes = f'width="{round(width * grown / scale)}" height="{round(height * grown / scale)}"'
    data = base64.b64encode(png(pixels)).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" {sizes}>'


def png(pixels: Pixels) -> bytes:
    """Pixels as a PNG without any text in it."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG")
    return stream.getvalue()
