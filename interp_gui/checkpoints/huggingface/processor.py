"""From preprocessor_config.json to a `Preprocessing`.

The rules are those of transformers' image processors (``image_processing_backends`` and the
processors that depart from it: ConvNeXt, PoolFormer, LeViT, EfficientNet, MobileViT). Pixels differ
from theirs where they resample on tensors instead of on pictures, and by one pixel in where the
centre is cut out if an odd number of pixels is left over.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interp_gui.checkpoints.huggingface.config import read_json
from interp_gui.core.errors import FileProblem, InvalidValue
from interp_gui.core.model import Interpolation, Preprocessing
from interp_gui.core.preprocessing import check_preprocessing

PREPROCESSOR_NAME = "preprocessor_config.json"
PROCESSOR_NAME = "processor_config.json"

_MOST_PX = 4_096
_INTERPOLATIONS: dict[int, Interpolation] = {
    0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic",
}  # fmt: skip
_WARPED_FROM_PX = 384  # ConvNeXt stretches images of this size and cuts smaller ones
_DEFAULTS = (
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale",
    "rescale_factor", "do_normalize", "image_mean", "image_std", "crop_pct", "default_to_square",
    "do_flip_channel_order", "rescale_offset", "include_top",
)  # fmt: skip


@dataclass
class _Rules:
    """What a processor does, and what of it cannot be done here."""

    values: dict[str, Any]
    kind: str = ""
    notes: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        found = self.values.get(name)
        return default if found is None else found


def read_preprocessing(
    folder: Path, config: dict[str, Any], model_type: str
) -> tuple[Preprocessing, tuple[str, ...]]:
    """How images become the input of a folder's network, and notes on what was assumed.

    Parameters
    ----------
    config
        The network's own config: the size of its images counts where no file says more.

    Raises
    ------
    FileProblem
        A file that says it is damaged.
    """
    described = _described(folder)
    if described is None:
        return _assumed(config, model_type)
    rules = _Rules(values={}, kind=_kind(described))
    rules.values = {**_class_defaults(rules.kind, model_type), **_known(described)}
    try:
        found = _channels(_preprocessing(rules), config, rules)
        check_preprocessing(found)
    except (InvalidValue, TypeError, ValueError, KeyError, OverflowError, ZeroDivisionError) as why:
        reason = why.message if isinstance(why, InvalidValue) else str(why)[:80]
        raise FileProblem(
            f"'{PREPROCESSOR_NAME}' makes no sense: {reason.rstrip('.')}.",
            hint="Copy or download the folder again, or remove that file.",
        ) from None
    return found, tuple(rules.notes)


def _described(folder: Path) -> dict[str, Any] | None:
    if (folder / PREPROCESSOR_NAME).is_file():
        return read_json(folder / PREPROCESSOR_NAME)
    if (folder / PROCESSOR_NAME).is_file():
        inner = read_json(folder / PROCESSOR_NAME).get("image_processor")
        return inner if isinstance(inner, dict) else None
    return None


def _assumed(config: dict[str, Any], model_type: str) -> tuple[Preprocessing, tuple[str, ...]]:
    values = _class_defaults("", model_type)
    try:
        side = _pair(config.get("image_size"), square=True)
    except (TypeError, ValueError, OverflowError) as why:
        raise FileProblem(
            f"'config.json' makes no sense: {str(why)[:80]}.",
            hint="Copy or download the folder again.",
        ) from None
    known = isinstance(side, tuple)
    rules = _Rules(values=values)
    if isinstance(side, tuple):
        values.update(size={"height": side[0], "width": side[1]}, do_center_crop=False)
        values.pop("kind", None)
    elif values.get("kind", "").startswith("ConvNext"):
        values["size"] = {"shortest_edge": 224}  # few networks are made for the default's 384
    try:
        found = _channels(_preprocessing(rules), config, rules)
        check_preprocessing(found)
    except (InvalidValue, TypeError, ValueError, KeyError):
        found = Preprocessing()
    source = "the config's image size" if known else f"what is usual for '{model_type}'"
    note = (
        f"The folder has no {PREPROCESSOR_NAME}: images are prepared by {source}, "
        f"{found.size[0]} × {found.size[1]}."
    )
    return found, (note,)


def _kind(described: dict[str, Any]) -> str:
    kind = described.get("image_processor_type") or described.get("feature_extractor_type") or ""
    kind = kind.replace("FeatureExtractor", "ImageProcessor") if isinstance(kind, str) else ""
    for suffix in ("Fast", "Pil"):
        kind = kind.removesuffix(suffix)
    return str(kind)


def _known(described: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if value is not None}


def _class_defaults(kind: str, model_type: str) -> dict[str, Any]:
    """What a processor of that kind does where its file says nothing."""
    import transformers
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

    listed = {key: _first(value) for key, value in IMAGE_PROCESSOR_MAPPING_NAMES.items()}
    if kind not in listed.values():
        kind = listed.get(model_type, "")
    found = getattr(transformers, kind, None) if kind else None
    if found is None:
        return {}
    defaults = {name: getattr(found, name, None) for name in _DEFAULTS}
    known = {name: value for name, value in defaults.items() if value is not None}
    # what a processor does not say that it does, it leaves
    steps = {name: bool(defaults[name]) for name in _DEFAULTS if name.startswith("do_")}
    return {"kind": kind, **known, **steps}


def _first(names: Any) -> str:
    if isinstance(names, dict):
        return str(names.get("torchvision") or names.get("pil") or "")
    if isinstance(names, list | tuple):
        return str(next((each for each in names if each), ""))
    return str(names)


def _preprocessing(rules: _Rules) -> Preprocessing:
    mean, std = _normalisation(rules)
    code = rules.get("resample", 2)
    if code not in _INTERPOLATIONS:
        rules.notes.append("Images are resized bilinearly; the config names another way.")
    if rules.get("do_pad") and (rules.get("pad_size") or rules.get("size_divisor")):
        rules.notes.append("The config pads images, which is not done here.")
    if rules.get("do_grayscale"):
        rules.notes.append("The config turns images grey, which is not done here.")
    geometry = _geometry(rules)
    return Preprocessing(
        **geometry,
        interpolation=_INTERPOLATIONS.get(code, "bilinear"),
        mean=mean,
        std=std,
        channels="BGR" if rules.get("do_flip_channel_order", False) else "RGB",
    )


def _geometry(rules: _Rules) -> dict[str, Any]:
    size = _pair(rules.get("size", 224), square=rules.get("default_to_square", True) is not False)
    crop = _pair(rules.get("crop_size"), square=True)
    crop = crop if rules.get("do_center_crop", False) and isinstance(crop, tuple) else None
    if size is None:
        rules.notes.append("The config's size of images is none that is known; 224 is assumed.")
        size = (224, 224)
    if not rules.get("do_resize", True):
        cut = crop or (size if isinstance(size, tuple) else (size, size))
        return {"size": cut, "resize": "none", "crop": True}
    if rules.get("kind", "").startswith("ConvNext") and isinstance(size, int):
        if size >= _WARPED_FROM_PX:
            return _stretched((size, size), crop, rules)
        shorter = int(size / float(rules.get("crop_pct", 224 / 256)))
        return {"size": crop or (size, size), "resize": "shorter", "resize_px": shorter}
    if rules.get("kind", "").startswith("PoolFormer"):
        side = size if isinstance(size, int) else min(size)
        shorter = int(side / float(rules.get("crop_pct", 0.9)))
        return {"size": crop or (side, side), "resize": "shorter", "resize_px": shorter}
    if rules.get("kind", "").startswith("Levit") and isinstance(size, int):
        return _cut(int(256 / 224 * size), crop or (size, size), rules)
    if isinstance(size, int):
        return _cut(size, crop, rules)
    return _stretched(size, crop, rules)


def _cut(side: int, crop: tuple[int, int] | None, rules: _Rules) -> dict[str, Any]:
    if crop is None:
        rules.notes.append("The config leaves images oblong; their centre is cut out here.")
    elif max(crop) > side:
        rules.notes.append("The config pads images with black; the mean colour is taken here.")
    return {"size": crop or (side, side), "resize": "shorter", "resize_px": side}


def _stretched(
    size: tuple[int, int], crop: tuple[int, int] | None, rules: _Rules
) -> dict[str, Any]:
    if crop is None or crop == size:
        return {"size": size, "resize": "exact", "resize_px": min(size), "crop": False}
    if size[0] != size[1]:
        rules.notes.append("The config cuts out of an oblong, which is not done here.")
        return {"size": crop, "resize": "exact", "resize_px": min(crop), "crop": False}
    return {"size": crop, "resize": "square", "resize_px": size[0]}


def _pair(size: Any, *, square: bool) -> int | tuple[int, int] | None:
    """Height and width, or the length of the shorter side; None where it says neither."""
    found: int | tuple[int, int] | None = None
    if isinstance(size, dict):
        if size.get("height") and size.get("width"):
            found = (int(size["height"]), int(size["width"]))
        elif size.get("shortest_edge"):
            found = int(size["shortest_edge"])
    elif isinstance(size, list | tuple) and len(size) in (1, 2):
        found = (int(size[0]), int(size[-1]))
    elif isinstance(size, int | float) and not isinstance(size, bool):
        found = (int(size), int(size)) if square else int(size)
    if found is not None:
        sides = (found,) if isinstance(found, int) else found
        if not all(0 < side <= _MOST_PX for side in sides):
            raise ValueError(f"images of {' × '.join(map(str, sides))} pixels")
    return found


def _normalisation(rules: _Rules) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation for values in 0..1, whatever range the processor works in."""
    mean, std = _numbers(rules.get("image_mean", 0.0)), _numbers(rules.get("image_std", 1.0))
    if not rules.get("do_normalize", True):
        mean, std = (0.0,), (1.0,)
    width = max(len(mean), len(std))
    width = 3 if width == 1 else width
    mean, std = _repeated(mean, width), _repeated(std, width)
    if rules.get("kind", "").startswith("EfficientNet"):
        if rules.get("do_normalize", True) and rules.get("include_top", True):
            # it is divided twice: (x - m) / s / s
            std = tuple(each * each for each in std)
        if rules.get("rescale_offset", False):
            mean = tuple(each + 1 for each in mean)
    factor = float(rules.get("rescale_factor", 1 / 255)) if rules.get("do_rescale", True) else 1.0
    full = 255 * factor
    if abs(full - 1) > 1e-6:
        mean = tuple(each / full for each in mean)
        std = tuple(each / full for each in std)
    return mean, std


