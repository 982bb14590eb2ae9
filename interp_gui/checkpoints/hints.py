"""What a checkpoint says of itself beside its tensors. Nothing of it is believed unchecked."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from interp_gui.checkpoints.inert import Stub
from interp_gui.checkpoints.match import Hints
from interp_gui.checkpoints.safe_header import BadHeader, parse_json
from interp_gui.core.model import Preprocessing

_ARCHITECTURE_KEYS = (
    "architecture", "arch", "model_name", "model_arch", "encoder_name", "backbone_name",
    "backbone", "model", "name", "network", "net",
)  # fmt: skip
_SURE_KEYS = _ARCHITECTURE_KEYS[:6]  # the others are looked at within settings only
_CLASS_KEYS = (
    "class_names", "classes", "CLASSES", "idx_to_class", "id2label", "class_to_idx", "label2id",
    "labels", "categories", "names", "label_names", "class_labels",
)  # fmt: skip
_SETTINGS = (
    "hyper_parameters", "hparams", "args", "config", "cfg", "opt", "options", "meta", "metadata",
    "model_config", "model_args", "params", "settings", "pretrained_cfg", "default_cfg",
    "model_kwargs", "init_args",
)  # fmt: skip
_TIMM_TABLES = ("pretrained_cfg", "default_cfg")
_MODELS = ("model", "ema", "net", "network", "module")
_NAME = re.compile(r"[A-Za-z][\w.\-:/]{1,99}")
_LIBRARIES = ("torchvision", "timm", "transformers")
_LONGEST_NAME = 200
_MOST_WRAPPERS = 4
_MOST_CLASSES = 100_000
_LONGEST_LIST = 4 << 20  # letters of a header's JSON


def hints_of(tree: Any, metadata: Mapping[str, str]) -> Hints:
    """Architecture, library, preprocessing and class names that a file tells."""
    tables = chain((_from_header(metadata),), _tables(tree))
    preprocessing: Preprocessing | None = None
    architecture = library = ""
    class_names: tuple[str, ...] = ()
    looked_at: set[int] = set()
    for number, table in enumerate(tables):
        keys = _SURE_KEYS if number < 2 else _ARCHITECTURE_KEYS
        architecture = architecture or _architecture(table, keys)
        class_names = class_names or _class_names(table, looked_at)
        preprocessing = preprocessing or _preprocessing(table)
        said = table.get("library") or table.get("library_name")
        if not library and isinstance(said, str) and said in _LIBRARIES:
            library = said
    library = library or _library_of_class(tree)
    architecture = architecture.removeprefix("hf-hub:")
    first, slash, last = architecture.partition("/")
    if slash and first in _LIBRARIES:
        library, architecture = first, last
    return Hints(
        architecture=architecture, library=library, class_names=class_names,
        preprocessing=preprocessing,
    )  # fmt: skip


def _preprocessing(table: Mapping[Any, Any]) -> Preprocessing | None:
    """How images are prepared, where timm noted that beside the weights."""
    for key in _TIMM_TABLES:
        noted = table.get(key)
        if isinstance(noted, dict) and all(isinstance(name, str) for name in noted):
            from interp_gui.checkpoints.huggingface.timm_config import hints_from_timm_config

            found = hints_from_timm_config({"pretrained_cfg": noted}).preprocessing
            if found is not None:
                return found
    return None


def outermost_class(tree: Any) -> str:
    """Dotted name of the network's class, where a whole one was pickled; empty otherwise."""
    for value in (tree, *(tree.get(key) for key in _MODELS if isinstance(tree, dict))):
        if type(value) is Stub and "_modules" in value.fields():
            return "".join(c if c.isprintable() else "�" for c in value.kind[:200])
    return ""


def _library_of_class(tree: Any) -> str:
    """Of the network itself, or of what training programs wrap around it."""
    value = tree
    for _ in range(_MOST_WRAPPERS):
        root = outermost_class(value).partition(".")[0]
        if root in _LIBRARIES:
            return root
        if isinstance(value, dict):
            value = next((value[key] for key in _MODELS if type(value.get(key)) is Stub), None)
        if type(value) is not Stub:
            return ""
        inner = value.fields().get("_modules")
        value = next(iter(inner.values())) if isinstance(inner, dict) and len(inner) == 1 else None
    return ""


def _tables(tree: Any) -> Iterator[Mapping[Any, Any]]:
    """The content itself, then the settings in it and in the networks in it."""
    outer = _as_table(tree)
    yield outer
    levels = [outer, *(_as_table(outer.get(key)) for key in _MODELS)]
    for level in levels:
        for key in _SETTINGS:
            table = _as_table(level.get(key))
            if table:
                yield table
                for inner in _SETTINGS:
                    yield _as_table(table.get(inner))
    yield from levels[1:]


def _as_table(value: Any) -> Mapping[Any, Any]:
    if type(value) is Stub:
        content = value.fields().get("_content")  # settings of omegaconf
        return _plain(content if isinstance(content, dict) else value.fields())
    return _plain(value) if isinstance(value, dict) else {}


def _plain(table: dict[Any, Any]) -> dict[Any, Any]:
    found = {}
    for key, value in islice(table.items(), 2000):
        if type(value) is Stub and "_val" in value.fields():  # a value of omegaconf
            value = value.fields()["_val"]
        found[key] = value
    return found


def _from_header(metadata: Mapping[str, str]) -> dict[str, Any]:
    table: dict[str, Any] = dict(metadata)
    for key in (*_CLASS_KEYS, *_SETTINGS):
        text = metadata.get(key, "")
        if text[:1] in ("[", "{") and len(text) <= _LONGEST_LIST:
            try:
                table[key] = parse_json(text.encode("utf-8", "replace"))
            except BadHeader:
                continue
    return table


def _architecture(table: Mapping[Any, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = table.get(key)
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
    return ""


def _class_names(table: Mapping[Any, Any], looked_at: set[int]) -> tuple[str, ...]:
    """Names in a table; a list that many tables refer to is looked at once."""
    for key in _CLASS_KEYS:
        value = table.get(key)
        if id(value) in looked_at:
            continue
        looked_at.add(id(value))
        names = _listed(value)
        if len(names) > 1 and all(_is_name(each) for each in names):
            return names
    return ()


def _listed(value: Any) -> tuple[Any, ...]:
    """A list, a table of names by number, or one of numbers by name, in the order of numbers."""
    if isinstance(value, list | tuple) and len(value) <= _MOST_CLASSES:
        return tuple(value)
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_CLASSES:
        return ()
    by_number: dict[int, Any] = {}
    for key, each in value.items():
        if _number(key) is not None:
            by_number[_number(key) or 0] = each
        elif isinstance(each, int) and not isinstance(each, bool):
            by_number[each] = key
    if len(by_number) != len(value) or min(by_number) != 0 or max(by_number) != len(value) - 1:
        return ()
    return tuple(by_number[number] for number in range(len(value)))


def _number(key: Any) -> int | None:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    if isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 9:
        return int(key)
    return None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
