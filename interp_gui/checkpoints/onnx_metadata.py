"""What an ONNX file says of itself, and what lies beside it: classes, input, preprocessing.

All of it is text that anybody can write: it is parsed as literals, bounded, and told in notes.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interp_gui.checkpoints.baked_record import record_in
from interp_gui.checkpoints.onnx_ports import ImageInput
from interp_gui.core.errors import FileProblem, InvalidValue
from interp_gui.core.model import Interpolation, Preprocessing, ResizeRule, channel_order
from interp_gui.core.preprocessing import check_preprocessing

_LONGEST = 1 << 20  # characters of all entries
_MOST_CLASSES = 100_000
_MOST_PARTS = 200_000  # of a literal; reading one takes long
_CLASS_KEYS = ("names", "classes", "class_names", "labels", "id2label")
_SIZE_KEYS = ("imgsz", "input_size", "img_size", "image_size")
_DEFAULT_PX = 224
_IMAGENET_SHARE = 0.875
_IMAGENET = Preprocessing()
_RESAMPLING: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What was found.

    Parameters
    ----------
    class_names
        In the order of outputs; empty where they are not told.
    size
        Height and width of images; zeros where not told.
    hint
        Kind of output that a config names.
    preprocessor
        Content of a `preprocessor_config.json` beside the model; empty if there is none.
    preprocessing
        That of the model it was baked from; None where it was not.
    """

    class_names: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    hint: str = ""
    by: str = ""
    preprocessor: Mapping[str, Any]
    preprocessing: Preprocessing | None = None
    notes: tuple[str, ...] = ()


def read_metadata(model: Any, folder: Path) -> Said:
    """Entries of the model's own metadata, and JSON files that exporters leave beside it."""
    lowered, left = dict[str, str](), _LONGEST
    for entry in model.metadata_props:
        left -= len(entry.value)
        if left >= 0:
            lowered[entry.key.lower()] = entry.value
    names: tuple[str, ...] = ()
    for key in _CLASS_KEYS:
        names = names or _names(_literal(lowered.get(key, "")))
    size = (0, 0)
    for key in _SIZE_KEYS:
        size = size if all(size) else _size(_literal(lowered.get(key, "")))
    notes = ["Class names are those in the file."] if names else []
    record = record_in(lowered)
    if record is not None:
        notes.insert(0, record.note)
    config, hint = _beside(folder, "config.json", notes), ""
    if config:
        problem = config.get("problem_type")
        kinds = {
            "single_label_classification": "softmax",
            "multi_label_classification": "sigmoid",
            "regression": "scalar",
        }
        hint = kinds.get(problem, "") if isinstance(problem, str) else ""
        names = names or _labels(config)
        size = size if all(size) else _size(config.get("image_size"))
    return Said(
        class_names=names,
        size=size,
        hint=hint,
        by=lowered.get("author", "")[:80],
        preprocessor=_beside(folder, "preprocessor_config.json", notes),
        preprocessing=None if record is None else record.preprocessing,
        notes=tuple(notes),
    )


def preprocessing_of(found: ImageInput, said: Said) -> tuple[Preprocessing, tuple[str, ...]]:
    """How images become the input, and sentences on what of it is assumed."""
    told = said.preprocessing
    sizes = () if told is None else zip(found.size, told.size, strict=True)
    if told is not None and len(told.mean) == found.channels and all(
        own in (0, side) for own, side in sizes
    ):  # fmt: skip
        return told, ()
    notes: list[str] = []
    size = (found.size[0] or said.size[0], found.size[1] or said.size[1])
    if not all(size):
        size = (size[0] or size[1] or _DEFAULT_PX, size[1] or size[0] or _DEFAULT_PX)
        notes.append(
            f"It takes images of any size; {size[0]} × {size[1]} pixels are assumed."
        )  # fmt: skip
    if said.preprocessor:
        try:
            read = _hugging_face(said.preprocessor, size, found.channels)
            return read, (*notes, "Preprocessing is that of preprocessor_config.json beside it.")
        except (InvalidValue, TypeError, ValueError, KeyError):
            notes.append("The preprocessor_config.json beside it does not fit and is left alone.")
    mean, std, sentence = _numbers(found, said)
    grey = found.channels == 1
    return Preprocessing(
        size=size,
        resize="shorter" if size[0] == size[1] else "exact",
        resize_px=max(1, int(size[0] / _IMAGENET_SHARE)),
        mean=mean,
        std=std,
        channels=channel_order(found.channels),
        crop=size[0] == size[1],
    ), (*notes, sentence, *(("Images are shown to it in grey.",) if grey else ()))


