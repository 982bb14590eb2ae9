"""Edits as they are typed: a file of them, or one option each."""

import argparse
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from sys import stderr
from typing import TYPE_CHECKING

import msgspec

from interp_gui.cli.edit_options import refuse_baseline
from interp_gui.cli.output import Output
from interp_gui.core.analysis import parameter_infos
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_limits import MOST_BYTES, check_limits, stack_of_json
from interp_gui.core.errors import EditProblem, FileProblem, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.place import Place

if TYPE_CHECKING:
    from interp_gui.core.analysis import Analysis
    from interp_gui.core.dataset import Dataset
    from interp_gui.core.model import ModelDescription
    from interp_gui.engine.local import LocalEngine

_PLACE = re.compile(r"@(?:-?\d+,-?\d+|t-?\d+|cls)(?:;(?:-?\d+,-?\d+|t-?\d+|cls))*$")


_BLANK = b"\xef\xbb\xbf \t\r\n"
_STARTS = (b"{", b"<", b"%PDF", b"PK", b"\x89PNG")
"""How files begin that may hold edits."""


def own_baseline(options: argparse.Namespace, analysis: "Analysis") -> dict[str, str]:
    """`--baseline` as a setting, for analyses that have one of that name.

    Raises
    ------
    Usage
        It is neither mean nor zero, and the analysis has no such setting.
    """
    if options.baseline is None:
        return {}
    if "baseline" in {info.name for info in parameter_infos(analysis.parameters)}:
        return {"baseline": options.baseline}
    refuse_baseline(options)
    return {}


def edits_of_file(options: argparse.Namespace) -> EditStack:
    """What `--edits` names, read before anything is opened; see `read_edits`."""
    return read_edits(options.edits) if options.edits else EditStack()


def asked_edits(
    options: argparse.Namespace,
    stack: EditStack,
    engine: "LocalEngine",
    model: "ModelDescription",
    dataset: "Dataset | None",
    output: Output,
) -> EditStack:
    """The edits that were typed, proved to fit the model, with means and deviations filled in.

    Parameters
    ----------
    stack
        Those of `edits_of_file`, behind which those stand that are typed.

    Raises
    ------
    EditProblem
        One does not fit: which one, and why.
    InvalidValue
        There is no mean that an edit asks for.
    """
    check_fit(stack, model, options.edits)
    for sentence in stack.warnings(model.weights_sha256):
        output.note(sentence)
    wanted = [_parsed(kind, text, model) for kind, text in options.typed_edits]
    check_fit(EditStack(tuple(_made(*one, None) for one in wanted)), model)
    measured = _measured(options, wanted, engine, dataset, output)
    made = [_made(*one, measured.get(one[1])) for one in wanted]
    if made and (stack.muted or stack.solo is not None):
        output.note("The edits of the file are muted, or one of them is solo.")
    return msgspec.structs.replace(stack, edits=(*stack.edits, *made))


def require_edits(stack: EditStack) -> None:
    """Raise InvalidValue where nothing is changed."""
    if not stack.active and not stack.active_image_edits:
        raise InvalidValue(
            "There is no edit in force.",
            hint="Name one, as in --ablate features.14:7, or give a file with --edits.",
        )


def read_edits(path: str) -> EditStack:
    """Edits in a JSON file, or those that an exported picture was made under.

    Raises
    ------
    FileProblem
        There is no such file, or it cannot be read.
    EditProblem
        It holds no edits, or those of a newer version.
    """
    from interp_gui.core.export import read_recipe
    from interp_gui.core.paths import open_regular

    name = Path(path).name
    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise FileProblem(f"There is no file '{path}'.", hint="Check the path.") from None
    except OSError as problem:
        raise FileProblem(f"'{path}' cannot be read: {problem.strerror}.") from None
    if not data.lstrip(_BLANK).startswith(_STARTS):
        raise EditProblem(
            f"'{name}' holds no edits.",
            hint="Give a file of edits, or a picture that was exported under some.",
        )
    try:
        if _is_stack(data):
            return stack_of_json(data)
        stack = read_recipe(path).edits
        check_limits(stack)
    except EditProblem as problem:
        raise EditProblem(f"'{name}': {problem.message}", hint=problem.hint) from None
    if not stack.edits and not stack.image_edits:
        raise EditProblem(f"'{name}' was made without edits.")
    return stack


