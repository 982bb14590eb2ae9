"""Examples of a concept as they are typed: files, folders, tables, and boxes in images."""

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interp_gui.cli.output import Output
    from interp_gui.core.examples import Example


def add_example_options(parser: argparse.ArgumentParser) -> None:
    """Options of `run` for analyses that compare collections."""
    parser.add_argument(
        "--with",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        dest="with_",
        help="examples with a concept: images, folders, CSV tables, or PATH@top,left,bottom,right "
        "for a part of an image, in shares of it as the network sees it (cat.png@0,0,0.5,0.5)",
    )
    parser.add_argument(
        "--without",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="examples without it",
    )
    parser.add_argument(
        "--layers",
        metavar="LAYERS",
        help="judge a concept at the layer named, or at all layers worth looking at (one, all); "
        "patch between images at these layers, separated by commas",
    )


def examples_of(options: argparse.Namespace, output: "Output") -> "dict[str, tuple[Example, ...]]":
    """The examples that were typed, by heading; empty without any."""
    sides: dict[str, list[str]] = {"with": options.with_, "without": options.without}
    return {heading: _read(paths, output) for heading, paths in sides.items() if paths}


def settings_of(options: argparse.Namespace) -> list[tuple[str, str]]:
    """What was typed as a setting, `--layers` among it."""
    chosen = [("layers", options.layers)] if options.layers else []
    return [*options.settings, *chosen]


def _read(paths: Sequence[str], output: "Output") -> "tuple[Example, ...]":
    from interp_gui.core.examples import Example

    found: list[Example] = []
    plain: list[str] = []
    for text in paths:
        path, at, numbers = text.rpartition("@")
        if not at or os.path.exists(text):
            plain.append(text)
        else:
            (entry,) = _images([path], output)
            found.append(Example(entry.path, _box(text, numbers), entry.group))
    return (*(_images(plain, output) if plain else ()), *found)


def _images(paths: Sequence[str], output: "Output") -> "tuple[Example, ...]":
    from interp_gui.cli.session import images_at_hand
    from interp_gui.core.examples import Example

    dataset = images_at_hand(paths, output)
    entries = dataset.images if dataset is not None else ()
    return tuple(Example(os.path.abspath(entry.path), None, entry.group) for entry in entries)


def _box(text: str, numbers: str) -> tuple[float, float, float, float]:
    from interp_gui.core.errors import InvalidValue
    from interp_gui.core.examples import Example

    try:
        top, left, bottom, right = (float(part) for part in numbers.split(","))
        Example(text, (top, left, bottom, right))
    except (ValueError, InvalidValue):
        raise InvalidValue(
            f"'{text}' is no part of an image.",
            hint="Write PATH@top,left,bottom,right with shares from 0 to 1, as in "
            "cat.png@0,0,0.5,0.5.",
        ) from None
    return top, left, bottom, right
