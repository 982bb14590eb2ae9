"""Tables as people save them: their encoding, delimiter, quotes and header."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import FileProblem
from interp_gui.core.paths import read_regular

TABLE_SUFFIXES = frozenset((".csv", ".tsv"))

_BOMS = (
    # the four bytes of UTF-32 begin with the two of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32", "UTF-32"),
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_ASSUMED = (("utf-8", "UTF-8"), ("cp1252", "Windows-1252"), ("latin-1", "Latin-1"))
_DELIMITERS = (",", ";", "\t")
_MOST_BYTES = 2**30
_TRIED_LINES = 50


class TableText(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a table, and how it was read.

    Parameters
    ----------
    encoding
        Name for people, as in `Windows-1252`.
    assumed
        Whether nothing in the file says so: other encodings fit its bytes too.
    delimiter
        What stands between two fields.
    """

    name: str
    text: str
    encoding: str
    assumed: bool
    delimiter: str


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether a path is named like a table."""
    return Path(path).suffix.lower() in TABLE_SUFFIXES


def read_text(path: str | os.PathLike[str]) -> TableText:
    """Read a table's text.

    Raises
    ------
    FileProblem
        It cannot be read, is empty, or is no text.
    """
    name = Path(path).name
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise FileProblem(
                f"'{name}' is too large for a table of images.", hint="Split it into smaller ones."
            )
        data = read_regular(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise FileProblem(
            f"'{name}' cannot be read: {reason}.", hint="Check its path and permissions."
        ) from None
    return decode_text(data, name)


def decode_text(data: bytes, name: str) -> TableText:
    """Decode a table that is already in memory; FileProblem where it is empty or no text."""
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileProblem(
            f"'{name}' is a spreadsheet, not a table in text.",
            hint="Save it as CSV from the program that made it.",
        )
    text, encoding, assumed = _decoded(data)
    if not text.strip("\ufeff\0 \t\r\n,;"):
        raise FileProblem(f"'{name}' is empty.", hint="It needs one row for each image.")
    if "\0" in text[:4096]:
        raise FileProblem(
            f"'{name}' is not a table in text.", hint="Save it as CSV in UTF-8 encoding."
        )
    return TableText(
        name=name, text=text, encoding=encoding, assumed=assumed, delimiter=_delimiter(text, name)
    )


def records(table: TableText) -> Iterator[list[str]]:
    """Rows of a table; blank ones are empty lists.

    A quotation mark that is never closed would swallow the rest of the table into one field: from
    there on quotation marks mean nothing.
    """
    lines = io.StringIO(table.text, newline="").readlines()
    reader = csv.reader(lines, delimiter=table.delimiter, skipinitialspace=True)
    start = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond the library's limit: nothing closes it for long
            break
        if reader.line_num >= len(lines) and reader.line_num - start > 1 and _open(lines[start:]):
            break
        start = reader.line_num
        yield row
    rest = csv.reader(lines[start:], delimiter=table.delimiter, quoting=csv.QUOTE_NONE)
    while True:
        try:
            row = next(rest)
        except StopIteration:
            return
        except csv.Error:
            row = []
        yield [field.strip().strip('"') for field in row]


def looks_like_image(value: str) -> bool:
    """Whether a field ends as the name of an image file does."""
    dot = value.rfind(".")
    return dot >= 0 and value[dot:].strip().lower() in IMAGE_SUFFIXES


def _open(lines: list[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 1


def _decoded(data: bytes) -> tuple[str, str, bool]:
    for bom, codec, title in _BOMS:
        if data.startswith(bom):
            # a byte cut off at the end must not cost the table
            return data.decode(codec, errors="replace"), title, False
    for codec, title in _ASSUMED:
        try:
            return data.decode(codec), title, codec != "utf-8"
        except UnicodeDecodeError:
            continue
    raise AssertionError("Latin-1 decodes everything")


def _delimiter(text: str, name: str) -> str:
    """The delimiter that cuts the first lines into the same number of fields, above one."""
    head = text[:65_536].splitlines()[:_TRIED_LINES]
    best, most = "\t" if name.lower().endswith(".tsv") else ",", (0.0, 0)
    for delimiter in sorted(_DELIMITERS, key=lambda d: d != best):
        try:
            rows = [row for row in csv.reader(head, delimiter=delimiter) if row]
        except csv.Error:
            continue
        counts = [len(row) for row in rows]
        usual = max(set(counts), key=counts.count, default=1)
        score = (counts.count(usual) / len(counts) if counts else 0.0, usual)
        if usual > 1 and score > most:
            best, most = delimiter, score
    return best
