"""Writing a checkpoint that is opened and tried before it gets its name."""

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from interp_gui.checkpoints.folders import CONFIG, is_huggingface
from interp_gui.checkpoints.formats import CheckpointFile, inspect_file
from interp_gui.checkpoints.match import Tensors
from interp_gui.core.errors import FileProblem, OutputProblem
from interp_gui.core.export.files import aside_name, output_problem, refuse_special

WEIGHTS = "model.safetensors"
_LONGEST_SIDE_FILE = 16 << 20  # bytes


@dataclass(frozen=True)
class Stage:
    """A place beside the target where the new checkpoint is made.

    Parameters
    ----------
    path
        The file or folder as it can be opened there, under its later name.
    target
        Where it goes.
    """

    path: Path
    target: Path


def check_target(target: Path, original: str, *, folder: bool) -> None:
    """Refuse a target that is the original or part of it, or that nothing can be written to.

    Parameters
    ----------
    original
        Path of what the model was opened from.
    folder
        Whether the target is to be a folder.

    Raises
    ------
    OutputProblem
        With the reason and what to do.
    """
    try:
        _check_target(target, original, folder=folder)
    except OSError as problem:
        raise output_problem(target, problem) from problem


def _check_target(target: Path, original: str, *, folder: bool) -> None:
    if not (folder and target.is_dir()):
        refuse_special(target)
    parts = [Path(original)]
    with suppress(FileProblem):
        parts = [*parts, *inspect_file(original).parts]
    real = Path(os.path.realpath(target))
    for part in parts:
        own = Path(os.path.realpath(part))
        if real == own or (part.is_dir() and own in real.parents) or _same_file(target, part):
            raise OutputProblem(
                f"'{target.name}' is the original, or part of it; it is never written over.",
                hint="Choose another name, in another folder for a Hugging Face model.",
            )
    if not target.parent.is_dir():
        raise output_problem(target, FileNotFoundError(errno.ENOENT, "no folder"))
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise output_problem(target, PermissionError(errno.EACCES, "no permission"))
    if folder:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise OutputProblem(
                f"'{target.name}' exists already.", hint="Choose the name of a new folder."
            )
        if target.suffix.lower() in (".safetensors", ".pt", ".pth", ".onnx"):
            raise OutputProblem(
                "This model is a folder, with a config beside its weights.",
                hint="Give the name of a folder, without a suffix.",
            )
        return
    if is_huggingface(target.parent):
        raise OutputProblem(
            f"The folder of '{target.name}' holds a {CONFIG} of another model, which would be "
            "taken for that of the new file.",
            hint="Choose another folder.",
        )


@contextmanager
def staged(target: Path, *, folder: bool) -> Iterator[Stage]:
    """A stage beside the target; what was made there gets the target's name at the end.

    Nothing is left of it where the block ends with an exception.
    """
    place = target.parent / aside_name(target.name)
    try:
        place.mkdir()
        inner = place / target.name
        if folder:
            inner.mkdir()
        yield Stage(inner, target)
        _sync(inner)
        if folder and target.is_dir():
            target.rmdir()
        os.replace(inner, target)
    except OSError as problem:
        raise output_problem(target, problem) from problem
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_safetensors(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    """Write tensors with entries of the header, each with memory of its own."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    own = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    try:
        save_file(own, str(path), metadata={**metadata, "format": "pt"})
    except SafetensorError as problem:
        code = re.search(r"\(os error (\d+)\)", str(problem))
        if code is not None:  # told as every other file that cannot be written
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from problem
        raise OutputProblem(
            f"'{path.name}' cannot be written: {problem}.", hint="Choose another folder."
        ) from None


def copy_beside(file: CheckpointFile, folder: Path) -> None:
    """Copy what stands beside the weights of a Hugging Face folder: configs, never code."""
    source = file.folder if file.folder is not None else file.path.parent
    source = source if source.is_dir() else source.parent
    for each in sorted(source.glob("*.json")):
        plain = each.is_file() and each.stat().st_size <= _LONGEST_SIDE_FILE
        if plain and not each.name.endswith(".index.json"):
            shutil.copyfile(each, folder / each.name)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _sync(path: Path) -> None:
    for each in path.iterdir() if path.is_dir() else [path]:
        with open(each, "rb+") as stream:
            os.fsync(stream.fileno())
