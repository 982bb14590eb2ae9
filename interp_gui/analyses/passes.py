"""How passes over many images run: on which runtime, and with how many images a step."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from interp_gui.analyses.asked import changes_asked_of, run_edited
from interp_gui.analyses.unit_maps import map_size, patches
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import OutOfMemory
from interp_gui.core.layer import LayerInfo
from interp_gui.core.runtime import Array
from interp_gui.runtimes.faster.choosing import (
    Choice,
    Work,
    choice_of,
    decide,
    network_of,
    remember,
    scope,
)
from interp_gui.runtimes.faster.harvesting import Harvested, harvested_of
from interp_gui.runtimes.faster.network import ExportedNetwork
from interp_gui.runtimes.faster.reducing import Extremes, Reduction, flattened
from interp_gui.runtimes.faster.setting import runtime_setting
from interp_gui.runtimes.memory import free_memory
from interp_gui.runtimes.torch_runtime import TorchRuntime

FEWEST_IMAGES = 64
"""For fewer nothing but the model's own runtime is thought of."""

MEMORY_SHORT = (OutOfMemory, MemoryError)
"""What `halved` is for: the second comes of numpy, and of what runs beside the network."""

_CHOICE_VERSION = 2


def identity(context: Context, *, runner: str = "") -> dict[str, Any]:
    """What a value computed by the model depends on, as part of cache keys.

    Parameters
    ----------
    runner
        `Route.runner` of what computes it: values of two runtimes are never kept as one.
    """
    import torch

    model = context.model.description
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "weights": model.weights_sha256,
        "architecture": model.architecture,
        "library": model.library,
        "config": model.config,
        "runtime": runner or type(context.model).__name__,
        "device": context.model.device,
        "preprocessing": msgspec.to_builtins(context.model.preprocessing),
        "edits": msgspec.json.decode(_edits_that_count(context).to_json()),
    }


def _edits_that_count(context: Context) -> EditStack:
    """The edits in force, with the changes of only those images that are asked about."""
    stack = context.inputs.edits.in_force()
    return msgspec.structs.replace(stack, image_edits=changes_asked_of(context.inputs))


# --- which runtime ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to run a pass; all its batches take it.

    Parameters
    ----------
    layers
        Whose values are wanted.
    choice
        Where it runs, and why.
    network
        The exported network; None for the model's own runtime.
    """

    layers: tuple[LayerInfo, ...] = ()
    choice: Choice = field(default_factory=Choice)
    network: ExportedNetwork | None = None
    work: Work = field(default_factory=Work)

    @property
    def runner(self) -> str:
        """What computes, for cache keys and recipes; empty for the model's own runtime."""
        return onnx_name() if self.choice.onnx else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of results; empty where the model's own runtime made them.

        No timing is in it: notes are drawn into pictures, and a replay draws the same.
        """
        if not self.choice.onnx:
            return ()
        return (
            f"Computed on ONNX Runtime; its values agree with PyTorch's to "
            f"{self.choice.difference:.0e} of their size.",
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """What recipes of results say; `engine.recipes` makes it part of their environment."""
        return {"runtime": self.runner} if self.runner else {}

    def extremes(self, context: Context, batch: Array) -> dict[str, Extremes] | None:
        """Extremes of the layers' units, by layer; None where maps have to be looked at.

        That is the case on the model's own runtime, and where a value is no number.
        """
        if self.network is None:
            return None
        found = self.network.run(batch, reductions=self.work.reductions, check=context.check)
        if not all(np.isfinite(each.mean).all() for each in found.extremes.values()):
            return None
        return found.extremes

    def harvested(
        self, context: Context, batch: Array, places: Mapping[str, Array]
    ) -> dict[str, Harvested]:
        """What a store keeps of the layers, by layer.

        Parameters
        ----------
        places
            By layer, the positions whose whole vectors are wanted: (N, p), row by row, or token
            by token behind those that have no place in the image; (N, p) zeros for layers
            without positions.

        Notes
        -----
        On ONNX Runtime all is reduced within the graph; on the model's own runtime, and where a
        value is no number, maps are captured and reduced in numpy.
        """
        reductions = work_of(context, self.layers).reductions
        if self.network is not None:
            found = self.network.run(
                batch, harvests=reductions, places=places, check=context.check
            ).harvested
            if all(np.isfinite(each.mean_square).all() for each in found.values()):
                return found
        values = self.values(context, batch)
        return {
            r.layer: harvested_of(
                flattened(values[r.layer], r), places[r.layer], norms=r.tokens
            )
            for r in reductions
        }  # fmt: skip

    def values(self, context: Context, batch: Array) -> dict[Any, Array]:
        """The layers' values (N, …), by layer."""
        names = [layer.name for layer in self.layers]
        if self.network is not None:
            return dict(self.network.run(batch, capture=names, check=context.check).captured)
        last = max(self.layers, key=lambda layer: layer.depth).name
        return run_edited(context, batch, capture=names, until=last).captured

    def outputs(self, context: Context, batch: Array) -> dict[str, Array]:
        """The network's outputs, by name."""
        if self.network is not None:
            return self.network.run(batch, outputs=True, check=context.check).outputs
        return run_edited(context, batch).outputs


