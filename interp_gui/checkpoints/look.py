"""A look at a file before it is opened: its tensors are described, nothing is run or built."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from interp_gui.checkpoints.formats import CheckpointFile, inspect_file
from interp_gui.core.errors import InterpError
from interp_gui.core.opening import Concern, FileReport, ForeignName

_CHUNK_BYTES = 1 << 22
_TITLES = {
    "torch-zip": "PyTorch weights",
    "torch-legacy": "PyTorch weights in the older format",
    "safetensors": "Safetensors weights",
    "safetensors-sharded": "Safetensors weights in several files",
    "torch-sharded": "PyTorch weights in several files",
    "huggingface": "Hugging Face model folder",
    "pt2": "Exported PyTorch program",
    "onnx": "ONNX model",
}
_COPIES = {"onnx": 3, "pt2": 3}  # what opening takes beside the file's bytes, in files
_RESERVE = 0.9  # share of the free memory that opening may take before it is a concern
_BESIDE = ("config.json", "preprocessor_config.json")
_LARGEST_ONNX = (2 << 30) - 1  # bytes; the limit of protocol buffers


def look(
    path: str | os.PathLike[str], *, hashed: bool = True, check: Callable[[], None] = lambda: None
) -> FileReport:
    """Say what a checkpoint is.

    Pickles in it are read as descriptions (`inert_machine`), which runs and imports nothing, and
    no tensor is read.

    Parameters
    ----------
    hashed
        Whether the SHA-256 of its bytes is wanted; folders and sets of files have none.
    check
        Called between steps and chunks; may raise Cancelled.
    """
    try:
        file = inspect_file(path)
    except InterpError as refusal:
        return _refused(Path(path), refusal, hashed, check)
    check()
    files, problem, hint = list(file.parts), "", ""
    found = _Inside(needed_bytes=_COPIES.get(file.format, 1) * file.size_bytes)
    concerns: list[Concern] = []
    try:
        if file.format == "onnx":
            beside = _external_files(file)
            files += beside
            found.needed_bytes += 3 * sum(each.stat().st_size for each in beside if each.is_file())
            if beside:
                concerns.append("external-data")
        elif file.format != "pt2":
            found = _inside(file)
    except InterpError as raised:
        problem, hint = raised.message, raised.hint
    check()
    free = _free_bytes()
    if any(each.dangerous for each in found.foreign):
        concerns.append("foreign-code")
    if free and found.needed_bytes > _RESERVE * free:
        concerns.append("memory")
    if file.folder is not None:
        files += [file.path] if file.path.is_file() else []
        files += [file.folder / name for name in _BESIDE if (file.folder / name).is_file()]
    digest = ""
    try:
        size = sum(each.stat().st_size for each in files if each.is_file())
        if hashed and len(files) == 1:
            digest = _sha256(files[0], check)
    except OSError as raised:
        size, problem = file.size_bytes, f"'{file.path.name}' cannot be read: {raised.strerror}."
    return FileReport(
        path=str(path), format=file.format, title=_TITLES[file.format], size_bytes=size,
        needed_bytes=found.needed_bytes, free_bytes=free, sha256=digest,
        files=tuple(each.name for each in files), foreign=found.foreign,
        concerns=tuple(concerns), notes=tuple(found.notes), weights=found.weights,
        problem=problem, hint=hint,
    )  # fmt: skip


def _refused(
    path: Path, refusal: InterpError, hashed: bool, check: Callable[[], None]
) -> FileReport:
    """Of a file that is not opened, what tells whether its copy is whole: size and SHA-256."""
    size, digest = 0, ""
    try:
        if path.is_file():
            size = path.stat().st_size
            digest = _sha256(path, check) if hashed else ""
    except OSError:
        pass  # the refusal says why it cannot be read
    return FileReport(
        path=str(path), size_bytes=size, sha256=digest, problem=refusal.message, hint=refusal.hint
    )


class _Inside:
    """What is found in a file without reading its tensors."""

    def __init__(self, *, needed_bytes: int) -> None:
        self.needed_bytes = needed_bytes
        self.foreign: tuple[ForeignName, ...] = ()
        self.notes: list[str] = []
        self.weights = True


def _inside(file: CheckpointFile) -> _Inside:
    import torch

    from interp_gui.checkpoints.folders import folder_weights
    from interp_gui.checkpoints.hints import hints_of, outermost_class
    from interp_gui.checkpoints.pickle_names import foreign
    from interp_gui.checkpoints.tensors import open_source
    from interp_gui.checkpoints.unwrapping import unwrap

    found = _Inside(needed_bytes=file.size_bytes)
    if file.format == "huggingface" and file.folder is not None:
        file = folder_weights(file.folder)
    with open_source(file) as source:
        found.foreign = foreign(source.names)
        sets = unwrap(source.tree)
        if sets:
            found.needed_bytes = sum(
                tensor.size_bytes for each in sets for tensor in each.tensors.values()
            )
            found.needed_bytes += sum(
                4 * tensor.count for tensor in sets[0].tensors.values()
                if tensor.dtype.is_floating_point and tensor.dtype != torch.float32
            )  # fmt: skip
            count = len(sets[0].tensors)
            found.notes.append(f"It holds {count} tensor{'s' if count > 1 else ''}.")
            found.notes += sets[0].notes
            if sets[0].ignored:
                found.notes.append(f"Not used: {_listed(sets[0].ignored)}.")
        else:
            found.weights = False
            found.notes.append("No named weights of a network were found in it.")
        whole = outermost_class(source.tree)
        if whole:
            found.notes.append(f"It is a whole network of the class {whole}.")
        said = hints_of(source.tree, source.metadata)
        if said.architecture:
            found.notes.append(f"It says that its architecture is {said.architecture}.")
        if said.class_names:
            found.notes.append(f"It names {len(said.class_names)} classes.")
    return found


def _external_files(file: CheckpointFile) -> list[Path]:
    from interp_gui.checkpoints.onnx_external import external_files
    from interp_gui.checkpoints.onnx_parsing import parsed_model

    if file.size_bytes > _LARGEST_ONNX:
        return []
    model = parsed_model(file.path)
    return [file.path.parent / name for name in external_files(model, file.path.name)]


def _sha256(path: Path, check: Callable[[], None]) -> str:
    sha = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            check()
            sha.update(chunk)
    return sha.hexdigest()


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