def _is_stack(data: bytes) -> bool:
    """Whether a file's content is JSON of its own, rather than a recipe or what holds one."""
    if data.lstrip(_BLANK)[:1] != b"{":
        return False
    if len(data) > MOST_BYTES:  # too long for a stack, but a recipe holds more than edits
        return not any(word in data[:MOST_BYTES] for word in (b'"analysis"', b'"recipe"'))
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return True  # which says what is wrong with it
    return isinstance(found, dict) and not {"analysis", "recipe"} & {*found}


def check_fit(stack: EditStack, model: "ModelDescription", name: str = "") -> None:
    """Raise EditProblem for the first edit in force that has no place in a model."""
    from interp_gui.core.interventions.fitting import why_no_place

    for i in stack.live:
        edit = stack.edits[i]
        reason = why_no_place(edit, model)
        if reason:
            of = f" of '{Path(name).name}'" if name else ""
            raise EditProblem(
                f"Edit {i + 1}{of} ({edit.kind} {edit.feature.title}) does not fit "
                f"'{model.name}': {reason}"
            )


def _parsed(kind: str, text: str, model: "ModelDescription") -> tuple[str, Feature, Place, float]:
    """Kind, feature, place and number of one typed edit."""
    amount = 0.0
    if kind != "ablate":
        text, _, number = text.rpartition("=")
        amount = float(number)  # as `check_edit_options` has seen
    place = _PLACE.search(text)
    where = Place.parse(place[0]) if place else Place()
    feature = Feature.resolve(text[: place.start()] if place else text, model)
    return kind, feature, where, amount


def _measured(
    options: argparse.Namespace,
    wanted: Sequence[tuple[str, Feature, Place, float]],
    engine: "LocalEngine",
    dataset: "Dataset | None",
    output: Output,
) -> dict[Feature, FeatureStatistics]:
    """Means and deviations of the features that need them, over the images at hand."""
    needs_mean = options.baseline != "zero"
    seen = dataset is not None and bool(dataset.images)  # a factor needs no images
    features = tuple(
        dict.fromkeys(
            feature
            for kind, feature, _, _ in wanted
            if not feature.whole_layer
            and (kind == "steer" or (kind == "ablate" and needs_mean) or (kind == "scale" and seen))
        )
    )
    if any(f.whole_layer for kind, f, _, _ in wanted if kind == "ablate" and needs_mean):
        if options.baseline == "mean":
            raise InvalidValue(
                "A whole layer has no one mean to be set to.",
                hint="Name its units, or say --baseline zero.",
            )
        output.note("A whole layer is set to zero: it has no one mean.")
    if not features:
        return {}
    if dataset is None or not dataset.images:
        if options.baseline == "mean":
            raise InvalidValue(
                "There are no images to take a mean over.", hint="Give some with --images."
            )
        output.note("Without images, features are set to zero, and strengths are absolute.")
        return {}
    return _asked(engine, features, dataset, output)


def _asked(
    engine: "LocalEngine", features: tuple[Feature, ...], dataset: "Dataset", output: Output
) -> dict[Feature, FeatureStatistics]:
    from interp_gui.core.analysis import Inputs, Progress
    from interp_gui.engine.messages import Run

    asked = Run(
        analysis="feature-statistics", model="model",
        inputs=Inputs(features=features, layer=features[0].layer, dataset=dataset),
    )  # fmt: skip
    found: tuple[FeatureStatistics, ...] = ()
    with redirect_stdout(stderr):
        for step in engine.run(asked):
            if isinstance(step, Progress):
                output.progress(step)
            else:
                told = step[0].provenance["statistics"]
                found = msgspec.convert(told, tuple[FeatureStatistics, ...], strict=False)
    images = max((one.images for one in found), default=0)
    output.note(f"Means and deviations are over {images} {'image' if images == 1 else 'images'}.")
    return dict(zip(features, found, strict=True))


def _made(
    kind: str, feature: Feature, place: Place, amount: float, known: FeatureStatistics | None
) -> Edit:
    observed = known.observed if known is not None else None
    if kind == "scale":
        return Edit(feature=feature, kind="scale", place=place, amount=amount, observed=observed)
    if kind == "steer":
        deviation = known.deviation if known is not None else ()
        return Edit(
            feature=feature, kind="add", place=place, amount=amount, deviation=deviation,
            observed=observed,
        )  # fmt: skip
    baseline = Baseline()
    if known is not None:
        baseline = Baseline("mean", values=known.mean, source=known.source)
    return Edit(
        feature=feature, kind="ablate", place=place, baseline=baseline, observed=observed
    )  # fmt: skip
