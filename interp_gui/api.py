"""interp-gui from Python: open a model, run an analysis, make a recipe's result again.

>>> from interp_gui.api import open_model
>>> model = open_model("mobilenet_v2.pth")
>>> results = model.run("feature-visualization", features=["features.14:7"])
>>> results["features.14:7"].pixels.shape
(128, 128, 3)

Everything is computed in this process. What was computed before is taken from the cache that the
window uses too, unless `cached=False`.
"""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from interp_gui.core.analysis import AnalysisInfo, Inputs, Progress
from interp_gui.core.class_mapping import confirmed, propose
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import EditStack
from interp_gui.core.examples import Example
from interp_gui.core.export.code import read_preprocessing
from interp_gui.core.feature import Feature
from interp_gui.core.folders import scan
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.target import Target
from interp_gui.engine.cache import Cache
from interp_gui.engine.local import MODEL, LocalEngine
from interp_gui.engine.messages import Run
from interp_gui.engine.reopening import open_for, outputs_for
from interp_gui.engine.replay import computing_with
from interp_gui.engine.replay import replay as plan_of
from interp_gui.engine.workspace import Workspace

__all__ = ["Model", "Results", "open_model", "replay"]

AnyPath = str | PathLike[str]
_OTHER = "other"


class Results(dict[str, AnyResult]):
    """The final results of one run by their keys, and the recipe of each in `recipes`."""

    def __init__(self) -> None:
        super().__init__()
        self.recipes: dict[str, Recipe] = {}

    def save(self, key: str, path: AnyPath) -> Path:
        """Write one of them as PNG, SVG, PDF, CSV or NPZ, with its recipe inside."""
        from interp_gui.core.export import export_result

        return export_result(self[key], Path(path), recipe=self.recipes.get(key))


class Model:
    """A model that is open in this process; made by `open_model`."""

    def __init__(
        self, engine: LocalEngine, description: ModelDescription, threads: int | None
    ) -> None:
        self._engine, self._threads = engine, threads
        self.description = description

    @property
    def analyses(self) -> dict[str, AnalysisInfo]:
        """What can be run, by id, with all settings."""
        return {info.id: info for info in self._engine.workspace.infos()}

    def run(
        self,
        analysis: str,
        *,
        image: AnyPath | Sequence[AnyPath] = (),
        images: AnyPath | Sequence[AnyPath] | Dataset = (),
        layer: str = "",
        features: Sequence[str | Feature] = (),
        target: str | int | Target | None = None,
        edits: EditStack | None = None,
        region: Sequence[Sequence[float]] = (),
        settings: dict[str, Any] | None = None,
        examples: dict[str, Sequence[AnyPath | Example]] | None = None,
        seed: int = 0,
        other: AnyPath = "",
    ) -> Results:
        """Run an analysis to its end.

        Parameters
        ----------
        image
            The current image, or several.
        images
            The images at hand: files, folders, folders of class folders.
        features
            As `features.14:7`, `features.14:@direction.npy`, or `Feature`.
        target
            Class by index, or as on the command line: `probability:281`, `281 - 282`.
        settings
            Those of the analysis that are not to be at their defaults.
        examples
            Image files, or `core.examples.Example` for parts of them, by heading: `with` and
            `without` of a concept.
        other
            A second checkpoint, for analyses that compare two.

        Raises
        ------
        InterpError
            Something is missing or does not fit; its message and hint say what.
        """
        request = self.request(
            analysis, image=image, images=images, layer=layer, features=features, target=target,
            edits=edits, region=region, settings=settings, seed=seed, other=other,
            examples=examples,
        )  # fmt: skip
        return self._run(request)

    def set_outputs(self, outputs: Sequence[OutputInfo]) -> None:
        """Say what kinds its outputs are; nothing changes if there are none in the list."""
        if outputs:
            self.description = self._engine.set_outputs(tuple(outputs))

    def estimate(self, analysis: str, **asked: Any) -> Cost | None:
        """What `run` of the same would cost; None where that is not known."""
        return self._engine.estimate(self.request(analysis, **asked))

    def request(
        self,
        analysis: str,
        *,
        image: AnyPath | Sequence[AnyPath] = (),
        images: AnyPath | Sequence[AnyPath] | Dataset = (),
        layer: str = "",
        features: Sequence[str | Feature] = (),
        target: str | int | Target | None = None,
        edits: EditStack | None = None,
        region: Sequence[Sequence[float]] = (),
        settings: dict[str, Any] | None = None,
        examples: dict[str, Sequence[AnyPath | Example]] | None = None,
        seed: int = 0,
        other: AnyPath = "",
    ) -> Run:
        """The message that asks for such a run."""
        at_hand = images if isinstance(images, Dataset) else _scanned(images)
        at_hand = _with_classes(at_hand, self.description)
        inputs = Inputs(
            images=tuple(os.path.abspath(path) for path in _paths(image)),
            dataset=at_hand,
            layer=self.description.layer(layer).name if layer else "",
            features=tuple(self._feature(each) for each in features),
            target=self._target(target),
            edits=edits if edits is not None else EditStack(),
            region=tuple(tuple(float(v) for v in row) for row in region),
            examples={
                heading: tuple(map(_example, given)) for heading, given in (examples or {}).items()
            },
            seed=seed,
        )
        if other:
            self._engine.open_model(other, handle=_OTHER)
        return Run(
            analysis=analysis, model=MODEL, inputs=inputs, parameters=dict(settings or {}),
            other=_OTHER if other else "",
        )  # fmt: skip

    def replay(self, recipe: Recipe, *, images: AnyPath | Sequence[AnyPath] = ()) -> Results:
        """Make a recipe's result again with this model; see `replay`."""
        analysis = self._engine.workspace.analysis(recipe.analysis)
        at_hand = _scanned(images)
        found = Results()
        for one in recipe.contents or (recipe,):
            plan = plan_of(
                one, self.description, handle=MODEL, at_hand=at_hand, needs=analysis.needs,
                uses=analysis.uses,
            )  # fmt: skip
            made = self._run(plan.run)
            keys = [plan.result] if plan.result else list(made)
            found.update({key: made[key] for key in keys})
            found.recipes.update({key: made.recipes[key] for key in keys})
        return found

    def _run(self, request: Run) -> Results:
        found = Results()
        with computing_with(self._threads):
            for step in self._engine.run(request):
                if isinstance(step, Progress):
                    continue
                result, recipe = step
                if result.final:
                    found[result.key] = result
                    found.recipes[result.key] = recipe
        return found

    def _feature(self, feature: str | Feature) -> Feature:
        if isinstance(feature, Feature):
            feature.check(self.description.layer(feature.layer))
            return feature
        return Feature.resolve(feature, self.description)

    def _target(self, target: str | int | Target | None) -> Target:
        from interp_gui.cli.targets import parse_target

        if target is None:
            return Target()
        if isinstance(target, Target):
            return target
        return parse_target(str(target), self.description)


