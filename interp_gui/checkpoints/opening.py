"""From a checkpoint file or folder to an opened model."""

import os
from dataclasses import replace

import msgspec

from interp_gui.checkpoints.baked_record import as_recorded, record_of
from interp_gui.checkpoints.beside import described_beside
from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import CheckpointFile, inspect_file
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.match import Opened, OpenedCheckpoint, Wishes
from interp_gui.checkpoints.own import LIBRARY, OwnModel, build_own, own_model
from interp_gui.checkpoints.weights import as_float32, open_weights
from interp_gui.core.dataset import Dataset
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice, Tell, quietly
from interp_gui.core.preprocessing import check_preprocessing

__all__ = ["OpenedCheckpoint", "open_checkpoint"]


def open_checkpoint(
    path: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | None = None,
    choice: OpenChoice = OpenChoice(),
    labelled: Dataset | None = None,
    tell: Tell = quietly,
) -> Opened:
    """Open a checkpoint file or a folder that holds one.

    Networks of interp-gui itself are known by the header of their file.

    Parameters
    ----------
    preprocessing
        Instead of the one that belongs to the weights or the architecture.
    choice
        What was decided about the file: which architecture, which of several sets of weights, ….
    labelled
        Images at hand; those with labels help to tell candidates apart.
    tell
        Told what is done now; what it raises (Cancelled) ends the opening.

    Raises
    ------
    FileProblem
        The file is missing, empty, truncated, of another kind, or cannot be read.
    UnsafeCheckpoint
        It would run code; nothing was run.
    UnknownArchitecture
        Its tensors fit no known architecture, or several: `question` says what would decide.
    OutOfMemory
        It does not fit in memory.
    InvalidValue
        The preprocessing given contradicts itself.
    """
    if preprocessing is not None:
        check_preprocessing(preprocessing)
    wishes = Wishes(preprocessing=preprocessing, choice=choice, labelled=labelled, tell=tell)
    file = inspect_file(path)
    record = record_of(file)
    if record is None:
        return _open(file, wishes)
    opened = _open(file, as_recorded(wishes, record))
    notes = (record.note, *opened.description.notes)
    described = msgspec.structs.replace(opened.description, notes=notes)
    return replace(opened, description=described)


def _open(file: CheckpointFile, wishes: Wishes) -> Opened:
    if file.format == "huggingface":
        from interp_gui.checkpoints.huggingface import open_folder

        return open_folder(file, wishes)
    if file.format == "onnx":
        from interp_gui.checkpoints.onnx_files import open_onnx

        return open_onnx(file, wishes)
    if file.format == "pt2":
        from interp_gui.checkpoints.exported import open_exported

        return open_exported(file, wishes)
    own = own_model(file)
    if own is not None:
        return _open_own(file, own, wishes)
    if described_beside(file):
        from interp_gui.checkpoints.huggingface import open_folder

        return open_folder(file, wishes)
    return open_weights(file, wishes)


def _open_own(file: CheckpointFile, own: OwnModel, wishes: Wishes) -> OpenedCheckpoint:
    """A network of interp-gui itself, which brings its class names and preprocessing."""
    weights = read_contents(file, tell=wishes.tell).sets[0]
    tensors, notes = weights.tensors, weights.notes
    converted, number_notes = as_float32(tensors)
    module = build_own(own, converted, file.path.name)
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=own.architecture,
        library=LIBRARY,
        config={"num_classes": len(own.class_names)},
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=weights_sha256(tensors),
        preprocessing=wishes.preprocessing or own.preprocessing,
        outputs=(OutputInfo(kind="softmax", size=len(own.class_names)),),
        class_names=own.class_names,
        notes=(*notes, *number_notes),
    )
    return OpenedCheckpoint(module=module, description=description)
