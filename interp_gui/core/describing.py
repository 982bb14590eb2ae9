"""Layer describers: what one is given, and what it may say about a network's layers.

A describer is a function of what is seen. It can give layers a role, heads, a token grid, say
that they are worth looking at, and name sites that no module returns. What it says about numbers
is checked against the layer, and every site is probed like any layer before it is offered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interp_gui.core.layer import Axis, LayerInfo


@dataclass(frozen=True, kw_only=True)
class SeenNetwork:
    """What a describer is given.

    Parameters
    ----------
    modules
        The network's modules by path; the whole network under the empty path. They are to be
        looked at, never changed or called.
    layers
        Every layer that one traced pass has shown, in order of execution, virtual sites among
        them, with what earlier describers have said.
    architecture, library
        Names as they were recognised; empty where not known.
    input_size
        Height and width of the network's input in pixels.
    """

    modules: Mapping[str, Any]
    layers: tuple[LayerInfo, ...]
    architecture: str = ""
    library: str = ""
    input_size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """What a describer says about one layer; what is None is left as it is.

    Parameters
    ----------
    role
        See `core.layer.Role`.
    worthwhile
        Whether it is among the few layers worth looking at.
    """

    role: str | None = None
    heads: int | None = None
    head_size: int | None = None
    token_grid: tuple[int, int] | None = None
    prefix_tokens: int | None = None
    class_token: int | None = None
    registers: tuple[int, ...] | None = None
    worthwhile: bool | None = None

    def given(self) -> dict[str, Any]:
        """What is said, by name of the field of `LayerInfo`."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class SiteView:
    """A site that is a part, or another order, of what a module returns.

    Parameters
    ----------
    site
        Its name: letters, digits and underscores (`cls`).
    axes
        Meaning of each axis of what `read` gives, without the batch axis.
    read
        Called with the module's tensor (N, …); gives the site's value (N, …).
    write
        Called with the module's tensor and another value of the site; gives the tensor with that
        value in it, as a new tensor. Writing what was read must change nothing.
    role
        The site's role.
    """

    site: str
    axes: tuple[Axis, ...]
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class LayerNotes:
    """What a describer has to say.

    Parameters
    ----------
    facts
        By layer address.
    sites
        By address of a module's output (`encoder.layers.3`, `block#1`).
    """

    facts: Mapping[str, LayerFacts] = field(default_factory=dict)
    sites: Mapping[str, tuple[SiteView, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LayerDescriber:
    """A named describer.

    Parameters
    ----------
    id
        Unique among describers, lower case with dashes.
    describe
        Called once when a model is opened, and again if its input size changes. What it raises
        is told to the user, and the network is shown without it.
    """

    id: str
    describe: Callable[[SeenNetwork], LayerNotes]