def _numbers(value: Any) -> tuple[float, ...]:
    if isinstance(value, list | tuple):
        return tuple(float(each) for each in value)
    return (float(value),)


def _repeated(values: tuple[float, ...], width: int) -> tuple[float, ...]:
    return values * width if len(values) == 1 else values


def _channels(p: Preprocessing, config: dict[str, Any], rules: _Rules) -> Preprocessing:
    """Fitted to the number of channels that the network takes."""
    from msgspec.structs import replace

    wanted = config.get("num_channels", 3)
    if not isinstance(wanted, int) or not 0 < wanted <= 512:
        return p
    if wanted not in (1, 3):
        alike = len(set(p.mean)) == len(set(p.std)) == 1
        mean, std = (p.mean[:1], p.std[:1]) if alike else ((0.0,), (1.0,))
        if wanted == len(p.mean):
            return replace(p, channels="planes")
        said = "the same mean in all" if alike else "values from 0 to 1"
        rules.notes.append(
            f"It looks at {wanted} planes, and its processor knows three: {said} are assumed."
        )
        return replace(p, channels="planes", mean=mean * wanted, std=std * wanted)
    if wanted == len(p.mean):
        return p
    rules.notes.append(f"The network takes {wanted} channels; grey pictures are repeated in each.")
    mean = tuple(p.mean[index % len(p.mean)] for index in range(wanted))
    std = tuple(p.std[index % len(p.std)] for index in range(wanted))
    return replace(p, channels="L" if wanted != 3 else p.channels, mean=mean, std=std)
