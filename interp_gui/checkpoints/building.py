"""Building a network of a library with given weights, without random initialisation."""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from interp_gui.checkpoints.heads import answered
from interp_gui.checkpoints.index import COUNTER
from interp_gui.checkpoints.match import Match, OwnHead, Tensors
from interp_gui.core.errors import UnknownArchitecture

_BUILDERS_THAT_INITIALISE = frozenset(("googlenet", "inception_v3"))
_USUAL_CHANNELS = 3


class _Unfilled(TorchFunctionMode):
    """Parameters take no memory and are not initialised; everything else is computed as ever.

    A plain ``torch.device("meta")`` breaks architectures that compute with tensors while they are
    built: the widths of RegNets, the position indices of Swin and MaxViT.

    Parameters
    ----------
    mixed
        Whether functions may be given tensors with and without values, and then compute shapes
        only: hybrids of timm run their stem once to learn its output's shape.
    """

    def __init__(self, *, mixed: bool = False) -> None:
        super().__init__()
        self._mixed = mixed

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        try:
            return func(*args, **kwargs)
        except RuntimeError:
            if not self._mixed:
                raise
            return func(
                *[_shape_only(each) for each in args],
                **{key: _shape_only(value) for key, value in kwargs.items()},
            )


def _shape_only(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) else value


