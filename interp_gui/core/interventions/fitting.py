"""Whether an edit fits a model, and why not: asked before anything is run with it."""

import msgspec

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription


def why_unfit(edit: Edit, model: ModelDescription) -> str:
    """Why an edit cannot be in force in a model, as a sentence; empty if it can.

    Parameters
    ----------
    edit
        One that says no model fits any that has its layer and unit.
    model
        Where it would be in force.
    """
    problem = why_no_place(edit, model)
    if problem:
        return problem
    if edit.feature.model and edit.feature.model != model.weights_sha256:
        return f"It was made on another model than {model.name}."
    return ""


def why_no_place(edit: Edit, model: ModelDescription) -> str:
    """Why a model has nothing that an edit could change, whichever model it was made on."""
    try:
        layer = model.layer(edit.feature.layer)
        edit.feature.check(layer)
        if not layer.writable:
            return f"{layer.name} can be read but not changed in this model."
        _check_place(edit, layer)
    except InterpError as problem:
        return f"{problem.message} {problem.hint}".strip()
    return ""


def fitted(stack: EditStack, model: ModelDescription) -> EditStack:
    """The stack with all that does not fit a model switched off; places in it stay the same."""
    edits = tuple(
        msgspec.structs.replace(edit, enabled=False)
        if edit.enabled and why_unfit(edit, model)
        else edit
        for edit in stack.edits
    )
    return stack if edits == stack.edits else msgspec.structs.replace(stack, edits=edits)


def _check_place(edit: Edit, layer: LayerInfo) -> None:
    if edit.place.kind != "everywhere":
        edit.place.mask(layer.axes, layer.shape)
