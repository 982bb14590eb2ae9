"""The contract of an analysis: all that is needed to appear in window, command line and docs."""

import dataclasses
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from interp_gui.core.cost import Cost
from interp_gui.core.dataset import Dataset
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InvalidValue, MissingAbility, unknown_name
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.core.lasting import Lasting
from interp_gui.core.planes import Planes
from interp_gui.core.result import AnyResult
from interp_gui.core.runtime import Differentiable, Runtime, Sources, differentiable
from interp_gui.core.stored_folder import StoredFolder, temporary_folder
from interp_gui.core.target import Target

Need = Literal[
    "image",
    "source",
    "dataset",
    "layer",
    "features",
    "target",
    "gradient",
    "classes",
    "spatial",
    "other",
    "edits",
    "examples",
    "region",
]
ParameterKind = Literal["int", "float", "bool", "text", "choice"]


def parameter(
    default: Any,
    *,
    help: str,
    title: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    advanced: bool = False,
) -> Any:
    """Declare a field of a parameter dataclass with its bounds, unit and one line of help."""
    return field(
        default=default,
        metadata={
            "help": help, "title": title, "minimum": minimum, "maximum": maximum,
            "unit": unit, "choices": choices, "advanced": advanced,
        },
    )  # fmt: skip


class ParameterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter as forms, command line and docs see it."""

    name: str
    title: str
    kind: ParameterKind
    default: int | float | bool | str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    advanced: bool = False


class AnalysisInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An analysis as the window process knows it."""

    id: str
    title: str
    summary: str
    needs: tuple[Need, ...]
    produces: tuple[str, ...]
    parameters: tuple[ParameterInfo, ...]
    plugin: str = ""
    """Distribution that brought it; empty for the built-in ones."""
    menu: str = "Analyse"
    estimates: bool = False
    """Whether it can tell what a run would cost."""
    offered: bool = True
    """Whether menus offer it; others are run by the view whose part they are."""
    uses: tuple[Need, ...] = ()
    """What changes its results where it is given, beside `needs`."""
    unedited: bool = False
    """Whether it is about the network as it is; views ask for it without edits."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is; `total` 0 if it cannot be known."""

    done: int = 0
    total: int = 0
    text: str = ""


