"""Write the index of torchvision's classification architectures: a script for developers.

``python -m interp_gui.checkpoints.build_index`` rewrites the files that `checkpoints.index` reads.
It needs no weights and no network connection.
"""

import lzma
import re
from pathlib import Path
from typing import Any

import msgspec

from interp_gui.checkpoints.building import build_empty
from interp_gui.checkpoints.find_twins import find_twins
from interp_gui.checkpoints.index import (
    CLASSES_FILE,
    INDEX_FILE,
    Architecture,
    Index,
    PublishedWeights,
    Shapes,
)
from interp_gui.core.model import Preprocessing

_DERIVED = re.compile(r"(relative_position_index|relative_coords_table|num_batches_tracked)$")
_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
_OTHER_CLASS_COUNT = 7


def describe(name: str) -> Architecture:
    """The index entry of one architecture of the installed torchvision."""
    tensors = _shapes(name, {})
    changed = _shapes(name, {"num_classes": _OTHER_CLASS_COUNT})
    auxiliary = _AUXILIARY.get(name, ())
    head = [key for key, shape in tensors.items() if changed[key] != shape]
    head.sort(key=lambda key: (key.startswith(auxiliary), not key.endswith("weight")))
    return Architecture(
        name=name,
        tensors=tensors,
        head=tuple(head),
        optional=tuple(key for key in tensors if _DERIVED.search(key)),
        auxiliary=auxiliary,
        weights=_published(name),
    )


def build_index(names: list[str] | None = None) -> Index:
    """The index of all (or the named) classification architectures."""
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    return Index(
        library="torchvision",
        library_version=torchvision.__version__.partition("+")[0],
        architectures=tuple(describe(name) for name in names or known),
    )


def with_twins(index: Index) -> Index:
    """The index with those architectures of timm named that share all shapes (minutes)."""
    twins = find_twins(index)
    named = [
        msgspec.structs.replace(each, twins=twins.get(each.name, ()))
        for each in index.architectures
    ]
    return msgspec.structs.replace(index, architectures=tuple(named))


def _shapes(name: str, config: dict[str, Any]) -> Shapes:
    state = build_empty(name, config).state_dict()
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


def _published(name: str) -> tuple[PublishedWeights, ...]:
    import torchvision.models

    entries = torchvision.models.get_model_weights(name)
    default = entries["DEFAULT"]
    return tuple(
        _published_entry(entry) for entry in sorted(entries, key=lambda each: each is not default)
    )


def _published_entry(entry: Any) -> PublishedWeights:
    transforms = entry.transforms()
    file = entry.url.rpartition("/")[2]
    crop, shorter = transforms.crop_size, transforms.resize_size
    digits = re.search(r"-([0-9a-f]{8,})\.", file)
    return PublishedWeights(
        name=entry.name,
        file=file,
        sha256=digits.group(1) if digits else "",
        size_mib=entry.meta["_file_size"],
        classes=len(entry.meta.get("categories") or ()) == 1000,
        preprocessing=Preprocessing(
            size=(crop[0], crop[0]),
            resize_px=shorter[0],
            interpolation=transforms.interpolation.value,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        ),
    )


def main() -> None:
    """Write the index and the class names into the checkout's ``resources/``."""
    import torchvision.models

    resources = Path(__file__).resolve().parents[2] / "resources"
    encoded = msgspec.json.encode(with_twins(build_index()))
    (resources / INDEX_FILE).write_bytes(lzma.compress(encoded, preset=9 | lzma.PRESET_EXTREME))
    names = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
    (resources / CLASSES_FILE).write_text("\n".join(names) + "\n", "utf-8")


if __name__ == "__main__":
    main()
