"""Numbers as people read them, and the files that hold them for machines."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.result import AnyResult, Number

_RESERVED = ("file", "title", "kind", "numbers", "recipe")
_POSITIONS = ("row", "column", "index")
_UNITS = {"percent": "%", "px": "px", "s": "s", "ms": "ms", "sd": "SD"}
NUMBER_WORDS = {
    "asked": "images answered",
    "broken_images": "images that cannot be read",
    "controls": "random controls",
    "labelled": "images with a known class",
    "right_to_wrong": "right answers that become wrong",
    "wrong_to_right": "wrong ones that become right",
    "p_by_chance": "p of so uneven a change by chance",
    "stand_out": "beyond 95 % of random changes",
    "target_of": "Target",
    "target": "Target's value",
    "target_base": "Target of the base",
    "target_source": "Target of the source",
    "counted_images": "images counted",
    "estimates_correlate": "correlation of estimates with effects",
    "random_cells_mean": "mean effect of random cells",
    "random_cells_largest": "largest effect of random cells",
    # columns of tables
    "lowest control": "random lowest",
    "highest control": "random highest",
    "controls that change as much": "as large",
}
"""What numbers and columns are called where people read them, where their name does not say it."""


def readable(value: Number) -> str:
    """A value in few digits: whole numbers in full, others with three to four figures."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    text = f"{value:,.{max(0, 3 - math.floor(math.log10(size)) - 1)}f}"
    if size < 1000 and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def readable_column(values: Sequence[Number]) -> list[str]:
    """Values of one column: fractions with equally many decimals, so that the points align."""
    floats = [abs(v) for v in values if isinstance(v, float) and math.isfinite(v) and v != 0]
    if not floats or min(floats) < 1e-3 or max(floats) >= 1e6:
        return [readable(v) for v in values]
    decimals = max(0, 3 - math.floor(math.log10(max(floats))) - 1)
    if min(floats) < 10.0**-decimals:
        return [readable(v) for v in values]
    return [
        f"{v:.{decimals}f}".replace("-", "−")
        if isinstance(v, float) and math.isfinite(v)
        else readable(v)
        for v in values
    ]


def caption(numbers: Mapping[str, Number], limit: int = 3) -> list[str]:
    """The first numbers of a card as `rank 0.4 %`, the unit taken from the end of the name.

    Positions are left out: they are in the CSV.
    """
    captions = []
    told = [(name, value) for name, value in numbers.items() if name not in _POSITIONS]
    for name, value in told[:limit]:
        words = name.split("_")
        unit = _UNITS.get(words[-1], "") if len(words) > 1 and name not in NUMBER_WORDS else ""
        label = NUMBER_WORDS.get(name, " ".join(words[:-1] if unit else words))
        captions.append(f"{label} {readable(value)}{' ' + unit if unit else ''}")
    return captions


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [k * step if k else 0.0 for k in range(first, last + 1)]


def powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between 10^`low` and 10^`high`; only powers of many."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 2, 5) if high - low < 4 else (1,)
    marks = [m * 10.0**k for k in exponents for m in factors]
    return [mark for mark in marks if low - 1e-9 <= math.log10(mark) <= high + 1e-9]


def csv_bytes(result: AnyResult) -> bytes:
    """The rows of a result as CSV (RFC 4180, UTF-8).

    Text that a spreadsheet would run as a formula is preceded by an apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    for row in result.rows():
        writer.writerow([_cell(value) for value in row])
    return stream.getvalue().encode("utf-8")


def npz_bytes(result: AnyResult, *, recipe: str = "") -> bytes:
    """Arrays of a result as NPZ without pickles; its numbers as JSON in `numbers`.

    A table gives one array a column, beside its own.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        name: np.asarray(array) for name, array in result.arrays().items()
    }
    if not arrays or result.kind == "table":
        arrays = {**_columns(result), **arrays}
    texts = {"title": result.title, "kind": result.kind, "numbers": _json(result.numbers)}
    if recipe:
        texts["recipe"] = recipe
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("Only numbers and text go into an NPZ file.")
    stream = io.BytesIO()
    texts = {name: text for name, text in texts.items() if name not in arrays}
    members = {**arrays, **{name: np.array(text) for name, text in texts.items()}}
    np.savez_compressed(stream, **members)  # type: ignore[arg-type]
    return stream.getvalue()


def _columns(result: AnyResult) -> dict[str, NDArray[np.generic]]:
    header, *rows = result.rows()
    columns: dict[str, NDArray[np.generic]] = {}
    for index, name in enumerate(header):
        values = [row[index] for row in rows]
        key = re.sub(r"\W+", "_", str(name)).strip("_") or "column"
        while key in columns or key in _RESERVED:
            key += "_"
        numeric = all(v is None or isinstance(v, int | float) for v in values)
        columns[key] = (
            np.array([math.nan if v is None else float(v) for v in values])
            if numeric
            else np.array(["" if v is None else str(v) for v in values])
        )
    return columns


def _json(numbers: Mapping[str, Number]) -> str:
    return msgspec.json.encode(dict(numbers)).decode()


def _cell(value: Number) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    if isinstance(value, float):
        return repr(float(value))
    return value
