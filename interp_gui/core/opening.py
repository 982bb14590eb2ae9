"""What is found out about a file before it opens, what is asked, and what was chosen.

These travel between the processes: the engine finds candidates and asks, the window or the command
line answers with an `OpenChoice`, and the answer is remembered by the weights' hash.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from interp_gui.core.errors import InvalidValue

Concern = Literal["foreign-code", "memory", "external-data", "legacy"]
Tell = Callable[[str], None]
"""Called, as often as one likes, while a file opens: with what is done now, or with nothing to
show life. It raises once the opening is cancelled."""


def quietly(text: str) -> None:
    """Tell nobody."""


class ForeignName(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a pickle names and that is not imported.

    Parameters
    ----------
    name
        Dotted, as the file writes it (`posix.system`).
    dangerous
        Whether it is known to run commands, open files or connect.
    """

    name: str
    dangerous: bool = False


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is, found without opening it: nothing was unpickled or run.

    Parameters
    ----------
    format
        `torch-zip`, `torch-legacy`, `safetensors`, `onnx`, `pt2`, `huggingface`, ….
    title
        The same in words: `PyTorch weights (zip)`.
    size_bytes
        Of all files that belong to it.
    needed_bytes, free_bytes
        Memory that opening takes by estimate, and what is free; 0 where unknown.
    sha256
        Of the file's bytes; empty for folders and where it was not asked for.
    files
        Names of the files that belong to it, without folders.
    foreign
        Names that a pickle asks for beyond tensors.
    concerns
        Why the user is to look before it opens; empty where nothing speaks against it.
    weights
        Whether named weights of a network were found, as far as it was looked into.
    problem, hint
        Why it is refused; empty if it is not.
    """

    path: str
    format: str = ""
    title: str = ""
    size_bytes: int = 0
    needed_bytes: int = 0
    free_bytes: int = 0
    sha256: str = ""
    files: tuple[str, ...] = ()
    foreign: tuple[ForeignName, ...] = ()
    concerns: tuple[Concern, ...] = ()
    notes: tuple[str, ...] = ()
    weights: bool = True
    problem: str = ""
    hint: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An architecture that takes a file's tensors.

    Parameters
    ----------
    architecture, library
        Name in its library (`resnet50`, `torchvision`).
    same
        `LIBRARY:NAME` of others whose outputs agree with it on a random probe: they count as one.
    differs
        In what it departs from the first candidate (`padding`, `epsilon 1e-6 instead of 1e-5`).
    why
        Why it stands at this rank.
    input
        How it sees an image, in words (`224 × 224, bicubic, mean 0.5`).
    score
        Share of labelled images at hand that it answers right, 0..1; None where there are none.
    certain
        Whether names and shapes prove that the tensors are where they belong. Where only their
        order and shapes agree, equal-shaped tensors may be exchanged.
    """

    architecture: str
    library: str
    same: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    why: str = ""
    input: str = ""
    score: float | None = None
    certain: bool = True

    @property
    def name(self) -> str:
        """`LIBRARY:NAME`."""
        return f"{self.library}:{self.architecture}"


class ReshapedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor of another shape than expected."""

    key: str
    found: tuple[int, ...]
    expected: tuple[int, ...]


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """In what a file's tensors depart from an architecture.

    Parameters
    ----------
    likeness
        Share of tensors that agree, 0..1.
    """

    architecture: str
    library: str
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[ReshapedKey, ...] = ()
    likeness: float = 0.0


class HeadQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the keys of a head of its own cannot tell.

    Parameters
    ----------
    layers
        What was found, in words, in order (`Linear 512 → 128`, `?`, `Linear 128 → 3`).
    gaps
        Which places of `layers` are unknown.
    options
        What may stand there (`relu`, `gelu`, `tanh`, `dropout`, `identity`), likeliest first.
    """

    layers: tuple[str, ...]
    gaps: tuple[int, ...]
    options: tuple[str, ...]


class OpenChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user decided about a file.

    Parameters
    ----------
    architecture
        `LIBRARY:NAME`; empty where nothing was chosen.
    weights
        Which of several sets of weights in the file; empty for the default one.
    head
        One option of `HeadQuestion.options` a gap.
    output
        Kind of the output; empty for the guessed one.
    code, code_sha256
        Path of a Python file that defines the network, and the hash of what the user agreed to
        run; a file with another hash is not run.
    code_class
        Name of the class or function in it; empty where there is only one.
    stubs
        Whether foreign classes may be replaced by inert stubs to reach the tensors.
    """

    architecture: str = ""
    weights: str = ""
    head: tuple[str, ...] = ()
    output: str = ""
    code: str = ""
    code_sha256: str = ""
    code_class: str = ""
    stubs: bool = False

    def split(self) -> tuple[str, str]:
        """Library and architecture; the library is empty where only a name was given."""
        library, colon, name = self.architecture.partition(":")
        if colon and not (library and name):
            raise InvalidValue(
                f"'{self.architecture}' is no architecture.",
                hint="Write it as LIBRARY:NAME, for example timm:resnet50.",
            )
        return (library, name) if colon else ("", library)


class OpenQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be decided before a file opens; it is not open.

    Parameters
    ----------
    weights_sha256
        Of the tensors: under it the answer is remembered.
    candidates
        Ranked, the likeliest first; empty where nothing fits.
    nearest
        What is missing, unexpected and misshapen against the nearest architectures.
    weights
        Names of the sets of weights in the file, the one that was looked at first.
    code
        Whether a Python file that defines the network would help.
    hint
        What would help where the tensors tell what they are; empty otherwise.
    files
        Names of checkpoints in the folder `path`, of which one is to be opened.
    """

    path: str
    file: str
    weights_sha256: str = ""
    sentence: str = ""
    hint: str = ""
    candidates: tuple[Candidate, ...] = ()
    nearest: tuple[KeyReport, ...] = ()
    weights: tuple[str, ...] = ()
    head: HeadQuestion | None = None
    code: bool = False
    files: tuple[str, ...] = ()
    choice: OpenChoice = OpenChoice()
    """What was decided so far."""
