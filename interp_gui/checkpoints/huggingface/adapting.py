"""A network of transformers as a plain one: a tensor goes in, a tensor comes out.

The class is derived from the library's own, so that module paths stay those of the library.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from interp_gui.checkpoints.huggingface.classes import Role

_CLASS_TOKENS = frozenset(("cls_token", "class_embedding", "class_token"))


def adapted(base: Any, role: Role) -> Any:
    """A class like `base` whose `forward` takes images (N, C, H, W) and returns one tensor.

    `classes` gives (N, classes), `embedding` (N, width), `map` (N, channels, height, width).

    Notes
    -----
    It bears the name and the module of `base`: transformers looks up by both which tensors of
    older releases have to be renamed. Lists of tensors that may be missing or left over without
    a word are emptied; what is missing is decided here.
    """
    read = _READERS[role]

    def forward(self: Any, pixel_values: Tensor) -> Tensor:
        return read(self, base.forward(self, pixel_values=pixel_values, return_dict=True))

    return type(base)(
        base.__name__,
        (base,),
        {
            "forward": forward,
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            "_keys_to_ignore_on_load_missing": None,
            "_keys_to_ignore_on_load_unexpected": None,
        },
    )


def _logits(_module: nn.Module, output: Any) -> Tensor:
    logits: Tensor = output.logits
    return logits


def _map(_module: nn.Module, output: Any) -> Tensor:
    found = output.get("logits")
    if found is None:
        found = output["predicted_depth"]
    # depth comes without an axis of channels
    values: Tensor = found[:, None] if found.ndim == 3 else found
    return values


def _embedding(module: nn.Module, output: Any) -> Tensor:
    """The projected or pooled output; the class token, or the mean over places, where none is."""
    for name in ("image_embeds", "pooler_output"):
        pooled = output.get(name)
        if isinstance(pooled, Tensor):
            return torch.flatten(pooled, 1)
    last: Tensor = output["last_hidden_state"]
    if last.ndim == 4:
        return last.mean(dim=(2, 3))
    return last[:, 0] if _has_class_token(module) else last.mean(dim=1)


def _has_class_token(module: nn.Module) -> bool:
    return any(name.rpartition(".")[2] in _CLASS_TOKENS for name, _ in module.named_parameters())


_READERS: dict[Role, Callable[[nn.Module, Any], Tensor]] = {
    "classes": _logits,
    "map": _map,
    "embedding": _embedding,
}
