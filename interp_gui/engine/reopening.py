"""Opening a file again as the network that a recipe or a session is about."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from interp_gui.core.errors import InvalidValue, UnknownArchitecture, UnknownName
from interp_gui.core.model import ModelDescription, OutputInfo, same_outputs
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import ModelIdentity

Opened = TypeVar("Opened")

_TOLD_BY_NAME = ("torchvision", "timm")
"""Libraries whose architectures may take the tensors of others."""


def open_for(
    wanted: ModelIdentity,
    open_model: Callable[[OpenChoice], Opened],
    choice: OpenChoice = OpenChoice(),
) -> Opened:
    """Open a model as a known network; several architectures may take the same tensors.

    A file that is not of that architecture is opened as what it is: whoever asked compares it with
    what was wanted (`engine.replay.check_model`).

    Parameters
    ----------
    open_model
        Opens the file with a choice.
    choice
        What else was decided about the file.

    Raises
    ------
    InterpError
        As opening does.
    """
    if wanted.library not in _TOLD_BY_NAME or not wanted.architecture:
        return open_model(choice)
    head = choice.head or tuple(str(each) for each in wanted.config.get("head") or ())
    named = msgspec.structs.replace(
        choice, architecture=f"{wanted.library}:{wanted.architecture}", head=head
    )
    try:
        return open_model(named)
    except (UnknownArchitecture, UnknownName, InvalidValue):
        return open_model(choice)


def outputs_for(wanted: ModelIdentity, model: ModelDescription) -> tuple[OutputInfo, ...]:
    """Kinds of outputs that a model is to be given to be the one of a recipe.

    Empty where they are right already, where the recipe does not say, and where the outputs are
    others altogether: whoever asked then finds another model.
    """
    same = same_outputs(wanted.outputs, model.outputs)
    return wanted.outputs if same and wanted.outputs != model.outputs else ()
