"""Reading config.json by own means, before any library sees it.

No torch here: what is refused is refused before anything heavy is imported.
"""

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interp_gui.core.errors import FileProblem

CONFIG_NAME = "config.json"

_LONGEST = 16_000_000  # bytes; the names of 22,000 classes take 1.5 million
_DEEPEST = 32
_LARGEST = 1 << 24  # no honest size, count or vocabulary reaches it
_MOST_REPEATS = 4_096
_REPEATED = re.compile(r"layer|depth|block|stage|num_heads|attention_heads|repeat|scales")
_MOST_LABELS = 1_000_000

_PLAIN_NAME = re.compile(r"\w{1,100}(\.\w{1,100})?", re.ASCII)
_ELSEWHERE = re.compile(r"pretrained|checkpoint|cache|path|file|url|hub|dir|loader|fn$")

# How to run, where to fetch from and what to run: nothing of it defines the network.
_DROPPED = frozenset((
    "auto_map", "trust_remote_code", "custom_pipelines", "name_or_path", "transformers_version",
    "transformers_weights", "attn_implementation", "experts_implementation", "dtype",
    "torch_dtype", "torchscript", "fusion_config", "kernel_config", "use_kernels",
    "distributed_config", "base_model_tp_plan", "base_model_pp_plan", "output_attentions",
    "output_hidden_states", "return_dict", "use_return_dict", "gradient_checkpointing",
    "task_specific_params", "peft_config", "pretrained_cfg_overlay", "checkpoint_path",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """What a config.json says, cleaned of all that is no description of a network.

    Parameters
    ----------
    values
        The description; nothing in it names a path, code or a kernel.
    model_type
        Family of the network in transformers; empty where it names none.
    architectures
        Classes that the weights were saved from.
    remote_code
        Names of code files that it asks to be run. They are never run.
    """

    values: dict[str, Any]
    model_type: str = ""
    architectures: tuple[str, ...] = ()
    remote_code: tuple[str, ...] = ()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object of plain, finite values.

    Raises
    ------
    FileProblem
        Missing, too long, not JSON, no object, or nested without end.
    """
    name = path.name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise FileProblem(f"'{name}' is not a regular file.")
        if found.st_size > _LONGEST:
            raise FileProblem(
                f"'{name}' is {found.st_size / 1e6:.0f} MB long and is not read.",
                hint="A description of a network takes a few kilobytes.",
            )
        with open(path, "rb") as stream:
            data = stream.read(_LONGEST + 1)
        values = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        _check_depth(values)
        if b"\\ud" in data.lower():  # half a letter, which nothing can show or send
            json.dumps(values, ensure_ascii=False).encode()
    except OSError as problem:
        raise FileProblem(f"'{name}' cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError) as problem:
        raise FileProblem(
            f"'{name}' is not plain JSON: {str(problem)[:120].rstrip('.')}.",
            hint="Copy or download the folder again.",
        ) from None
    if not isinstance(values, dict):
        raise FileProblem(f"'{name}' holds no object.", hint="Copy or download the folder again.")
    return values


def read_config(folder: Path) -> FolderConfig:
    """The config of a folder, checked and cleaned.

    Raises
    ------
    FileProblem
        Damaged, or it describes what is never opened: quantised weights, sizes beyond all bounds,
        parts that would have to be fetched from elsewhere.
    """
    raw = read_json(folder / CONFIG_NAME)
    architectures = raw.get("architectures") or ()
    if not isinstance(architectures, list | tuple):
        architectures = (architectures,)
    model_type = raw.get("model_type")
    values = _cleaned(raw)
    _check_sizes(values, "")
    _check_parts(values)
    return FolderConfig(
        values=values,
        model_type=model_type if isinstance(model_type, str) else "",
        architectures=tuple(each for each in architectures if isinstance(each, str)),
        remote_code=_remote_code(raw),
    )


def labels_of(values: dict[str, Any]) -> tuple[str, ...]:
    """Names of the classes in order; empty where they are not known or only numbered."""
    table = values.get("id2label")
    if not isinstance(table, dict):
        return ()
    try:
        numbered = {int(key): str(name) for key, name in table.items()}
    except ValueError:
        return ()
    if sorted(numbered) != list(range(len(numbered))):
        return ()
    names = tuple(numbered[index] for index in range(len(numbered)))
    generic = all(re.fullmatch(rf"(LABEL_)?{index}", name) for index, name in enumerate(names))
    return () if generic else names


def _no_number(text: str) -> float:
    raise ValueError(f"it holds {text}, which is no number")


def _check_depth(values: Any) -> None:
    level = [values]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _cleaned(values: Any) -> Any:
    if isinstance(values, dict):
        return {
            key: _cleaned(value)
            for key, value in values.items()
            if key not in _DROPPED and not key.startswith("_")
        }
    return [_cleaned(each) for each in values] if isinstance(values, list) else values


def _check_sizes(value: Any, key: str) -> None:
    """Raise for numbers that would fill the memory before a single tensor is compared."""
    if isinstance(value, dict):
        for inner, each in value.items():
            _check_sizes(each, inner)
    elif isinstance(value, list):
        if _REPEATED.search(key) and len(value) > _MOST_REPEATS:
            raise _too_large(key, len(value))
        for each in value:
            _check_sizes(each, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        most = _MOST_REPEATS if _REPEATED.search(key) else _LARGEST
        if key in ("num_labels", "num_classes"):
            most = _MOST_LABELS
        if abs(value) > most and not (isinstance(value, float) and "layer" not in key):
            raise _too_large(key, value)


def _too_large(key: str, value: float) -> FileProblem:
    return FileProblem(
        f"'{CONFIG_NAME}' declares {key} = {value:.6g}, more than any network has.",
        hint="It is damaged or made to fill the memory; get the folder from its source again.",
    )


def _check_timm(values: dict[str, Any]) -> None:
    """Refuse what would make timm fetch, or read elsewhere, when it builds a folder's network.

    timm takes `hf-hub:` and `local-dir:` before a name, and files of weights among the settings.
    """
    kind = values.get("model_type")
    if not isinstance(kind, str) or not kind.startswith("timm"):
        return
    name = values.get("architecture", values.get("backbone"))
    good = name is None or (isinstance(name, str) and _PLAIN_NAME.fullmatch(name) is not None)
    for table in ("model_args", "backbone_kwargs"):
        settings = values.get(table) or {}
        good = good and isinstance(settings, dict) and all(map(_is_plain, settings.items()))
    if not good:
        raise FileProblem(
            f"'{CONFIG_NAME}' takes the network, or settings of it, from elsewhere, and nothing "
            "is fetched.",
            hint="Open the file of weights itself in another folder to have it recognised.",
        )


def _is_plain(setting: tuple[str, Any]) -> bool:
    """Whether a setting is of the network: a number, or a word that is no path or address."""
    key, value = setting
    words = [value] if isinstance(value, str) else []
    flat = isinstance(value, bool | int | float | str | None)
    if isinstance(value, list):
        flat = all(isinstance(each, bool | int | float) for each in value)
    return flat and not _ELSEWHERE.search(key) and all(map(_PLAIN_NAME.fullmatch, words))


def _check_parts(values: dict[str, Any]) -> None:
    if values.get("quantization_config"):
        raise FileProblem(
            "The weights of this folder are quantised.",
            hint="Open the network's full-precision weights.",
        )
    for each in _dicts(values):
        _check_timm(each)
        elsewhere = each.get("backbone")
        if (isinstance(elsewhere, str) and elsewhere) or each.get("use_pretrained_backbone"):
            raise FileProblem(
                f"'{CONFIG_NAME}' takes a part of the network from elsewhere "
                f"({str(elsewhere)[:60]}), and nothing is fetched.",
                hint="Save the whole network with save_pretrained and open that folder.",
            )


def _dicts(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _dicts(each))]
    if isinstance(value, list):
        return [found for each in value for found in _dicts(each)]
    return []


def _remote_code(raw: dict[str, Any]) -> tuple[str, ...]:
    """Names of the code that a config asks for, `modeling_own.OwnModel`."""
    found: list[str] = []
    for each in _dicts(raw):
        table = each.get("auto_map")
        names = table.values() if isinstance(table, dict) else ()
        for name in names:
            parts = name if isinstance(name, list) else [name]
            found.extend(part for part in parts if isinstance(part, str))
    return tuple(dict.fromkeys(found))
