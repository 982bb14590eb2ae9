"""What files and folders are that are no checkpoints, and what would make one of them."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from interp_gui.core.errors import FileProblem
from interp_gui.core.opening import OpenQuestion

KINDS_HINT = (
    "Checkpoints are .pt, .pth, .ckpt, .bin, .safetensors, .pt2 or .onnx files, or folders with "
    "a config.json and weights."
)
_UNPACK_HINT = "Unpack it, and open the checkpoint in it."
_TENSORFLOW_HINT = "Convert it to ONNX with tf2onnx, and open that."
_SOURCE_HINT = "Open the PyTorch or ONNX model that it was made from."
_NUMPY_HINT = (
    "Save its weights with torch.save({k: torch.from_numpy(v) for k, v in "
    "numpy.load('weights.npz').items()}, 'weights.pth') and open those."
)
_FLAX_HINT = (
    "timm reads such files: save timm.create_model(name, checkpoint_path='weights.npz')"
    ".state_dict() with torch.save, and open that."
)
_MESSAGE_HINT = (
    "Servers answer so where a file is missing or a login is needed. Download the file again, and "
    "compare its size."
)
_OLD_TORCH_HINT = (
    "Load it with torch.load(path, weights_only=False) where you trust it, and save its weights "
    "with torch.save(model.state_dict(), 'weights.pth')."
)
_PARTS_HINT = (
    "Join its parts with python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER "
    "weights.pth and open that."
)
_ADAPTER_HINT = (
    "Merge it where it was trained: PeftModel.from_pretrained(network, folder)"
    ".merge_and_unload().save_pretrained('merged'), and open that folder."
)

_BY_START = {
    b"\x89PNG": ("a PNG picture", KINDS_HINT),
    b"\xff\xd8\xff": ("a JPEG picture", KINDS_HINT),
    b"GIF8": ("a GIF picture", KINDS_HINT),
    b"RIFF": ("a RIFF file (WebP, WAV or AVI)", KINDS_HINT),
    b"\x89HDF": ("an HDF5 file (Keras?)", _TENSORFLOW_HINT),
    b"%PDF": ("a PDF document", KINDS_HINT),
    b"\x1f\x8b": ("a gzip archive", _UNPACK_HINT),
    b"BZh": ("a bzip2 archive", _UNPACK_HINT),
    b"7z\xbc\xaf": ("a 7z archive", _UNPACK_HINT),
    b"Rar!": ("a RAR archive", _UNPACK_HINT),
    b"\xfd7zXZ": ("an xz archive", _UNPACK_HINT),
    b"(\xb5/\xfd": ("a zstd archive", _UNPACK_HINT),
    b"\x93NUMPY": ("a NumPy array", KINDS_HINT),
    b"GGUF": ("a GGUF file of a language model", KINDS_HINT),
    b"lmgg": ("a GGML file of a language model", KINDS_HINT),
    b"\x7fELF": ("a program", KINDS_HINT),
    b"MZ": ("a Windows program", KINDS_HINT),
    b"ftrt": ("a TensorRT engine", _SOURCE_HINT),
    b"7767517\n": ("an ncnn model", _SOURCE_HINT),
}
# only for content that says nothing itself
_BY_SUFFIX = {
    ".pb": ("a TensorFlow graph", _TENSORFLOW_HINT),
    ".meta": ("a part of a TensorFlow checkpoint", _TENSORFLOW_HINT),
    ".index": ("a part of a TensorFlow checkpoint", _TENSORFLOW_HINT),
    ".mlmodel": ("a Core ML model", _SOURCE_HINT),
    ".msgpack": (
        "a file of Flax",
        "Load it with transformers before version 5 (from_pretrained(folder, from_flax=True)), and "
        "save it with save_pretrained.",
    ),
    ".engine": ("a TensorRT engine", _SOURCE_HINT),
    ".trt": ("a TensorRT engine", _SOURCE_HINT),
    ".param": ("an ncnn model", _SOURCE_HINT),
    ".py": (
        "a Python program",
        "Open the checkpoint; where its network is not known, this file can be given with it.",
    ),
    ".json": ("a JSON file", "Open the folder that it lies in, or the file of weights beside it."),
    ".yaml": ("a file of settings", "Open the file of weights."),
    ".txt": ("a text file", "Open the file of weights."),
}
_TENSORFLOW_DATA = re.compile(r".+\.data-\d{5}-of-\d{5}")
_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html", b"<head")
_XML = b"<?xml"
_ERRORS = (b"<error", b"<message")
_SHOWN_BELOW = 4
_LONGEST_LINE = 80  # letters of a text that are shown
_OLD_TORCH = frozenset((b"sys_info", b"pickle", b"storages", b"tensors"))
_FLAX = re.compile(r"(opt/target/|params/)?(Transformer/|embedding/|cls\b|pre_logits/)")
_DISTRIBUTED = ".distcp"
_NETWORKS = ("config.json", "model.safetensors", "pytorch_model.bin")
_INSIDE = (".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".pt2", "pytorch_model.bin")
_KERAS = frozenset(("metadata.json", "config.json", "model.weights.h5"))
_SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")


def refuse_other_kinds(file: Path, start: bytes) -> None:
    """Refuse a file whose first bytes say what it is, where that is no checkpoint.

    Raises
    ------
    FileProblem
        It is named.
    """
    if start.startswith(_POINTER):
        raise FileProblem(
            f"'{file.name}' is a Git LFS pointer: the weights themselves were not downloaded.",
            hint="Fetch them with git lfs pull, or download the file from the project's page.",
        )
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    page = text.startswith(_PAGES) or (text.startswith(_XML) and b"<html" in text)
    if page:
        raise FileProblem(
            f"'{file.name}' is a web page, not a checkpoint.",
            hint="The page was saved in place of the file that it links to; download that one.",
        )
    if text.startswith(_XML):
        if any(each in text for each in _ERRORS):
            raise FileProblem(
                f"'{file.name}' is a server's message, not a checkpoint.", hint=_MESSAGE_HINT
            )
        openvino = b"<net" in text
        raise _no_checkpoint(
            file.name, "an OpenVINO model" if openvino else "an XML file",
            _SOURCE_HINT if openvino else KINDS_HINT,
        )  # fmt: skip
    if start[4:8] == b"TFL3":
        raise _no_checkpoint(file.name, "a TensorFlow Lite model", _TENSORFLOW_HINT)
    for magic, (kind, hint) in _BY_START.items():
        if start.startswith(magic):
            raise _no_checkpoint(file.name, kind, hint)


def refuse_parts(file: Path) -> None:
    """Refuse a part of a checkpoint that several machines wrote together.

    Raises
    ------
    FileProblem
        It is one.
    """
    if file.suffix == _DISTRIBUTED:
        raise FileProblem(f"'{file.name}' is a part of a distributed checkpoint.", hint=_PARTS_HINT)


def tar_archive(file: Path, start: bytes) -> FileProblem:
    """What to say of a tar archive: of torch before version 0.4, or of anything."""
    first = start[:100].rstrip(b"\0")
    if first.rpartition(b"/")[2] in _OLD_TORCH:
        return FileProblem(
            f"'{file.name}' is in torch's oldest format, a tar archive, which cannot be read "
            "safely.",
            hint=_OLD_TORCH_HINT,
        )
    named = f" that begins with '{_line(first)}'" if first and b"PaxHeader" not in first else ""
    return FileProblem(f"'{file.name}' is a tar archive{named}.", hint=_UNPACK_HINT)


def _line(content: bytes) -> str:
    """The first line of a text as it may be shown."""
    lines = content.decode("utf-8", "replace").strip().splitlines() or [""]
    shown = "".join(letter if letter.isprintable() else "�" for letter in lines[0])
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[: _LONGEST_LINE - 1]}…"


def _is_text(content: bytes) -> bool:
    text = content.decode("utf-8", "ignore")
    plain = all(letter.isprintable() or letter.isspace() for letter in text)
    return len(text.strip()) > 1 and plain and len(text.encode()) > len(content) - 4


def unknown_file(file: Path, start: bytes = b"") -> FileProblem:
    """What to say of a file whose content is of no known kind.

    Parameters
    ----------
    start
        Its first bytes.
    """
    suffix = file.suffix.lower()
    if _TENSORFLOW_DATA.fullmatch(file.name):
        suffix = ".index"
    if suffix in _BY_SUFFIX:
        return _no_checkpoint(file.name, *_BY_SUFFIX[suffix])
    if _is_text(start):
        return FileProblem(
            f"'{file.name}' is not a checkpoint but a text that begins with '{_line(start)}'.",
            hint=_MESSAGE_HINT,
        )
    return FileProblem(f"'{file.name}' is not a checkpoint.", hint=KINDS_HINT)


def unknown_archive(file: Path, names: Collection[str]) -> FileProblem:
    """What to say of a zip archive that is no checkpoint itself."""
    if set(names) >= _KERAS:
        return _no_checkpoint(file.name, "a Keras model", _TENSORFLOW_HINT)
    if names and all(name.endswith(".npy") for name in names):
        flax = any(_FLAX.match(name) for name in names)
        return _no_checkpoint(
            file.name, "a NumPy archive", _FLAX_HINT if flax else _NUMPY_HINT
        )  # fmt: skip
    inside = next((name for name in names if name.lower().endswith(_INSIDE)), "")
    if inside:
        shown = "".join(letter if letter.isprintable() else "�" for letter in inside[:80])
        return FileProblem(
            f"'{file.name}' is a zip archive with '{shown}' in it.", hint=_UNPACK_HINT
        )
    return FileProblem(
        f"'{file.name}' is a zip archive without a checkpoint in it.", hint=KINDS_HINT
    )


def unknown_folder(folder: Path, below: Sequence[str] = ()) -> FileProblem:
    """What to say of a folder without a checkpoint.

    Parameters
    ----------
    below
        Paths of checkpoints in folders below it.
    """
    shown = folder.name or str(folder)
    if any(entry.endswith(_DISTRIBUTED) for entry in _entries(folder)):
        return FileProblem(
            f"The folder '{shown}' is a distributed checkpoint in parts.", hint=_PARTS_HINT
        )
    if (folder / "saved_model.pb").is_file():
        return FileProblem(
            f"The folder '{shown}' is a TensorFlow model, not a checkpoint.", hint=_TENSORFLOW_HINT
        )
    if (folder / "Manifest.json").is_file() and (folder / "Data").is_dir():
        return FileProblem(
            f"The folder '{shown}' is a Core ML model, not a checkpoint.", hint=_SOURCE_HINT
        )
    if below:
        more = f" and {len(below) - _SHOWN_BELOW} more" if len(below) > _SHOWN_BELOW else ""
        listed = ", ".join(f"'{each}'" for each in below[:_SHOWN_BELOW])
        return FileProblem(
            f"The folder '{shown}' holds no checkpoint itself, but folders in it do: "
            f"{listed}{more}.",
            hint="Open that one." if len(below) == 1 else "Open one of them.",
            question=OpenQuestion(path=str(folder), file=shown, files=tuple(below)),
        )
    return FileProblem(f"The folder '{shown}' holds no checkpoint.", hint=KINDS_HINT)


def refuse_adapter(folder: Path) -> None:
    """Refuse a folder that holds an adapter without its network.

    Raises
    ------
    FileProblem
        It does.
    """
    own = any((folder / name).is_file() for name in _NETWORKS)
    if (folder / "adapter_config.json").is_file() and not own:
        raise FileProblem(
            f"The folder '{folder.name or folder}' holds an adapter (LoRA or the like), not the "
            "network that it changes.",
            hint=_ADAPTER_HINT,
        )


def is_shard(name: str) -> bool:
    """Whether a file's name says that it is one of several parts."""
    return _SHARD.fullmatch(name) is not None


def without_index(folder: Path, names: Collection[str]) -> FileProblem:
    """What to say of shards without the index that lists their tensors."""
    return FileProblem(
        f"The folder '{folder.name or folder}' holds {len(names)} parts of a checkpoint, and no "
        "index that says which tensor is in which.",
        hint="Copy the file that ends in .index.json into it.",
    )


def _no_checkpoint(name: str, kind: str, hint: str) -> FileProblem:
    return FileProblem(f"'{name}' is {kind}, not a checkpoint.", hint=hint)


def _entries(folder: Path, most: int = 2000) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry, _ in zip(entries, range(most), strict=False)]
