"""What every layer of a network is, from its module's type and from where it stands."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from interp_gui.core.describing import LayerFacts, LayerNotes, SeenNetwork
from interp_gui.core.layer import Address, LayerInfo, Role
from interp_gui.runtimes.worthwhile import ACTIVATIONS, blocks_and_parents, stages

SITE_ROLES: dict[str, Role] = {
    "q": "query", "k": "key", "v": "value", "pattern": "pattern", "z": "z",
    "resid": "residual", "resid_mid": "residual",
}  # fmt: skip

_POOLING = re.compile(r"(Adaptive|Avg|Max|Global|Select).*Pool|GlobalPool|GeM", re.IGNORECASE)
_ACTIVATION = re.compile(
    r"^(Fast|Quick|New|Clipped)?(GELU|ReLU6?|SiLU|Swish|Mish|Sigmoid|Tanh|ELU|SELU|PReLU|Hard\w+)"
    r"(Activation|Tanh|Me|Jit)*$",
    re.IGNORECASE,
)
_NORM = re.compile(r"(Norm(2d|3d|NCHW|Act2d|2dFP32|Fp32|Act)*|BatchNorm\w*|GroupNorm\w*)$")
_ATTENTION = re.compile(r"Attention|Attn")
_MLP = re.compile(r"Mlp|MLP|FeedForward|SwiGLU")
_EMBEDDING = re.compile(r"Embed|Stem|ViTPatch|Tokeni[sz]er")


def describe_roles(seen: SeenNetwork) -> LayerNotes:
    """A role for every layer, and the number of heads for attention layers and their sites."""
    modules: Mapping[str, nn.Module] = {p: m for p, m in seen.modules.items() if p}
    called = [Address.parse(layer.name) for layer in seen.layers]
    outputs = [address for address in called if not address.site]
    paths = {address.path for address in outputs}
    blocks, parents = blocks_and_parents(modules, paths)
    heads = _heads(seen.layers)
    surroundings = _Surroundings(
        modules=modules,
        blocks=blocks | _wrapping(parents, blocks),
        stages=stages(modules, blocks) | parents | _sequences_of(modules, blocks, paths),
        attention=set(heads) | {p for p in paths if _is_attention(modules[p])},
        hidden=_hidden(modules, outputs),
        last_linear=_last_linear(modules, outputs),
    )
    facts = {}
    for layer, address in zip(seen.layers, called, strict=True):
        role = SITE_ROLES.get(address.site) if address.site else surroundings.role(address.path)
        found = heads.get(address.path, (0, 0))
        if role == "residual" or (role != "attention" and not address.site):
            found = (0, 0)
        facts[layer.name] = LayerFacts(role=role or "", heads=found[0], head_size=found[1])
    return LayerNotes(facts=facts)


class _Surroundings:
    def __init__(
        self,
        *,
        modules: Mapping[str, nn.Module],
        blocks: set[str],
        stages: set[str],
        attention: set[str],
        hidden: set[str],
        last_linear: str,
    ) -> None:
        self._modules = modules
        self._blocks = blocks
        self._stages = stages
        self._attention = attention
        self._hidden = hidden
        self._last_linear = last_linear

    def role(self, path: str) -> Role:
        """The role of what a module returns."""
        module = self._modules[path]
        if path in self._hidden:
            return "mlp_hidden"
        simple = _by_type(module)
        if simple == "linear" and path == self._last_linear:
            return "head"
        if simple is not None:
            return simple
        if path in self._attention:
            return "attention"
        if _MLP.search(type(module).__name__):
            return "mlp"
        if _is_one_convolution(module):
            return "convolution"
        if path in self._blocks:
            return "block"
        if path in self._stages:
            return "stage"
        if _ATTENTION.search(type(module).__name__) and not _holds(path, self._blocks):
            return "attention"
        if _is_mlp(module):
            return "mlp"
        if _EMBEDDING.search(type(module).__name__):
            return "embedding"
        if self._last_linear.startswith(f"{path}.") and not _holds(path, self._blocks):
            return "head"
        return ""


def _by_type(module: nn.Module) -> Role | None:
    name = type(module).__name__
    if isinstance(module, nn.modules.conv._ConvNd):
        return "convolution"
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, nn.Embedding):
        return "embedding"
    if isinstance(module, ACTIVATIONS) or _ACTIVATION.match(name):
        return "activation"
    if isinstance(module, nn.modules.batchnorm._BatchNorm) or _NORM.search(name):
        return "norm"
    if _POOLING.search(name):
        return "pooling"
    return None


def _is_one_convolution(module: nn.Module) -> bool:
    """Whether a container is a convolution with its norm and activation."""
    leaves = [m for m in module.modules() if not any(m.children())]
    roles = [role for role in map(_by_type, leaves) if role is not None]
    return roles.count("convolution") == 1 and set(roles) <= {"convolution", "norm", "activation"}


def _heads(layers: Iterable[LayerInfo]) -> dict[str, tuple[int, int]]:
    """By path of an attention module: heads, and units of each, as its values' shape has them."""
    found = {}
    for layer in layers:
        address = Address.parse(layer.name)
        if address.site == "z" and "head" in layer.axes:
            found[address.path] = (layer.shape[layer.axes.index("head")], layer.units)
    return found


