"""What the operations of a rewritten network were in the network that it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One call of a module of the original network.

    Parameters
    ----------
    path
        Of the module.
    call
        How many calls of it came before.
    kind
        Name of its class, empty where that is not known.
    address
        The module of the rewritten network that computes what the call returned; empty where
        none does.
    """

    path: str
    call: int
    kind: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The calls of the original network's modules, and what was computed outside of them.

    Parameters
    ----------
    calls
        In the order in which they ended.
    functions
        Module of the rewritten network -> operator and the path of the module in whose own code
        it stood (empty for the network itself): operations that no module was made for.
    """

    calls: tuple[Origin, ...] = ()
    functions: Mapping[str, tuple[str, str]] = field(default_factory=dict)


ATTRIBUTE = "interp_gui_origins"
"""Under this name a rewritten network holds its `Origins`."""
