"""Plugins: what they may import, how they are found, and what happens when one fails.

A plugin is a distribution with an entry point in the group `interp_gui.plugins` that names a
`Plugin` or a function that returns one. It imports this module and torch, and nothing else of
the program. See docs/plugins.md.
"""

import importlib.metadata
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interp_gui.analyses.asked import (
    Seen,
    asked_features,
    asked_layer,
    current_image,
    edit_notes,
    fixed_target,
    main_output,
    run_edited,
    unit,
)
from interp_gui.analyses.gradients import LayerGradient, layer_gradient
from interp_gui.analyses.unit_maps import (
    feature_maps,
    map_size,
    region_weights,
    require_positions,
    require_units,
    unit_maps,
)
from interp_gui.core.analysis import (
    Analysis,
    Context,
    Inputs,
    Progress,
    Saved,
    Steps,
    Store,
    parameter,
)
from interp_gui.core.describing import LayerDescriber, LayerFacts, LayerNotes, SeenNetwork, SiteView
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import (
    Cancelled,
    ImageProblem,
    InterpError,
    InvalidValue,
    MissingAbility,
    PluginProblem,
    UnknownName,
)
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo, layers_of, token_layers
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.overlays import active_area, crop, dim, upsample
from interp_gui.core.place import Place
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Picture, Table
from interp_gui.core.runtime import Differentiable, Runtime
from interp_gui.core.target import Target

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "API_VERSION", "ENTRY_POINT_GROUP", "Analysis", "Bars", "Baseline", "Cancelled", "Context",
    "Curve", "Differentiable", "Edit", "EditStack", "Feature", "Grid", "GridItem", "Heatmap",
    "ImageProblem", "Inputs", "InterpError", "InvalidValue", "LayerDescriber", "LayerFacts",
    "LayerGradient", "LayerInfo", "LayerNotes", "MissingAbility", "ModelDescription",
    "OutputInfo", "Picture", "Place", "Plugin", "PluginFailure", "PluginProblem",
    "Preprocessing", "Progress", "Runtime", "Saved", "Seen", "SeenNetwork", "SiteView", "Steps",
    "Store", "Table", "Target", "UnknownName", "active_area", "asked_features", "asked_layer",
    "crop", "current_image", "dim", "edit_notes", "evaluate_target", "feature_maps",
    "fixed_target", "layer_gradient", "layers_of", "load_plugins", "main_output", "map_size",
    "parameter", "region_weights", "require_positions", "require_units", "run_edited",
    "token_layers", "unit", "unit_maps", "upsample",
]  # fmt: skip

API_VERSION = 1
"""Raised when a plugin written for an earlier version would no longer work."""

ENTRY_POINT_GROUP = "interp_gui.plugins"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """What a plugin says about itself.

    Parameters
    ----------
    name
        Its distribution, e.g. `interp-gui-cnn`.
    version
        Its own version.
    api_version
        Version of this interface that it was written for.
    analyses
        What it adds.
    describers
        What it knows of layers: roles, heads, token grids, and sites that no module returns.
    formats, image_readers
        Checkpoint formats and image readers. Version 1 of the interface takes none yet: a plugin
        that brings some is refused with a message rather than half loaded.
    """

    name: str
    version: str
    api_version: int = API_VERSION
    analyses: tuple[Analysis, ...] = ()
    formats: tuple[Any, ...] = ()
    describers: tuple[LayerDescriber, ...] = ()
    image_readers: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PluginFailure:
    """A plugin that is disabled: which, why in one line, and its traceback."""

    name: str
    version: str
    message: str
    details: str


def load_plugins(
    *, safe_mode: bool = False, taken: Iterable[str] = ()
) -> tuple[tuple[Plugin, ...], tuple[PluginFailure, ...]]:
    """Load all installed plugins, in order of their names.

    Parameters
    ----------
    safe_mode
        Load none.
    taken
        Ids of analyses that exist already; a plugin cannot replace one.

    Returns
    -------
    The plugins that work, and those that do not. Nothing that a plugin does while it is loaded
    is raised to the caller.
    """
    if safe_mode:
        return (), ()
    entries = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    used = dict.fromkeys(taken, "interp-gui")
    plugins: list[Plugin] = []
    failures: list[PluginFailure] = []
    for entry in sorted(entries, key=_origin):
        name, version = _origin(entry)[:2]
        try:
            plugin = _load(entry)
            _check(plugin, used)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - a plugin may raise anything
            failures.append(_failure(name, version, problem))
            continue
        used |= {analysis.id: plugin.name for analysis in plugin.analyses}
        plugins.append(plugin)
    return tuple(plugins), tuple(failures)


def evaluate_target(outputs: "Mapping[str, Tensor]", target: Target) -> "Tensor":
    """Value of a Target for each image, (N,), with its graph kept.

    Parameters
    ----------
    outputs
        Output name -> (N, …) tensor, as `trace` gives them.
    """
    from interp_gui.runtimes.target import evaluate_target as evaluate

    return evaluate(dict(outputs), target)


def _origin(entry: importlib.metadata.EntryPoint) -> tuple[str, str, str]:
    distribution = entry.dist
    if distribution is None:
        return entry.name, "", entry.value
    return distribution.name, distribution.version, entry.value


def _load(entry: importlib.metadata.EntryPoint) -> Plugin:
    found = entry.load()
    plugin = found() if callable(found) and not isinstance(found, Plugin) else found
    if not isinstance(plugin, Plugin):
        raise PluginProblem(
            f"Its entry point '{entry.value}' gives a {type(plugin).__name__}, not a Plugin."
        )
    return plugin


def _check(plugin: Plugin, used: Mapping[str, str]) -> None:
    if plugin.api_version != API_VERSION:
        newer = plugin.api_version > API_VERSION
        raise PluginProblem(
            f"It asks for version {plugin.api_version} of the plugin interface; this is version "
            f"{API_VERSION}.",
            hint=f"Update {'interp-gui' if newer else plugin.name}.",
        )
    for what in ("formats", "image_readers"):
        if getattr(plugin, what):
            words = what.replace("_", " ")
            raise PluginProblem(
                f"It brings {words}, which version {API_VERSION} of the interface does not take."
            )
    if not all(isinstance(describer, LayerDescriber) for describer in plugin.describers):
        raise PluginProblem("One of its layer describers is no LayerDescriber.")
    ids = [describer.id for describer in plugin.describers]
    if len(set(ids)) < len(ids):
        raise PluginProblem("Two of its layer describers have the same id.")
    own: set[str] = set()
    for analysis in plugin.analyses:
        other = plugin.name if analysis.id in own else used.get(analysis.id)
        if other is not None:
            raise PluginProblem(f"Its analysis '{analysis.id}' exists already, from {other}.")
        own.add(analysis.id)
        analysis.info(plugin=plugin.name)  # a declaration that cannot be described fails here


def _failure(name: str, version: str, problem: BaseException) -> PluginFailure:
    if isinstance(problem, InterpError):
        message = f"{problem.message} {problem.hint}".strip()
    else:
        message = f"{type(problem).__name__}: {problem}".splitlines()[0]
    details = "".join(traceback.format_exception(problem))
    return PluginFailure(name=name, version=version, message=message, details=details)
