"""What is open: models, datasets and analyses, and how each request is carried out."""

import os
from collections.abc import Generator, Iterable
from functools import partial
from typing import Protocol, cast

import msgspec

from interp_gui.core.analysis import Analysis, AnalysisInfo, Context, Inputs, Progress, Saved
from interp_gui.core.choices import remember_outputs
from interp_gui.core.dataset import Dataset
from interp_gui.core.device import DeviceInfo
from interp_gui.core.errors import MissingAbility, OutOfMemory, UnknownName, unknown_name
from interp_gui.core.lasting import Lasting
from interp_gui.core.model import (
    ModelDescription,
    OutputInfo,
    Preprocessing,
    check_outputs,
    same_outputs,
)
from interp_gui.core.runtime import Runtime
from interp_gui.engine.cache import Cache
from interp_gui.engine.environment import package_versions
from interp_gui.engine.jobs import Check, JobStep, JobSteps, Made
from interp_gui.engine.messages import (
    PROTOCOL_VERSION,
    CloseModel,
    Estimate,
    ForgetDataset,
    Hello,
    LookAtModel,
    OpenModel,
    PluginInfo,
    RegisterDataset,
    Request,
    Run,
    SetOutputs,
    SetPreprocessing,
)  # fmt: skip
from interp_gui.engine.needs import check_needs
from interp_gui.engine.opening import (
    Opener,
    keep_decisions,
    look_at,
    open_on_engine,
    outputs_of,
)  # fmt: skip
from interp_gui.engine.recipes import (
    compute_threads,
    recipe_of_result,
    recipe_of_run,
    takes_dataset,
)  # fmt: skip
from interp_gui.engine.sources import sources_of
from interp_gui.engine.watching import cancelling, hash_all, watched


class Repreparable(Protocol):
    """A runtime whose preprocessing and outputs can be exchanged."""

    def with_preprocessing(self, preprocessing: Preprocessing) -> Runtime:
        """The same model with another way from image to input."""

    def with_outputs(self, outputs: tuple[OutputInfo, ...]) -> Runtime:
        """The same model with outputs of other kinds."""


