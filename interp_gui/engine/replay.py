"""From a recipe back to a run: checked by content, so that a replay makes the same again."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from interp_gui.core.analysis import Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.device import RUNTIME_VARIABLE
from interp_gui.core.errors import ImageProblem, RecipeMismatch
from interp_gui.core.examples import Example
from interp_gui.core.images import dataset_sha256, image_sha256
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.engine.messages import Run
from interp_gui.engine.recipes import batch_group

_DIGITS = 12

_ByHash = dict[str, list[ImageEntry]]


@dataclass(frozen=True)
class Replay:
    """What makes a recipe's result again.

    Parameters
    ----------
    run
        Ready to be executed; `run.inputs.dataset` holds the images at hand.
    result
        Key of the one result wanted; empty for all that the run gives.
    missing
        Sentences about what was at hand then and is not now, where the run can do without.
    """

    run: Run
    result: str
    missing: tuple[str, ...] = ()


def check_model(wanted: ModelIdentity, model: ModelDescription) -> None:
    """Raise RecipeMismatch naming all that differs between the recipe's model and this one."""
    pairs: list[tuple[str, Any, Any]] = [
        ("weights", wanted.weights_sha256[:_DIGITS], model.weights_sha256[:_DIGITS]),
        ("architecture", wanted.architecture, model.architecture),
        ("library", wanted.library, model.library),
        ("configuration", _plain(wanted.config), _plain(model.config)),
    ]
    if wanted.outputs:
        pairs.append(("outputs", _kinds(wanted.outputs), _kinds(model.outputs)))
    if wanted.weights_sha256 == model.weights_sha256:
        pairs = pairs[1:]
    wrong = [f"{what} {has} instead of {want}" for what, want, has in pairs if want != has]
    if wrong:
        raise RecipeMismatch(
            f"'{model.name}' is not the model of this recipe: {'; '.join(wrong)}.",
            hint=f"The recipe was made with '{wanted.name}'; give that file as the model.",
        )


def replay(
    recipe: Recipe,
    model: ModelDescription,
    *,
    handle: str,
    at_hand: Dataset | None = None,
    needs: Sequence[str] = (),
    uses: Sequence[str] | None = None,
    other: tuple[str, ModelDescription] | None = None,
) -> Replay:
    """Build the run that a recipe describes.

    Parameters
    ----------
    model
        The opened model, with the recipe's preprocessing; its weights are checked by hash.
    handle
        Name of the model in the engine.
    at_hand
        Images given, in any order, under any names; they are found by hash.
    needs
        What the analysis cannot do without (`AnalysisInfo.needs`).
    uses
        What else changes its results (`Analysis.uses`); None if that is not known.
    other
        Handle and description of the second model, for recipes that compare two.

    Raises
    ------
    RecipeMismatch
        Another model, or images that the analysis needs are not at hand.
    """
    check_model(recipe.model, model)
    if recipe.other is not None:
        if other is None:
            raise RecipeMismatch(
                "This recipe compares two models, and the second one is not given.",
                hint=f"It was '{recipe.other.name}'; give it with --other.",
            )
        check_model(recipe.other, other[1])
    by_hash = _hashes(at_hand)
    missing: list[str] = []
    current = _current_images(recipe, by_hash, needed="image" in needs, missing=missing)
    if uses is not None and "image" not in (*needs, *uses):
        missing.clear()  # the image was only being looked at
    dataset = _dataset(recipe, by_hash, needed="dataset" in needs, missing=missing)
    if dataset is not None:
        dataset = msgspec.structs.replace(dataset, classes=_classes(recipe, at_hand))
    features = batch_group(recipe.features, recipe.provenance) if recipe.result else recipe.features
    inputs = Inputs(
        images=current,
        dataset=dataset,
        layer=recipe.layer,
        features=features,
        target=recipe.target,
        edits=recipe.edits,
        region=recipe.region,
        examples=_examples(recipe, by_hash, needed="examples" in needs, missing=missing),
        seed=recipe.seed,
    )
    run = Run(
        analysis=recipe.analysis, model=handle, inputs=inputs, parameters=dict(recipe.parameters),
        other=other[0] if recipe.other is not None and other is not None else "",
    )  # fmt: skip
    return Replay(run, recipe.result, tuple(missing))


def differences(recipe: Recipe, environment: Environment) -> list[str]:
    """What differs from where the recipe was made: device, runtime, threads, versions."""
    then = recipe.environment
    found = []
    if then.device != environment.device:
        found.append(f"The device is {environment.device} instead of {then.device}.")
    if then.runtime != environment.runtime:
        own = "the model's own runtime"
        found.append(f"It is computed on {environment.runtime or own}, not {then.runtime or own}.")
    if then.threads != environment.threads:
        found.append(f"There are {environment.threads} threads instead of {then.threads}.")
    for name in sorted({*then.versions, *environment.versions}):
        was, now = then.versions.get(name), environment.versions.get(name)
        if was is not None and was != now:
            found.append(f"{name} is {now or 'not installed'} instead of {was}.")
    return found


def other_truth(recipe: Recipe, again: Recipe) -> list[str]:
    """A sentence where the images count as other classes now than they did then."""
    then, now = (each.provenance.get("truth_sha256") for each in (recipe, again))
    if then is None or then == now:
        return []
    return ["The labels of the images are not those that this was made with."]


