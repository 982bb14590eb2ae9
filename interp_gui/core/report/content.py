"""What a report says, before it is HTML or PDF: plain text, pictures and tables, without paths."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

import interp_gui
from interp_gui.core.analysis import AnalysisInfo, spoken
from interp_gui.core.export.code import command_line, python_lines
from interp_gui.core.export.numbers import caption, readable
from interp_gui.core.image_changes import words_for
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.report.paths import PathFilter
from interp_gui.core.result import (
    AnyResult,
    Bars,
    Curve,
    Grid,
    Intervention,
    Matrix,
    Number,
    Picture,
    Pixels,
    Table,
)
from interp_gui.core.session.document import KeptResult

MOST_ROWS = 300
MOST_CARDS = 120
MOST_NUMBERS = 16
"""More figures than this are a table in disguise, which is shown or is in the CSV."""
LONGEST_RECIPE = 60_000
"""Signs of a recipe; a longer one (directions of many numbers) is in the session and in exports."""

Text = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What is chosen for a whole report.

    Parameters
    ----------
    made
        Day on which it is made, as it is shown; today by default.
    include_paths
        Whether folders of this machine may stand in it.
    recipes
        Whether each result's recipe, command and lines of Python are added.
    """

    title: str = "Report"
    author: str = ""
    intro: str = ""
    made: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))
    include_paths: bool = False
    recipes: bool = True


@dataclass(frozen=True)
class Card:
    """A picture of a grid with its words; `alt` says what it is to who does not see it."""

    title: str
    lines: tuple[str, ...]
    alt: str
    pixels: Pixels
    group: str = ""


@dataclass(frozen=True)
class Rows:
    """A table: its first row is the header."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Shown:
    """One result as it is shown: a picture, cards, or a table, with figures and notes.

    Parameters
    ----------
    picture
        Itself, or a chart or map drawn at twice its size (`scale` 2).
    """

    title: str
    kind: str
    alt: str
    numbers: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    picture: Pixels | None = None
    scale: float = 1.0
    cards: tuple[Card, ...] = ()
    cards_left_out: int = 0
    table: Rows | None = None


@dataclass(frozen=True)
class Again:
    """How a result is made again."""

    recipe: str
    command: str
    python: str


@dataclass(frozen=True)
class Section:
    """A kept result with what belongs to it."""

    number: int
    shown: Shown
    companions: tuple[Shown, ...]
    note: str
    facts: tuple[tuple[str, str], ...]
    again: Again | None


@dataclass(frozen=True)
class Report:
    """A whole report."""

    options: ReportOptions
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]


def build_report(
    kept: Sequence[KeptResult],
    options: ReportOptions | None = None,
    *,
    paths: Iterable[str] = (),
    infos: dict[str, AnalysisInfo] | None = None,
) -> Report:
    """Put the ticked results in order into words, pictures and tables.

    Parameters
    ----------
    paths
        Files that are open; what lies in their folders is taken out by name.
    infos
        Declarations of analyses, by which commands become shorter.
    """
    options = options if options is not None else ReportOptions()
    chosen = [item for item in kept if item.included]
    known = (*paths, *(path for item in chosen for path in _paths_of(item)))
    text: Text = str if options.include_paths else PathFilter(known).clean
    sections = tuple(
        _section(number, item, options, text, infos or {})
        for number, item in enumerate(chosen, start=1)
    )
    facts = (
        ("Made with", f"interp-gui {interp_gui.__version__}"),
        ("Date", options.made),
        ("Results", str(len(sections))),
    )
    written = _written(options, text)
    return Report(written, sections, facts)


def _written(options: ReportOptions, text: Text) -> ReportOptions:
    """The options with their texts cleaned."""
    return ReportOptions(
        title=text(options.title), author=text(options.author), intro=text(options.intro),
        made=options.made, include_paths=options.include_paths, recipes=options.recipes,
    )  # fmt: skip


# --- one result ----------------------------------------------------------------------------------


def _section(
    number: int,
    item: KeptResult,
    options: ReportOptions,
    text: Text,
    infos: dict[str, AnalysisInfo],
) -> Section:
    recipe = item.recipe
    again = None
    if recipe is not None and options.recipes:
        again = _again(recipe, text, infos.get(recipe.analysis))
    return Section(
        number=number,
        shown=replace(
            _shown(item.result, text, paths=options.include_paths),
            title=text(section_title(item, infos)),
        ),
        companions=tuple(
            _shown(each, text, paths=options.include_paths) for each in item.companions
        ),
        note=text(item.note),
        facts=tuple(_facts(item, text)),
        again=again,
    )


def section_title(item: KeptResult, infos: dict[str, AnalysisInfo] | None = None) -> str:
    """The result's title; one that only names its feature says what was made of it."""
    result, recipe = item.result, item.recipe
    if recipe is None or result.feature is None or result.title != result.feature.title:
        return result.title
    info = (infos or {}).get(recipe.analysis)
    what = info.title if info is not None else spoken(recipe.analysis).capitalize()
    return f"{what} of {result.title}"


