"""Which tokens are patches of the image, how they lie, and what the others are."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from interp_gui.core.describing import LayerFacts, LayerNotes, SeenNetwork

_GRIDS = (
    nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd,
)  # fmt: skip
_CLASS = re.compile(r"(^|[._])(cls|class)_?(token|embedding)s?$|class_token$")
_DISTILLED = re.compile(r"(^|[._])dist(illation)?_tokens?$")
_REGISTERS = re.compile(r"(^|[._])reg(ister)?_?tokens?$")


class TokenWatch:
    """Follows a pass on two different images until it has seen the patches and the tokens.

    Attributes
    ----------
    grid
        Rows and columns of the patch embedding: of the last convolution or pooling before the
        first value with so many tokens.
    known
        Number of tokens -> how many of the first are no patches, because they are the same for
        both images. The patches alone have 0.
    """

    def __init__(self) -> None:
        self.grid: tuple[int, int] | None = None
        self.known: dict[int, int] = {}

    def see(self, module: nn.Module, value: Tensor) -> None:
        """Look at what a module returns, (2, …)."""
        if any(self.known.values()):
            return
        if value.ndim == 4 and isinstance(module, _GRIDS) and not self.known:
            self.grid = (int(value.shape[2]), int(value.shape[3]))
        elif value.ndim == 3 and self.grid is not None and len(value) == 2:
            self._see_tokens(value.detach(), self.grid[0] * self.grid[1])

    def _see_tokens(self, value: Tensor, patches: int) -> None:
        tokens = value.shape[1]
        if tokens < patches:
            return
        differs = (value[0] != value[1]).any(-1)
        prefix = tokens - patches
        if bool(differs[prefix:].all()) and not bool(differs[:prefix].any()):
            self.known[tokens] = prefix


def describe_tokens(seen: SeenNetwork, watch: TokenWatch) -> LayerNotes:
    """Token grid, class token and registers of every layer whose tokens were followed."""
    facts = {}
    named: dict[int, tuple[int | None, tuple[int, ...]]] = {}
    for layer in seen.layers:
        if "token" not in layer.axes or "other" in layer.axes:
            continue
        count = layer.shape[layer.axes.index("token")]
        if count not in watch.known:
            continue
        prefix = watch.known[count]
        if prefix not in named:  # names of parameters are many, and prefixes one or two
            named[prefix] = _named(seen.modules, prefix)
        class_token, registers = named[prefix]
        facts[layer.name] = LayerFacts(
            token_grid=watch.grid,
            prefix_tokens=prefix,
            class_token=class_token,
            registers=registers or None,
        )
    return LayerNotes(facts=facts)


def _named(modules: Mapping[str, nn.Module], prefix: int) -> tuple[int | None, tuple[int, ...]]:
    """Which prefix tokens are what, if the names of their parameters account for all of them."""
    found = {"class": 0, "distilled": 0, "registers": 0}
    parameters = modules[""].named_parameters() if "" in modules else ()
    for name, parameter in parameters:
        for what, pattern in zip(found, (_CLASS, _DISTILLED, _REGISTERS), strict=True):
            if pattern.search(name):
                found[what] = parameter.shape[-2] if parameter.ndim > 1 else 1
    if not prefix or sum(found.values()) != prefix or found["class"] > 1:
        return None, ()
    first = found["class"] + found["distilled"]
    return (0 if found["class"] else None), tuple(range(first, prefix))