def _is_attention(module: nn.Module) -> bool:
    if isinstance(module, nn.MultiheadAttention):
        return True
    heads = any(
        isinstance(getattr(module, n, None), int) for n in ("num_heads", "num_attention_heads")
    )
    return heads and bool(_ATTENTION.search(type(module).__name__))


def _is_mlp(module: nn.Module) -> bool:
    children = [m for m in module.modules() if not any(m.children())]
    linear = [m for m in children if isinstance(m, nn.Linear) or _is_pointwise(m)]
    acts = [m for m in children if _by_type(m) == "activation"]
    others = [
        m for m in children if isinstance(m, nn.modules.conv._ConvNd) and not _is_pointwise(m)
    ]
    return (
        len(linear) == 2 and len(acts) == 1 and not others and not _POOLING.search(_names(module))
    )


def _names(module: nn.Module) -> str:
    return " ".join(type(child).__name__ for child in module.modules())


def _is_pointwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def _hidden(modules: Mapping[str, nn.Module], outputs: list[Address]) -> set[str]:
    """Activations between two linear maps of one container: what an MLP holds inside."""
    found = set()
    previous = before = ""
    for address in outputs:
        module = modules[address.path]
        if any(module.children()) or type(module) in (nn.Dropout, nn.Identity):
            continue
        if isinstance(module, nn.Linear):
            act = previous and _by_type(modules[previous]) == "activation"
            if act and before and isinstance(modules[before], nn.Linear):
                found.add(previous)
        before, previous = previous, address.path
    return found


def _last_linear(modules: Mapping[str, nn.Module], outputs: list[Address]) -> str:
    """The linear map or 1 × 1 convolution that makes the network's output."""
    for address in reversed(outputs):
        module: Any = modules[address.path]
        if any(module.children()) or isinstance(module, (nn.Dropout, nn.Identity, nn.Flatten)):
            continue
        return address.path if isinstance(module, nn.Linear) else ""
    return ""


def _wrapping(parents: set[str], blocks: set[str]) -> set[str]:
    """Blocks that hold blocks and nothing like a sequence of them (nested residual blocks)."""
    return {p for p in parents if sum(b.startswith(f"{p}.") for b in blocks) < 2}


def _sequences_of(modules: Mapping[str, nn.Module], blocks: set[str], paths: set[str]) -> set[str]:
    """Containers whose children, or whose children's children, are several blocks."""
    found = set()
    for path in paths - blocks:
        inside = [b for b in blocks if b.startswith(f"{path}.")]
        near = all(b.count(".") - path.count(".") <= 2 for b in inside)
        sequence = isinstance(modules[path], nn.Sequential)
        if len(inside) > 1 and near and (sequence or "Stage" in type(modules[path]).__name__):
            found.add(path)
    return found


def _holds(path: str, others: set[str]) -> bool:
    return any(other.startswith(f"{path}.") for other in others)
