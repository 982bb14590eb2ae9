"""Which runtime a pass over many images takes: exported, compared, timed, and told."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import msgspec
import numpy as np
import psutil
import torch

from interp_gui.core.errors import Cancelled, InterpError
from interp_gui.core.runtime import Array
from interp_gui.runtimes.faster.exporting import CannotExport, export
from interp_gui.runtimes.faster.harvesting import Harvested, harvested_of, pairs_of
from interp_gui.runtimes.faster.network import ExportedNetwork
from interp_gui.runtimes.faster.reducing import Extremes, Reduction, extremes_of, flattened
from interp_gui.runtimes.faster.setting import runtime_setting
from interp_gui.runtimes.onnx.providers import wanted_providers
from interp_gui.runtimes.torch_runtime import TorchRuntime

AGREEMENT = 1e-4
"""Largest difference, relative to the largest magnitude of the value that is compared."""

WORTH_S = 15.0
"""Work that PyTorch does in less is left to it: an export costs some seconds."""

MARGIN = 1.1
"""So many times as fast it has to be: less is not told from noise."""

_ROUNDS = 3
_MOST_KEPT = 2
"""Exported networks that are kept of one model: each holds its weights once more."""

_MOST_BYTES = 1.5e9
"""An ONNX model in one piece ends at 2 GB."""
_COPIES = 5
"""Of the weights, at most at one time: copied module, traced graph, bytes, parsed, laid out."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Where a pass runs.

    Parameters
    ----------
    onnx
        Whether on ONNX Runtime.
    sentence
        For people: what it runs on and why.
    times
        How many times as fast ONNX Runtime was as PyTorch; 0 where that was not measured.
    difference
        Largest difference between the two, relative to the value's scale.
    final
        Whether a longer pass would be decided alike.
    """

    onnx: bool = False
    sentence: str = ""
    times: float = 0.0
    difference: float = 0.0
    final: bool = True


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every batch of a pass is asked for.

    Parameters
    ----------
    reductions
        Of layers' values to a few numbers a unit.
    outputs
        Whether the network's outputs are wanted.
    until
        Where the pass may stop; None for the end.
    harvest
        Whether all is wanted that a store keeps, in place of extremes alone.
    """

    reductions: tuple[Reduction, ...] = ()
    outputs: bool = False
    until: str | None = None
    harvest: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """Addresses that are read."""
        return tuple(reduction.layer for reduction in self.reductions)


@dataclass
class _Known:
    choices: dict[Work, Choice] = field(default_factory=dict)
    networks: dict[Work, ExportedNetwork] = field(default_factory=dict)


def choice_of(runtime: TorchRuntime, work: Work) -> Choice | None:
    """What was found out about this work before; None if nothing was."""
    refused = _refused(runtime)
    return Choice(sentence=refused) if refused else _known(runtime).choices.get(work)


def remember(runtime: TorchRuntime, work: Work, choice: Choice) -> None:
    """Take over what was found out by an earlier process."""
    _known(runtime).choices.setdefault(work, choice)


def network_of(runtime: TorchRuntime, work: Work) -> ExportedNetwork | None:
    """The exported network of a work that was found to run on ONNX Runtime; None if it is not."""
    return _known(runtime).networks.get(work)


def decide(
    runtime: TorchRuntime,
    work: Work,
    batch: Array,
    *,
    images: int,
    check: Callable[[], None] = lambda: None,
) -> Choice:
    """Find out where a pass should run, and get it ready to run there.

    The network is run as it is, to know how long the pass would take; if that is long, it is
    exported, compared on the batch and on a part of it, and both are timed in turns.

    Parameters
    ----------
    batch
        The first images of the pass, preprocessed.
    images
        How many the pass has.
    check
        Raises where the work is to stop.

    Notes
    -----
    Where a choice for ONNX Runtime was taken over, only export and comparison are made again.
    """
    known = _known(runtime)
    found = choice_of(runtime, work)
    if found is not None and found.final and (not found.onnx or work in known.networks):
        return found
    always = runtime_setting() == "onnx"
    if found is None or not found.onnx:
        total_s = _torch_s(runtime, work, batch, check) / len(batch) * images
        if total_s < WORTH_S and not always:
            return Choice(
                sentence="PyTorch: this is too little work for anything else to pay", final=False
            )
    choice = _tried(runtime, work, batch, found, check, timed=not always)
    known.choices[work] = choice
    return choice


