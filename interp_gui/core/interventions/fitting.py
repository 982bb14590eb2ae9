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
        _check_place(edit, layer, varying=model.preprocessing.varying)
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


def resolved(stack: EditStack, model: ModelDescription) -> EditStack:
    """The stack with each layer under the model's own name of it: `x#0` is `x`.

    What compares layers of edits compares their names; one that the model does not have stays.
    """
    edits = tuple(_named(edit, model) for edit in stack.edits)
    return stack if edits == stack.edits else msgspec.structs.replace(stack, edits=edits)


def _named(edit: Edit, model: ModelDescription) -> Edit:
    name = own_name(edit.feature.layer, model)
    if name == edit.feature.layer:
        return edit
    feature = msgspec.structs.replace(edit.feature, layer=name)
    return msgspec.structs.replace(edit, feature=feature)


def own_name(layer: str, model: ModelDescription) -> str:
    """A layer's name as a model says it; as it is where the model has no such layer."""
    try:
        return model.layer(layer).name
    except InterpError:
        return layer


def _check_place(edit: Edit, layer: LayerInfo, *, varying: bool) -> None:
    """Raise EditProblem for a place that the layer does not have.

    Where images keep sizes of their own (`varying`), a layer's extents are those for one of them
    only: whether a position lies within is said when an image is run.
    """
    place = edit.place
    if place.kind == "everywhere":
        return
    shape = layer.shape
    if varying:
        reach = {
            "y": 1 + max((y for y, _ in place.positions), default=0),
            "x": 1 + max((x for _, x in place.positions), default=0),
            "token": max((t + 1 if t >= 0 else -t for t in place.tokens), default=0),
        }
        shape = tuple(
            max(n, reach.get(axis, 0)) for axis, n in zip(layer.axes, shape, strict=True)
        )  # fmt: skip
    place.mask(layer.axes, shape)
