"""A table of images as a Dataset: path, label, group and any further columns."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from interp_gui.core.csv_text import TableText, looks_like_image, read_text, records
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import FileProblem, unknown_name
from interp_gui.core.image_places import Places
from interp_gui.core.polite import politely

ProblemKind = Literal["missing", "duplicate", "short", "long", "no path"]

PREVIEW_ROWS = 20
_NAMED_ROWS = 5
_NAMES: dict[str, tuple[str, ...]] = {
    "path": (
        "path", "imagepath", "filepath", "imgpath", "file", "filename", "imagefile", "imagename",
        "image", "img", "imgname", "picture", "photo", "imageid", "fileid", "name", "id",
    ),
    "label": (
        "label", "class", "classname", "target", "category", "labelname", "labels", "classlabel",
        "diagnosis", "dx", "species", "y", "classid", "labelid",
    ),
    "group": (
        "group", "groupid", "patient", "patientid", "subject", "subjectid", "video", "videoid",
        "case", "caseid", "slide", "slideid", "study", "studyid", "series", "scene", "site",
        "lesionid",
    ),
}  # fmt: skip


class CsvColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Which column is what, by its name in the header.

    Parameters
    ----------
    path
        The image file.
    label, group
        Empty if there is none.
    metadata
        Further columns kept; None for all others.
    """

    path: str
    label: str = ""
    group: str = ""
    metadata: tuple[str, ...] | None = None


class CsvPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a table looks like, to choose its columns.

    Parameters
    ----------
    header
        Names of the columns; `column 1`, … where the table has no header.
    rows
        The first ones, each as long as the header.
    columns
        What the names and values suggest; None where no column seems to name images.
    encoding, assumed
        How the text was read, and whether that is a guess.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: CsvColumns | None
    encoding: str
    assumed: bool
    delimiter: str


class RowProblem(msgspec.Struct, frozen=True):
    """A row that is left out, or not used in full.

    Parameters
    ----------
    row
        As spreadsheets count: 1 is the first line of the table, also if it is the header.
    kind
        `missing`: its file does not exist; `duplicate`: an earlier row names the same file;
        `no path`: it names none; these are left out. `short`, `long`: it has fewer or more fields
        than the header, and is used as far as it goes.
    """

    row: int
    kind: ProblemKind
    text: str


