"""Layer addresses and what is known of a layer."""

import re
from typing import Literal

import msgspec

from interp_gui.core.errors import InvalidValue

Axis = Literal["unit", "y", "x", "token", "head", "other"]

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
    """

    name: str
    kind: str
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]
    worthwhile: bool = False
    writable: bool = True
    depth: int = 0

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
        """Whether the layer has a position in the image: y and x axes, or tokens."""
        return "y" in self.axes or "token" in self.axes

    @property
    def grid(self) -> tuple[int, int] | None:
        """Height and width of the layer's spatial grid, None if it has none."""
        if "y" in self.axes and "x" in self.axes:
            return self.shape[self.axes.index("y")], self.shape[self.axes.index("x")]
        return None
