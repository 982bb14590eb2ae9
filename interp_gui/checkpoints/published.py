"""Which published weights a file holds, and the preprocessing that belongs to them."""

import hashlib
from dataclasses import dataclass

import msgspec

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import PublishedWeights
from interp_gui.checkpoints.match import Match
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


def find_origin(file: CheckpointFile, match: Match) -> Origin:
    """Identify a file by its SHA-256, else choose the preprocessing by name and image size."""
    entries = match.architecture.weights
    if any(_near(file.size_bytes, entry.size_mib) for entry in entries):
        digest = _file_sha256(file)
        for entry in entries:
            if entry.sha256 and digest.startswith(entry.sha256):
                note = f"These are torchvision's {entry.name} weights, by the file's hash."
                return Origin(weights=entry, preprocessing=entry.preprocessing, notes=(note,))
    return _assumed(file.path.name, match)


def _assumed(file_name: str, match: Match) -> Origin:
    entries = match.architecture.weights
    fitting = [e for e in entries if match.image_px in (0, e.preprocessing.size[0])]
    named = [e for e in fitting or entries if e.sha256 and e.sha256 in file_name]
    chosen = (named or fitting or list(entries))[0]
    preprocessing = chosen.preprocessing
    if match.image_px and preprocessing.size[0] != match.image_px:
        preprocessing = msgspec.structs.replace(
            preprocessing,
            size=(match.image_px, match.image_px),
            resize_px=round(preprocessing.resize_px * match.image_px / preprocessing.size[0]),
        )
    why = "as the file's name says" if named else "because the file is none that is published"
    note = f"Preprocessing is assumed to be that of torchvision's {chosen.name}, {why}"
    others = [
        f"{e.name} (resized to {e.preprocessing.resize_px}, cut to {e.preprocessing.size[0]})"
        for e in fitting
        if e is not chosen and e.preprocessing != chosen.preprocessing
    ]
    tail = f"; {', '.join(others)} would fit as well." if others and not named else "."
    return Origin(weights=None, preprocessing=preprocessing, notes=(note + tail,))


def _near(size_bytes: int, size_mib: float) -> bool:
    return abs(size_bytes - size_mib * _MIB) <= _SIZE_TOLERANCE * size_mib * _MIB + 65536


def _file_sha256(file: CheckpointFile) -> str:
    with open(file.path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
