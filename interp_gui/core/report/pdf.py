"""A report as PDF pages: text flows, pictures stay with their headings, recipes come last."""

import io
import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image

from interp_gui.core.export.drawing import INK, RULE, SOFT
from interp_gui.core.export.fonts import printable
from interp_gui.core.export.pdf import faces
from interp_gui.core.report.content import Card, Report, Rows, Section, Shown
from interp_gui.core.result import Pixels

_MARGIN_PT = 54.0
_CARDS_A_ROW = 5
_POINTS_PER_PIXEL = 0.75
_SMALLEST_PT = 150.0
"""Small pictures are shown at least so wide."""
_BOLDER = 1.25
"""A sign of a heading is so much wider than one of a cell."""
_CELL_SIGNS, _CARD_SIGNS, _FACT_SIGNS = 400, 120, 1200
"""Longest texts of a cell, a card and a fact; the HTML holds them whole."""
_CODE_SIGNS = 112
"""Signs a line of the appendix."""


def pdf_bytes(report: Report) -> bytes:
    """The file's content; the same report gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream, pagesize=A4, leftMargin=_MARGIN_PT, rightMargin=_MARGIN_PT, topMargin=_MARGIN_PT,
        bottomMargin=_MARGIN_PT, title=report.options.title, author=report.options.author,
        creator="interp-gui", subject="", keywords=[], invariant=1, pageCompression=1,
        lang="en",
    )  # fmt: skip
    layout = _Layout(document.width, document.height)
    document.build(list(layout.story(report)), onFirstPage=layout.foot, onLaterPages=layout.foot)
    return stream.getvalue()


class _Layout:
    """Makes the flowing parts of a report for pages of a width."""

    def __init__(self, width_pt: float, height_pt: float) -> None:
        from reportlab.lib.styles import ParagraphStyle

        self._width, self._height = width_pt, height_pt
        self._regular, self._bold = faces()
        base = ParagraphStyle(
            "body", fontName=self._regular, fontSize=9.5, leading=13.5, textColor=INK, spaceAfter=5,
            wordWrap="LTR", splitLongWords=1,
        )  # fmt: skip

        def style(name: str, **changes: Any) -> Any:
            return ParagraphStyle(name, parent=base, **changes)

        self._styles = {
            "body": base,
            "title": style("title", fontName=self._bold, fontSize=20, leading=25, spaceAfter=8),
            "h1": style(
                "h1", fontName=self._bold, fontSize=14, leading=18, spaceBefore=18, spaceAfter=7
            ),
            "h2": style(
                "h2", fontName=self._bold, fontSize=10.5, leading=14, spaceBefore=9, spaceAfter=4
            ),
            "soft": style("soft", textColor=SOFT, fontSize=8.5, leading=11.5, spaceAfter=2),
            "note": style("note", leftIndent=10, borderPadding=0, spaceAfter=7),
            "card": style("card", fontSize=6.5, leading=8.2, spaceAfter=0),
            "cell": style("cell", fontSize=7.5, leading=9.5, spaceAfter=0),
            "number": style("number", fontSize=7.5, leading=9.5, spaceAfter=0, alignment=2),
            "code": style(
                "code", fontName="Courier", fontSize=6.5, leading=8, spaceAfter=6, textColor=INK
            ),
        }

    def story(self, report: Report) -> Iterator[Any]:
        """Everything from the title to the last recipe."""
        options = report.options
        yield self._text(options.title, "title")
        if options.author:
            yield self._text(options.author, "soft")
        for part in options.intro.replace("\r\n", "\n").split("\n\n"):
            if part.strip():
                yield self._text(part.strip())
        yield self._facts(report.facts)
        if not report.sections:
            yield self._text("No result was ticked for this report.")
        for section in report.sections:
            yield from self._section(section)
        yield from self._appendix(report)

    def foot(self, canvas: Any, document: Any) -> None:
        """Number the page."""
        canvas.saveState()
        canvas.setFont(self._regular, 8)
        canvas.setFillColor(SOFT)
        canvas.drawRightString(_MARGIN_PT + self._width, _MARGIN_PT / 2, str(document.page))
        title = printable(document.title)[:90]
        canvas.drawString(_MARGIN_PT, _MARGIN_PT / 2, title)
        canvas.restoreState()

    # --- a result --------------------------------------------------------------------------------

    def _section(self, section: Section) -> Iterator[Any]:
        from reportlab.platypus import KeepTogether

        head = [self._text(f"{section.number}. {section.shown.title}", "h1")]
        head += [
            self._text(part.strip(), "note")
            for part in section.note.replace("\r\n", "\n").split("\n\n")
            if part.strip()
        ]
        body = list(self._shown(section.shown))
        # a heading alone at the foot of a page helps nobody
        yield KeepTogether([*head, *body[:1]])
        yield from body[1:]
        for companion in section.companions:
            parts = list(self._shown(companion))
            yield KeepTogether([self._text(companion.title, "h2"), *parts[:1]])
            yield from parts[1:]
        facts = self._facts(section.facts)
        yield KeepTogether([self._text("What it rests on", "h2"), facts])

    def _shown(self, shown: Shown) -> Iterator[Any]:
        if shown.picture is not None:
            yield self._picture(shown.picture, scale=shown.scale)
        if shown.cards:
            yield from self._cards(shown.cards)
        if shown.cards_left_out:
            yield self._text(f"{shown.cards_left_out} more are left out.", "soft")
        if shown.table is not None and shown.picture is None:
            yield from self._table(shown.table)
        if shown.numbers:
            yield self._facts(shown.numbers)
        for note in shown.notes:
            yield self._text(f"• {note}", "soft")

    def _picture(self, pixels: Pixels, *, scale: float) -> Any:
        from reportlab.platypus import Image as Flowable

        height, width = pixels.shape[:2]
        shown = max(width / scale * _POINTS_PER_PIXEL, _SMALLEST_PT)
        factor = min(shown, self._width, self._height * 0.6 * width / height) / width
        picture = Flowable(_stream(pixels), width=width * factor, height=height * factor)
        picture.hAlign = "LEFT"
        picture.spaceAfter = 6
        return picture

    def _cards(self, cards: tuple[Card, ...]) -> Iterator[Any]:
        groups: dict[str, list[Card]] = {}
        for card in cards:
            groups.setdefault(card.group, []).append(card)
        for group, members in groups.items():
            if group:
                yield self._text(group, "h2")
            for start in range(0, len(members), _CARDS_A_ROW):
                yield self._row_of_cards(members[start : start + _CARDS_A_ROW])

    def _row_of_cards(self, cards: list[Card]) -> Any:
        from reportlab.platypus import Image as Flowable
        from reportlab.platypus import Table

        room = self._width / _CARDS_A_ROW
        side = room - 8
        pictures, words = [], []
        for card in cards:
            height, width = card.pixels.shape[:2]
            factor = side / max(height, width)
            pictures.append(Flowable(_stream(card.pixels), width * factor, height * factor))
            lines = "<br/>".join(_safe(_cut(line, _CARD_SIGNS)) for line in card.lines)
            title = _safe(_cut(card.title, _CARD_SIGNS))
            words.append(self._marked(f"<b>{title}</b><br/>{lines}", "card"))
        table = Table([pictures, words], colWidths=[room] * len(cards), hAlign="LEFT")
        # words stay with their pictures
        extra = [("RIGHTPADDING", (0, 0), (-1, -1), 8), ("BOTTOMPADDING", (0, 1), (-1, 1), 6)]
        table.setStyle([*_BARE, *extra, ("NOSPLIT", (0, 0), (-1, -1))])
        return table

    def _table(self, rows: Rows) -> Iterator[Any]:
        from reportlab.platypus import Table

        count = len(rows.header)
        if not count:
            return
        header = [
            self._marked(f"<b>{_safe(_cut(name, _CARD_SIGNS))}</b>", "cell") for name in rows.header
        ]
        body = [
            [
                self._text(_cut(text, _CELL_SIGNS), "number" if number else "cell")
                for text, number in zip(row, rows.numeric, strict=True)
            ]
            for row in rows.rows
        ]
        table = Table(
            [header, *body], colWidths=self._column_widths(rows), repeatRows=1, hAlign="LEFT"
        )
        table.setStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6 if count < 9 else 2),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ("LINEBELOW", (0, 0), (-1, 0), 0.75, SOFT),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
            ]
        )
        yield table
        if rows.left_out:
            yield self._text(f"{rows.left_out} more rows are left out.", "soft")

    def _column_widths(self, rows: Rows) -> list[float]:
        """Shares of the width by the longest text of each column, so that none is unreadable."""
        longest = []
        for i, name in enumerate(rows.header):
            word = max(len(part) for part in [*name.split(), ""]) * _BOLDER
            longest.append(min(max([word, *(len(row[i]) for row in rows.rows[:60])]), 40) + 3)
        total = sum(longest)
        natural = total * 4.4
        width = min(self._width, natural)
        return [width * each / total for each in longest]

    def _facts(self, facts: tuple[tuple[str, str], ...]) -> Any:
        from reportlab.platypus import Table

        rows = [
            [self._text(_cut(text, _FACT_SIGNS), "soft") for text in (name, value)]
            for name, value in facts
        ]
        table = Table(rows, colWidths=[self._width * 0.2, self._width * 0.8], hAlign="LEFT")
        table.setStyle([*_BARE, ("VALIGN", (0, 0), (-1, -1), "TOP")])
        return table

    # --- recipes ---------------------------------------------------------------------------------

    def _appendix(self, report: Report) -> Iterator[Any]:
        from reportlab.platypus import PageBreak

        told = [section for section in report.sections if section.again is not None]
        if not told:
            return
        yield PageBreak()
        yield self._text("How to make these results again", "h1")
        for section in told:
            again = section.again
            if again is None:
                continue
            yield self._text(f"{section.number}. {section.shown.title}", "h2")
            for name, text in (
                ("On the command line", again.command),
                ("In Python", again.python),
                ("Recipe", _compact(again.recipe)),
            ):
                yield self._text(name, "soft")
                yield self._code(text)

    def _code(self, text: str) -> Any:
        from reportlab.platypus import Preformatted

        lines = []
        for line in text.splitlines():
            rest = _ascii(line)
            while len(rest) > _CODE_SIGNS:
                lines.append(rest[:_CODE_SIGNS])
                rest = rest[_CODE_SIGNS:]
            lines.append(rest)
        return Preformatted("\n".join(lines), self._styles["code"])

    def _text(self, text: str, style: str = "body") -> Any:
        return self._marked("<br/>".join(_safe(line) for line in text.splitlines()), style)

    def _marked(self, markup: str, style: str) -> Any:
        from reportlab.platypus import Paragraph

        return Paragraph(
            markup.replace("<b>", f'<font name="{self._bold}">').replace("</b>", "</font>"),
            self._styles[style],
        )


_BARE: list[tuple[Any, ...]] = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


def _cut(text: str, signs: int) -> str:
    """A cell has to fit on a page."""
    return text if len(text) <= signs else f"{text[: signs - 1]}…"


def _safe(text: str) -> str:
    """Text in signs that the typeface has, and none that the layout would read as markup."""
    return escape(printable(text))


def _compact(recipe: str) -> str:
    """JSON on as few lines as there is room for: on paper nobody unfolds it."""
    try:
        return json.dumps(json.loads(recipe), ensure_ascii=False)
    except ValueError:
        return recipe


def _ascii(text: str) -> str:
    return "".join(sign if " " <= sign <= "~" else "?" for sign in printable(text))


def _stream(pixels: Pixels) -> io.BytesIO:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    image.save(stream, "PNG")
    stream.seek(0)
    return stream
