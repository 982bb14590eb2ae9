"""Vectors laid out along a line: UMAP to one dimension, for what stands across another axis."""

from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.atlas.layouts import FEWEST, Plan
from interp_gui.analyses.atlas.umap_epochs import compiling
from interp_gui.analyses.atlas.umap_layout import curve, epochs_of, fuzzy_graph
from interp_gui.core.analysis import Progress

_HALF_LENGTH = 10.0
"""Of the line at the start, in units of the layout's own distance."""
_STEP = 10
"""Epochs between two looks at whether to go on."""
_ENDS = (1.0, 99.0)


def lined_up(
    plan: Plan,
    *,
    seed: int,
    neighbours: int = 50,
    min_dist: float = 0.05,
    check: Callable[[], None] = lambda: None,
) -> Generator[Progress, None, NDArray[np.float32]]:
    """Places (N,) from 0 to 1, like vectors near one another.

    The descent of UMAP with the second coordinate held at zero, begun from the first principal
    component. What lies beyond the first and 99th percentile lies at the ends.
    """
    yield Progress(text="Laying the points out")
    start = plan.principal(check)[0][:, 0].astype(np.float64)
    if plan.count >= FEWEST:
        near = yield from plan.near(neighbours - 1, check)
        graph = fuzzy_graph(near, check)
        noise = np.random.default_rng(seed).normal(0.0, 1e-4 * _HALF_LENGTH, len(start))
        largest = float(np.abs(start).max(initial=0.0)) or 1.0
        xy = np.zeros((len(start), 2), np.float32)
        xy[:, 0] = start * (_HALF_LENGTH / largest) + noise
        epochs = epochs_of(len(start))
        epoch = yield from compiling(check)
        a, b = curve(min_dist)
        chances = graph.weights / max(float(graph.weights.max(initial=0.0)), 1e-12)
        chances[chances < 1.0 / epochs] = 0.0
        phases = np.zeros_like(chances)
        first_word = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
        state = np.array([first_word | np.uint64(1)], np.uint64)
        for first in range(0, epochs, _STEP):
            check()
            yield Progress(done=first, total=epochs, text="Laying the points out")
            last = min(first + _STEP, epochs)
            epoch(xy, graph.starts, graph.ends, chances, phases, state, a, b, first, last, epochs)
        start = xy[:, 0].astype(np.float64)
    placed = start[plan.distinct.back]
    low, high = np.percentile(placed, _ENDS) if len(placed) else (0.0, 1.0)
    if high <= low:
        return np.full(len(placed), 0.5, np.float32)
    return np.clip((placed - low) / (high - low), 0.0, 1.0).astype(np.float32)
