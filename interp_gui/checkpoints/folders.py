"""Which checkpoint a folder holds."""

import os
import stat
from pathlib import Path

from interp_gui.checkpoints.formats import (
    INDEX_SUFFIX,
    ONNX_SUFFIXES,
    CheckpointFile,
    inspect_file,
)
from interp_gui.checkpoints.other_kinds import (
    is_shard,
    refuse_adapter,
    unknown_folder,
    without_index,
)
from interp_gui.checkpoints.safe_header import BadHeader, parse_json
from interp_gui.core.errors import FileProblem
from interp_gui.core.opening import OpenQuestion

CONFIG = "config.json"

_LONGEST_CONFIG = 16 << 20  # bytes
_LONGEST_REVISION = 100  # bytes
_MOST_FILES = 2000
_SHOWN_NAMES = 6
_DEEPEST = 3  # folders below the one that was given
_SUFFIXES = (
    ".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".pt2", ".pkl", ".tar", ".model", ".weights",
    *ONNX_SUFFIXES,
)  # fmt: skip
_PREFERRED = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # fmt: skip
# what trainers save beside the weights
_BESIDE = frozenset(
    ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scheduler.bin", "scaler.pt", "scaler.bin")
    + ("training_args.bin", "rng_state.pth", "random_states_0.pkl", "trainer_state.pt")
)


def inspect_folder(folder: Path) -> CheckpointFile:
    """The checkpoint in a folder: a Hugging Face one, or the only one there is.

    Raises
    ------
    FileProblem
        There is none, or there are several; they are named.
    """
    folder = _snapshot(folder) or folder
    if is_huggingface(folder):
        weights = folder_weights(folder)
        return CheckpointFile(
            path=folder, format="huggingface", size_bytes=weights.size_bytes,
            parts=weights.parts, folder=folder,
        )  # fmt: skip
    refuse_adapter(folder)
    return folder_weights(folder)


def _snapshot(folder: Path) -> Path | None:
    """The folder that a repository in the hub's cache stands for: its only revision, or `main`."""
    revisions = folder / "snapshots"
    if not revisions.is_dir() or not (folder / "blobs").is_dir():
        return None
    found = [each for each in sorted(revisions.iterdir())[:_MOST_FILES] if each.is_dir()]
    if len(found) == 1:
        return found[0]
    main = folder / "refs" / "main"
    if not main.is_file() or main.stat().st_size > _LONGEST_REVISION:
        return None
    wanted = main.read_text("utf-8", "replace").strip()
    return next((each for each in found if each.name == wanted), None)


def is_huggingface(folder: Path) -> bool:
    """Whether a folder has a `config.json` that names a model of transformers or timm."""
    config = folder / CONFIG
    try:
        found = os.stat(config)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST_CONFIG:
            return False
        content = parse_json(config.read_bytes())
    except (OSError, BadHeader):
        return False
    return isinstance(content, dict) and any(
        key in content for key in ("model_type", "architectures", "architecture")
    )


def folder_weights(folder: Path) -> CheckpointFile:
    """The file of weights in a folder, sharded or not, as `inspect_file` describes it.

    Under the names that Hugging Face uses, safetensors come before pickles.

    Raises
    ------
    FileProblem
        There is none, several, or the one is damaged.
    """
    for name in _PREFERRED:
        if (folder / name).is_file():
            return inspect_file(folder / name)
    found, problems = _checkpoints(folder)
    if len(found) == 1:
        return found[0]
    shown = folder.name or str(folder)
    if len(found) > 1:
        names = [each.path.name for each in found]
        if all(is_shard(name) for name in names):
            raise without_index(folder, names)
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        raise FileProblem(
            f"The folder '{shown}' holds {len(names)} checkpoints: "
            f"{', '.join(names[:_SHOWN_NAMES])}{more}.",
            hint="Open one of them.",
            question=OpenQuestion(path=str(folder), file=shown, files=tuple(names)),
        )
    if len(problems) == 1:
        raise problems[0]
    raise unknown_folder(folder, _below(folder))


def _below(folder: Path) -> list[str]:
    """Paths of what may be checkpoints in folders below, as training programs lay them out."""
    found: list[str] = []
    seen = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if depth >= _DEEPEST:
            folders.clear()
        seen += len(folders) + len(names)
        if seen > _MOST_FILES:
            break
        for name in sorted(names):
            wanted = os.path.splitext(name)[1].lower() in _SUFFIXES and name not in _BESIDE
            if depth and wanted and name.isprintable():
                found.append(str(Path(place, name).relative_to(folder)))
    return found


def _checkpoints(folder: Path) -> tuple[list[CheckpointFile], list[FileProblem]]:
    with os.scandir(folder) as entries:
        names = []
        for number, entry in enumerate(entries):
            if number >= _MOST_FILES:
                raise FileProblem(
                    f"The folder '{folder.name}' holds too many files to look for a checkpoint.",
                    hint="Open the checkpoint itself.",
                )
            suffix = os.path.splitext(entry.name)[1].lower()
            wanted = suffix in _SUFFIXES or entry.name.endswith(INDEX_SUFFIX)
            if wanted and entry.name not in _BESIDE and entry.is_file():
                names.append(entry.name)
    found, problems = [], []
    # an index first, so that its shards do not count beside it
    shards: set[Path] = set()
    for name in sorted(names, key=lambda each: (not each.endswith(INDEX_SUFFIX), each)):
        if folder / name in shards:
            continue
        try:
            each = inspect_file(folder / name)
        except FileProblem as problem:
            problems.append(problem)
            continue
        shards.update(each.parts)
        found.append(each)
    return found, problems
