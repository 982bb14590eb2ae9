"""What a run was, by content: the recipe that goes with each of its results."""

import dataclasses
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from interp_gui.core.analysis import Analysis, Inputs
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import ImageProblem
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.core.images import dataset_sha256, image_sha256
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe, RecipeExample
from interp_gui.core.result import AnyResult
from interp_gui.core.runtime import Runtime
from interp_gui.engine.environment import package_versions


def recipe_of_run(
    analysis: Analysis,
    model: Runtime,
    inputs: Inputs,
    settings: Any,
    *,
    threads: int = 1,
    other: Runtime | None = None,
) -> Recipe:
    """The recipe of a whole run; `recipe_of_result` makes that of one result.

    The dataset is part of it where the analysis needs or uses one.

    Parameters
    ----------
    settings
        The analysis' parameter dataclass; its defaults are written out, so that later versions
        with other defaults repeat the same.
    threads
        Threads that compute one operation.
    other
        The second model, if the analysis compares two.
    """
    return Recipe(
        analysis=analysis.id,
        analysis_version=analysis.version,
        parameters=_told(settings),
        seed=inputs.seed,
        model=_identity(model),
        other=_identity(other) if other is not None else None,
        other_preprocessing=other.preprocessing if other is not None else None,
        preprocessing=model.preprocessing,
        images=tuple(image_sha256(path) for path in inputs.images),
        dataset=_dataset_hash(inputs.dataset) if takes_dataset(analysis, inputs) else "",
        layer=inputs.layer,
        features=inputs.features,
        region=inputs.region,
        target=inputs.target,
        edits=inputs.edits,
        examples=_examples(inputs) if takes_examples(analysis) else {},
        environment=Environment(device=model.device, threads=threads, versions=_versions()),
    )


def _told(settings: Any) -> dict[str, Any]:
    """Settings as a recipe has them: where on this machine a file went is no part of it."""
    told = dataclasses.asdict(settings)
    return {**told, "path": ""} if "path" in told else told


def _identity(model: Runtime) -> ModelIdentity:
    description = model.description
    return ModelIdentity(
        name=description.name,
        weights_sha256=description.weights_sha256,
        architecture=description.architecture,
        library=description.library,
        config=description.config,
        outputs=description.outputs,
    )


def recipe_of_result(recipe: Recipe, result: AnyResult) -> Recipe:
    """The recipe of one result of a run, with those features only that were computed with it.

    What its provenance says of `runtime` and `versions` (of packages that only this result depends
    on) becomes part of the environment. Where it says of `alone` that a run of one image alone
    gives the same, the recipe is of that image: its place in `images`, and the result's key then.
    """
    provenance = dict(result.provenance)
    alone = provenance.pop("alone", None)
    runtime = str(provenance.pop("runtime", ""))
    versions = {**recipe.environment.versions, **dict(provenance.pop("versions", {}))}
    return msgspec.structs.replace(
        recipe,
        result=alone["key"] if alone else result.key,
        images=(recipe.images[alone["image"]],) if alone else recipe.images,
        features=batch_group(recipe.features, provenance),
        provenance=provenance,
        environment=msgspec.structs.replace(recipe.environment, runtime=runtime, versions=versions),
    )


def batch_group(features: tuple[Feature, ...], provenance: dict[str, Any]) -> tuple[Feature, ...]:
    """The features that were computed in one batch, in their order; all where none is told.

    The same start in a batch of another size gives other pixels.
    """
    batch = provenance.get("batch")
    group = batch.get("group") if isinstance(batch, dict) else None
    by_text = {feature.text: feature for feature in features}
    if not isinstance(group, list) or not all(
        isinstance(text, str) and text in by_text for text in group
    ):
        return features
    return tuple(by_text[text] for text in group)


def takes_dataset(analysis: Analysis, inputs: Inputs) -> bool:
    """Whether the images at hand change what comes out."""
    return inputs.dataset is not None and "dataset" in (*analysis.needs, *analysis.uses)


def takes_examples(analysis: Analysis) -> bool:
    """Whether examples change what comes out."""
    return "examples" in (*analysis.needs, *analysis.uses)


def _examples(inputs: Inputs) -> dict[str, tuple[RecipeExample, ...]]:
    """All readable examples by content; groups become numbers, the same for the same group."""
    numbers: dict[str, str] = {"": ""}

    def known(example: Example) -> Iterator[RecipeExample]:
        for _, sha256 in hashing((example.path,)):
            group = numbers.setdefault(example.group, str(len(numbers)))
            yield RecipeExample(sha256, example.box, group)

    return {
        heading: tuple(one for example in examples for one in known(example))
        for heading, examples in inputs.examples.items()
    }


def hashing(paths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each readable image with its SHA-256, one at a time; broken ones are passed over."""
    for path in paths:
        try:
            yield path, image_sha256(path)
        except ImageProblem:
            continue


def compute_threads() -> int:
    """Threads that torch computes with, without importing it where nothing else has."""
    import sys

    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else os.cpu_count() or 1


def _dataset_hash(dataset: Dataset | None) -> str:
    if dataset is None:
        return ""
    return dataset_sha256(path for path, _ in hashing(dataset.paths))


@cache
def _versions() -> dict[str, str]:
    return package_versions()
