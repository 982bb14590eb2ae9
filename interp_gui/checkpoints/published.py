"""Which published weights a file holds, and the preprocessing that belongs to them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import PublishedWeights
from interp_gui.checkpoints.match import Hints, Match
from interp_gui.core.model import Preprocessing

_MIB = 1 << 20
_SIZE_TOLERANCE = 0.02  # publishers round the size, and repack files without saying


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where weights come from as far as it can be told.

    Parameters
    ----------
    weights
        The published entry, proved by the file's hash; None if it is none of them.
    preprocessing
        That of the entry, or the likeliest one.
    notes
        What was assumed.
    """

    weights: PublishedWeights | None
    preprocessing: Preprocessing
    notes: tuple[str, ...] = ()


def find_published(
    file: CheckpointFile, matches: Sequence[Match]
) -> tuple[Match, PublishedWeights] | None:
    """The match and the published file that this file is, byte for byte; None if it is none.

    The file is only hashed where its size is that of a published one, or none is known.
    """
    entries = [(m, e) for m in matches if m.certain for e in m.architecture.weights if e.sha256]
    near = [(m, e) for m, e in entries if e.size_mib <= 0 or _near(file.size_bytes, e.size_mib)]
    if not near or not file.path.is_file():
        return None
    digest = _file_sha256(file)
    return next(((m, e) for m, e in near if digest.startswith(e.sha256)), None)


def origin_of(
    file: CheckpointFile,
    match: Match,
    *,
    hints: Hints = Hints(),
    proved: PublishedWeights | None = None,
) -> Origin:
    """The preprocessing of a match: of its published weights, by a config, a name, or assumed."""
    if proved is not None:
        note = f"These are {match.library}'s {proved.name} weights, by the file's hash."
        return Origin(weights=proved, preprocessing=proved.preprocessing, notes=(note,))
    if hints.preprocessing is not None:
        return Origin(
            weights=None, preprocessing=hints.preprocessing,
            notes=("Preprocessing is that which the file names.",),
        )  # fmt: skip
    return _assumed(file.path.name, match, hints)


def _assumed(file_name: str, match: Match, hints: Hints) -> Origin:
    entries = match.architecture.weights
    if not entries:
        preprocessing = _usual(match)
        note = "Preprocessing is assumed: nothing says what it was."
        return Origin(weights=None, preprocessing=preprocessing, notes=(note,))
    fitting = [e for e in entries if match.image_px in (0, e.preprocessing.size[0])]
    named = [e for e in fitting or entries if _is_named(e, match, file_name, hints)]
    chosen = (named or fitting or list(entries))[0]
    preprocessing = chosen.preprocessing
    if match.image_px and preprocessing.size[0] != match.image_px:
        preprocessing = _resized(preprocessing, match.image_px)
    why = "as the file says" if _tag(hints, match) == chosen.name else "as the file's name says"
    why = why if named else "because the file is none that is published"
    note = f"Preprocessing is assumed to be that of {match.library}'s {chosen.name}, {why}"
    others = [
        f"{e.name} (resized to {e.preprocessing.resize_px}, cut to {e.preprocessing.size[0]})"
        for e in fitting
        if e is not chosen and e.preprocessing != chosen.preprocessing
    ]
    tail = f"; {', '.join(others)} would fit as well." if others and not named else "."
    return Origin(weights=None, preprocessing=preprocessing, notes=(note + tail,))


def _is_named(entry: PublishedWeights, match: Match, file_name: str, hints: Hints) -> bool:
    if entry.sha256 and entry.sha256 in file_name:
        return True
    tag = _tag(hints, match)
    return tag == entry.name if tag else f"{match.architecture.name}.{entry.name}" in file_name


def _tag(hints: Hints, match: Match) -> str:
    """`a1_in1k` where the file calls itself `resnet50.a1_in1k`."""
    name, _, tag = hints.architecture.partition(".")
    return tag if name == match.architecture.name else ""


def _usual(match: Match) -> Preprocessing:
    usual = Preprocessing()
    if match.image_px:
        usual = _resized(usual, match.image_px)
    if match.channels == 1:
        mean, std = (sum(values) / len(values) for values in (usual.mean, usual.std))
        usual = msgspec.structs.replace(usual, channels="L", mean=(mean,), std=(std,))
    return usual


def _resized(preprocessing: Preprocessing, side: int) -> Preprocessing:
    return msgspec.structs.replace(
        preprocessing,
        size=(side, side),
        resize_px=math.floor(preprocessing.resize_px * side / preprocessing.size[0] + 0.5),
    )


def _near(size_bytes: int, size_mib: float) -> bool:
    return abs(size_bytes - size_mib * _MIB) <= _SIZE_TOLERANCE * size_mib * _MIB + 65536


def _file_sha256(file: CheckpointFile) -> str:
    with open(file.path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
