"""Dragging examples: images, and parts of them, from views to the boxes of a concept."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QByteArray, QMimeData

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import InvalidValue
from interp_gui.core.examples import EXAMPLES_MIME_TYPE, Example
from interp_gui.core.feature import MIME_TYPE
from interp_gui.gui.dragging.sentences import local_paths

MAX_BYTES = 4 * 1024 * 1024
MAX_EXAMPLES = 10_000


def put_examples(mime: QMimeData, examples: Sequence[Example]) -> None:
    """Let a drag carry examples too."""
    if examples:
        encoded = msgspec.json.encode(list(examples))
        mime.setData(EXAMPLES_MIME_TYPE, QByteArray(encoded))


def examples_from_mime(mime: QMimeData) -> tuple[Example, ...]:
    """Examples that a drag carries itself; none if it carries something else.

    Raises
    ------
    InvalidValue
        What claims to be examples is none; it may come from any program.
    """
    if not mime.hasFormat(EXAMPLES_MIME_TYPE):
        return ()
    data = bytes(mime.data(EXAMPLES_MIME_TYPE).data())
    if len(data) > MAX_BYTES:
        raise InvalidValue("What was dropped is too large to be examples.")
    try:
        found = msgspec.json.decode(data, type=tuple[Example, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise InvalidValue(f"What was dropped is no example: {problem}.") from None
    if not 0 < len(found) <= MAX_EXAMPLES or not all(map(_sane, found)):
        raise InvalidValue("What was dropped holds no example, or too many.")
    return found


def paths_of_examples(mime: QMimeData) -> list[str]:
    """Image files and folders that a drag carries; a feature's picture is none."""
    if mime.hasFormat(MIME_TYPE):
        return []
    return [
        path
        for path in local_paths(mime)
        if Path(path).suffix.lower() in IMAGE_SUFFIXES or os.path.isdir(path)
    ]


def _sane(example: Example) -> bool:
    texts = (example.path, example.group)
    return bool(example.path) and all(len(t) < 4096 and t.isprintable() for t in texts)
