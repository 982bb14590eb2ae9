"""An exported network on ONNX Runtime: values, their reductions, and outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interp_gui.core.runtime import Array
from interp_gui.runtimes.faster.exporting import INPUT, Exported
from interp_gui.runtimes.faster.harvesting import (
    Harvested,
    add_harvest,
    harvest_names,
    places_name,
)
from interp_gui.runtimes.faster.reducing import Extremes, Reduction, add_reduction, part_names
from interp_gui.runtimes.onnx.graph import read_graph
from interp_gui.runtimes.onnx.sessions import LEVELS, Sessions, Weights, run_session


@dataclass(frozen=True)
class Passed:
    """What one pass gave, by layer address and output name."""

    captured: dict[str, Array]
    extremes: dict[str, Extremes]
    outputs: dict[str, Array]
    harvested: dict[str, Harvested] = field(default_factory=dict)


class ExportedNetwork:
    """Runs an exported network.

    Parameters
    ----------
    device
        As torch calls it; the execution provider follows from it.
    threads
        How many of the processor's threads a run may use.
    """

    def __init__(self, exported: Exported, *, device: str, threads: int) -> None:
        self._exported = exported
        self._graph = read_graph(exported.onnx)
        self._weights = Weights(self._graph)
        self._sessions = Sessions(self._weights, device=device, threads=threads)
        ports = [port.name for port in self._graph.outputs]
        self._values = dict(zip(exported.captured, ports, strict=False))
        self._outputs = dict(zip(exported.outputs, ports[len(exported.captured) :], strict=True))

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, as the sessions say."""
        return self._sessions.used

    def run(
        self,
        batch: Array,
        *,
        capture: Sequence[str] = (),
        reductions: Sequence[Reduction] = (),
        outputs: bool = False,
        harvests: Sequence[Reduction] = (),
        places: Mapping[str, Array] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Passed:
        """Run a preprocessed batch (N, C, H, W).

        Parameters
        ----------
        capture
            Addresses whose whole values are wanted.
        reductions
            Of what is reduced within the graph.
        harvests
            Of what a store keeps.
        places
            By layer, where whole vectors are wanted for it: (N, p) positions.
        check
            Called while the run lasts; where it raises, the run stops at its next operation.
        """
        asked, kept = tuple(reductions), tuple(harvests)
        session = self._sessions.get(
            (tuple(capture), asked, outputs, kept),
            lambda: self._make(capture, asked, outputs, kept),
        )
        names = [self._values[name] for name in capture]
        for reduction in asked:
            names += part_names(self._values[reduction.layer])
        names += list(self._outputs.values()) if outputs else []
        feeds: dict[str, Array] = {INPUT: np.ascontiguousarray(batch, np.float32)}
        for reduction in kept:
            value = self._values[reduction.layer]
            names += harvest_names(value, reduction)
            wanted = (places or {})[reduction.layer]
            feeds[places_name(value)] = np.ascontiguousarray(wanted, np.int64)
        values = iter(run_session(session, names, feeds, check=check))
        return Passed(
            captured={name: next(values) for name in capture},
            extremes={r.layer: Extremes(*(next(values) for _ in range(4))) for r in asked},
            outputs={name: next(values) for name in self._outputs} if outputs else {},
            harvested={
                r.layer: Harvested(*(next(values) for _ in harvest_names("", r))) for r in kept
            },
        )

    def _make(
        self,
        capture: Sequence[str],
        reductions: tuple[Reduction, ...],
        outputs: bool,
        harvests: tuple[Reduction, ...],
    ) -> Any:
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self._weights.skeleton)
        kept = {self._values[name] for name in capture}
        kept |= set(self._outputs.values()) if outputs else set()
        ports = [port for port in model.graph.output if port.name in kept]
        del model.graph.output[:]
        model.graph.output.extend(ports)
        for reduction in reductions:
            add_reduction(model, self._values[reduction.layer], reduction)
        for reduction in harvests:
            add_harvest(model, self._values[reduction.layer], reduction)
        return self._sessions.make(model, LEVELS[0])
