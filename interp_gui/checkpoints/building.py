"""Building a network of torchvision with given weights, without random initialisation."""

from collections import OrderedDict
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from interp_gui.checkpoints.match import Match, Tensors
from interp_gui.core.errors import UnknownArchitecture

_BUILDERS_THAT_INITIALISE = frozenset(("googlenet", "inception_v3"))


class _Unfilled(TorchFunctionMode):
    """Parameters take no memory and are not initialised; everything else is computed as ever.

    A plain ``torch.device("meta")`` breaks architectures that compute with tensors while they are
    built: the widths of RegNets, the position indices of Swin and MaxViT.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def build_empty(architecture: str, config: dict[str, Any]) -> torch.nn.Module:
    """The architecture with parameters that have shapes and no values."""
    import torchvision.models

    options = {"init_weights": False} if architecture in _BUILDERS_THAT_INITIALISE else {}
    with _Unfilled():
        module: torch.nn.Module = torchvision.models.get_model(
            architecture, weights=None, **options, **config
        )
    return module


def build_match(match: Match, tensors: Tensors) -> torch.nn.Module:
    """The network of a match with its weights: eval mode, frozen.

    Raises
    ------
    UnknownArchitecture
        The tensors do not fit the installed library.
    """
    return build(match.architecture.name, match.config, tensors)


def build(architecture: str, config: dict[str, Any], tensors: Tensors) -> torch.nn.Module:
    """The architecture with its weights: eval mode, frozen.

    Tensors that follow from the architecture may be missing (position indices, counters of batch
    norms); every other one must be there and no further one may be.

    Raises
    ------
    UnknownArchitecture
        The tensors do not fit this version of torchvision.
    """
    module = build_empty(architecture, config)
    own = module.state_dict()
    whole = OrderedDict((key, tensors.get(key, value)) for key, value in own.items())
    extra = [key for key in tensors if key not in own]
    # tells the modules that the names are current ones; without it some rename or refuse them
    whole._metadata = own._metadata  # type: ignore[attr-defined]
    try:
        if extra:
            raise RuntimeError(f"unexpected {extra[0]}")
        module.load_state_dict(whole, strict=True, assign=True)
    except RuntimeError as problem:
        reason = " ".join(str(problem).split())[:160]
        raise UnknownArchitecture(
            f"The weights do not fit the installed torchvision's {architecture}: {reason}.",
            hint="Update torchvision and interp-gui together.",
        ) from None
    empty = [key for key, value in module.state_dict().items() if value.is_meta]
    if empty:
        raise UnknownArchitecture(
            f"The file lacks {len(empty)} tensors of {architecture}, for example '{empty[0]}'."
        )
    return module.eval().requires_grad_(False)
