"""Layer addresses and what is known of a layer."""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from interp_gui.core.errors import InvalidValue

Axis = Literal["unit", "y", "x", "token", "head", "other"]
INPUT_SITE = "in"

Role = Literal[
    "", "convolution", "linear", "norm", "activation", "block", "stage", "attention", "mlp",
    "mlp_hidden", "residual", "embedding", "pooling", "head", "query", "key", "value", "pattern",
    "z",
]  # fmt: skip
"""What a layer is in its network; empty where nothing is known. A name that is none of these may
come from a plugin or from a newer version, and means nothing more than itself."""

_ADDRESS = re.compile(r"^(?P<path>[^#/:\s]*)(#(?P<call>\d+))?(/(?P<site>[A-Za-z_]\w*))?$")


class Address(msgspec.Struct, frozen=True, order=True):
    """Where in a network a value is read or written.

    Parameters
    ----------
    path
        Module path as `named_modules` gives it; empty for the whole network.
    call
        Which of the module's calls in one forward pass, from 0.
    site
        A virtual site of the module: empty for its output, `in` for its input, or a name that
        a layer describer gives.

    Notes
    -----
    A module name alone is no address: resnet18 calls eight modules more than once.
    """

    path: str
    call: int = 0
    site: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `layer1.0.relu#1/in`; call 0 is understood."""
        match = _ADDRESS.match(text)
        if match is None or not text:
            raise InvalidValue(
                f"'{text}' is not a layer address.",
                hint="Write a layer as in features.14, layer1.0.relu#1 or features.14/in.",
            )
        return cls(match["path"], int(match["call"] or 0), match["site"] or "")

    def __str__(self) -> str:
        call = f"#{self.call}" if self.call else ""
        site = f"/{self.site}" if self.site else ""
        return f"{self.path}{call}{site}"


class LayerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One layer that was proved to be called, written through and read back.

    Parameters
    ----------
    name
        Its address as text.
    kind
        Class name of the module (`Conv2d`, `InvertedResidual`), or of the virtual site.
    axes
        Meaning of each axis of the value without the batch axis, e.g. `("unit", "y", "x")`.
    shape
        Extent of each axis for an image of the model's input size.
    worthwhile
        Whether it is among the few layers worth looking at.
    writable
        Whether random noise written there changed the output.
    depth
        Order of execution, from 0.
    role
        What the layer is in its network (`Role`): `convolution`, `block`, `attention`, `z`, ….
    heads, head_size
        Of an attention layer and of the sites within it: number of heads, and units of each.
    token_grid
        Rows and columns of the patches that the tokens behind the first `prefix_tokens` are, row
        by row; None where that could not be shown.
    prefix_tokens
        Tokens at the start that are no patch: class token, distillation token, registers.
    class_token
        Index of the class token, None if there is none.
    registers
        Indices of register tokens.
    """

    name: str
    kind: str
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]
    worthwhile: bool = False
    writable: bool = True
    depth: int = 0
    role: str = ""
    heads: int = 0
    head_size: int = 0
    token_grid: tuple[int, int] | None = None
    prefix_tokens: int = 0
    class_token: int | None = None
    registers: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """Number of units (extent of the unit axis), 0 if there is no such axis."""
        return self.shape[self.axes.index("unit")] if "unit" in self.axes else 0

    @property
    def unit_axis(self) -> int:
        """Index of the unit axis in a batched array (so never 0)."""
        return self.axes.index("unit") + 1

    @property
    def spatial(self) -> bool:
        """Whether the layer has a position in the image: y and x axes, or tokens.

        Tokens of windows have none: a token's number says where it is in its window only. Nor
        have those within attention, which may be padded or pooled, unless their grid is known.
        """
        if "token" not in self.axes or self.token_grid is not None:
            return "y" in self.axes or self.token_grid is not None
        return "other" not in self.axes and "head" not in self.axes

    @property
    def virtual(self) -> bool:
        """Whether it is a site within a module, and not what a module is given or returns."""
        return Address.parse(self.name).site not in ("", INPUT_SITE)

    @property
    def grid(self) -> tuple[int, int] | None:
        """Height and width of the layer's spatial grid, None if it has none."""
        if "y" in self.axes and "x" in self.axes:
            return self.shape[self.axes.index("y")], self.shape[self.axes.index("x")]
        return None


def layers_of(layers: Iterable[LayerInfo], *roles: Role | str) -> tuple[LayerInfo, ...]:
    """Layers that have one of some roles, in order of execution.

    Examples
    --------
    All attention layers: ``layers_of(description.layers, "attention")``; what each head writes:
    ``layers_of(description.layers, "z")``.
    """
    return tuple(layer for layer in layers if layer.role in roles)


def token_layers(layers: Iterable[LayerInfo]) -> tuple[LayerInfo, ...]:
    """Layers whose tokens are known to be patches of the image, in order of execution."""
    return tuple(layer for layer in layers if layer.token_grid is not None)