class CsvDataset(msgspec.Struct, frozen=True, kw_only=True):
    """The images of a table, and what is wrong with it."""

    dataset: Dataset
    columns: CsvColumns
    header: tuple[str, ...]
    problems: tuple[RowProblem, ...] = ()
    encoding: str = "UTF-8"
    assumed: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind of problem, and one for a guessed encoding."""
        notes = [
            _sentence(kind, [p.row for p in self.problems if p.kind == kind]) for kind in _SAID
        ]
        if self.assumed:
            notes.append(f"Its encoding is not told; {self.encoding} was assumed.")
        return tuple(note for note in notes if note)


def preview_csv(path: str | os.PathLike[str]) -> CsvPreview:
    """Header, first rows and suggested columns of a table; FileProblem if it cannot be read."""
    table = read_text(path)
    header, rows, _ = _opened(table)
    first = [tuple(field.strip() for field in row) for row in islice(rows, PREVIEW_ROWS) if row]
    width = len(header)
    padded = tuple((*row[:width], *("",) * (width - len(row))) for row in first)
    return CsvPreview(
        header=header, rows=padded, columns=guess_columns(header, padded),
        encoding=table.encoding, assumed=table.assumed, delimiter=table.delimiter,
    )  # fmt: skip


def guess_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> CsvColumns | None:
    """What columns are, by their names and, for the path, by what the first rows hold."""
    images = [
        sum(looks_like_image(row[i]) for row in rows if i < len(row)) for i in range(len(header))
    ]
    named = _named(header, "path")
    likely = [i for i in range(len(header)) if images[i] * 2 > len(rows)]
    path = next((i for i in named if i in likely), None)
    if path is None and likely:
        path = max(likely, key=lambda i: (images[i], -i))
    if path is None:
        path = next(iter(named), 0 if len(header) == 1 else None)
    if path is None:
        return None
    label = next((i for i in _named(header, "label") if i != path), None)
    group = next((i for i in _named(header, "group") if i not in (path, label)), None)
    return CsvColumns(
        path=header[path],
        label="" if label is None else header[label],
        group="" if group is None else header[group],
    )


def read_csv(
    path: str | os.PathLike[str],
    *,
    columns: CsvColumns | None = None,
    root: str | os.PathLike[str] | None = None,
) -> CsvDataset:
    """Read a table of images.

    Rows whose file does not exist, that name no file or one that an earlier row named are left
    out and listed. It asks the disk about every file: call it outside the event loop.

    Parameters
    ----------
    columns
        Which column is what; None to go by names and values.
    root
        Folder that relative paths start from; None for that of the table.

    Raises
    ------
    FileProblem
        It cannot be read, no column names images, or no row is left.
    UnknownName
        A column of that name does not exist.
    """
    table = read_text(path)
    header, rows, start = _opened(table)
    if columns is None:
        first = list(islice(rows, PREVIEW_ROWS))
        rows = _chain(first, rows)
        columns = guess_columns(header, [row for row in first if row])
    if columns is None:
        raise FileProblem(
            f"No column of '{table.name}' seems to name image files.",
            hint=f"Choose it: {', '.join(header[:8])}.",
        )
    folder = os.path.abspath(root if root is not None else Path(path).parent)
    reading = _Reading(header, columns, Places(folder))
    for number, row in enumerate(politely(rows), start=start):
        if row and any(row):
            reading.take(number, row)
    if not reading.entries:
        first_problem = reading.problems[0].text if reading.problems else "It has only a header."
        raise FileProblem(
            f"'{table.name}' names no image that exists. {first_problem}",
            hint=f"Relative paths start from {folder}.",
        )
    return CsvDataset(
        dataset=Dataset(name=table.name, images=tuple(reading.entries.values())),
        columns=columns, header=header, problems=tuple(reading.problems),
        encoding=table.encoding, assumed=table.assumed,
    )  # fmt: skip


class _Reading:
    """Rows becoming entries."""

    def __init__(self, header: tuple[str, ...], columns: CsvColumns, places: Places) -> None:
        self.entries: dict[str, ImageEntry] = {}
        self.problems: list[RowProblem] = []
        self._rows: dict[str, int] = {}
        self._places = places
        self._width = len(header)
        self._path = _index(header, columns.path)
        self._label = _index(header, columns.label) if columns.label else None
        self._group = _index(header, columns.group) if columns.group else None
        used = {self._path, self._label, self._group}
        if columns.metadata is None:
            kept = [i for i in range(len(header)) if i not in used]
        else:
            kept = [_index(header, name) for name in columns.metadata]
        self._metadata = [(i, header[i]) for i in kept]

    def take(self, number: int, row: list[str]) -> None:
        written = row[self._path].strip() if self._path < len(row) else ""
        if not written:
            self._say(number, "no path", "names no file")
            return
        found = self._places.find(written)
        if found is None:
            self._say(number, "missing", f"names '{written}', which is not there")
            return
        label = _field(row, self._label)
        if found in self._rows:
            other = "" if self.entries[found].label == label else ", with another label"
            self._say(number, "duplicate", f"names the file of row {self._rows[found]}{other}")
            return
        if len(row) < self._width:
            self._say(number, "short", f"has {len(row)} fields instead of {self._width}")
        elif len(row) > self._width and any(field.strip() for field in row[self._width :]):
            self._say(number, "long", f"has {len(row)} fields instead of {self._width}")
        self._rows[found] = number
        metadata = {name: value for i, name in self._metadata if (value := _field(row, i))}
        self.entries[found] = ImageEntry(
            path=found, label=label, metadata=metadata, group=_field(row, self._group)
        )

    def _say(self, number: int, kind: ProblemKind, text: str) -> None:
        self.problems.append(RowProblem(number, kind, f"Row {number} {text}."))


_SAID: dict[ProblemKind, tuple[str, str]] = {
    "missing": ("row names a file that is not there", "rows name files that are not there"),
    "duplicate": ("row names a file again", "rows name files again"),
    "no path": ("row names no file", "rows name no file"),
    "short": ("row has too few fields", "rows have too few fields"),
    "long": ("row has too many fields", "rows have too many fields"),
}


def _sentence(kind: ProblemKind, rows: list[int]) -> str:
    if not rows:
        return ""
    one, many = _SAID[kind]
    if len(rows) == 1:
        return f"1 {one}: row {rows[0]}."
    shown = ", ".join(str(row) for row in rows[:_NAMED_ROWS])
    return f"{len(rows):,} {many}: rows {shown}{', …' if len(rows) > _NAMED_ROWS else ''}."


def _opened(table: TableText) -> tuple[tuple[str, ...], Iterator[list[str]], int]:
    """Header, rows behind it, and the number of the first of these."""
    rows = records(table)
    blank, first = 0, next(rows, [])
    while not any(field.strip() for field in first):
        following = next(rows, None)
        if following is None:
            raise FileProblem(f"'{table.name}' is empty.", hint="It needs one row for each image.")
        blank, first = blank + 1, following
    if any(looks_like_image(field) for field in first):  # no name of a column ends in .png
        header = tuple(f"column {i + 1}" for i in range(len(first)))
        return header, _chain([first], rows), blank + 1
    return _distinct(first), rows, blank + 2


def _distinct(names: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for i, written in enumerate(names):
        plain = " ".join(written.split()) or f"column {i + 1}"
        name, number = plain, 2
        while name in found:
            name, number = f"{plain} ({number})", number + 1
        found.append(name)
    return tuple(found)


def _named(header: Sequence[str], what: str) -> list[int]:
    """Columns with a name for what is sought, the most telling name first."""
    plain = ["".join(c for c in name.casefold() if c.isalnum()) for name in header]
    return [plain.index(name) for name in _NAMES[what] if name in plain]


def _index(header: tuple[str, ...], name: str) -> int:
    if name in header:
        return header.index(name)
    folded = [each.casefold() for each in header]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    raise unknown_name("column", name, header)


def _field(row: list[str], index: int | None) -> str:
    return row[index].strip() if index is not None and index < len(row) else ""


def _chain(first: Iterable[list[str]], rest: Iterable[list[str]]) -> Iterator[list[str]]:
    yield from first
    yield from rest
