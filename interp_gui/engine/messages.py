"""Messages between the window process and the engine process.

Requests go to the engine, events come back. Both are msgspec structs; arrays inside results travel
in mapped files (see `engine.codec`).
"""

from typing import Any, Literal

import msgspec

from interp_gui.core.analysis import AnalysisInfo, Inputs, Progress
from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.device import DeviceInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import FileReport, OpenChoice, OpenQuestion
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult

PROTOCOL_VERSION = 1
Priority = Literal["interactive", "visible", "background"]


# --- what a job can be asked to do ------------------------------------------------------------


class OpenModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Open a checkpoint under a handle that the window chose; finishes with its description."""

    model: str
    path: str
    preprocessing: Preprocessing | None = None
    choice: OpenChoice = OpenChoice()
    dataset: str = ""
    """Handle of registered images; labelled ones help to tell candidates apart."""
    outputs: tuple[OutputInfo, ...] = ()
    """In place of the guessed kinds of outputs; passed over by a file that has other ones."""


class LookAtModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Say what a file is without opening it; finishes with a `FileReport`."""

    path: str
    hashed: bool = True
    """Whether the file's SHA-256 is wanted: it takes a reading of all of it."""


class CloseModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Forget a model and free its memory."""

    model: str


class SetPreprocessing(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Change how images become the model's input; finishes with its new description."""

    model: str
    preprocessing: Preprocessing


class SetOutputs(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Say what a model's outputs are (their kinds); finishes with its new description."""

    model: str
    outputs: tuple[OutputInfo, ...]
    keep: bool = False
    """Whether it is remembered for these weights; saying what is guessed anyway forgets it."""


class RegisterDataset(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Tell the engine the images at hand, once, under a handle that runs can name."""

    dataset: str
    value: Dataset


class ForgetDataset(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Forget a registered dataset; runs that have begun with it go on."""

    dataset: str


class Run(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run an analysis.

    Parameters
    ----------
    dataset
        Handle of a registered dataset, used as `inputs.dataset`; empty if none.
    other
        Handle of a second model, for analyses that compare two.
    parameters
        Names and values, checked by the analysis.
    state
        Saved state to resume from.
    """

    analysis: str
    model: str
    inputs: Inputs
    dataset: str = ""
    other: str = ""
    parameters: dict[str, Any] = {}
    state: dict[str, Any] | None = None


class Estimate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Say what a run would cost; it is not started."""

    run: Run


Request = (
    OpenModel | LookAtModel | CloseModel | SetPreprocessing | SetOutputs | RegisterDataset
    | ForgetDataset | Run | Estimate
)  # fmt: skip


# --- from the window ---------------------------------------------------------------------------


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Start a job. Results of a generation older than the newest of their view are dropped."""

    job: int
    request: Request
    priority: Priority = "interactive"
    generation: int = 0
    title: str = ""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop a job; it answers with `Ended`."""

    job: int


class Pause(msgspec.Struct, frozen=True, tag=True):
    """Hold a job at its next yield."""

    job: int


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Let a held job go on."""

    job: int


class Reprioritise(msgspec.Struct, frozen=True, tag=True):
    """Change a waiting or running job's priority."""

    job: int
    priority: Priority


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """End the engine."""


ToEngine = Submit | Cancel | Pause | Resume | Reprioritise | Shutdown


# --- from the engine ---------------------------------------------------------------------------


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A failure: sentence, hint, and details for those who ask."""

    cause: str
    """Name of the exception type (`FileProblem`); `bug` for unexpected ones."""
    message: str
    hint: str = ""
    details: str = ""
    question: OpenQuestion | None = None
    """What has to be answered for a model to open."""


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was found; `problem` says why it is disabled."""

    name: str
    version: str = ""
    problem: str = ""
    details: str = ""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine is ready."""

    protocol: int
    device: str
    device_reason: str
    """Why it is this device, in words: `no NVIDIA GPU was found`."""
    devices: tuple[DeviceInfo, ...] = ()
    """All that could be chosen, each with the reason why it cannot be used."""
    analyses: tuple[AnalysisInfo, ...]
    plugins: tuple[PluginInfo, ...] = ()
    versions: dict[str, str] = {}
    pid: int = 0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine lives; `compute_age_s` since its compute thread last showed life."""

    compute_age_s: float
    job: int | None = None
    memory_bytes: int = 0


class Started(msgspec.Struct, frozen=True, tag=True):
    """A job began to run."""

    job: int


class Progressed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A job got further; `left_s` is the estimated time left, None if unknown."""

    job: int
    generation: int
    progress: Progress
    left_s: float | None = None


class Produced(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A result, with the recipe that reproduces it."""

    job: int
    generation: int
    result: AnyResult
    recipe: Recipe | None = None


class Estimated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a run would cost; not sent where its analysis cannot tell."""

    job: int
    generation: int
    cost: Cost


class StateSaved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """State from which the job could be resumed."""

    job: int
    state: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A job is over; exactly one a job."""

    job: int
    generation: int
    outcome: Literal["finished", "cancelled", "failed"]
    description: ModelDescription | None = None
    """For OpenModel, SetPreprocessing and SetOutputs; for a Run that found out what its model runs
    fastest on, which nothing but `runtime_reason` tells of."""
    file: FileReport | None = None
    """For LookAtModel."""
    error: ErrorInfo | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A log record of the engine."""

    level: str
    logger: str
    text: str


class EngineLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Made by the client: the engine process ended or was killed; `respawning` if it comes back."""

    reason: str
    respawning: bool
    stderr_tail: str = ""


class Reopening(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Made by the client: a new engine opens again what was open.

    Parameters
    ----------
    model, name
        Handle of the model that is opened now, and its file; empty once all of them are.
    at, count
        Which one it is, from 1, and how many there are.
    waiting
        Handles of those that are not open yet, the one that is opened now first.
    """

    model: str = ""
    name: str = ""
    at: int = 0
    count: int = 0
    waiting: tuple[str, ...] = ()


FromEngine = (
    Hello | Heartbeat | Started | Progressed | Produced | Estimated | StateSaved | Ended | LogLine
    | EngineLost | Reopening
)  # fmt: skip
