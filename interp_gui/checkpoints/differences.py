"""In what two networks that take the same tensors differ, in plain words.

Found by comparing the built modules, so that nothing has to be known about any library: what
convolutions, norms, activations and pools are set to, and the plain settings of modules of one
class at one place.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from interp_gui.core.model import Preprocessing

_PLAIN = (bool, int, float, str, type(None))
_WITHOUT_EFFECT = frozenset((
    "training", "inplace", "momentum", "track_running_stats", "fused_attn", "grad_checkpointing",
    "drop_prob", "drop_path", "drop_rate", "p", "dropout", "scale_by_keep", "init_values", "device",
    "num_classes", "in_channels", "out_channels", "in_features", "out_features", "embed_dim",
    "num_features", "head_hidden_size", "gamma_init_value", "dynamic_img_size", "drop_last",
    "use_checkpoint", "init_weights", "default_cfg", "pretrained_cfg", "aux_logits", "version",
    "alpha_init", "attn_drop_rate", "proj_drop_rate", "survival_prob", "memory_efficient",
    "in_chs", "out_chs", "has_residual", "channels", "affine", "num_batches_tracked", "name",
))  # fmt: skip
"""Settings that serve training, or that follow from the shapes of tensors."""

_ACTIVATIONS = {
    "relu": "ReLU", "relu6": "ReLU6", "gelu": "GELU", "gelutanh": "GELU (tanh)",
    "quickgelu": "QuickGELU", "quickgeluactivation": "QuickGELU", "silu": "SiLU", "swish": "SiLU",
    "swishme": "SiLU", "hardswish": "Hardswish", "hardswishme": "Hardswish",
    "sigmoid": "sigmoid", "hardsigmoid": "hard sigmoid", "hardsigmoidme": "hard sigmoid",
    "mish": "Mish", "mishme": "Mish", "elu": "ELU", "leakyrelu": "LeakyReLU", "tanh": "tanh",
    "geluactivation": "GELU", "pytorchgelutanh": "GELU (tanh)",
}  # fmt: skip
_GLOBAL_AVERAGE = "global average pooling"
_MOST = 6


def differences(first: nn.Module, other: nn.Module) -> tuple[str, ...]:
    """In what `other` departs from `first`; empty where nothing was found.

    Each is a phrase such as `stride 1 × 1 instead of 2 × 2 in 3 convolutions`.
    """
    a, b = dict(first.named_modules()), dict(other.named_modules())
    found = (
        *_rescaling(first, other),
        *_between(_convolutions(a), _convolutions(b), "convolution"),
        *_between(_norms(a), _norms(b), "norm"),
        *_activation_words(a, b),
        *_pool_words(_pools(a), _pools(b)),
        *_setting_words(a, b),
    )
    rest = len(found) - _MOST
    return found if rest <= 0 else (*found[:_MOST], f"{rest} more settings")


def seen_otherwise(first: Preprocessing, other: Preprocessing) -> tuple[str, ...]:
    """In what `other` makes another input of an image than `first`."""
    found = []
    if first.size != other.size:
        found.append(f"input {_extent(other.size)} instead of {_extent(first.size)} pixels")
    if (first.resize, first.resize_px, first.crop) != (other.resize, other.resize_px, other.crop):
        found.append(f"{_resizing(other)} instead of {_resizing(first)}")
    if first.interpolation != other.interpolation:
        found.append(f"{other.interpolation} instead of {first.interpolation}")
    if (first.mean, first.std) != (other.mean, other.std):
        found.append(
            f"mean {_numbers(other.mean)}, deviation {_numbers(other.std)} instead of "
            f"{_numbers(first.mean)}, {_numbers(first.std)}"
        )
    if first.channels != other.channels:
        found.append(f"channels {other.channels} instead of {first.channels}")
    return tuple(found)


def seeing(p: Preprocessing) -> str:
    """How an image becomes an input, in words: `224 × 224, bilinear, …`."""
    return (
        f"{_extent(p.size)}, {_resizing(p)}, {p.interpolation}, mean {_numbers(p.mean)}, "
        f"deviation {_numbers(p.std)}"
    )


def _resizing(p: Preprocessing) -> str:
    how = {
        "shorter": f"shorter side to {p.resize_px}", "exact": "stretched",
        "square": f"stretched to {p.resize_px}", "none": "not resized",
    }  # fmt: skip
    return how[p.resize] + (", cut" if p.crop and p.resize_px != min(p.size) else "")


def _numbers(values: Iterable[float]) -> str:
    texts = [f"{value:.3g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def _extent(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " × ".join(str(each) for each in value)
    return str(value)


_Settings = dict[str, dict[str, Any]]
"""By module path: settings by the word for them."""


def _convolutions(modules: Mapping[str, nn.Module]) -> _Settings:
    found = {}
    for path, module in modules.items():
        if isinstance(module, nn.modules.conv._ConvNd):
            name = type(module).__name__
            found[path] = {
                "padding": "same" if "Same" in name else _tidy(module.padding),
                "stride": _tidy(module.stride),
                "dilation": _tidy(module.dilation),
                "groups": module.groups,
                "padding of": module.padding_mode,
                "weights": "standardised" if "Std" in name else "as they are",
                "epsilon": getattr(module, "eps", None),
            }
    return found


def _norms(modules: Mapping[str, nn.Module]) -> _Settings:
    found = {}
    for path, module in modules.items():
        name, eps = type(module).__name__, getattr(module, "eps", None)
        if "Norm" in name and isinstance(eps, float):
            kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
            kind = next(
                (each.__name__.strip("_") for each in kinds if isinstance(module, each)), ""
            )
            found[path] = {
                "epsilon": eps,
                "kind": "RMSNorm" if "Rms" in name or "RMS" in name else kind,
                "groups": getattr(module, "num_groups", None),
            }
    return found


def _rescaling(first: nn.Module, other: nn.Module) -> Iterator[str]:
    """Inceptions of torchvision turn ImageNet's normalisation into another one inside."""
    was, now = (bool(getattr(each, "transform_input", False)) for each in (first, other))
    if was != now:
        yield "the input is rescaled inside" if now else "the input is not rescaled inside"


