"""Settings of an analysis typed as options of their own: `--k 9` for `--set k=9`."""

import argparse
import difflib
import re
from collections.abc import Sequence

_NAME = re.compile(r"--([a-z][a-z0-9_-]*)")


def parse_with_settings(
    parser: argparse.ArgumentParser, words: Sequence[str]
) -> argparse.Namespace:
    """Options of a command; what is none of them is a setting of the analysis that is run.

    Whether the analysis has such settings is said when it is found. Words that can be no settings,
    and such as look like a slip of an option that there is, end in the parser's error.
    """
    options, rest = parser.parse_known_args(list(words))
    if rest and not _adopted(options, rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _adopted(options: argparse.Namespace, rest: Sequence[str]) -> bool:
    if options.command != "run":
        return False
    known = set(re.findall(r"--[a-z][a-z-]*", options.parser.format_help()))
    found: list[tuple[str, str]] = []
    words = list(rest)
    while words:
        option, equals, value = words.pop(0).partition("=")
        name = _NAME.fullmatch(option)
        if name is None or difflib.get_close_matches(option, known, n=1, cutoff=0.8):
            return False
        if not equals:
            if not words or _NAME.match(words[0]):
                return False
            value = words.pop(0)
        found.append((name[1].replace("-", "_"), value))
    options.settings = [*options.settings, *found]
    return True