def choose_route(
    context: Context,
    layers: Sequence[LayerInfo] = (),
    *,
    images: int,
    first: Callable[[], Array | None],
    harvest: bool = False,
) -> Generator[Progress, None, Route]:
    """How a pass runs: on ONNX Runtime where that agrees and is faster, else as the model does.

    What was found out is kept with the model and in the cache, so that the next pass of its kind
    takes the same way.

    Parameters
    ----------
    layers
        Whose units' extremes are wanted; the network's outputs where there are none.
    images
        How many the pass has.
    first
        Its first batch, preprocessed; None where there is none.
    harvest
        Whether `Route.harvested` will be asked, rather than `Route.extremes`.
    """
    own = Route(layers=tuple(layers))
    model = context.model
    if not isinstance(model, TorchRuntime) or context.inputs.edits.active:
        return own
    work = work_of(context, layers, harvest=harvest)
    choice = _remembered(context, model, work)
    enough = many(images)
    network = network_of(model, work)
    if choice is None or (choice.onnx and network is None):
        batch = first() if enough else None
        if batch is None:
            return own
        yield Progress(text="Finding out what this model runs fastest on")
        choice = decide(model, work, batch, images=images, check=context.check)
        network = network_of(model, work)
        if choice.final and context.cache is not None:
            kept = msgspec.to_builtins(choice)
            context.cache.put(_choice_key(context, work), kept)
    if choice.final:
        rest = "; edits and gradients on PyTorch" if choice.onnx else ""
        model.explain(f"{choice.sentence}{rest}")
    if not choice.onnx:
        return own
    return Route(layers=tuple(layers), choice=choice, network=network, work=work)


def many(images: int) -> bool:
    """Whether so many images can be worth another runtime."""
    return images >= FEWEST_IMAGES or runtime_setting() == "onnx"


def known_route(
    context: Context, layers: Sequence[LayerInfo] = (), *, harvest: bool = False
) -> Route | None:
    """The way off the model's own runtime that an earlier pass of this kind found; None if none.

    Nothing is computed: its network may be missing, and `runner` is what counts then.
    """
    model = context.model
    if not isinstance(model, TorchRuntime) or context.inputs.edits.active:
        return None
    work = work_of(context, layers, harvest=harvest)
    choice = _remembered(context, model, work)
    if choice is None or not choice.onnx:
        return None
    return Route(layers=tuple(layers), choice=choice, network=network_of(model, work), work=work)


def work_of(context: Context, layers: Sequence[LayerInfo], *, harvest: bool = False) -> Work:
    """What is asked of every batch: extremes of layers (or all a store keeps), or the outputs."""
    size = context.model.preprocessing.size
    reductions = tuple(
        Reduction(
            layer=layer.name, axes=layer.axes, units=layer.units, spatial=layer.spatial,
            skip=patches(layer, size)[2] if layer.spatial and "token" in layer.axes else 0,
            grid=map_size(layer, size) if layer.spatial else None,
        )
        for layer in layers
    )  # fmt: skip
    last = max(layers, key=lambda layer: layer.depth).name if layers else None
    return Work(reductions=reductions, outputs=not layers, until=last, harvest=harvest)


def onnx_name() -> str:
    """ONNX Runtime with its version, as keys and recipes have it."""
    from importlib import metadata

    return f"onnxruntime {metadata.version('onnxruntime')}"


def _remembered(context: Context, model: TorchRuntime, work: Work) -> Choice | None:
    choice = choice_of(model, work)
    if choice is None:
        stored = context.recall(_choice_key(context, work))
        if stored is not None:
            choice = msgspec.convert(stored, Choice)
            remember(model, work, choice)
    return choice


def _choice_key(context: Context, work: Work) -> dict[str, Any]:
    return {
        "kind": "runtime-choice", "version": _CHOICE_VERSION, "work": scope(work),
        "setting": runtime_setting(), **identity(context, runner=onnx_name()), "edits": None,
    }  # fmt: skip


# --- how many images a step ---------------------------------------------------------------------


def automatic_batch(device: str) -> int:
    """Images a step: few on a CPU, where a step has to stay short."""
    return 4 if device == "cpu" else 32


def batch_size(context: Context, asked: int = 0) -> int:
    """Images a step: as asked, or what suits the device; fewer where memory was short before."""
    wanted = asked or automatic_batch(context.model.device)
    return min(wanted, int(context.probes.get(_fits(context), wanted)))


def halved(context: Context, batch: int, problem: OutOfMemory | MemoryError) -> int:
    """Half as many images a step, after memory ran out; the problem is raised again at one.

    It is remembered as long as the engine: the next pass begins with what fitted.
    """
    free_memory(context.model.device)
    if batch <= 1:
        raise problem
    context.probes[_fits(context)] = batch // 2
    return batch // 2


def batch_notes(context: Context, batch: int, asked: int = 0) -> tuple[str, ...]:
    """A sentence where memory did not take as many images a step as it should have."""
    wanted = asked or automatic_batch(context.model.device)
    if batch >= wanted:
        return ()
    things = "image" if batch == 1 else "images"
    return (f"Memory was short: {batch} {things} at a time instead of {wanted}.",)


def _fits(context: Context) -> str:
    model = context.model.description
    size = context.model.preprocessing.size
    return (
        f"images a step: {model.weights_sha256} {model.architecture} {size} {context.model.device}"
    )
