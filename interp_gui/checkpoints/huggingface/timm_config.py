"""What timm writes into config.json: architecture, preprocessing and names of classes."""

import math
from collections.abc import Mapping
from typing import Any

from interp_gui.checkpoints.match import Hints
from interp_gui.core.errors import InvalidValue
from interp_gui.core.model import Interpolation, Preprocessing, channel_order
from interp_gui.core.preprocessing import check_preprocessing

_INTERPOLATIONS: dict[str, Interpolation] = {
    "nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos",
}  # fmt: skip
_LARGEST_PX = 8_192


def is_timm_config(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is one of timm's."""
    return isinstance(config.get("architecture"), str) and (
        isinstance(config.get("pretrained_cfg"), Mapping) or "model_type" not in config
    )


def hints_from_timm_config(config: Mapping[str, Any]) -> Hints:
    """What a config of timm says of the weights beside it; keys match before any of it counts.

    Parameters
    ----------
    config
        As read from config.json, or from the metadata of a safetensors header: `architecture`,
        `pretrained_cfg`, `label_names`, `label_descriptions`.
    """
    architecture = config.get("architecture")
    name = architecture.partition(".")[0] if isinstance(architecture, str) else ""
    pretrained = config.get("pretrained_cfg")
    if not isinstance(pretrained, Mapping):
        pretrained = config
    return Hints(
        architecture=name,
        library="timm" if name else "",
        preprocessing=preprocessing_of(pretrained),
        class_names=_class_names(config) or _class_names(pretrained),
    )


def preprocessing_of(pretrained: Mapping[str, Any]) -> Preprocessing | None:
    """How timm prepares an image for a network when it validates it; None where it is not said.

    The shorter side is resized to the size of the input divided by `crop_pct`, cut off, and the
    centre is cut out (``timm.data.transforms_factory.transforms_imagenet_eval``).
    """
    size = pretrained.get("input_size")
    try:
        _, height, width = (int(each) for each in size)  # type: ignore[union-attr]
        crop_pct = float(pretrained.get("crop_pct") or 0.875)
        mean = tuple(float(each) for each in pretrained["mean"])
        std = tuple(float(each) for each in pretrained["std"])
        if (
            not 0.1 <= crop_pct <= 4
            or not 0 < min(height, width) <= max(height, width) <= _LARGEST_PX
        ):
            return None
        resize_px = math.floor(min(height, width) / crop_pct)
        found = Preprocessing(
            size=(height, width),
            resize="shorter",
            resize_px=resize_px,
            interpolation=_INTERPOLATIONS.get(str(pretrained.get("interpolation")), "bilinear"),
            mean=mean,
            std=std,
            channels=channel_order(len(mean)),
        )
        if pretrained.get("crop_mode") == "squash" and height == width:
            found = _squashed(found)
        check_preprocessing(found)
    except (TypeError, ValueError, KeyError, OverflowError, InvalidValue):
        return None
    return found


def _squashed(p: Preprocessing) -> Preprocessing:
    from msgspec.structs import replace

    if p.resize_px == p.size[0]:
        return replace(p, resize="exact", crop=False)
    return replace(p, resize="square")


def _class_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("label_names")
    if not isinstance(names, list | tuple) or not all(isinstance(each, str) for each in names):
        return ()
    words = config.get("label_descriptions")
    if not isinstance(words, Mapping):
        return tuple(names)
    # 'n01440764' tells a reader less than its description
    return tuple(str(words.get(each) or each) for each in names)