def _numbers(
    found: ImageInput, said: Said
) -> tuple[tuple[float, ...], tuple[float, ...], str]:  # fmt: skip
    """Mean and deviation that suit a network, and why these."""
    count = found.channels
    if found.kind == "uint8":
        return _whole(count), _bytes(count), "It takes pixels as whole numbers from 0 to 255."
    if found.scale is not None and found.offset is not None:
        spans = [abs(s) for s in found.scale]
        if max(spans) < 0.1:
            return _whole(count), _bytes(count), (
                "Its graph normalises pixels from 0 to 255 itself, so they are given as they are."
            )  # fmt: skip
        if min(spans) > 1.2:
            return _whole(count), (1.0,) * count, (
                "Its graph normalises pixels from 0 to 1 itself, so they are given as they are."
            )  # fmt: skip
    if said.by.lower().startswith("ultralytics"):
        return _whole(count), (1.0,) * count, "Pixels are given from 0 to 1, as Ultralytics does."
    doubt = "An ONNX file does not say how images are normalised: "
    if count == 3:
        return _IMAGENET.mean, _IMAGENET.std, (
            f"{doubt}ImageNet's mean and deviation are assumed. Check them under Preprocessing."
        )  # fmt: skip
    return (
        (0.5,) * count,
        (0.5,) * count,
        (f"{doubt}mean 0.5 and deviation 0.5 are assumed. Check them under Preprocessing."),
    )


def _whole(count: int) -> tuple[float, ...]:
    return (0.0,) * count


def _bytes(count: int) -> tuple[float, ...]:
    return (1 / 255,) * count


def _hugging_face(config: Mapping[str, Any], size: tuple[int, int], channels: int) -> Preprocessing:
    """A `preprocessor_config.json` of an image processor, for the size that the graph takes."""
    normalised = config.get("do_normalize", True)
    mean = tuple(float(v) for v in config["image_mean"]) if normalised else (0.0,) * channels
    std = tuple(float(v) for v in config["image_std"]) if normalised else (1.0,) * channels
    if config.get("do_rescale") is False:
        mean, std = tuple(m / 255 for m in mean), tuple(s / 255 for s in std)
    wanted = config.get("size")
    short = wanted.get("shortest_edge") if isinstance(wanted, dict) else None
    crop = bool(config.get("do_center_crop")) and config.get("do_resize", True) is not False
    resize: ResizeRule = "shorter" if crop and short else "exact"
    made = Preprocessing(
        size=size,
        resize=resize,
        resize_px=int(short) if short else max(size),
        crop=resize == "shorter",
        interpolation=_RESAMPLING.get(int(config.get("resample", 2)), "bilinear"),
        mean=mean,
        std=std,
        channels=channel_order(channels),
    )
    if len(mean) != channels:
        raise InvalidValue("Channels differ.")
    check_preprocessing(made)
    return made


def _beside(folder: Path, name: str, notes: list[str]) -> dict[str, Any]:
    path = folder / name
    if not path.is_file() or path.is_symlink():
        return {}
    from interp_gui.checkpoints.huggingface.config import read_json

    try:
        return read_json(path)
    except FileProblem as problem:
        notes.append(f"{problem.message.rstrip('.')}; it is left alone.")
        return {}


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    from interp_gui.checkpoints.huggingface.config import labels_of

    return labels_of(config)


def _literal(text: str) -> Any:
    """JSON or a Python literal, as exporters write lists and tables; None for anything else."""
    if not text or len(text) > _LONGEST or text.count("[") + text.count("{") > 64:
        return None
    if sum(text.count(each) for each in ",(.+") > _MOST_PARTS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text.split(",") if "," in text else None


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        try:
            numbered = {int(key): str(name) for key, name in value.items()}
        except (ValueError, TypeError):
            return ()
        if sorted(numbered) != list(range(len(numbered))):
            return ()
        value = [numbered[index] for index in range(len(numbered))]
    if not isinstance(value, list | tuple) or not 1 < len(value) <= _MOST_CLASSES:
        return ()
    return tuple(" ".join(str(name).split())[:200] for name in value)


def _size(value: Any) -> tuple[int, int]:
    if isinstance(value, dict):
        value = [value.get("height"), value.get("width")]
    numbers = [value, value] if isinstance(value, int) else value
    if not isinstance(numbers, list | tuple) or len(numbers) < 2:
        return (0, 0)
    last = numbers[-2:]
    if all(isinstance(n, int) and 0 < n <= 8192 for n in last):
        return int(last[0]), int(last[1])
    return (0, 0)