def _shown(result: AnyResult, text: Text, *, paths: bool) -> Shown:
    from interp_gui.core.export import result_image

    clean = clean_result(result, text, paths=paths)
    picture: Pixels | None = None
    scale = 1.0
    cards: tuple[Card, ...] = ()
    left_out = 0
    table: Rows | None = None
    match clean:
        case Picture():
            picture = clean.pixels
        case Grid():
            cards = tuple(_card(item) for item in clean.items[:MOST_CARDS])
            left_out = len(clean.items) - len(cards)
        case Table():
            table = _table(clean)
        case _:
            # without its own title and notes, which stand around it
            bare = msgspec.structs.replace(clean, title="", notes=(), numbers={})
            scale = 2.0
            picture = result_image(bare, scale)
            if isinstance(clean, Bars | Curve):
                table = _table(clean)
    told = caption(clean.numbers, limit=4)
    return Shown(
        title=clean.title,
        kind=clean.kind,
        alt=". ".join(part for part in (clean.title, *told) if part),
        numbers=tuple(_numbers(clean.numbers)) if len(clean.numbers) <= MOST_NUMBERS else (),
        notes=clean.notes,
        picture=picture,
        scale=scale,
        cards=cards,
        cards_left_out=left_out,
        table=table,
    )


def _card(item: Any) -> Card:
    lines = tuple(caption(item.numbers, limit=4))
    alt = ", ".join(part for part in (item.title, item.image, *lines) if part)
    shown = (*lines, *([item.image] if item.image else []))
    return Card(item.title, shown, alt, item.pixels, item.group)


def _table(result: AnyResult) -> Rows:
    header, *rows = result.rows()
    shown = rows[:MOST_ROWS]
    numeric = tuple(
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(header))
    )
    return Rows(
        caption=result.title,
        header=tuple(str(name) for name in header),
        rows=tuple(tuple("" if v is None else readable(v) for v in row) for row in shown),
        numeric=numeric,
        left_out=len(rows) - len(shown),
    )


def _numbers(numbers: dict[str, Number]) -> Iterator[tuple[str, str]]:
    for name, value in numbers.items():
        (words,) = caption({name: value}, limit=1) or [f"{name} {readable(value)}"]
        told = readable(value)
        at = words.rfind(told)
        yield (words[:at].strip() or name, words[at:]) if at > 0 else (name, told)


def clean_result(result: AnyResult, text: Text, *, paths: bool = False) -> AnyResult:
    """A result whose every text is cleaned; images are told by name, or by path if wanted."""

    def value(each: Number) -> Number:
        return text(each) if isinstance(each, str) else each

    fields: dict[str, Any] = {
        "title": text(result.title),
        "notes": tuple(text(note) for note in result.notes),
        "numbers": {text(name): value(each) for name, each in result.numbers.items()},
    }
    match result:
        case Grid():
            fields["items"] = tuple(
                msgspec.structs.replace(
                    item,
                    title=text(item.title),
                    group=text(item.group),
                    image=item.image if paths else _name(item.image),
                    numbers={text(n): value(v) for n, v in item.numbers.items()},
                )
                for item in result.items
            )
        case Bars():
            fields["labels"] = tuple(text(label) for label in result.labels)
        case Table():
            fields["columns"] = tuple(text(name) for name in result.columns)
            fields["cells"] = tuple(tuple(value(v) for v in row) for row in result.cells)
        case Curve():
            fields["names"] = tuple(text(name) for name in result.names)
        case Matrix():
            fields["row_labels"] = tuple(text(name) for name in result.row_labels)
            fields["column_labels"] = tuple(text(name) for name in result.column_labels)
        case Intervention():
            fields["image"] = result.image if paths else _name(result.image)
            fields["labels"] = tuple(text(label) for label in result.labels)
            fields["target_title"] = text(result.target_title)
            fields["problem"] = text(result.problem)
            fields["effects"] = tuple(
                msgspec.structs.replace(
                    effect, reason=text(effect.reason), warning=text(effect.warning)
                )
                for effect in result.effects
            )
    return msgspec.structs.replace(result, **fields)


