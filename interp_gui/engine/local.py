"""The same engine in this process, without threads: for the command line and tests."""

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, TypeVar

from interp_gui.core.analysis import Progress, Saved
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import InterpError, OutOfMemory
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import FileReport, OpenChoice
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.engine.failures import describe, is_out_of_memory
from interp_gui.engine.jobs import JobSteps, Made, Pulse
from interp_gui.engine.messages import (
    CloseModel,
    Estimate,
    LookAtModel,
    OpenModel,
    RegisterDataset,
    Request,
    Run,
    SetOutputs,
    SetPreprocessing,
)  # fmt: skip
from interp_gui.engine.workspace import Workspace

Found = TypeVar("Found", ModelDescription, FileReport)

MODEL = "model"
DATASET = "dataset"


class LocalEngine:
    """Runs requests at once and raises what goes wrong as `InterpError`.

    Parameters
    ----------
    workspace
        Its models, datasets and analyses.
    check
        Raises Cancelled to stop a run from inside; called at every step and module.
    """

    def __init__(
        self, workspace: Workspace | None = None, *, check: Callable[[], None] = lambda: None
    ) -> None:
        self.workspace = Workspace() if workspace is None else workspace
        self._check = check

    def open_model(
        self,
        path: str | PathLike[str],
        *,
        preprocessing: Preprocessing | None = None,
        handle: str = MODEL,
        choice: OpenChoice = OpenChoice(),
        dataset: str = "",
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> ModelDescription:
        """Open a checkpoint under a handle.

        Parameters
        ----------
        choice
            What the user decided about it.
        dataset
            Handle of registered images; labelled ones help to tell candidates apart.
        """
        request = OpenModel(
            model=handle, path=str(path), preprocessing=preprocessing, choice=choice,
            dataset=dataset,
        )  # fmt: skip
        return self._found(request, ModelDescription, on_progress)

    def look_at(self, path: str | PathLike[str], *, hashed: bool = True) -> FileReport:
        """Say what a file is without opening it."""
        return self._found(LookAtModel(path=str(path), hashed=hashed), FileReport)

    def close_model(self, handle: str = MODEL) -> None:
        """Forget a model."""
        self._last(CloseModel(model=handle), lambda progress: None)

    def set_preprocessing(
        self, preprocessing: Preprocessing, *, handle: str = MODEL
    ) -> ModelDescription:
        """Change how images become a model's input."""
        request = SetPreprocessing(model=handle, preprocessing=preprocessing)
        return self._found(request, ModelDescription)

    def set_outputs(
        self, outputs: tuple[OutputInfo, ...], *, handle: str = MODEL
    ) -> ModelDescription:
        """Say what a model's outputs are."""
        return self._found(SetOutputs(model=handle, outputs=outputs), ModelDescription)

    def register_dataset(self, dataset: Dataset, *, handle: str = DATASET) -> str:
        """Tell the images at hand; returns the handle that runs name."""
        self._last(RegisterDataset(dataset=handle, value=dataset), lambda progress: None)
        return handle

    def run(
        self,
        request: Run,
        *,
        on_state: Callable[[dict[str, Any]], None] = lambda state: None,
    ) -> Iterator[Progress | tuple[AnyResult, Recipe]]:
        """Run an analysis; yields progress, and results with their recipes."""
        steps = self.workspace.execute(request, self._check)
        try:
            for step in _mapped(steps):
                if isinstance(step, Saved):
                    on_state(step.state)
                elif isinstance(step, Progress):
                    yield step
                elif isinstance(step, Made) and step.recipe is not None:
                    yield step.result, step.recipe
        finally:
            steps.close()

    def estimate(self, request: Run) -> Cost | None:
        """What a run would cost; None where its analysis cannot tell."""
        steps = _mapped(self.workspace.execute(Estimate(run=request), self._check))
        found = None
        for step in steps:
            if isinstance(step, Cost):
                found = step
        return found

    def _found(
        self,
        request: Request,
        kind: type[Found],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Found:
        found = self._last(request, on_progress)
        if not isinstance(found, kind):
            raise TypeError(f"{type(request).__name__} gave {type(found).__name__}")
        return found

    def _last(self, request: Request, on_progress: Callable[[Progress], None]) -> Any:
        steps = _mapped(self.workspace.execute(request, Pulse(self._check, on_progress)))
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                return stop.value
            if isinstance(step, Progress):
                on_progress(step)


def _mapped(steps: JobSteps) -> JobSteps:
    """The same steps; running out of memory becomes an error with a sentence."""
    try:
        return (yield from steps)
    except InterpError:
        raise
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        error = describe(problem)
        raise OutOfMemory(error.message, hint=error.hint) from problem