def _tried(
    runtime: TorchRuntime,
    work: Work,
    batch: Array,
    found: Choice | None,
    check: Callable[[], None],
    *,
    timed: bool,
) -> Choice:
    problem = _too_large(runtime)
    if problem:
        return Choice(sentence=problem)
    try:
        exported = export(
            runtime, runtime.tensor(batch), work.layers, until=work.until, check=check
        )
        check()
        network = ExportedNetwork(exported, device=runtime.device, threads=torch.get_num_threads())
        check()
        difference = disagreement(runtime, network, work, batch, check)
    except Cancelled:
        raise
    except (CannotExport, InterpError) as problem:
        return Choice(sentence=f"PyTorch: it does not export ({str(problem).rstrip('.')})")
    if difference > AGREEMENT:
        return Choice(
            sentence=f"PyTorch: ONNX Runtime gives other values ({difference:.1g} of their size)"
            if np.isfinite(difference)
            else "PyTorch: not all of its values are numbers that could be compared",
            difference=difference,
        )
    times = found.times if found is not None and found.onnx else 0.0
    if timed and not times:
        times = _times(runtime, network, work, batch, check)
        if times < MARGIN:
            return Choice(
                sentence=f"PyTorch: ONNX Runtime was slower here ({times:.1f} ×)"
                if times < 1.0
                else f"PyTorch: ONNX Runtime was hardly faster here ({times:.1f} ×)",
                times=times,
                difference=difference,
            )
    networks = _known(runtime).networks
    networks[work] = network
    while len(networks) > _MOST_KEPT:
        networks.pop(next(iter(networks)))
    said = f"{times:.1f} times faster here" if times else "as it was asked for"
    return Choice(onnx=True, sentence=f"ONNX Runtime, {said}", times=times, difference=difference)


def disagreement(
    runtime: TorchRuntime,
    network: ExportedNetwork,
    work: Work,
    batch: Array,
    check: Callable[[], None] = lambda: None,
) -> float:
    """Largest difference of any value, output or reduction, relative to that value's size.

    Compared on the batch and on its first image alone, which an export for one number of images
    does not survive. Infinity where either has values that are no numbers.
    """
    worst = 0.0
    for part in (batch, batch[:1]):
        true = runtime.forward(part, capture=work.layers, until=work.until)
        check()
        whole = network.run(part, capture=work.layers, outputs=work.outputs, check=check)
        short = network.run(part, **_asked(work, part, whole.captured), check=check)
        pairs = [(true.captured[name], whole.captured[name]) for name in work.layers]
        if work.outputs:
            pairs += [(true.outputs[name], whole.outputs[name]) for name in true.outputs]
            pairs += [(true.outputs[name], short.outputs[name]) for name in true.outputs]
        for reduction in work.reductions:
            name = reduction.layer
            found = short.harvested if work.harvest else short.extremes
            pairs += _reduced(true.captured[name], found[name], reduction)
        for ours, theirs in pairs:
            worst = max(worst, _difference(np.asarray(ours), np.asarray(theirs)))
    return worst


def _asked(work: Work, batch: Array, values: dict[str, Array]) -> dict[str, Any]:
    """What the exported network is asked for of every batch."""
    if not work.harvest:
        return {"reductions": work.reductions, "outputs": work.outputs}
    places = {r.layer: _some_places(flattened(values[r.layer], r)) for r in work.reductions}
    return {"harvests": work.reductions, "outputs": work.outputs, "places": places}


def _some_places(flat: Array) -> Array:
    """A few positions, others for every image: (N, 3)."""
    count, _, positions = flat.shape
    return np.asarray((np.arange(3)[None] * 7 + np.arange(count)[:, None] * 5) % positions)


