"""The layers worth looking at in a rewritten network: those of the network it was made from."""

from collections.abc import Mapping

from torch import nn

from interp_gui.core.layer import Address
from interp_gui.core.origin import Origins
from interp_gui.runtimes.worthwhile import (
    ACTIVATIONS,
    MOST,
    Called,
    blocks_and_parents,
    evenly,
    worthwhile_layers,
)

_KNOWN: Mapping[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (
        *ACTIVATIONS, nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d,
        nn.AdaptiveAvgPool2d, nn.LayerNorm, nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten,
        nn.MultiheadAttention, nn.Sequential,
    )
}  # fmt: skip
_FUNCTIONS = frozenset((
    "relu", "relu6", "gelu", "silu", "hardswish", "elu", "leaky_relu", "prelu", "mish", "softplus",
    "selu", "celu", "hardtanh",
))  # fmt: skip


def worthwhile_originals(origins: Origins, called: Called) -> set[str]:
    """Addresses of a rewritten network that hold what is worth looking at in the original.

    Beside them activations that the original computed by a function, outside of its blocks.

    Parameters
    ----------
    called
        Of the rewritten network, as `worthwhile_layers` takes it.
    """
    shapes = {address.path: shape for address, shape in called if not address.site}
    own = [each for each in origins.calls if each.address in shapes]
    found = {str(Address(each.path, each.call)): each.address for each in own}
    modules = _stand_ins(origins)
    outputs = [(Address(each.path, each.call), shapes[each.address]) for each in own]
    sites = [(address, shape) for address, shape in called if address.site]
    chosen = worthwhile_layers(modules, [*outputs, *sites]) if outputs else set()
    names = {found.get(name, name) for name in chosen}
    blocks, _ = blocks_and_parents(modules, {each.path for each in own})
    functions = [
        path
        for path in shapes
        if path in origins.functions
        and origins.functions[path][0] in _FUNCTIONS
        and not any(f"{origins.functions[path][1]}.".startswith(f"{b}.") for b in blocks)
    ]
    names |= set(evenly(functions, min(MOST - len(names), len(functions))))
    return names or set(list(shapes)[-1:])


def _stand_ins(origins: Origins) -> dict[str, nn.Module]:
    """Empty modules of the kinds, and in the places, of those of the original network."""
    kinds = {each.path: each.kind for each in origins.calls}
    with_code = {path for _, path in origins.functions.values()}
    below: dict[str, list[str]] = {}
    for path in list(kinds):
        while "." in path:
            above, _, name = path.rpartition(".")
            names = below.setdefault(above, [])
            if name in names:
                break
            names.append(name)
            path = above
    made: dict[str, nn.Module] = {}
    classes: dict[str, type[nn.Module]] = dict(_KNOWN)
    for path in sorted({*kinds, *below}, key=lambda p: -p.count(".")):
        names = below.get(path, [])
        in_order = bool(names) and path not in with_code and all(n.isdecimal() for n in names)
        kind = kinds.get(path, "ModuleList")
        if kind not in classes:
            classes[kind] = type(kind, (nn.Sequential if in_order else nn.Module,), {})
        # empty, as those that a constructor makes hold weights
        module = classes[kind].__new__(classes[kind])
        nn.Module.__init__(module)
        for name in names:
            module.add_module(name, made[f"{path}.{name}"])
        made[path] = module
    return made
