"""Choosing the Target by hand: in words, and undoable."""

from functools import partial

from interp_gui.core.errors import InterpError
from interp_gui.core.model import ModelDescription
from interp_gui.core.target import Target
from interp_gui.gui.state import AppState


def choose_target(state: AppState, target: Target) -> None:
    """Make a number the Target of the window; one that the model lacks is told, not taken."""
    shared = state.shared
    before, model = shared.target, shared.model
    if target == before or model is None:
        return
    try:
        target.check(model.description)
    except InterpError as problem:
        shared.notify_problem(problem)
        return
    title = f"choose target {target.title(model.description)}"
    shared.undo.change(title, partial(_set, shared, target), partial(_set, shared, before))


def _set(state: AppState, target: Target) -> None:
    # Another model may be current by the time this is undone.
    if state.model is None or _fits(target, state.model.description):
        state.set_target(target)
    else:
        state.notify("info", "The Target belongs to another model, and was left as it is.")


def _fits(target: Target, model: ModelDescription) -> bool:
    try:
        target.check(model)
    except InterpError:
        return False
    return any(output.name == target.output for output in model.outputs) or not model.outputs