class Saved(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """State from which a run can be resumed: JSON-like with numpy arrays as values."""

    state: dict[str, Any]


Step = Progress | AnyResult | Saved
Steps = Generator[Step, None, None]


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is about, beside its parameters.

    Parameters
    ----------
    images
        Paths of the images asked about (the current one first).
    dataset
        The images at hand, for statistics and ranks.
    layer
        Layer address; empty if none.
    features
        In the order asked.
    region
        Brushed place on the current image: rows of weights on a grid over the network's input.
    examples
        By heading (`with`, `without`), for analyses that compare collections.
    sources
        Paths of further images that edits may take values from, beside those asked about and
        those at hand. No part of a recipe: the edits name them by content.
    """

    images: tuple[str, ...] = ()
    dataset: Dataset | None = None
    layer: str = ""
    features: tuple[Feature, ...] = ()
    target: Target = Target()
    edits: EditStack = EditStack()
    region: tuple[tuple[float, ...], ...] = ()
    examples: dict[str, tuple[Example, ...]] = {}
    seed: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an analysis is given.

    Parameters
    ----------
    model
        The runtime; `Differentiable` too if `gradient` is needed.
    inputs
        What to work on.
    check
        Raises Cancelled when the run was told to stop; call it in long loops.
    cache
        Content-keyed store of earlier results.
    state
        Last saved state to resume from, None for a fresh run.
    sources
        Values of other images that `inputs.edits` ask for; pass them on with the edits.
    pixels
        What the network sees of other images that changes of an image take pixels from, by
        SHA-256, (h, w, C); `analyses.asked.see` uses them.
    other
        The second model, where `other` is needed; edits and the Target are of the first one.
    """

    model: Runtime
    inputs: Inputs
    check: Callable[[], None] = lambda: None
    cache: "Store | None" = None
    state: dict[str, Any] | None = None
    sources: Sources = field(default_factory=dict)
    pixels: Mapping[str, Planes] = field(default_factory=dict)
    other: Runtime | None = None
    probes: dict[str, float] = field(default_factory=dict)
    """Times that were measured for estimates, by what was timed; kept as long as the engine."""
    lasting: Lasting = field(default_factory=Lasting)
    """What is kept in memory for the next request about the same model."""

    @property
    def differentiable(self) -> Differentiable:
        """The runtime as one that can differentiate."""
        found = differentiable(self.model)
        if found is None:
            raise MissingAbility(
                "This model's runtime cannot compute gradients.",
                hint=self.model.description.gradient_problem,
            )
        return found

    def recall(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """What the cache holds under a content key; None if nothing, or if there is no cache."""
        if self.cache is None:
            return None
        try:
            return self.cache.get(key)
        except KeyError:
            return None

    def folder_of(self, key: dict[str, Any]) -> StoredFolder:
        """The cache's folder under a content key; a temporary one if there is no cache."""
        return temporary_folder() if self.cache is None else self.cache.folder_of(key)


class Store:
    """What analyses see of the cache; `engine.cache.Cache` is one that keeps on disk.

    Attributes
    ----------
    limit_bytes
        Most that it keeps; None where it does not say.
    """

    limit_bytes: int | None = None

    def get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """The arrays and JSON-like values stored under a content key."""
        raise KeyError(key)

    def put(self, key: dict[str, Any], value: dict[str, Any]) -> None:
        """Store them atomically."""
        raise KeyError(key)

    def folder_of(self, key: dict[str, Any]) -> StoredFolder:
        """A folder for what is too large for one file, in use until it is closed.

        It is the same one whenever the key is; what lies in it is the caller's affair, who tells
        by `StoredFolder.holds` how large it has become. This one keeps nothing on disk: its
        folders go with it.
        """
        known: dict[str, StoredFolder] = self.__dict__.setdefault("_temporary_folders", {})
        name = json.dumps(msgspec.to_builtins(key, enc_hook=str), sort_keys=True)
        if name not in known:
            known[name] = temporary_folder()
        return known[name]

    @property
    def in_progress(self) -> dict[str, Any]:
        """Unfinished work that runs of this process share, by a name that tells its content."""
        shared: dict[str, Any] = self.__dict__.setdefault("_in_progress", {})
        return shared

    def unfinished(self, kind: str) -> dict[str, Any]:
        """Unfinished work of one kind, in the order it was left; who uses it bounds it."""
        kinds: dict[str, dict[str, Any]] = self.__dict__.setdefault("_unfinished", {})
        return kinds.setdefault(kind, {})


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A named computation.

    Parameters
    ----------
    id
        As typed on the command line, e.g. `feature-visualization`.
    parameters
        A frozen dataclass whose fields are made by `parameter`.
    needs
        What must be given, and what the model must have.
    uses
        What changes its results where it is given, beside `needs`; part of recipes then.
    spares
        Which of `needs` certain settings do without, as an objective that names its own unit.
    run
        Generator of Progress, results and Saved. It yields at least every 100 ms where one
        step allows it.
    estimate
        What a run would cost, within a second and without starting it; None where that is not
        known. It may time a step or two of the model, and remember that in `Context.probes`.
    version
        Raised whenever the same inputs would give other numbers; part of cache keys.
    offered
        Whether menus of the window offer it; a part of another analysis is not worth a form.
    judges_edits
        Whether it says itself which edits do not fit, instead of being refused for one of them.
    unedited
        Whether it is about the network as it is; views ask for it without edits.
    """

    id: str
    title: str
    summary: str
    parameters: type[Any]
    run: Callable[[Context, Any], Steps]
    needs: tuple[Need, ...] = ()
    uses: tuple[Need, ...] = ()
    produces: tuple[str, ...] = ()
    spares: Callable[[Any], tuple[Need, ...]] = lambda settings: ()
    version: int = 1
    menu: str = "Analyse"
    offered: bool = True
    judges_edits: bool = False
    unedited: bool = False
    estimate: Callable[[Context, Any], Cost | None] | None = None

    def info(self, *, plugin: str = "") -> AnalysisInfo:
        """The declaration as data."""
        return AnalysisInfo(
            id=self.id, title=self.title, summary=self.summary, needs=self.needs,
            produces=self.produces, parameters=parameter_infos(self.parameters), plugin=plugin,
            menu=self.menu, estimates=self.estimate is not None, offered=self.offered,
            unedited=self.unedited, uses=self.uses,
        )  # fmt: skip

    def settings(self, values: dict[str, Any]) -> Any:
        """Build the parameter dataclass from names and values (or their text)."""
        known = {info.name: info for info in parameter_infos(self.parameters)}
        for name in values:
            if name not in known:
                raise unknown_name(f"setting of {self.id}", name, known)
        return self.parameters(**{n: convert(known[n], v) for n, v in values.items()})


def parameter_infos(parameters: type[Any]) -> tuple[ParameterInfo, ...]:
    """Describe the fields of a parameter dataclass."""
    hints = get_type_hints(parameters)
    return tuple(_describe(f, hints[f.name]) for f in dataclasses.fields(parameters))


def _describe(declared: "dataclasses.Field[Any]", hint: Any) -> ParameterInfo:
    meta = declared.metadata
    choices = get_args(hint) if get_origin(hint) is Literal else meta.get("choices", ())
    kinds: dict[Any, ParameterKind] = {int: "int", float: "float", bool: "bool", str: "text"}
    default: Any = declared.default
    return ParameterInfo(
        name=declared.name,
        title=meta.get("title") or declared.name.replace("_", " "),
        kind="choice" if choices else kinds[hint],
        default=default,
        help=meta.get("help", ""),
        minimum=meta.get("minimum"),
        maximum=meta.get("maximum"),
        unit=meta.get("unit", ""),
        choices=tuple(choices),
        advanced=meta.get("advanced", False),
    )


def spoken(analysis_id: str) -> str:
    """An analysis in words by its id alone, where its declaration is not at hand."""
    return analysis_id.replace("-", " ").replace("visualization", "visualisation")


def convert(info: ParameterInfo, value: Any) -> Any:
    """Turn a value or its text into what the parameter holds; InvalidValue names the bounds."""
    wrong = InvalidValue(f"'{value}' is not a value of '{info.name}'.", hint=_expected(info))
    if info.kind == "bool":
        words = {"true": True, "1": True, "yes": True, "on": True,
                 "false": False, "0": False, "no": False, "off": False}  # fmt: skip
        if str(value).lower() not in words:
            raise wrong
        return words[str(value).lower()]
    if info.kind == "text":
        return str(value)
    if info.kind == "choice":
        if str(value) not in info.choices:
            raise wrong
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong from None
    low = -float("inf") if info.minimum is None else info.minimum
    high = float("inf") if info.maximum is None else info.maximum
    if isinstance(value, bool) or not low <= number <= high:
        raise wrong
    if info.kind == "int":
        if number != int(number):
            raise wrong
        return int(number)
    return number


def _expected(info: ParameterInfo) -> str:
    if info.choices:
        return f"It is one of {', '.join(info.choices)}."
    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "text": "text"}
    bounds = ""
    if info.minimum is not None:
        bounds += f" from {info.minimum:g}"
    if info.maximum is not None:
        bounds += f" to {info.maximum:g}"
    return f"It is {words[info.kind]}{bounds}{' ' + info.unit if info.unit else ''}."
