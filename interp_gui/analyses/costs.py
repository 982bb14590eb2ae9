"""What estimates rest on: a step or two of the real work, timed once and remembered."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from statistics import median
from typing import Any, TypeVar

import msgspec
import numpy as np

from interp_gui.analyses.asked import run_edited, see
from interp_gui.core.analysis import Context
from interp_gui.core.errors import ImageProblem

T = TypeVar("T")

PROBE_S = 0.4
"""So long one kind of work may be timed: a person waits for the estimate."""
FINISH_S = 0.8
"""So long something exact may take, where it can be finished within that."""


WARM_S = 3.0
"""The first step of a process may take so long where later ones take a fiftieth of it."""


def step_s(
    work: Callable[[], object],
    *,
    most: int = 3,
    budget_s: float = PROBE_S,
    warm_s: float = WARM_S,
) -> float:
    """Seconds of one call: the median of a few behind a first one, which warms up.

    Only a first call that takes longer than `warm_s` is taken as it is, for what is made ready in
    it (fields, kernels, threads) would be counted with every step.
    """
    begun = time.perf_counter()
    work()
    first = time.perf_counter() - begun
    times: list[float] = []
    while len(times) < most and (
        time.perf_counter() - begun + (times[-1] if times else 0.0) < budget_s
        or (not times and first <= warm_s)
    ):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times) if times else first


def remembered(context: Context, what: dict[str, Any], measure: Callable[[], float]) -> float:
    """A time measured before under this name, or measured now."""
    name = json.dumps(msgspec.to_builtins(what, enc_hook=str), sort_keys=True)
    if name not in context.probes:
        context.probes[name] = measure()
    return context.probes[name]


def within(
    steps: Generator[Any, None, T], total: int, *, budget_s: float = PROBE_S
) -> tuple[T | None, float]:
    """Drive steps that tell `done` as far as time allows.

    Returns
    -------
    What they return, None if that would take too long; and the seconds that the rest takes.
    """
    begun = time.perf_counter()
    try:
        while True:
            done = int(next(steps).done)
            spent = time.perf_counter() - begun
            left = spent * (total - done) / max(done, 1)
            if spent > budget_s and spent + left > FINISH_S:
                steps.close()
                return None, left
    except StopIteration as stop:
        return stop.value, 0.0


def spread(paths: tuple[str, ...], count: int) -> tuple[str, ...]:
    """As many of the paths, from all parts of the list."""
    if len(paths) <= count:
        return paths
    return tuple(paths[int(i)] for i in np.linspace(0, len(paths) - 1, count))


def forward_s(context: Context, *, layer: str = "", path: str = "") -> float:
    """Seconds of reading one image and running it, to a layer or to the end.

    Without any image that can be read: those of an empty input.
    """
    from interp_gui.analyses.passes import identity

    height, width = context.model.preprocessing.size
    channels = len(context.model.preprocessing.mean)
    blank = np.zeros((1, channels, height, width), np.float32)
    capture = [layer] if layer else []

    def work() -> None:
        batch = blank
        if path:
            with suppress(ImageProblem):
                batch = see(context, path).batch
        run_edited(context, batch, capture=capture, until=layer)

    what = {"what": "forward", "layer": layer, "path": path, **identity(context)}
    return remembered(context, what, lambda: step_s(work))
