"""Does the answer depend on a direction? Its derivative, and what happens without it.

After Kim et al. (TCAV, 2018): the share of images of a class whose Target rises along the
direction, tested against random directions, and, which is more, the same asked by taking the
direction away.
"""

from collections.abc import Generator, Sequence

import numpy as np

from interp_gui.analyses.asked import edit_notes
from interp_gui.analyses.concept_sensitivity import results
from interp_gui.analyses.concept_sensitivity.asked import (
    Direction,
    asked_target,
    chosen_images,
    dataset_size,
    directions,
)
from interp_gui.analyses.concept_sensitivity.chance import by_chance
from interp_gui.analyses.concept_sensitivity.derivatives import Slopes, slopes
from interp_gui.analyses.concept_sensitivity.removing import Removed, remove
from interp_gui.analyses.concept_sensitivity.scores import Scored
from interp_gui.analyses.concept_sensitivity.settings import Parameters
from interp_gui.analyses.dataset_pass import Known, broken_notes, truth_provenance
from interp_gui.core.analysis import Analysis, Context, Progress, Steps
from interp_gui.core.cost import Cost
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Number
from interp_gui.core.runtime import differentiable
from interp_gui.core.target import Target

FEW = 5
"""Images below which figures say little."""
_SATURATED = (
    "Along random directions, too, nearly all images rise together or fall together, so shares say "
    "nothing here and have no p: the mean derivative does."
)
_PASS_BACK = 3
"""A pass with its gradient takes as long as so many without."""


def run(context: Context, parameters: Parameters) -> Steps:
    """`Bars` (keys `shares`, `changes`), a `Table` (`sensitivity`) and a `Table` (`images`).

    Without gradients there are no shares, and taking the direction away stands alone.
    """
    asked = directions(context)
    target = asked_target(context)
    chosen = yield from chosen_images(context, target, parameters)
    images, found = yield from _slopes(context, asked, chosen.images, target, chosen.broken)
    chances = []
    for direction in asked if found else ():
        vectors = found[direction.layer.name].vectors
        chances.append((yield from by_chance(context, direction, vectors, parameters)))
    what = _spoken(context, target)
    title = f"Does {what} depend on {_called(asked)}?"
    said = (*edit_notes(context), *_notes(context, images, chosen.words, parameters, bool(found)))
    if parameters.controls:
        said = (*said, *dict.fromkeys(chance.note for chance in chances))
    said = (*said, *broken_notes(chosen.broken))
    numbers: dict[str, Number] = {"images": len(images), "target_of": what}
    scored: list[Scored] = []
    for number, direction in enumerate(asked):
        derivative, random = None, np.zeros((0, len(images)))
        if found:
            derivative = found[direction.layer.name].along(direction.vector)[0]
            length = float(np.linalg.norm(direction.vector))
            random = found[direction.layer.name].along(length * chances[number].directions)
        removed: Removed | None = None
        if parameters.removed:
            removed = yield from remove(
                context, direction, images[: parameters.removed], target,
                controls=parameters.removals, number=number,
            )  # fmt: skip
        scored.append(
            Scored(direction=direction, derivative=derivative, random=random, removed=removed)
        )
        yield Progress(done=number + 1, total=len(asked), text="Asking about directions")
        if number + 1 < len(asked):
            yield results.table(scored, title=title, numbers=numbers, notes=said, final=False)
    numbers |= _numbers(scored)
    notes = (*(_verdict(one, what) for one in scored), *said)
    if found:
        shares_say = (_SATURATED,) if any(one.saturated for one in scored) else ()
        yield results.share_bars(
            scored, title=f"Share of images in which {what} rises along it",
            notes=(*shares_say, *said),
        )  # fmt: skip
    if parameters.removed:
        yield results.change_bars(scored, title=f"Change of {what} without it", notes=said)
    truth = truth_provenance(context, images)
    table = results.table(scored, title=title, numbers=numbers, notes=notes, final=True)
    table.provenance = truth
    yield table
    yield results.image_table(scored, images, title=f"{title[:-1]}, by image", notes=said)


