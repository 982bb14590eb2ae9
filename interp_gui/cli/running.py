"""`run`: an analysis, or a recipe again, with its results as files."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any

from interp_gui.cli.edit_options import check_edit_options
from interp_gui.cli.edits import asked_edits, edits_of_file, own_baseline, require_edits
from interp_gui.cli.examples import examples_of, settings_of
from interp_gui.cli.interventions import Interventions, intervention_lines
from interp_gui.cli.labels import with_classes
from interp_gui.cli.listing import describe_analysis
from interp_gui.cli.opening import choice_of
from interp_gui.cli.output import Output
from interp_gui.cli.results import ResultFolder
from interp_gui.cli.run_options import check_run
from interp_gui.cli.session import check_file, images_at_hand, local_engine, open_model
from interp_gui.cli.targets import parse_target, reference_image
from interp_gui.core.analysis import Analysis, Inputs, Progress
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import FileProblem, InvalidValue, RecipeMismatch
from interp_gui.core.export import make_folder, read_recipe
from interp_gui.core.export.code import read_preprocessing
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.target import Target
from interp_gui.engine.messages import Run

if TYPE_CHECKING:
    from interp_gui.engine.local import LocalEngine

_HANDLE = "model"
_OTHER = "other"


def run_analysis(options: argparse.Namespace, output: Output) -> int:
    """Run, write and tell."""
    if options.help:
        return _help(options, output)
    check_run(options)
    return _replay(options, output) if options.recipe else _fresh(options, output)


def _fresh(options: argparse.Namespace, output: Output) -> int:
    from interp_gui.engine.replay import computing_with

    check_edit_options(options)
    check_file(options.model)
    stack = edits_of_file(options)
    choice = choice_of(options)
    at_hand = images_at_hand(options.images, output)
    current = images_at_hand(options.image, output)
    examples = examples_of(options, output)
    preprocessing = None
    if options.preprocessing is not None:
        preprocessing = read_preprocessing(options.preprocessing)
    if not options.estimate:
        make_folder(options.out)
    engine = local_engine(safe_mode=options.safe_mode)
    analysis = engine.workspace.analysis(options.analysis)
    settings = dict(settings_of(options)) | own_baseline(options, analysis)
    analysis.settings(settings)
    model = open_model(
        engine, options.model, output, preprocessing, choice=choice, labelled=at_hand
    )
    other = _open_other(engine, options, output)
    about_classes = {"dataset", "classes"} <= {*analysis.needs}
    at_hand = with_classes(at_hand, model, options.classes, output, tell=about_classes)
    with computing_with(options.threads):
        inputs = Inputs(
            images=_asked_about(analysis, current, at_hand),
            dataset=at_hand,
            layer=model.layer(options.layer).name if options.layer else "",
            features=tuple(Feature.resolve(text, model) for text in options.feature),
            target=_target(engine, options.target, model) if options.target else Target(),
            edits=asked_edits(options, stack, engine, model, at_hand, output),
            examples=examples,
            seed=options.seed or 0,
        )
        if analysis.judges_edits:
            require_edits(inputs.edits)
        request = Run(
            analysis=options.analysis, model=_HANDLE, inputs=inputs, parameters=settings,
            other=_OTHER if other is not None else "",
        )  # fmt: skip
        if options.estimate:
            return tell_estimate(engine, request, output)
        folder = ResultFolder(options.out, options.analysis)
        folder.keep_edits(inputs.edits)
        effects = Interventions(model)
        _execute(engine, request, folder, output, tell=effects.add)
    _tell(folder, folder.document(inputs.features) | effects.document(), output)
    return 0


def _asked_about(
    analysis: Analysis, current: Dataset | None, at_hand: Dataset | None
) -> tuple[str, ...]:
    """The current image; all images where what edits do to each is the question.

    Where values are taken from a second image it follows: the next one named, or at hand.
    """
    paths = at_hand.paths if at_hand is not None else ()
    if "source" in analysis.needs:
        named = current.paths if current is not None else ()
        return (*named, *(path for path in paths if path not in named))[:2]
    if current is not None:
        return current.paths
    return paths if analysis.judges_edits else paths[:1]


def _target(engine: "LocalEngine", text: str, model: ModelDescription) -> Target:
    """The Target as typed; a reference embedding is that of an image."""
    path = reference_image(text)
    if not path:
        return parse_target(text, model)
    size = model.outputs[0].size if model.outputs else 0
    asked = Run(
        analysis="predict", model=_HANDLE, inputs=Inputs(images=(os.path.abspath(path),)),
        parameters={"top": max(size, 1)},
    )  # fmt: skip
    numbers: dict[int, float] = {}
    with redirect_stdout(sys.stderr):
        for step in engine.run(asked):
            if not isinstance(step, Progress):
                if step[0].provenance.get("not_a_number"):
                    raise InvalidValue(step[0].provenance["problem"])
                top = step[0].provenance["top"]
                numbers = {one["index"]: one.get("value", one.get("logit")) for one in top}
    reference = tuple(float(numbers[i]) for i in sorted(numbers))
    target = Target(kind="similarity", reference=reference).fitted(model)
    target.check(model)
    return target


def _open_other(
    engine: "LocalEngine",
    options: argparse.Namespace,
    output: Output,
    recipe: Recipe | None = None,
) -> ModelDescription | None:
    """The second model, if one is named: as it was, where a recipe says so."""
    if not options.other:
        return None
    check_file(options.other)
    wanted = OpenChoice(architecture=options.other_arch)

    def opened(choice: OpenChoice) -> ModelDescription:
        preprocessing = recipe.other_preprocessing if recipe is not None else None
        return open_model(
            engine, options.other, output, preprocessing, choice=choice, handle=_OTHER
        )

    if recipe is None or recipe.other is None:
        return opened(wanted)
    from interp_gui.engine.reopening import open_for, outputs_for

    found = open_for(recipe.other, opened, wanted)
    outputs = outputs_for(recipe.other, found)
    return engine.set_outputs(outputs, handle=_OTHER) if outputs else found


def tell_estimate(engine: "LocalEngine", request: Run, output: Output) -> int:
    """Say what a run would take."""
    with redirect_stdout(sys.stderr):
        cost = engine.estimate(request)
    if cost is None:
        output.answer({"estimate": None}, ["What this would take is not known."])
        return 0
    lines = [f"{cost.text}.", *([cost.note] if cost.note else [])]
    told = {
        "seconds": cost.seconds, "disk_bytes": cost.disk_bytes,
        "memory_bytes": cost.memory_bytes, "note": cost.note,
    }  # fmt: skip
    output.answer({"estimate": told}, lines)
    return 0


def _replay(options: argparse.Namespace, output: Output) -> int:
    from interp_gui.engine.reopening import open_for, outputs_for
    from interp_gui.engine.replay import differences, other_map, other_truth, replay, threads_of

    is_json = options.recipe.lstrip().startswith("{")
    recipe = Recipe.from_json(options.recipe) if is_json else read_recipe(options.recipe)
    wanted = recipe.contents or (recipe,)
    path = options.model or _sample_of(recipe)
    check_file(path)
    at_hand = images_at_hand(options.images, output)
    make_folder(options.out)
    engine = local_engine(safe_mode=options.safe_mode, cached=False)
    analysis = engine.workspace.analysis(recipe.analysis)
    with ExitStack() as stack:
        stack.enter_context(threads_of(recipe))
        model = open_for(
            recipe.model,
            lambda choice: open_model(engine, path, output, recipe.preprocessing, choice=choice),
            choice_of(options),
        )
        if outputs := outputs_for(recipe.model, model):
            model = engine.set_outputs(outputs, handle=_HANDLE)
        second = _open_other(engine, options, output, recipe)
        at_hand = with_classes(at_hand, model, (), output, tell=False)
        folder, effects = ResultFolder(options.out, recipe.analysis), Interventions(model)
        found: list[str] = []
        asked: list[Feature] = []
        for runs in _together(wanted):
            plan = replay(
                runs[0], model, handle=_HANDLE, at_hand=at_hand, needs=analysis.needs,
                uses=analysis.uses, other=(_OTHER, second) if second is not None else None,
            )  # fmt: skip
            only = frozenset(one.result for one in runs if one.result)
            _execute(engine, plan.run, folder, output, only=only, tell=effects.add)
            found += [sentence for sentence in plan.missing if sentence not in found]
            asked += plan.run.inputs.features
    if analysis.version != recipe.analysis_version:
        found.append(
            f"The analysis is version {analysis.version} instead of {recipe.analysis_version}."
        )
    if folder.recipe is not None:
        found += differences(recipe, folder.recipe.environment)
        found += other_truth(recipe, folder.recipe)
        found += other_map(recipe, folder.recipe)
    document = folder.document(tuple(asked)) | effects.document()
    document["replay"] = {"differences": found}
    for sentence in found:
        output.note(f"Differs: {sentence}")
    _tell(folder, document, output)
    return 0


def _together(recipes: Sequence[Recipe]) -> list[list[Recipe]]:
    """Recipes whose results come from one run, together (the pictures of a contact sheet)."""
    runs: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        runs.setdefault(recipe.run_key, []).append(recipe)
    return list(runs.values())


def _sample_of(recipe: Recipe) -> str:
    """The sample model, if the recipe seems to be about it; its weights are checked later."""
    from interp_gui.samples import mobilenet_path, shapes_model

    with suppress(FileProblem):
        if recipe.model.architecture == "mobilenet_v2":
            return str(mobilenet_path())
        if recipe.model.architecture == "shapes_cnn":
            return str(shapes_model(marker="marker" in recipe.model.name))
    raise RecipeMismatch(
        f"The recipe does not hold its model '{recipe.model.name}'.",
        hint="Give the checkpoint with --model.",
    )


def _execute(
    engine: "LocalEngine",
    request: Run,
    folder: ResultFolder,
    output: Output,
    *,
    only: frozenset[str] = frozenset(),
    tell: Callable[[AnyResult], None] = lambda result: None,
) -> None:
    """Run a request and write its results as they come, or those whose keys are `only`.

    `tell` takes each that is written.
    """
    keys: set[str] = set()
    with redirect_stdout(sys.stderr):
        for step in engine.run(request):
            if isinstance(step, Progress):
                output.progress(step)
                continue
            result, recipe = step
            keys.add(result.key)
            if result.final and (not only or result.key in only):
                folder.add(result, recipe)
                tell(result)
            elif result.final:
                folder.completes(result)
    if only - keys:
        raise RecipeMismatch(
            f"The run gave no result '{min(only - keys)}', which the recipe is about.",
            hint="It was made by another version; its recipe says which.",
        )


def _tell(folder: ResultFolder, document: dict[str, Any], output: Output) -> None:
    written = folder.finish(document)
    output.answer(document, _lines(document, str(written.parent)))


def _lines(document: dict[str, Any], folder: str) -> Iterator[str]:
    yield from intervention_lines(document)
    count = len(document["results"])
    yield f"{count} result{'' if count == 1 else 's'} in {folder}"
    yield from (f"  {result['file']}  {result['title']}" for result in document["results"])
    for result in document["results"]:
        if "direction" in result:
            layer, _, file = result["direction"]["feature"].partition("@")
            yield f"  {file}  as a feature: --feature {layer}@{os.path.join(folder, file)}"
    # a map says in pictures, not in numbers, what it is about: what to mind with it is said here
    atlases = (result for result in document["results"] if result["kind"] == "atlas")
    yield from dict.fromkeys(note for result in atlases for note in result["notes"])


def _help(options: argparse.Namespace, output: Output) -> int:
    text = options.parser.format_help()
    if not options.analysis:
        output.answer({"usage": text}, [text.rstrip()])
        return 0
    engine = local_engine(safe_mode=options.safe_mode, cached=False)
    info = engine.workspace.analysis(options.analysis).info()
    lines = list(describe_analysis(info))
    output.answer({"usage": text}, [text.rstrip(), "", *lines])
    return 0
