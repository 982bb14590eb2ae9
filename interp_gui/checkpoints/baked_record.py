"""What a baked file says of how it was made: the original, the edits, and how well they agree.

It stands in the header of a safetensors file or in the metadata of an ONNX model. Anybody can write
such a text, so it is bounded, checked and told, and decides nothing that the tensors contradict.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from interp_gui.checkpoints.folders import folder_weights
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.match import Wishes
from interp_gui.checkpoints.safe_header import BadHeader, read_header
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import FileProblem, InterpError, plain_line
from interp_gui.core.model import ModelDescription, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.core.preprocessing import check_preprocessing

KEY = "interp_gui_baked"
VERSION = 1

_LONGEST = 8 << 20  # letters
_SHOWN = 4
_MOST_EARLIER = 64


class EarlierBake(msgspec.Struct, frozen=True, kw_only=True):
    """One of the steps that led to the original of a baked file; fields as of `BakedRecord`."""

    source: str = ""
    source_sha256: str = ""
    edits: EditStack = EditStack()
    told: tuple[str, ...] = ()
    rank_one: dict[str, Any] = {}


class BakedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a file came to be.

    Parameters
    ----------
    program
        Version of the program that wrote it.
    source, source_sha256
        Name of the original file without folders, and the hash of its weights.
    edits
        What was baked.
    told
        The same in words, an edit each.
    difference, images
        Largest difference from the edited network in parts of the output's scale, over so many
        images.
    preprocessing, choice
        How the original was opened.
    rank_one
        Of an edit in closed form: what it was made from; empty for others.
    earlier
        How the original came to be, where it was baked itself: the first step first.
    """

    version: int = VERSION
    program: str = ""
    source: str = ""
    source_sha256: str = ""
    architecture: str = ""
    library: str = ""
    edits: EditStack = EditStack()
    told: tuple[str, ...] = ()
    difference: float = 0.0
    images: int = 0
    preprocessing: Preprocessing | None = None
    choice: OpenChoice = OpenChoice()
    rank_one: dict[str, Any] = {}
    earlier: tuple[EarlierBake, ...] = ()

    def to_json(self) -> str:
        """As it stands in a file; of very long histories only the words."""
        text = msgspec.json.encode(self).decode()
        if len(text) <= _LONGEST or not self.earlier:
            return text
        short = tuple(
            EarlierBake(source=e.source, source_sha256=e.source_sha256, told=e.told)
            for e in self.earlier
        )
        return msgspec.json.encode(msgspec.structs.replace(self, earlier=short)).decode()

    @property
    def steps(self) -> tuple[EarlierBake, ...]:
        """All that was baked, in order; what stands here is the last step."""
        own = EarlierBake(
            source=self.source, source_sha256=self.source_sha256, edits=self.edits,
            told=self.told, rank_one=self.rank_one,
        )  # fmt: skip
        return (*self.earlier, own)[-_MOST_EARLIER:]

    @property
    def note(self) -> str:
        """A sentence for the model's notes."""
        before = f" Before that: {_words(self.earlier[-1].told)}." if self.earlier else ""
        if len(self.earlier) > 1:
            count = len(self.earlier) - 1
            before += f" And {count} more before." if count > 1 else " And one more before."
        return plain_line(
            f"Baked from '{self.source}' (weights {self.source_sha256[:12]}): "
            f"{_words(self.told)}.{before}"
        )


def _words(told: tuple[str, ...]) -> str:
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more


def made_of(
    original: ModelDescription, before: BakedRecord | None = None, **values: Any
) -> BakedRecord:
    """A record of what is made of an opened model; `before` is the record of its own file."""
    from interp_gui import __version__

    choice = OpenChoice(
        architecture=original.choice.architecture,
        head=original.choice.head,
        output=original.choice.output,
    )
    return BakedRecord(
        program=__version__, source=original.name, source_sha256=original.weights_sha256,
        architecture=original.architecture, library=original.library,
        preprocessing=original.preprocessing, choice=choice,
        earlier=before.steps if before is not None else (), **values,
    )  # fmt: skip


def record_in(metadata: Mapping[str, str]) -> BakedRecord | None:
    """The record among a file's own entries; None where there is none that can be understood."""
    text = metadata.get(KEY, "")
    if not text or len(text) > _LONGEST:
        return None
    try:
        found = msgspec.json.decode(text, type=BakedRecord)
        if found.preprocessing is not None:
            check_preprocessing(found.preprocessing)
    except (msgspec.MsgspecError, InterpError, RecursionError, ValueError):
        return None
    # code is never run because a file asks for it
    choice = msgspec.structs.replace(
        found.choice, code="", code_sha256="", code_class="", stubs=False, weights=""
    )
    return msgspec.structs.replace(found, choice=choice)


def record_of(file: CheckpointFile) -> BakedRecord | None:
    """The record in the header of a safetensors file, or of a folder's."""
    try:
        if file.format == "huggingface" and file.folder is not None:
            file = folder_weights(file.folder)
        if file.format != "safetensors":
            return None
        return record_in(read_header(file.path).metadata)
    except (BadHeader, FileProblem, OSError):
        return None


def as_recorded(wishes: Wishes, record: BakedRecord) -> Wishes:
    """Open it as its original was, where nothing else is wished."""
    preprocessing, choice = wishes.preprocessing, wishes.choice
    return replace(
        wishes,
        preprocessing=record.preprocessing if preprocessing is None else preprocessing,
        choice=record.choice if choice == OpenChoice() else choice,
    )