def _name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


# --- what it rests on ----------------------------------------------------------------------------


def _facts(item: KeptResult, text: Text) -> Iterator[tuple[str, str]]:
    recipe = item.recipe
    if recipe is None:
        if item.model_name:
            yield "Model", text(item.model_name)
        yield "Recipe", "This result has none: it cannot be made again by itself."
        return
    model = recipe.model
    kind = ", ".join(part for part in (model.architecture, model.library) if part)
    yield "Model", text(f"{model.name} ({kind})" if kind else model.name)
    yield "Weights", f"SHA-256 {model.weights_sha256}"
    yield "Analysis", f"{recipe.analysis}, version {recipe.analysis_version}"
    about = [text(feature.title) for feature in recipe.features[:6]]
    if len(recipe.features) > len(about):
        about.append(f"and {len(recipe.features) - len(about)} more")
    if about:
        yield "Features", ", ".join(about)
    elif recipe.layer:
        yield "Layer", recipe.layer
    if recipe.edits.active:
        edits = (f"{edit.kind} {edit.feature.title}" for edit in recipe.edits.active)
        yield "Edits", text(", ".join(edits))
    if recipe.edits.active_image_edits:
        yield "Changes of images", words_for(recipe.edits.active_image_edits)
    if recipe.images:
        yield "Images", ", ".join(f"SHA-256 {each[:16]}…" for each in recipe.images[:4])
    if recipe.dataset:
        yield "Images at hand", f"SHA-256 {recipe.dataset[:16]}…"
    yield "Input", _input(recipe.preprocessing)
    where = recipe.environment
    versions = ", ".join(f"{name} {number}" for name, number in sorted(where.versions.items()))
    threads = f", {where.threads} threads" if where.device == "cpu" else ""
    yield "Computed on", text(f"{where.device}{threads}" + (f"; {versions}" if versions else ""))


def _input(preprocessing: Preprocessing) -> str:
    height, width = preprocessing.size
    resize = {
        "shorter": f"shorter side to {preprocessing.resize_px} px",
        "exact": "stretched",
        "square": f"stretched to {preprocessing.resize_px} × {preprocessing.resize_px} px",
        "none": "not resized",
    }[preprocessing.resize]
    crop = ", centre cut out" if preprocessing.crop and preprocessing.resize != "exact" else ""
    return f"{width} × {height} px, {preprocessing.seen_as}, {resize}{crop}"


def _again(recipe: Recipe, text: Text, info: AnalysisInfo | None) -> Again:
    # before it is quoted, which would hide paths
    recipe = msgspec.convert(_cleaned(msgspec.to_builtins(recipe), text), Recipe)
    shown = msgspec.json.format(msgspec.json.encode(recipe), indent=1).decode()
    if len(shown) > LONGEST_RECIPE:
        shown = "It is too long to be shown; the exported picture and the session hold it."
        name = "PICTURE.png"
        return Again(
            shown, command_line(recipe, info=info, recipe_file=name),
            python_lines(recipe, info=info, recipe_file=name),
        )  # fmt: skip
    return Again(shown, command_line(recipe, info=info), python_lines(recipe, info=info))


def _cleaned(value: Any, text: Text) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {_cleaned(name, text): _cleaned(each, text) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each, text) for each in value]
    return value


def _paths_of(item: KeptResult) -> Iterator[str]:
    for result in (item.result, *item.companions):
        if isinstance(result, Grid):
            yield from (each.image for each in result.items if each.image)