def _reduced(
    value: Array, found: Extremes | Harvested, reduction: Reduction
) -> list[tuple[Any, Any]]:
    """Pairs that have to agree; positions agree where the values there do."""
    flat = flattened(value, reduction)
    true = extremes_of(flat)
    scale = np.float32(np.abs(flat).max())  # of the value, for reductions may be near zero
    where = np.clip(found.position, 0, flat.shape[2] - 1)
    there = np.take_along_axis(flat, where[:, :, None], axis=2)[:, :, 0]
    pairs = [(true.peak, there), (true.peak, found.peak), (true.low, found.low),
             (true.mean, found.mean)]  # fmt: skip
    pairs = [(np.append(a, scale), np.append(b, scale)) for a, b in pairs]
    if isinstance(found, Harvested):
        places = _some_places(flat)
        pairs += pairs_of(harvested_of(flat, places, norms=reduction.tokens), found)
    return pairs


def _difference(ours: Array, theirs: Array) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    scale = float(np.abs(ours).max(initial=0.0))
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    return difference / scale if scale else difference


def _times(
    runtime: TorchRuntime,
    network: ExportedNetwork,
    work: Work,
    batch: Array,
    check: Callable[[], None],
) -> float:
    """How many times as fast ONNX Runtime is, by turns: a busy machine slows both."""
    ours: list[float] = []
    theirs: list[float] = []
    values: dict[str, Array] = {}
    if work.layers:
        values = dict(network.run(batch[:1], capture=work.layers, check=check).captured)
    whole = {name: np.repeat(value, len(batch), axis=0) for name, value in values.items()}
    asked = _asked(work, batch, whole)
    for _ in range(_ROUNDS):
        ours.append(_torch_s(runtime, work, batch, check, warm=False))
        start = time.perf_counter()
        network.run(batch, **asked, check=check)
        theirs.append(time.perf_counter() - start)
    return median(ours) / max(median(theirs), 1e-9)


def _torch_s(
    runtime: TorchRuntime,
    work: Work,
    batch: Array,
    check: Callable[[], None],
    *,
    warm: bool = True,
) -> float:
    if warm:
        runtime.forward(batch[:1], capture=work.layers, until=work.until)
    check()
    start = time.perf_counter()
    found = runtime.forward(batch, capture=work.layers, until=work.until)
    for reduction in work.reductions:  # what ONNX Runtime does within its graph
        flat = flattened(found.captured[reduction.layer], reduction)
        if work.harvest:
            harvested_of(flat, _some_places(flat), norms=reduction.tokens)
        else:
            extremes_of(flat)
    return time.perf_counter() - start


def _refused(runtime: TorchRuntime) -> str:
    """Why ONNX Runtime is not even thought of; empty if it is."""
    if runtime_setting() == "torch":
        return "PyTorch: ONNX Runtime is switched off in the preferences"
    if runtime.dtype is not torch.float32:
        return "PyTorch: its weights are not in single precision"
    _, problem = wanted_providers(runtime.device)
    return f"PyTorch: {problem}" if problem else ""


def _too_large(runtime: TorchRuntime) -> str:
    """Why an export would not fit into memory; empty if it does."""
    own = sum(t.numel() * t.element_size() for t in runtime.module.state_dict().values())
    if own > _MOST_BYTES:
        return "PyTorch: it is too large to be exported in memory"
    if _COPIES * own > psutil.virtual_memory().available:
        return "PyTorch: there is not enough free memory to export it"
    return ""


def _known(runtime: TorchRuntime) -> _Known:
    found: _Known = runtime.memo.setdefault("faster", _Known())
    return found


def scope(work: Work) -> Sequence[Any]:
    """The work as JSON-like data, for keys."""
    reductions = [[r.layer, list(r.axes), r.units, r.skip, r.spatial] for r in work.reductions]
    return [reductions, work.outputs, work.until, *(["harvest"] if work.harvest else [])]