class Workspace:
    """Owns all models; used by one thread.

    Parameters
    ----------
    device
        `cpu`, `cuda:0`, …; the best one there is if None.
    cache
        Where analyses keep what they computed.
    safe_mode
        Load no plugins.
    analyses, open_model
        Replace what is found and how files are opened, for tests.
    """

    def __init__(
        self,
        *,
        device: str | None = None,
        cache: Cache | None = None,
        safe_mode: bool = False,
        analyses: Iterable[Analysis] | None = None,
        open_model: Opener | None = None,
    ) -> None:
        self.cache = cache
        self.analyses: dict[str, Analysis] = {}
        self.plugins: tuple[PluginInfo, ...] = ()
        self._origins: dict[str, str] = {}
        self._models: dict[str, Runtime] = {}
        self._guessed: dict[str, tuple[OutputInfo, ...]] = {}
        self._datasets: dict[str, Dataset] = {}
        self._probes: dict[str, float] = {}
        self._lasting = Lasting()
        self._open = open_model or open_on_engine
        self.device, self.device_reason = _device(device, real=open_model is None)
        if analyses is None:
            self._find_analyses(safe_mode=safe_mode)
        else:
            self.analyses = {analysis.id: analysis for analysis in analyses}

    def infos(self) -> tuple[AnalysisInfo, ...]:
        """All analyses as the window and the command line see them."""
        return tuple(a.info(plugin=self._origins.get(a.id, "")) for a in self.analyses.values())

    def hello(self) -> Hello:
        """What is here, for the window."""
        return Hello(
            protocol=PROTOCOL_VERSION,
            device=self.device,
            device_reason=self.device_reason,
            devices=_devices(),
            analyses=self.infos(),
            plugins=self.plugins,
            versions=package_versions(),
            pid=os.getpid(),
        )

    def model(self, handle: str) -> Runtime:
        """An open model; UnknownName if there is none under this handle."""
        if handle not in self._models:
            raise UnknownName("That model is not open.", hint="Open the model again.")
        return self._models[handle]

    def analysis(self, name: str) -> Analysis:
        """An analysis by id; an unknown one raises with near names."""
        if name not in self.analyses:
            raise unknown_name("analysis", name, self.analyses)
        return self.analyses[name]

    def execute(self, request: Request, check: Check = lambda: None) -> JobSteps:
        """Carry out a request.

        Parameters
        ----------
        check
            Raises Cancelled once the request is to stop; called between and inside steps.

        Yields
        ------
        Progress, saved states, and results with their recipes. Returns a model's description
        where the request opens or changes one, or finds out what it runs fastest on. No
        hook stays in a model between two yields.
        """
        match request:
            case OpenModel():
                return (yield from self._open_model(request, check))
            case CloseModel():
                self._put(request.model, None)
                self._guessed.pop(request.model, None)
            case SetPreprocessing():
                return self._set_preprocessing(request, check)
            case SetOutputs():
                return self._set_outputs(request)
            case LookAtModel():
                return (yield from look_at(request, check))
            case RegisterDataset():
                self._datasets[request.dataset] = request.value
            case ForgetDataset():
                self._datasets.pop(request.dataset, None)
            case Run():
                try:
                    return (yield from self._run(request, check))
                except (OutOfMemory, MemoryError):
                    self._lasting.clear()
                    raise
            case Estimate():
                yield from self._estimate(request.run, check)
        return None

    # --- models --------------------------------------------------------------------------------

    def _open_model(
        self, request: OpenModel, check: Check
    ) -> Generator[JobStep, None, ModelDescription]:
        labelled = self._datasets.get(request.dataset) if request.dataset else None
        runtime = yield from self._open(request, labelled, self.device, check)
        found = runtime.description
        keep_decisions(found)
        wanted = request.outputs or outputs_of(found)
        if wanted != found.outputs and same_outputs(wanted, found.outputs):
            runtime = _with_outputs(runtime, wanted)
        self._put(request.model, runtime)
        self._guessed[request.model] = () if found.choice.output else found.outputs
        return self._described(request.model)

    def _put(self, handle: str, runtime: Runtime | None) -> None:
        """Have another runtime under a handle, and let go of all that was kept for the former."""
        former = self._models.pop(handle, None)
        if former is not None:
            self._lasting.forget(former)
        if runtime is not None:
            self._models[handle] = runtime

    def _described(self, handle: str) -> ModelDescription:
        """A model's description, with what its outputs would be if nobody had said."""
        found, guessed = self._models[handle].description, self._guessed.get(handle, ())
        other = guessed if guessed != found.outputs else ()
        return msgspec.structs.replace(found, guessed_outputs=other) if other else found

    def _set_outputs(self, request: SetOutputs) -> ModelDescription:
        changed = _with_outputs(self.model(request.model), request.outputs)
        self._put(request.model, changed)
        if request.keep:
            is_guess = request.outputs == self._guessed.get(request.model)
            told = () if is_guess else request.outputs
            remember_outputs(changed.description.weights_sha256, told)
        return self._described(request.model)

    def _set_preprocessing(self, request: SetPreprocessing, check: Check) -> ModelDescription:
        runtime = self.model(request.model)
        if not hasattr(runtime, "with_preprocessing"):
            raise MissingAbility("This model's preprocessing cannot be changed.")
        with cancelling(runtime, check):
            changed = cast(Repreparable, runtime).with_preprocessing(request.preprocessing)
        self._put(request.model, changed)
        return self._described(request.model)

    # --- runs ----------------------------------------------------------------------------------

    def _run(self, request: Run, check: Check) -> Generator[JobStep, None, ModelDescription | None]:
        analysis = self.analysis(request.analysis)
        model = self.model(request.model)
        reason = model.description.runtime_reason
        other = self.model(request.other) if request.other else None
        inputs = self._inputs(request)
        settings = analysis.settings(request.parameters)
        check_needs(analysis, model, inputs, settings, other=other)
        taken = yield from sources_of(
            model, inputs, check, lenient=analysis.judges_edits, lasting=self._lasting
        )
        context = Context(
            model=model, inputs=inputs, check=check, cache=self.cache, state=request.state,
            sources=taken.values, pixels=taken.pixels, probes=self._probes,
            lasting=self._lasting, other=other,
        )  # fmt: skip
        recipe = None
        for step in watched(analysis.run(context, settings), (model, other), check):
            if isinstance(step, Progress | Saved):
                yield step
                continue
            if recipe is None:
                if takes_dataset(analysis, inputs) and inputs.dataset is not None:
                    yield from hash_all(inputs.dataset.paths, check)
                recipe = recipe_of_run(
                    analysis, model, inputs, settings, threads=compute_threads(), other=other
                )
            yield Made(step, recipe_of_result(recipe, step))
        now = model.description
        return now if now.runtime_reason != reason else None

    def _estimate(self, request: Run, check: Check) -> Generator[JobStep, None, None]:
        analysis, model = self.analysis(request.analysis), self.model(request.model)
        other = self.model(request.other) if request.other else None
        inputs, settings = self._inputs(request), analysis.settings(request.parameters)
        check_needs(analysis, model, inputs, settings, other=other)
        if analysis.estimate is None:
            return
        taken = yield from sources_of(
            model, inputs, check, lenient=analysis.judges_edits, lasting=self._lasting
        )
        context = Context(
            model=model, inputs=inputs, check=check, cache=self.cache, state=request.state,
            sources=taken.values, pixels=taken.pixels, probes=self._probes,
            lasting=self._lasting, other=other,
        )  # fmt: skip
        with cancelling(model, check):
            cost = analysis.estimate(context, settings)
        if cost is not None:
            yield cost

    def _inputs(self, request: Run) -> Inputs:
        target = request.inputs.target.fitted(self.model(request.model).description)
        inputs = msgspec.structs.replace(request.inputs, target=target)
        if not request.dataset:
            return inputs
        if request.dataset not in self._datasets:
            raise UnknownName("Those images are not at hand.", hint="Open the images again.")
        return msgspec.structs.replace(inputs, dataset=self._datasets[request.dataset])

    def _find_analyses(self, *, safe_mode: bool) -> None:
        from interp_gui.analyses.builtin import builtin_analyses
        from interp_gui.plugins import load_plugins

        self.analyses = {analysis.id: analysis for analysis in builtin_analyses()}
        plugins, failures = load_plugins(safe_mode=safe_mode, taken=tuple(self.analyses))
        for plugin in plugins:
            for analysis in plugin.analyses:
                self.analyses[analysis.id] = analysis
                self._origins[analysis.id] = plugin.name
        describers = tuple(d for plugin in plugins for d in plugin.describers)
        if describers and self._open is open_on_engine:
            self._open = partial(open_on_engine, describers=describers)
        working = (PluginInfo(name=p.name, version=p.version) for p in plugins)
        broken = (
            PluginInfo(name=f.name, version=f.version, problem=f.message, details=f.details)
            for f in failures
        )
        self.plugins = (*working, *broken)


def _with_outputs(runtime: Runtime, outputs: tuple[OutputInfo, ...]) -> Runtime:
    if not hasattr(runtime, "with_outputs"):
        raise MissingAbility("This model's outputs cannot be changed.")
    check_outputs(runtime.description.outputs, outputs)
    return cast(Repreparable, runtime).with_outputs(outputs)


def _device(asked: str | None, *, real: bool) -> tuple[str, str]:
    if asked is not None:
        return asked, "It was asked for."
    if not real:
        return "cpu", "Nothing else is known."
    from interp_gui.runtimes.devices import choose_device

    name, reason = choose_device()
    return name, reason


def _devices() -> tuple[DeviceInfo, ...]:
    from interp_gui.runtimes.devices import list_devices

    return list_devices()
