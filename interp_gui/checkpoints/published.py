"""Which published weights a file holds, and the preprocessing that belongs to them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import PublishedWeights
from interp_gui.checkpoints.match import Hints, Match
from interp_gui.core.model import Preprocessing, channel_order
from interp_gui.core.planes import in_words

_MIB = 1 << 20
_NAMED = 3
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
    entries = [
        (match, entry)
        for match in matches
        if match.certain and match.renaming is None
        for entry in match.architecture.weights
        if entry.sha256 and entry.outputs == match.classes
    ]
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
        note = f"These are {_word(proved, match)} weights, by the file's hash."
        return Origin(weights=proved, preprocessing=proved.preprocessing, notes=(note,))
    if hints.preprocessing is not None:
        found = _by_file(hints.preprocessing, match)
    else:
        found = _assumed(file.path.name, match, hints)
    preprocessing = _in_channels(found.preprocessing, match.channels)
    if preprocessing.channels != "planes" or preprocessing == found.preprocessing:
        return replace(found, preprocessing=preprocessing)
    notes = (*found.notes, planes_note(match.channels))
    return replace(found, preprocessing=preprocessing, notes=notes)


def _by_file(told: Preprocessing, match: Match) -> Origin:
    """What the file names; at the size that its tensors are for, which it may be wrong about."""
    notes = ["Preprocessing is that which the file names."]
    side = match.image_px
    if side and told.size != (side, side):
        height, width = told.size
        notes.append(
            f"The file names images of {height} × {width} pixels; its tensors are for "
            f"{side} × {side}."
        )
        told = _resized(told, side)
    return Origin(weights=None, preprocessing=told, notes=tuple(notes))


def planes_note(channels: int) -> str:
    """What is said of a network that looks at more, or fewer, than colours."""
    return (
        f"It looks at {in_words(channels)}, and nothing says how they are scaled: values from 0 "
        "to 1 are assumed, as the file holds them. The Preprocessing tab changes it."
    )


def _assumed(file_name: str, match: Match, hints: Hints) -> Origin:
    entries = match.architecture.weights
    if not entries:
        preprocessing = _usual(match)
        note = "Preprocessing is assumed: nothing says what it was."
        return Origin(weights=None, preprocessing=preprocessing, notes=(note,))
    sized = [e for e in entries if match.image_px in (0, e.preprocessing.size[0])]
    fitting = [e for e in sized if e.outputs == match.classes] or sized
    named = [e for e in fitting or entries if _is_named(e, match, file_name, hints)]
    chosen = (named or fitting or list(entries))[0]
    preprocessing = chosen.preprocessing
    if match.image_px and preprocessing.size[0] != match.image_px:
        preprocessing = _resized(preprocessing, match.image_px)
    why = "as the file says" if _tag(hints, match) == chosen.name else "as the file's name says"
    why = why if named else "because the file is none that is published"
    note = f"Preprocessing is assumed to be that of {_word(chosen, match)}, {why}"
    others: dict[Preprocessing, str] = {}
    for e in fitting:
        if e.preprocessing != chosen.preprocessing:
            seen = f"(resized to {e.preprocessing.resize_px}, cut to {e.preprocessing.size[0]})"
            others.setdefault(e.preprocessing, f"{e.name} {seen}")
    shown = ", ".join([*others.values()][:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    tail = f"; {shown}{more} would fit as well." if others and not named else "."
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


def _word(entry: PublishedWeights, match: Match) -> str:
    """`torchvision's IMAGENET1K_V2`, `timm's resnet50.a1_in1k`."""
    if match.library == "torchvision":
        return f"{match.library}'s {entry.name}"
    tag = f".{entry.name}" if entry.name else ""
    return f"{match.library}'s {match.architecture.name}{tag}"


def _usual(match: Match) -> Preprocessing:
    return _resized(Preprocessing(), match.image_px) if match.image_px else Preprocessing()


def _in_channels(preprocessing: Preprocessing, channels: int) -> Preprocessing:
    """Of another number of channels: grey as the mean of the colours, else values from 0 to 1."""
    if channels == len(preprocessing.mean):
        if channels in (1, 3) or preprocessing.channels == "planes":
            return preprocessing
        return msgspec.structs.replace(preprocessing, channels="planes")
    if channels == 1:
        mean, std = (sum(v) / len(v) for v in (preprocessing.mean, preprocessing.std))
        return msgspec.structs.replace(preprocessing, channels="L", mean=(mean,), std=(std,))
    return msgspec.structs.replace(
        preprocessing,
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        channels=channel_order(channels),
    )


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