def build_empty(library: str, architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """The architecture with parameters that have shapes and, most of them, no values.

    Nor have all buffers that are not saved: timm computes them once there are weights. Nothing is
    drawn from the program's generator.

    Parameters
    ----------
    config
        Options of the builder; for torchvision also `in_chans`, the channels of its images.
    """
    build = _torchvision if library == "torchvision" else _timm
    with torch.random.fork_rng(devices=()):
        return build(architecture, dict(config))


def _torchvision(architecture: str, config: dict[str, Any]) -> nn.Module:
    import torchvision.models

    channels = config.pop("in_chans", _USUAL_CHANNELS)
    if architecture in _BUILDERS_THAT_INITIALISE:
        config["init_weights"] = False
    if channels != _USUAL_CHANNELS:
        config.pop("transform_input", None)  # rescales the three channels of colour images
    with _Unfilled():
        module: nn.Module = torchvision.models.get_model(architecture, weights=None, **config)
        if channels != _USUAL_CHANNELS:
            _set_channels(first_convolution(module)[1], channels)
    return module


def first_convolution(module: nn.Module) -> tuple[str, nn.Conv2d]:
    """The convolution that sees the image, and its path."""
    return next(
        (path, each) for path, each in module.named_modules() if isinstance(each, nn.Conv2d)
    )


def _set_channels(convolution: nn.Conv2d, channels: int) -> None:
    outputs, _, *kernel = convolution.weight.shape
    convolution.in_channels = channels
    convolution.weight = nn.Parameter(torch.empty(outputs, channels, *kernel))


def _timm(architecture: str, config: dict[str, Any]) -> nn.Module:
    import timm

    try:
        with _Unfilled(), _quiet("timm"):
            module: nn.Module = timm.create_model(architecture, pretrained=False, **config)
    except RuntimeError:
        with _Unfilled(mixed=True), _quiet("timm"):
            module = timm.create_model(architecture, pretrained=False, **config)
    return module


def _compute_buffers(module: nn.Module) -> None:
    """Compute what timm keeps beside the weights: position indices, masks, rotations.

    It takes device and kind of number from the weights.
    """
    empty = False
    for part in module.modules():
        for name in part._non_persistent_buffers_set:
            buffer = part._buffers.get(name)
            if buffer is not None and buffer.is_meta:
                part._buffers[name] = torch.zeros_like(buffer, device="cpu")
                empty = True
    if empty:
        from timm.models._manipulate import reinit_non_persistent_buffers

        reinit_non_persistent_buffers(module)


@contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Keep what a library says of options and files that nobody asked for out of the log."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def build_match(match: Match, tensors: Tensors, *, head: Sequence[str] = ()) -> nn.Module:
    """The network of a match with its weights: eval mode, frozen.

    Tensors are taken over, not copied.

    Parameters
    ----------
    tensors
        Under the library's own names; those of a head of its own under the file's.
    head
        What stands in the gaps of a head of its own: one option of `HeadQuestion.options` each.

    Raises
    ------
    UnknownArchitecture
        The tensors do not fit the installed library.
    InvalidValue
        A head of its own has gaps that `head` does not fill.
    """
    module = build_empty(match.library, match.architecture.name, match.config)
    if match.head is not None:
        _put_head(module, answered(match.head, head))
    surplus = frozenset(match.architecture.surplus)
    # parts that serve training only are left out where they have other classes than the network
    auxiliary = () if match.config.get("aux_logits", True) else match.architecture.auxiliary
    whole = {
        key: value for key, value in tensors.items()
        if key not in surplus and not (auxiliary and key.startswith(auxiliary))
    }  # fmt: skip
    optional = frozenset(match.architecture.optional)
    return fill(module, whole, optional=optional, name=match.name)


def fill(
    module: nn.Module, tensors: Tensors, *, optional: frozenset[str], name: str
) -> nn.Module:  # fmt: skip
    """Give a network its weights: all of them but optional ones, and nothing else.

    Raises
    ------
    UnknownArchitecture
        Tensors are missing, unexpected or misshapen.
    """
    own = module.state_dict()
    counters = {key for key in own if key.endswith(COUNTER)}
    missing = [k for k in own if k not in tensors and k not in optional and k not in counters]
    extra = [key for key in tensors if key not in own]
    whole = OrderedDict((key, tensors.get(key, value)) for key, value in own.items())
    # tells the modules that the names are current ones; without it some rename or refuse them
    whole._metadata = own._metadata  # type: ignore[attr-defined]
    try:
        if missing or extra:
            raise RuntimeError(f"missing {missing[0]}" if missing else f"unexpected {extra[0]}")
        module.load_state_dict(whole, strict=True, assign=True)
    except RuntimeError as problem:
        reason = " ".join(str(problem).split())[:160]
        raise UnknownArchitecture(
            f"The weights do not fit {name} of the installed library: {reason}.",
            hint="Update the library and interp-gui together.",
        ) from None
    _compute_buffers(module)
    empty = [key for key, value in _all_tensors(module) if value.is_meta]
    if empty:
        raise UnknownArchitecture(
            f"The file lacks {len(empty)} tensors of {name}, for example '{empty[0]}'."
        )
    return module.eval().requires_grad_(False)


def _all_tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _put_head(module: nn.Module, head: OwnHead) -> None:
    """Put a head of its own in its place; without layers the network ends in its features."""
    module.set_submodule(head.at, _head_module(head))


def _head_module(head: OwnHead) -> nn.Module:
    if not head.layers:
        return nn.Identity()
    with _Unfilled():
        made = [getattr(nn, each.kind)(**each.options) for each in head.layers]
    if len(made) == 1 and head.layers[0].prefix == head.at:
        return made[0]  # type: ignore[no-any-return]
    paths = [each.prefix.removeprefix(f"{head.at}.").split(".") for each in head.layers]
    for i, path in enumerate(paths):
        if path == [""]:  # no tensors, so any name that is free will do
            around = paths[max(0, i - 1)] if i and paths[i - 1] != [""] else paths[i + 1]
            shared = [a for a, b in zip(around[:-1], paths[i + 1][:-1], strict=False) if a == b]
            paths[i] = [*shared, f"between_{i}"]
    return _nested(list(zip(paths, made, strict=True)))


def _nested(layers: list[tuple[list[str], nn.Module]]) -> nn.Sequential:
    """A chain of layers by path; those under a common name are a chain of their own."""
    whole = nn.Sequential()
    for first, group in groupby(layers, key=lambda each: each[0][0]):
        inner = [(path[1:], layer) for path, layer in group]
        whole.add_module(first, _nested(inner) if inner[0][0] else inner[0][1])
    return whole
