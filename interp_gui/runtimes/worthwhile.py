"""The few layers of a network that are worth looking at, chosen by structure and not by name."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from torch import nn

from interp_gui.core.layer import Address

MOST = 40
_FEWEST_BLOCKS = 8
_MOST_HEADS = 12

_BLOCK_NAME = re.compile(
    r"Block|Bottleneck|Residual|Inception|MBConv|Fire$|EncoderLayer|_?Transition|DenseLayer"
)
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.ELU, nn.LeakyReLU, nn.PReLU, nn.Mish,
    nn.Softplus, nn.Tanh, nn.SELU, nn.CELU,
)  # fmt: skip
_NEVER = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
                 nn.ConvTranspose3d)  # fmt: skip

T = TypeVar("T")
Called = Sequence[tuple[Address, tuple[int, ...]]]


def worthwhile_layers(modules: Mapping[str, nn.Module], called: Called) -> set[str]:
    """Addresses of block outputs, stages, activations outside blocks, MLP hidden, last pooling.

    Convolutions behind all blocks whose activation is no module stand for it.

    Parameters
    ----------
    modules
        All modules by path.
    called
        Addresses of outputs and virtual sites in order of execution, with shapes without the
        batch axis. What heads write (`…/z`) is chosen for some blocks, where room is left.
    """
    blocks, parents = blocks_and_parents(modules, {address.path for address, _ in called})
    whole = stages(modules, blocks) | parents
    previous: nn.Module | None = None
    chosen: list[Address] = []
    hidden: list[Address] = []
    heads = [address for address, _ in called if address.site == "z"]
    last_pool = last_norm = None
    for address, _ in called:
        if address.site:
            continue
        module = modules[address.path]
        inside = _inside(address.path, blocks)
        if address.path in blocks or address.path in whole:
            chosen.append(address)
        elif isinstance(module, ACTIVATIONS):
            if not inside:
                chosen.append(address)
            elif isinstance(previous, nn.Linear):
                hidden.append(address)
        elif isinstance(module, nn.AdaptiveAvgPool2d) and not inside:
            last_pool = address
        elif type(module) is nn.LayerNorm and not inside:
            last_norm = address
        if not any(module.children()) and not isinstance(module, _NEVER):
            previous = module
    chosen += _without_activation(modules, called, blocks)
    ends = [a for a in (last_norm, last_pool) if a is not None]
    keep = {a.path for a in ends} | whole
    order = [str(a) for a, _ in called if not a.site]
    found = _thinned([*chosen, *ends], hidden, keep, order)
    room = min(MOST - len(found), len(heads), _MOST_HEADS)
    return found | {str(a) for a in evenly(heads, room)}


def _without_activation(
    modules: Mapping[str, nn.Module], called: Called, blocks: set[str]
) -> list[Address]:
    """Convolutions behind the last block that no activation module follows."""
    own = [
        address
        for address, _ in called
        if not address.site
        and (address.path in blocks or not any(modules[address.path].children()))
    ]
    found: list[Address] = []
    waiting: Address | None = None
    for address in own:
        module = modules[address.path]
        if address.path in blocks or _inside(address.path, blocks):
            found, waiting = [], None
        elif isinstance(module, ACTIVATIONS):
            waiting = None
        elif isinstance(module, (*_CONVOLUTIONS, nn.Linear)):
            if waiting is not None:
                found.append(waiting)
            waiting = address if isinstance(module, _CONVOLUTIONS) else None
    # one that nothing follows is what the network answers
    return found if waiting is None or waiting == own[-1] else [*found, waiting]


def blocks_and_parents(
    modules: Mapping[str, nn.Module], called: set[str]
) -> tuple[set[str], set[str]]:
    """Outermost repeated or block-like containers; those inside them if there are only a few.

    Returns
    -------
    All of them, and those that hold others.
    """
    counts = Counter(type(m) for p, m in modules.items() if p in called)
    candidates = {
        path
        for path, module in modules.items()
        if path in called
        and any(module.children())
        and type(module) not in (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.MultiheadAttention)
        and (counts[type(module)] > 1 or _BLOCK_NAME.search(type(module).__name__))
    }
    outer = _outermost(candidates)
    if sum(_is_block(modules[p], counts) for p in outer) >= _FEWEST_BLOCKS:
        return outer, set()
    inner = _outermost({p for p in candidates - outer if _is_block(modules[p], counts)})
    return outer | inner, {p for p in outer if any(i.startswith(f"{p}.") for i in inner)}


def _is_block(module: nn.Module, counts: Counter[type[nn.Module]]) -> bool:
    # A convolution with its norm and activation is a layer, not a block that holds layers.
    if isinstance(module, nn.Sequential):
        return bool(_BLOCK_NAME.search(type(module).__name__))
    return counts[type(module)] > 1 or bool(_BLOCK_NAME.search(type(module).__name__))


def _outermost(paths: set[str]) -> set[str]:
    return {p for p in paths if not _inside(p, paths)}


def _inside(path: str, containers: Iterable[str]) -> bool:
    return any(path.startswith(f"{c}.") for c in containers)


def stages(modules: Mapping[str, nn.Module], blocks: set[str]) -> set[str]:
    """Plain sequences of several blocks and nothing else, short of all blocks at once."""
    return {
        path
        for path, module in modules.items()
        if isinstance(module, nn.Sequential)
        and path not in blocks
        and 1 < len(module) < len(blocks)
        and all(f"{path}.{name}" in blocks for name, _ in module.named_children())
        and any(not p.startswith(f"{path}.") and _is_deep(p, path) for p in blocks)
    }


def _is_deep(block: str, stage: str) -> bool:
    """Whether a block lies as deep as those of a stage, so that it belongs to another stage."""
    return block.count(".") >= stage.count(".") + 1


def _thinned(
    main: list[Address], hidden: list[Address], keep: set[str], order: list[str]
) -> set[str]:
    """At most `MOST` addresses: hidden ones go first, then every so-many-th block."""
    chosen = list(main)
    room = MOST - len(chosen)
    if len(hidden) <= room:
        chosen += hidden
    elif room > 0:
        chosen += evenly(hidden, room)
    if len(chosen) > MOST:
        kept = [a for a in chosen if a.path in keep]
        rest = [a for a in chosen if a.path not in keep]
        chosen = kept[-MOST:] + evenly(rest, max(MOST - len(kept), 0))
    if not chosen and order:
        return {order[-1]}
    return {str(a) for a in chosen}


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` items, evenly spread, the last one among them."""
    if count <= 0:
        return []
    step = len(items) / count
    return [items[min(len(items) - 1, int((i + 1) * step - 1e-9))] for i in range(count)]
