"""What the describers together say about a network's layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from interp_gui.core.describing import LayerDescriber, LayerFacts, LayerNotes, SeenNetwork, SiteView
from interp_gui.core.errors import InterpError
from interp_gui.core.layer import Address, LayerInfo


class Described:
    """Layers as describers make them out, each describer seeing what those before it said.

    Parameters
    ----------
    seen
        What one traced pass has shown.

    Attributes
    ----------
    layers
        With what was said so far.
    views
        Sites that were asked for, by path and call.
    problems
        Sentences about describers that failed.
    """

    def __init__(self, seen: SeenNetwork) -> None:
        self._seen = seen
        self.layers = seen.layers
        self.views: dict[tuple[str, int], tuple[SiteView, ...]] = {}
        self.problems: list[str] = []

    def ask(self, describers: Sequence[LayerDescriber]) -> None:
        """Ask describers of plugins; one that fails is told of and left out."""
        for describer in describers:
            seen = SeenNetwork(**vars(self._seen) | {"layers": self.layers})
            try:
                notes = describer.describe(seen)
                views = self._checked(notes.sites)
                layers = _applied(self.layers, notes.facts)
            except Exception as problem:  # noqa: BLE001 - a plugin may raise anything
                self.problems.append(_told(describer, problem))
                continue
            self.layers = layers
            for key, own in views.items():
                self.views[key] = (*self.views.get(key, ()), *own)

    def take(self, notes: LayerNotes) -> None:
        """Add what one of the program's own describers says."""
        self.layers = _applied(self.layers, notes.facts)

    def _checked(
        self, sites: Mapping[str, tuple[SiteView, ...]]
    ) -> dict[tuple[str, int], tuple[SiteView, ...]]:
        taken = {layer.name for layer in self.layers}
        found = {}
        for name, views in sites.items():
            address = Address.parse(name)
            if address.site or str(address) not in taken:
                raise ValueError(f"there is no layer '{name}' to have a site")
            for view in views:
                site = str(Address.parse(f"{address}/{view.site}"))
                if site in taken or view.site == "in":
                    raise ValueError(f"the site '{site}' exists already")
                taken.add(site)
            found[address.path, address.call] = tuple(views)
        return found


def _applied(
    layers: tuple[LayerInfo, ...], facts: Mapping[str, LayerFacts]
) -> tuple[LayerInfo, ...]:
    known = {layer.name: layer for layer in layers}
    for name, said in facts.items():
        if name not in known:
            raise ValueError(f"there is no layer '{name}'")
        known[name] = _with(known[name], said.given())
    return tuple(known.values())


def _with(layer: LayerInfo, given: dict[str, Any]) -> LayerInfo:
    changed = msgspec.structs.replace(layer, **given)
    # What crosses processes is checked where it is made, not where it cannot be read.
    changed = msgspec.convert(msgspec.to_builtins(changed), LayerInfo)
    if changed.token_grid is not None:
        rows, columns = changed.token_grid
        count = changed.shape[changed.axes.index("token")] if "token" in changed.axes else 0
        if changed.prefix_tokens + rows * columns != count:
            raise ValueError(
                f"{changed.prefix_tokens} + {rows} × {columns} tokens are not the {count} of "
                f"'{layer.name}'"
            )
    return changed


def _told(describer: LayerDescriber, problem: Exception) -> str:
    what = problem.message if isinstance(problem, InterpError) else f"{problem}"
    return f"The layer describer '{describer.id}' failed and was left out: {what}."