def other_map(recipe: Recipe, again: Recipe) -> list[str]:
    """A sentence where an atlas came out otherwise than when the recipe was made."""
    then, now = (each.provenance.get("atlas_sha256") for each in (recipe, again))
    if then is None or then == now:
        return []
    return ["The points of the map, or where they lie, are not those that this was made with."]


@contextmanager
def threads_of(recipe: Recipe) -> Iterator[None]:
    """Compute with as many threads, and on the runtime, that the recipe was made with.

    Afterwards everything is as before.
    """
    wanted = recipe.environment.threads
    runtime = "onnx" if recipe.environment.runtime.startswith("onnxruntime") else "torch"
    before = os.environ.get(RUNTIME_VARIABLE)
    os.environ[RUNTIME_VARIABLE] = runtime
    try:
        with computing_with(wanted if recipe.environment.device == "cpu" else None):
            yield
    finally:
        if before is None:
            del os.environ[RUNTIME_VARIABLE]
        else:
            os.environ[RUNTIME_VARIABLE] = before


@contextmanager
def computing_with(threads: int | None) -> Iterator[None]:
    """Compute with so many threads, then with as many as before; None: as it is.

    Sums are split by threads: another number of them gives other last digits.
    """
    import torch

    before = torch.get_num_threads()
    if threads is not None and 1 <= threads <= 512 and threads != before:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _plain(config: Mapping[str, Any]) -> Any:
    return msgspec.to_builtins(dict(config))


def _kinds(outputs: Sequence[OutputInfo]) -> str:
    return ", ".join(f"{each.name} ({each.kind}, {each.size})" for each in outputs)


def _classes(recipe: Recipe, at_hand: Dataset | None) -> dict[str, int]:
    """Class of each label as the recipe has it, or as it is known of the images given."""
    try:
        return msgspec.convert(recipe.provenance["classes"], dict[str, int])
    except (KeyError, msgspec.ValidationError):
        return at_hand.classes if at_hand is not None else {}


def _hashes(images: Dataset | None) -> _ByHash:
    found: _ByHash = {}
    for entry in images.images if images is not None else ():
        try:
            found.setdefault(image_sha256(entry.path), []).append(entry)
        except ImageProblem:
            continue  # a broken file among many is listed elsewhere and can match nothing
    return found


def _current_images(
    recipe: Recipe, by_hash: _ByHash, *, needed: bool, missing: list[str]
) -> tuple[str, ...]:
    lacking = [sha for sha in recipe.images if sha not in by_hash]
    if not lacking:
        return tuple(by_hash[sha][0].path for sha in recipe.images)
    names = ", ".join(sha[:_DIGITS] + "…" for sha in lacking[:3])
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    sentence = (
        f"{len(lacking)} of the recipe's {len(recipe.images)} images are not among those given "
        f"(SHA-256 {names}{more})."
    )
    if needed:
        raise RecipeMismatch(
            sentence, hint="Give the same files with --images; their names do not matter."
        )
    missing.append(sentence)
    return tuple(by_hash[sha][0].path for sha in recipe.images if sha in by_hash)


def _examples(
    recipe: Recipe, by_hash: _ByHash, *, needed: bool, missing: list[str]
) -> dict[str, tuple[Example, ...]]:
    """The recipe's examples among the images given, whatever their names."""
    every = [example for examples in recipe.examples.values() for example in examples]
    lacking = {example.image for example in every if example.image not in by_hash}
    if lacking:
        shown = ", ".join(sha[:_DIGITS] + "…" for sha in sorted(lacking)[:3])
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        sentence = (
            f"{len(lacking)} images of the recipe's examples are not among those given "
            f"(SHA-256 {shown}{more})."
        )
        if needed:
            raise RecipeMismatch(
                sentence, hint="Give the same files with --images; their names do not matter."
            )
        missing.append(sentence)
    return {
        heading: tuple(
            Example(by_hash[example.image][0].path, example.box, example.group)
            for example in examples
            if example.image in by_hash
        )
        for heading, examples in recipe.examples.items()
    }


def _dataset(
    recipe: Recipe, by_hash: _ByHash, *, needed: bool, missing: list[str]
) -> Dataset | None:
    """All images given, or those that were not only asked about, whichever the recipe means."""
    if not recipe.dataset:
        # edits may take their values from other images, which are looked for there
        sources = [by_hash[sha][0] for sha in recipe.edits.image_sources if sha in by_hash]
        return Dataset(images=tuple(sources)) if sources else None
    every = [entry for entries in by_hash.values() for entry in entries]
    once = [entries[0] for entries in by_hash.values()]
    besides = [entries[0] for sha, entries in by_hash.items() if sha not in recipe.images]
    for choice in (every, once, besides):
        if choice and dataset_sha256(entry.path for entry in choice) == recipe.dataset:
            return Dataset(images=tuple(choice))
    sentence = (
        "The images given are not those at hand when this was made "
        f"(SHA-256 {recipe.dataset[:_DIGITS]}…)."
        if every
        else f"The images at hand when this was made are not given "
        f"(SHA-256 {recipe.dataset[:_DIGITS]}…)."
    )
    if needed:
        raise RecipeMismatch(
            sentence, hint="Give exactly the same images with --images; names do not matter."
        )
    missing.append(f"{sentence} Ranks among them may differ or be missing.")
    return Dataset(images=tuple(every)) if every else None