def _slopes(
    context: Context,
    asked: Sequence[Direction],
    images: Sequence[Known],
    target: Target,
    broken: dict[int, str],
) -> Generator[Progress, None, tuple[list[Known], dict[str, Slopes]]]:
    """By layer; none without gradients."""
    if differentiable(context.model) is None:
        return list(images), {}
    layers: dict[str, LayerInfo] = {each.layer.name: each.layer for each in asked}
    found: dict[str, Slopes] = {}
    kept = list(images)
    for name, layer in layers.items():
        kept, found[name] = yield from slopes(context, kept, layer, target, broken)
    if len({len(one.slope) for one in found.values()}) > 1:
        # a file went between two passes: once more for those that are left
        return (yield from _slopes(context, asked, kept, target, broken))
    return kept, found


def _spoken(context: Context, target: Target) -> str:
    """The Target with its article."""
    article = "" if target.kind == "scalar" and target.index is not None else "the "
    return f"{article}{target.title(context.model.description)}"


def _called(asked: Sequence[Direction]) -> str:
    return asked[0].feature.title if len(asked) == 1 else f"{len(asked)} directions"


def _notes(
    context: Context, images: Sequence[Known], words: str, parameters: Parameters, slopes: bool
) -> tuple[str, ...]:
    notes = [f"{len(images)} {words}."]
    if len(images) < FEW:
        notes.append(f"So few images say little: give at least {FEW}, better 30.")
    if not slopes:
        problem = context.model.description.gradient_problem
        notes.append(f"No derivatives, only what happens without it: {problem}".strip())
    return tuple(notes)


def _verdict(one: Scored, what: str) -> str:
    """What was found, in a sentence."""
    name = one.direction.feature.title
    words = []
    if one.share is not None and one.mean is not None:
        words.append(f"the mean derivative of {what} along {name} is {one.mean:+.3g}")
        if one.p_mean is not None:
            words[-1] += f" (p = {one.p_mean:.2g})"
        words.append(f"it rises in {one.share:.0%} of the images")
        if one.p_share is not None:
            words[-1] += f" (p = {one.p_share:.2g})"
        if one.saturated:
            words[-1] += ", which says nothing here: along random directions, too, nearly all"
            words[-1] += " images rise together or fall together"
    if one.removed is not None:
        change = float(one.removed.effect.mean())
        words.append(f"without it the mean change is {change:+.3g}")
        if len(one.removed.controls):
            largest = float(np.abs(one.removed.controls.mean(axis=1)).max())
            words[-1] += (
                f", along random directions of equal size at most {largest:.3g} "
                f"(p = {one.removed.p:.2g})"
            )
    sentence = "; ".join(words) or f"Nothing was asked about {name}"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _numbers(scored: Sequence[Scored]) -> dict[str, Number]:
    if len(scored) != 1:
        return {}
    one = scored[0]
    numbers: dict[str, Number] = {}
    if one.share is not None:
        numbers |= {"mean_derivative": one.mean}
        if len(one.random):
            numbers |= {"p_mean": one.p_mean, "random_directions": len(one.random)}
        numbers |= {"share_rising": one.share}
        if len(one.random):
            numbers |= {"random_share_mean": float(one.random_shares.mean())}
        if one.p_share is not None:
            numbers |= {"p_share": one.p_share}
    if one.removed is not None:
        numbers |= {"change_without": float(one.removed.effect.mean())}
        numbers |= {"images_removed": len(one.removed.effect)}
        if len(one.removed.controls):
            numbers |= {"p_change": one.removed.p, "removals": len(one.removed.controls)}
    return numbers


def estimate(context: Context, parameters: Parameters) -> Cost:
    """A pass forward and back for every image, and those without the direction."""
    from interp_gui.analyses.costs import forward_s

    asked = directions(context)
    count = min(parameters.most, dataset_size(context))
    dataset = context.inputs.dataset
    whole_s = forward_s(context, path=dataset.paths[0] if dataset is not None else "")
    layers = len({direction.layer.name for direction in asked})
    passes: float = 0.0
    if differentiable(context.model) is not None:
        passes += _PASS_BACK * count * layers
    removed = min(parameters.removed, count)
    passes += len(asked) * removed * (2 + 1 + parameters.removals)
    return Cost(seconds=passes * whole_s)


ANALYSIS = Analysis(
    id="concept-sensitivity",
    title="Does the answer depend on it",
    summary="Whether the Target of a class's images rises along a direction, and what it is "
    "without the direction, beside random directions.",
    parameters=Parameters,
    needs=("features", "dataset", "target"),
    uses=("image", "examples"),
    produces=("table", "bars"),
    run=run,
    estimate=estimate,
)
