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

    def to_json(self) -> str:
        """As it stands in a file."""
        return msgspec.json.encode(self).decode()

    @property
    def note(self) -> str:
        """A sentence for the model's notes."""
        shown = "; ".join(self.told[:_SHOWN])
        more = f"; and {len(self.told) - _SHOWN} more" if len(self.told) > _SHOWN else ""
        return plain_line(
            f"Baked from '{self.source}' (weights {self.source_sha256[:12]}): {shown}{more}."
        )


def made_of(original: ModelDescription, **values: Any) -> BakedRecord:
    """A record of what is made of an opened model."""
    from interp_gui import __version__

    choice = OpenChoice(
        architecture=original.choice.architecture,
        head=original.choice.head,
        output=original.choice.output,
    )
    return BakedRecord(
        program=__version__, source=original.name, source_sha256=original.weights_sha256,
        architecture=original.architecture, library=original.library,
        preprocessing=original.preprocessing, choice=choice, **values,
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
