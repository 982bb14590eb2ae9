"""What pictures will cost: one group's steps are timed, and what is kept already is left out."""

import time

from interp_gui.analyses.costs import PROBE_S, forward_s, remembered, spread, step_s
from interp_gui.analyses.feature_visualization.climb import RELU_GRADIENT_STEPS, Climb, States
from interp_gui.analyses.feature_visualization.evaluation import TRANSFORMED_VIEWS
from interp_gui.analyses.feature_visualization.network import planes_of
from interp_gui.analyses.feature_visualization.plan import Plan
from interp_gui.analyses.feature_visualization.settings import Settings
from interp_gui.core.analysis import Context
from interp_gui.core.cost import Cost

_GENERATOR_BYTES = 5056


def estimate(context: Context, settings: Settings) -> Cost:
    """Steps of all groups that are not finished, their judgement, and the images at hand."""
    plan = Plan.make(context, settings)
    states = States(None)
    begun = time.perf_counter()
    left, looked, pictures = 0, 0, 0
    trial: Climb | None = None
    for group in plan.groups:
        if time.perf_counter() - begun > PROBE_S:
            break
        looked += 1
        if context.recall(plan.finished(group)) is not None:
            continue
        ascent = context.recall(plan.trajectory(group))
        taken = int(ascent["steps"]) if ascent is not None else 0
        left += settings.steps - (taken if taken <= settings.steps else 0)
        pictures += len(group)
        if trial is None:
            trial = Climb(context, plan, group, done=0, total=0)
    if trial is None:
        return Cost(seconds=0)
    share = len(plan.groups) / looked
    group_s = _step_s(context, plan, trial, states)
    # the network as it was opened runs each finished picture, once plain and moved a few times
    judged_s = (1 + TRANSFORMED_VIEWS) * forward_s(context)
    seconds = share * (left * group_s + pictures * judged_s)
    planes = planes_of(context.model.preprocessing)
    floats = planes * settings.size * (settings.size // 2 + 1) * 2
    kept_bytes = 3 * 4 * floats + _GENERATOR_BYTES + planes * settings.size**2
    dataset = context.inputs.dataset
    if settings.compare and dataset is not None and dataset.images:
        path = spread(dataset.paths, 3)[len(dataset.paths) > 1]
        seconds += len(trial.layers) * len(dataset.paths) * forward_s(context, path=path)
    return Cost(seconds=seconds, disk_bytes=int(share * pictures * kept_bytes))


def _step_s(context: Context, plan: Plan, trial: Climb, states: States) -> float:
    settings = plan.settings
    ascent = trial.start(states)

    def step() -> None:
        # later steps than the first ones, which may have to wake a sleeping unit
        ascent.steps = max(ascent.steps, RELU_GRADIENT_STEPS)
        trial.step(ascent)

    what = {
        "what": "ascent", **plan.identity, "size": settings.size, "batch": trial.size,
        "transforms": settings.transforms, "layers": trial.layers,
    }  # fmt: skip
    return remembered(context, what, lambda: step_s(step))
