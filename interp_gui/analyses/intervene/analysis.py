"""The analysis `intervene`: for each image the answer before and after, and each edit's part."""

from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from interp_gui.analyses.intervene.answering import Answering, answering
from interp_gui.analyses.intervene.controls import measure_controls
from interp_gui.analyses.intervene.effects import Ran, first_pass, is_number, leave_out
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import ImageProblem, InterpError, InvalidValue
from interp_gui.core.interventions.fitting import own_name, resolved
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.core.interventions.measures import divergence_of, entropy_of
from interp_gui.core.interventions.words import NOT_A_NUMBER
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.result import Number


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `intervene`."""

    controls: int = parameter(
        20, help="Random features of the same layer that are changed as much instead, for "
        "comparison with each edit; 0: none.", minimum=0, maximum=256,
    )  # fmt: skip
    effects: bool = parameter(
        True, help="Measure what each of several edits does to the answer, by leaving it out."
    )


@dataclass
class _Image:
    """How far one image is."""

    place: int
    path: str
    asked: Answering | None = None
    ran: Ran = field(default_factory=Ran)
    problem: str = ""


def run(context: Context, parameters: Parameters) -> Steps:
    """An `Intervention` an image, keyed by its place in the order asked, refined as effects come.

    The current image is answered first, then the others; then follow the effects of single edits,
    and then their controls. An image that cannot be read has a `problem`, unless all are such.
    """
    images = [_Image(i, path) for i, path in enumerate(context.inputs.images)]
    if not images:
        raise InvalidValue("An image is needed.", hint="Choose one or more images first.")
    problems: list[InterpError] = []
    named = _by_own_names(context)
    for image in images:
        context.check()
        yield Progress(done=image.place, total=len(images), text="Asking the model")
        try:
            image.asked = answering(named, image.path)
            image.ran = first_pass(image.asked)
        except (ImageProblem, InvalidValue) as problem:
            problems.append(problem)
            image.problem = problem.message
            if len(problems) == len(images):
                raise
        if len(image.ran.hits) == 1 and image.asked is not None:
            leave_out(image.asked, image.ran, next(iter(image.ran.hits)))
        yield told(context, image, final=not _steps_left(image, parameters))
    if parameters.effects:
        for image in images:
            yield from _effects(context, image, parameters)
    if parameters.effects and parameters.controls:
        for image in images:
            yield from _controls(context, image, parameters)


def _by_own_names(context: Context) -> Context:
    """The same with all layers under their own names, so that edits of one layer are seen as such.

    Results say the edits as they were asked for.
    """
    model = context.model.description
    edits = resolved(context.inputs.edits, model)
    if edits == context.inputs.edits:
        return context
    sources = {(own_name(layer, model), of): v for (layer, of), v in context.sources.items()}
    return replace(
        context, inputs=msgspec.structs.replace(context.inputs, edits=edits), sources=sources
    )


def _steps_left(image: _Image, parameters: Parameters) -> bool:
    """Whether more will be known of an image than its answer."""
    if image.asked is None or not image.ran.hits or not parameters.effects:
        return False
    return len(image.ran.hits) > 1 or parameters.controls > 0


def _effects(context: Context, image: _Image, parameters: Parameters) -> Steps:
    if image.asked is None or len(image.ran.hits) < 2:
        return
    for done, i in enumerate(image.ran.hits):
        context.check()
        yield Progress(done=done, total=len(image.ran.hits), text="Leaving edits out one by one")
        leave_out(image.asked, image.ran, i)
    yield told(context, image, final=not parameters.controls)


def _controls(context: Context, image: _Image, parameters: Parameters) -> Steps:
    for done, i in enumerate(image.ran.hits, start=1):
        if image.asked is not None:
            yield from measure_controls(image.asked, image.ran, i, count=parameters.controls)
            yield told(context, image, final=done == len(image.ran.hits))


def told(context: Context, image: _Image, *, final: bool) -> Intervention:
    """What is known of an image by now."""
    model, stack = context.model.description, context.inputs.edits
    output = model.outputs[0] if model.outputs else OutputInfo(kind="embedding")
    name = image.path.replace("\\", "/").rsplit("/", 1)[-1]
    key = _key(image.place)
    asked, after = image.asked, image.ran.after
    if asked is None or after is None or not is_number(after):
        empty = np.zeros(0, np.float32)
        effects = () if asked is None else image.ran.told(len(stack.edits), size=1.0)
        return Intervention(
            key=key, image=image.path, edits=stack, title=f"Answer for {name}", before=empty,
            after=empty, output_kind=output.kind, problem=image.problem or NOT_A_NUMBER,
            image_sha256=asked.sha256 if asked is not None else "", effects=effects, final=final,
        )  # fmt: skip
    before = asked.kept.before
    one, other = asked.value(before), asked.value(after)
    divergence = divergence_of(after, before, output.kind)
    numbers: dict[str, Number] = {
        "target_before": one,
        "target_after": other,
        "target_change": None if one is None or other is None else other - one,
        "divergence": divergence,
        "entropy_before": entropy_of(before, output.kind),
        "entropy_after": entropy_of(after, output.kind),
    }
    return Intervention(
        key=key, image=image.path, edits=stack, title=f"Answer for {name}, before and after",
        final=final, image_sha256=asked.sha256, before=before.astype(np.float32),
        after=after.astype(np.float32), output_kind=output.kind,
        labels=labels_of(model, output, len(before)), target_before=one, target_after=other,
        target_title=asked.target.title(model) if asked.target is not None else "",
        divergence=divergence,
        effects=image.ran.told(len(stack.edits), size=float(np.abs(after).max(initial=0.0))),
        numbers={k: v for k, v in numbers.items() if v is not None},
        notes=tuple(stack.warnings(model.weights_sha256)),
        provenance={"alone": {"image": image.place, "key": _key(0)}},
    )  # fmt: skip


def _key(place: int) -> str:
    return f"image-{place:03d}"


def labels_of(model: ModelDescription, output: OutputInfo, count: int) -> tuple[str, ...]:
    """A name for each number of the main output."""
    if output.kind in ("softmax", "sigmoid"):
        return tuple(model.class_name(i) for i in range(count))
    words = {"scalar": "value", "embedding": "dimension", "map": "channel"}
    return tuple(f"{words.get(output.kind, 'output')} {i}" for i in range(count))


def estimate(context: Context, parameters: Parameters) -> Cost:
    """At most: what lies before the edits is not computed again, which is left out of account."""
    from interp_gui.analyses.costs import forward_s

    images, stack = context.inputs.images, context.inputs.edits
    plain = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    whole_s = forward_s(plain, path=images[0] if images else "")
    edits = len(stack.active)
    left_out = edits if parameters.effects and edits > 1 else 0
    controls = edits * parameters.controls if parameters.effects else 0
    return Cost(seconds=len(images) * whole_s * (2 + left_out + controls))


ANALYSIS = Analysis(
    id="intervene",
    title="What edits do",
    summary="The answer before and after the edits, and the part of each beside random controls.",
    parameters=Parameters,
    needs=("image",),
    uses=("edits", "target"),
    produces=("intervention",),
    judges_edits=True,
    offered=False,
    run=run,
    estimate=estimate,
)
