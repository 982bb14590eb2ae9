"""The engine as one view sees it: its requests bear its own name, and end when it is closed."""

from typing import TYPE_CHECKING, Any

from interp_gui.engine.messages import Request, Run
from interp_gui.gui.bridge import EngineBridge, OnCost

if TYPE_CHECKING:
    _Bridge = EngineBridge
else:
    _Bridge = object


class ViewBridge(_Bridge):
    """Gives each of several views of a kind names of its own.

    The newest request of a name cancels the older one: two pages of units would cancel each
    other's pictures. All else is the window's bridge.

    Parameters
    ----------
    suffix
        Added to the names; empty for the first view of a kind.
    """

    def __init__(self, bridge: EngineBridge, suffix: str) -> None:
        self._bridge = bridge
        self._suffix = f"@{suffix}" if suffix else ""
        self._used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bridge, name)

    def run(self, request: Request, *, view: str = "", **options: Any) -> int:
        return self._bridge.run(request, view=self._own(view), **options)

    def estimate(self, request: Run, on_cost: OnCost, *, view: str = "") -> int:
        return self._bridge.estimate(request, on_cost, view=self._own(view))

    def drop(self, view: str) -> None:
        self._bridge.drop(self._own(view))

    def drop_estimate(self, view: str) -> None:
        self._bridge.drop_estimate(self._own(view))

    def owns(self, view: str) -> bool:
        """Whether a job of that name was asked for by this view."""
        return view in self._used

    def drop_all(self) -> None:
        """Cancel whatever this view asked for."""
        for view in self._used:
            self._bridge.drop(view)
            self._bridge.drop_estimate(view)

    def _own(self, view: str) -> str:
        if not view:
            return ""
        name = view + self._suffix
        self._used.add(name)
        return name