def _tidy(value: Any) -> Any:
    """`(2, 2)` and `2` are the same."""
    if isinstance(value, tuple | list):
        return value[0] if len(set(value)) == 1 else tuple(value)
    return value


def _between(first: _Settings, other: _Settings, noun: str) -> Iterator[str]:
    counts: Counter[tuple[str, Any, Any]] = Counter()
    for mine, theirs in _pairs(first, other):
        for word, value in mine.items():
            if theirs[word] != value:
                counts[word, value, theirs[word]] += 1
    if len(first) != len(other):
        yield f"{len(other)} instead of {len(first)} {noun}s"
    for (word, was, now), count in counts.most_common():
        where = f" in {count} {noun}s" if count > 1 else f" in one {noun}"
        yield f"{word} {_value(now)} instead of {_value(was)}{where}"


def _pairs(first: _Settings, other: _Settings) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Those at the same path; where paths differ, those of the same rank."""
    if first.keys() == other.keys():
        return ((first[path], other[path]) for path in first)
    if len(first) == len(other):
        return zip(first.values(), other.values(), strict=True)
    return ((first[path], other[path]) for path in first.keys() & other.keys())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    return _extent(value)


def _activations(modules: Mapping[str, nn.Module]) -> dict[str, str]:
    found = {}
    for path, module in modules.items():
        name = _ACTIVATIONS.get(type(module).__name__.lower())
        if name == "GELU" and getattr(module, "approximate", "none") == "tanh":
            name = "GELU (tanh)"
        if name is not None:
            found[path] = name
    return found


def _activation_words(a: Mapping[str, nn.Module], b: Mapping[str, nn.Module]) -> Iterator[str]:
    first, other = _activations(a), _activations(b)
    if first.keys() == other.keys():
        counts = Counter((first[p], other[p]) for p in first if first[p] != other[p])
        for (was, now), count in counts.most_common():
            yield f"{now} instead of {was} in {count} place{'s' if count > 1 else ''}"
        return
    if not first or not other:
        return  # called as functions, which no module tells
    # one module may serve several places, so that numbers tell nothing
    gone, new = (
        sorted({*first.values()} - {*other.values()}),
        sorted({*other.values()} - {*first.values()}),
    )
    if gone and new:
        yield f"{' and '.join(new)} instead of {' and '.join(gone)}"
    elif new:
        yield f"{' and '.join(new)} besides"
    elif gone:
        yield f"without {' and '.join(gone)}"


def _pools(modules: Mapping[str, nn.Module]) -> Counter[str]:
    found: Counter[str] = Counter()
    inside: list[str] = []
    for path, module in modules.items():
        name = type(module).__name__
        if "Pool" not in name or any(path.startswith(outer) for outer in inside):
            continue
        inside.append(f"{path}.")
        if any(True for _ in module.parameters()):
            continue  # attention pooling: its tensors say what it is
        found[_pool(module, name)] += 1
    return found


def _pool(module: nn.Module, name: str) -> str:
    kind = str(getattr(module, "pool_type", "") or "avg")
    if "Adaptive" in name or "Global" in name or "Select" in name:
        if name == "AdaptiveAvgPool2d" or kind in ("avg", "fast", "fastavg"):
            size = _tidy(getattr(module, "output_size", 1))
            return _GLOBAL_AVERAGE if size == 1 else f"average pooling to {_extent(size)}"
        return f"global {kind} pooling"
    words = "anti-alias pooling" if "Blur" in name else {
        "MaxPool2d": "maximum pooling", "AvgPool2d": "average pooling",
    }.get(name, name)  # fmt: skip
    settings = [
        f"{word} {_extent(_tidy(value))}"
        for word, attribute in (("over", "kernel_size"), ("over", "filt_size"), ("by", "stride"))
        if (value := getattr(module, attribute, None)) is not None
    ]
    flags = ["rounded up"] if getattr(module, "ceil_mode", False) else []
    return " ".join([words, *settings, *flags])


def _pool_words(first: Counter[str], other: Counter[str]) -> Iterator[str]:
    for (pool, count), word in (
        *((each, "with") for each in (other - first).items()),
        *((each, "without") for each in (first - other).items()),
    ):
        yield f"{word} {pool}{f' in {count} places' if count > 1 else ''}"


def _setting_words(a: Mapping[str, nn.Module], b: Mapping[str, nn.Module]) -> Iterator[str]:
    """Plain attributes of modules of one class at one path."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for path, mine in a.items():
        theirs = b.get(path)
        if theirs is None or type(mine) is not type(theirs) or _covered(mine):
            continue
        for name, value in vars(mine).items():
            if name.startswith("_") or name in _WITHOUT_EFFECT:
                continue
            other = vars(theirs).get(name, value)
            if _is_plain(value) and _is_plain(other) and _tidy(value) != _tidy(other):
                counts[name.replace("_", " "), _value(value), _value(other)] += 1
    for (word, was, now), count in counts.most_common():
        yield f"{word} {now or 'none'} instead of {was or 'none'}" + (
            f" in {count} places" if count > 1 else ""
        )


def _covered(module: nn.Module) -> bool:
    name = type(module).__name__
    conv = isinstance(module, nn.modules.conv._ConvNd)
    return conv or "Norm" in name or "Pool" in name or name.lower() in _ACTIVATIONS


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(each, _PLAIN) for each in value)
    return isinstance(value, _PLAIN)
