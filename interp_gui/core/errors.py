"""One exception type per cause, each with a message a user can act on.

Everything that is expected to go wrong is an `InterpError`: the window shows its message as a
toast and the command line as one line, with `hint` saying what to do. Anything else is a bug and
keeps its traceback behind "details".
"""

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST_LINE = 2000
"""Letters of a message or hint."""
FEW_NAMES = 12
"""So many names are listed in full where none is near."""

_LOST = "�"


def plain_line(text: str) -> str:
    """Text that may hold names out of a file, as one line that is safe to show anywhere.

    Letters that command a terminal, turn the direction of writing or cannot be encoded become
    `�`; line breaks become spaces; what is absurdly long is cut off.
    """
    if not text.isprintable():
        text = " ".join(text.splitlines())
        text = "".join(
            letter if letter.isprintable() else " " if letter.isspace() else _LOST
            for letter in text
        )
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


class InterpError(Exception):
    """A failure with a sentence for the user.

    Parameters
    ----------
    message
        One line that says what went wrong.
    hint
        One line that says what to do about it; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = plain_line(message)
        self.hint = plain_line(hint)
        super().__init__(self.message)


class FileProblem(InterpError):
    """A file is missing, empty, truncated, of another kind, or cannot be read.

    `question` is a `core.opening.OpenQuestion` where it is a folder of files that can be opened.
    """

    def __init__(self, message: str, *, hint: str = "", question: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.question = question


class UnsafeCheckpoint(InterpError):
    """A checkpoint would run code that is not ours; `names` lists what it asks for."""

    def __init__(self, message: str, *, hint: str = "", names: Iterable[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.names = tuple(names)


class UnknownArchitecture(InterpError):
    """The tensors of a checkpoint fit no architecture that is known, or several: `candidates`.

    `question` is a `core.opening.OpenQuestion` where an answer would help.
    """

    def __init__(
        self, message: str, *, hint: str = "", candidates: Iterable[str] = (), question: Any = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)
        self.question = question


class UnknownName(InterpError):
    """A layer, unit, class, analysis or setting of that name does not exist."""


class InvalidValue(InterpError):
    """A value is of the wrong type or outside its bounds."""


class ImageProblem(InterpError):
    """A file is not an image or cannot be decoded."""


class EditProblem(InterpError):
    """An edit is illegal for its feature, or never ran."""


class MissingAbility(InterpError):
    """The model or runtime lacks what an analysis needs (gradient, classes, spatial axes)."""


class OutOfMemory(InterpError):
    """A computation asked for more memory than there is."""


class OutputProblem(InterpError):
    """A result cannot be written: disk full, folder unwritable."""


class SessionProblem(InterpError):
    """A session file is damaged, hostile, of a newer version, or none at all."""


class RecipeMismatch(InterpError):
    """A recipe does not fit the model, images or versions at hand."""


class PluginProblem(InterpError):
    """A plugin failed to load or asked for another version of the interface."""


class Cancelled(Exception):  # an outcome, not an error
    """Raised inside a computation that has been told to stop."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownName:
    """Say that `name` is unknown and offer the nearest known names, or all where they are few."""
    candidates = list(known)
    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.5)
    near += [c for c in candidates if name and name in c and c not in near][: 3 - len(near)]
    hint = f"Near names: {', '.join(near)}." if near else ""
    if not near and 0 < len(candidates) <= FEW_NAMES:
        hint = f"Known names: {', '.join(candidates)}."
    return UnknownName(f"There is no {what} named '{name}'.", hint=hint)
