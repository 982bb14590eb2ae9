"""What the model answers for each image: its strongest outputs with their probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import NOT_A_NUMBER, edit_notes, run_edited, see
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.result import Bars, Number

MOST = 20_000
"""So many outputs are listed at most; an embedding is asked for whole, to be a reference."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `predict`."""

    top: int = parameter(5, help="How many outputs are listed.", minimum=1, maximum=MOST)


def probabilities(values: NDArray[Any], kind: str) -> NDArray[np.float64] | None:
    """Probabilities of an image's outputs (C,); None where the outputs are no classes."""
    logits = np.asarray(values, np.float64)
    if kind == "softmax":
        top = logits.max()
        if not np.isfinite(top):
            return np.full(logits.shape, np.nan)
        shares: NDArray[np.float64] = np.exp(logits - top)
        shares /= shares.sum()
        return shares
    if kind == "sigmoid":
        # exp of the negative magnitude cannot overflow
        small = np.exp(-np.abs(logits))
        return np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return None


def answers(
    values: NDArray[Any], output: OutputInfo, model: ModelDescription, *, top: int
) -> list[dict[str, Any]]:
    """The `top` strongest outputs of one image, strongest first; ties by index.

    Classes come as `index`, `name`, `probability`, `logit`. Scalars and embeddings have no
    probability: they come as `index`, `name`, `value`, scalars in their own order, embeddings by
    magnitude; a map is reduced to the mean of each channel.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.ndim > 1:
        numbers = numbers.reshape(numbers.shape[0], -1).mean(axis=1)
    numbers = np.atleast_1d(numbers)
    shares = probabilities(numbers, output.kind)
    if shares is not None:
        order = np.argsort(-numbers, kind="stable")[:top]
        return [
            {
                "index": int(i),
                "name": model.class_name(int(i)),
                "probability": float(shares[i]),
                "logit": float(numbers[i]),
            }
            for i in order
        ]
    words = {"scalar": "value", "embedding": "dimension", "map": "channel"}
    word = words.get(output.kind, "output")
    by_size = output.kind == "embedding"
    order = np.argsort(-np.abs(numbers), kind="stable") if by_size else np.arange(len(numbers))
    return [
        {"index": int(i), "name": f"{word} {int(i)}", "value": float(numbers[i])}
        for i in order[:top]
    ]


def _without_number(values: NDArray[Any], kind: str) -> bool:
    """Whether an image's answer holds what is not a number, as logits or as probabilities."""
    numbers = np.asarray(values, np.float64)
    if kind == "softmax" and numbers.ndim == 1:
        return bool(np.isnan(numbers).any() or not np.isfinite(numbers.max()))
    return bool(np.isnan(numbers).any())


def _bars(
    key: str, name: str, found: list[dict[str, Any]], classes: bool, *, notes: tuple[str, ...]
) -> Bars:
    numbers: dict[str, Number] = {}
    for place, one in enumerate(found, start=1):
        numbers |= {f"{field}_{place}": value for field, value in one.items()}
    return Bars(
        key=key,
        title=f"Answer for {name}",
        labels=tuple(str(one["name"]) for one in found),
        values=tuple(float(one["probability" if classes else "value"]) for one in found),
        unit="probability" if classes else "",
        maximum=1.0 if classes else None,
        numbers=numbers,
        notes=notes,
        provenance={"top": found},
    )


def run(context: Context, parameters: Parameters) -> Steps:
    """One `Bars` an image, keyed by its place in the order asked.

    `provenance["top"]` lists the answers as in `answers`. An image that cannot be read gives
    empty bars with `provenance["problem"]`, unless it is the only one; so does an answer that is
    not a number, which `provenance["not_a_number"]` tells.
    """
    images = context.inputs.images
    if not images:
        raise InvalidValue("An image is needed.", hint="Choose one or more images first.")
    model = context.model.description
    output = model.outputs[0] if model.outputs else OutputInfo(kind="embedding")
    notes = edit_notes(context)
    problems: list[ImageProblem] = []
    for i, path in enumerate(images):
        context.check()
        yield Progress(done=i, total=len(images), text="Asking the model")
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
        try:
            seen = see(context, path)
        except ImageProblem as problem:
            problems.append(problem)
            if len(problems) == len(images):
                raise
            yield Bars(
                key=str(i), title=f"Answer for {name}", labels=(), values=(),
                notes=(problem.message,), provenance={"top": [], "problem": problem.message},
            )  # fmt: skip
            continue
        outputs = run_edited(context, seen.batch).outputs
        values = outputs[output.name] if output.name in outputs else next(iter(outputs.values()))
        found = answers(values[0], output, model, top=parameters.top)
        if _without_number(values[0], output.kind):
            yield Bars(
                key=str(i), title=f"Answer for {name}", labels=(), values=(),
                notes=(*notes, NOT_A_NUMBER),
                provenance={"top": [], "problem": NOT_A_NUMBER, "not_a_number": True},
            )  # fmt: skip
            continue
        classes = output.kind in ("softmax", "sigmoid")
        finite = bool(np.isfinite(values[0]).all())
        told = notes if finite else (*notes, "The model's outputs are not all finite numbers.")
        yield _bars(str(i), name, found, classes, notes=told)
    yield Progress(done=len(images), total=len(images), text="Asking the model")


def estimate(context: Context, parameters: Parameters) -> Cost:
    """One pass an image."""
    from interp_gui.analyses.costs import forward_s

    images = context.inputs.images
    return Cost(seconds=len(images) * forward_s(context, path=images[0]))


ANALYSIS = Analysis(
    id="predict",
    title="Answer",
    summary="The model's strongest outputs for each image, with probabilities.",
    parameters=Parameters,
    needs=("image",),
    produces=("bars",),
    run=run,
    estimate=estimate,
)
