"""In which order architectures that take the same tensors are tried and shown."""

import re
from collections.abc import Sequence

from interp_gui.checkpoints.match import Hints, Match

_LIBRARIES = ("torchvision", "timm")


def named_in(file_name: str, matches: Sequence[Match]) -> frozenset[str]:
    """Names of architectures that a file name holds as a word; the longest where they overlap."""
    text = _folded(file_name)
    found = {
        name
        for name in {match.architecture.name for match in matches}
        if re.search(rf"(?<![a-z0-9]){re.escape(_folded(name))}(?![a-z0-9])", text)
    }
    longest = max((len(name) for name in found), default=0)
    return frozenset(name for name in found if len(name) == longest)


def hinted(matches: Sequence[Match], hints: Hints) -> tuple[Match, ...]:
    """Those that the file itself names; a tag of weights behind a point does not count."""
    name = hints.architecture.partition(".")[0]
    return tuple(
        match
        for match in matches
        if name and match.architecture.name == name and hints.library in ("", match.library)
    )


def ranked(matches: Sequence[Match], file_name: str) -> tuple[Match, ...]:
    """Likeliest first: sure ones, named in the file's name, torchvision's, plain names.

    Within a library the name that several libraries have, then the shorter one, is the plain
    architecture; variants of it have longer names.
    """
    named = named_in(file_name, matches)
    libraries: dict[str, set[str]] = {}
    for match in matches:
        libraries.setdefault(match.architecture.name, set()).add(match.library)

    def key(match: Match) -> tuple[object, ...]:
        name, library = match.architecture.name, match.library
        place = _LIBRARIES.index(library) if library in _LIBRARIES else len(_LIBRARIES)
        alone = len(libraries[name]) == 1
        return not match.certain, name not in named, place, alone, len(name), name

    return tuple(sorted(matches, key=key))


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.casefold())