def open_model(
    path: AnyPath,
    *,
    preprocessing: Preprocessing | str | None = None,
    choice: OpenChoice | str = "",
    images: AnyPath | Sequence[AnyPath] | Dataset = (),
    device: str | None = None,
    threads: int | None = None,
    cached: bool = True,
    plugins: bool = True,
) -> Model:
    """Open a checkpoint.

    Parameters
    ----------
    preprocessing
        How images become its input: itself, or JSON of what differs from the usual (224 pixels,
        ImageNet's mean and deviation). That of the checkpoint if None.
    choice
        What was decided about it: `timm:resnet50` where several architectures take its tensors, or
        all of `core.opening.OpenChoice`.
    images
        Labelled images, which may tell such architectures apart.
    device
        `cpu`, `cuda:0`, …; the best one there is if None.
    threads
        With how many to compute; their number changes last digits. As torch likes if None.
    cached
        Use and fill the window's cache.
    plugins
        Load installed plugins.

    Raises
    ------
    UnknownArchitecture
        Its tensors fit no architecture, or several: `question.candidates` of it lists them.
    InterpError
        It cannot be opened; the message says why.
    """
    workspace = Workspace(
        device=device, cache=Cache.default() if cached else None, safe_mode=not plugins
    )
    engine = LocalEngine(workspace)
    if isinstance(preprocessing, str):
        preprocessing = read_preprocessing(preprocessing)
    if isinstance(choice, str):
        choice = OpenChoice(architecture=choice)
    labelled = images if isinstance(images, Dataset) else _scanned(images)
    dataset = engine.register_dataset(labelled) if labelled is not None else ""
    with computing_with(threads):
        description = engine.open_model(
            path, preprocessing=preprocessing, choice=choice, dataset=dataset
        )
    return Model(engine, description, threads)


def replay(
    recipe: Recipe | AnyPath,
    *,
    model: AnyPath,
    images: AnyPath | Sequence[AnyPath] = (),
    device: str | None = None,
) -> Results:
    """Make a result again from its recipe; on the same machine and versions, to the pixel.

    Parameters
    ----------
    recipe
        Itself, an exported picture or JSON file that holds it, or its JSON text.
    model
        The checkpoint; refused if its weights are not those of the recipe.
    images
        Files and folders among which its images are found by content.
    """
    from interp_gui.core.export import read_recipe

    if not isinstance(recipe, Recipe):
        text = os.fspath(recipe)
        is_json = text.lstrip().startswith("{")
        recipe = Recipe.from_json(text) if is_json else read_recipe(text)
    threads = recipe.environment.threads if recipe.environment.device == "cpu" else None
    opened = open_for(
        recipe.model,
        lambda choice: open_model(
            model, preprocessing=recipe.preprocessing, choice=choice, device=device,
            threads=threads, cached=False,
        ),
    )  # fmt: skip
    opened.set_outputs(outputs_for(recipe.model, opened.description))
    return opened.replay(recipe, images=images)


def _paths(given: AnyPath | Sequence[AnyPath]) -> list[str]:
    if isinstance(given, str | PathLike):
        return [os.fspath(given)]
    return [os.fspath(path) for path in given]


def _example(given: AnyPath | Example) -> Example:
    return given if isinstance(given, Example) else Example(os.path.abspath(given))


def _with_classes(dataset: Dataset | None, model: ModelDescription) -> Dataset | None:
    """With the classes that its labels certainly mean, where nobody said which they mean."""
    if dataset is None or dataset.classes or not dataset.labels or not model.class_count:
        return dataset
    proposals = propose(dataset.labels, model.class_names, class_count=model.class_count)
    return msgspec.structs.replace(dataset, classes=confirmed(proposals))


def _scanned(images: AnyPath | Sequence[AnyPath]) -> Dataset | None:
    paths = _paths(images)
    return scan(paths) if paths else None
