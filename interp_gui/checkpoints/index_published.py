"""What torchvision and timm publish for an architecture: files, and the preprocessing of each."""

import math
import re
from typing import Any

from interp_gui.checkpoints.index import PublishedWeights
from interp_gui.core.model import Preprocessing

_DIGITS = re.compile(r"-([0-9a-f]{8,})\.")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def of_torchvision(name: str) -> tuple[PublishedWeights, ...]:
    """Published weights of torchvision, the default first."""
    import torchvision.models

    entries = torchvision.models.get_model_weights(name)
    default = entries["DEFAULT"]
    ordered = sorted(entries, key=lambda each: each is not default)
    return tuple(_torchvision_entry(entry) for entry in ordered)


def _torchvision_entry(entry: Any) -> PublishedWeights:
    transforms = entry.transforms()
    file = entry.url.rpartition("/")[2]
    crop, shorter = transforms.crop_size, transforms.resize_size
    digits = _DIGITS.search(file)
    categories = entry.meta.get("categories") or ()
    return PublishedWeights(
        name=entry.name,
        file=file,
        sha256=digits.group(1) if digits else "",
        size_mib=entry.meta["_file_size"],
        classes=len(categories) == 1000,
        outputs=len(categories) or 1000,
        preprocessing=Preprocessing(
            size=(crop[0], crop[0]),
            resize_px=shorter[0],
            interpolation=transforms.interpolation.value,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        ),
    )


def of_timm(name: str) -> tuple[PublishedWeights, ...]:
    """Published weights of timm, the default first; what it assumes where there are none."""
    from timm.models import _registry as registry  # no public list of an architecture's tags
    from timm.models import get_pretrained_cfg

    tags = [full.partition(".")[2] for full in registry._model_with_tags.get(name, [])]
    found = [(tag, get_pretrained_cfg(f"{name}.{tag}" if tag else name)) for tag in tags]
    entries = [_timm_entry(tag, config) for tag, config in found if config is not None]
    if not entries:
        from timm.models import PretrainedCfg

        entries = [_timm_entry("", get_pretrained_cfg(name) or PretrainedCfg())]
    return tuple(entries)


def _timm_entry(tag: str, config: Any) -> PublishedWeights:
    url = config.url if isinstance(config.url, str) else ""
    file = url.rpartition("/")[2]
    digits = _DIGITS.search(file)
    return PublishedWeights(
        name=tag,
        file=file,
        sha256=digits.group(1) if digits else "",
        size_mib=0,
        classes=config.num_classes == 1000 and not config.label_offset,
        outputs=config.num_classes,
        hub=config.hf_hub_id or "",
        preprocessing=_timm_preprocessing(config),
    )


def _timm_preprocessing(config: Any) -> Preprocessing:
    """That of timm's evaluation: scaled by one over the crop's share, then cut."""
    _, height, width = config.input_size
    squashed = config.crop_mode == "squash"
    kind = config.interpolation
    return Preprocessing(
        size=(height, width),
        resize="exact" if squashed or height != width else "shorter",
        resize_px=math.floor(min(height, width) / config.crop_pct),
        crop=not squashed,
        interpolation=kind if kind in _INTERPOLATIONS else "bicubic",
        mean=tuple(config.mean),
        std=tuple(config.std),
    )
