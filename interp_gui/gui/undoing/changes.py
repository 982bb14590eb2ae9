"""Changes by hand of what all views share, each with its way back."""

from functools import partial

from interp_gui.core.errors import InterpError, InvalidValue
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.target import Target
from interp_gui.gui.opening.model_list import ModelList
from interp_gui.gui.state import AppState, OpenModelState


def choose_target(state: AppState, target: Target) -> None:
    """Make a number the Target of the window; one that the model lacks is told, not taken.

    The way back leads to the model for which it was chosen.
    """
    shared = state.shared
    model, before = shared.model, shared.target
    if model is None or target == before:
        return
    try:
        target.check(model.description)
    except InterpError as problem:
        shared.notify_problem(problem)
        return
    shared.undo.change(
        f"choose target {target.title(model.description)}",
        partial(_set_target, shared, model, target),
        partial(_set_target, shared, model, before),
    )


def _set_target(state: AppState, model: OpenModelState, target: Target) -> None:
    current = state.model
    if current is None or current.handle != model.handle:
        state.set_model(_still_open(state, model.handle, "The target was chosen for a model"))
    state.set_target(target)


def change_preprocessing(state: AppState, models: ModelList, wanted: Preprocessing) -> None:
    """Change how images become the current model's input, whichever is current when undone."""
    shared = state.shared
    model = shared.model
    if model is None or wanted == model.description.preprocessing:
        return

    def put(preprocessing: Preprocessing) -> None:
        _still_open(shared, model.handle, "The preprocessing was changed of a model")
        models.set_preprocessing(preprocessing, handle=model.handle)

    shared.undo.change(
        f"change the preprocessing of {model.description.name}",
        partial(put, wanted),
        partial(put, model.description.preprocessing),
    )


def change_outputs(state: AppState, models: ModelList, wanted: tuple[OutputInfo, ...]) -> None:
    """Say what the current model's outputs are, whichever model is current when undone."""
    shared = state.shared
    model = shared.model
    if model is None or wanted == model.description.outputs:
        return

    def put(outputs: tuple[OutputInfo, ...]) -> None:
        _still_open(shared, model.handle, "The output was changed of a model")
        models.set_outputs(outputs, handle=model.handle)

    shared.undo.change(
        f"change what {model.description.name} answers",
        partial(put, wanted),
        partial(put, model.description.outputs),
    )


def _still_open(state: AppState, handle: str, what: str) -> OpenModelState:
    found = next((model for model in state.models if model.handle == handle), None)
    if found is None:
        raise InvalidValue(
            f"{what} that is closed.",
            hint="This step is left out; what was done before it can still be undone.",
        )
    return found
