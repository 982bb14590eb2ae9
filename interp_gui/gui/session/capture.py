"""What a window shows, as a session."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import interp_gui
from interp_gui.core.opening import OpenChoice
from interp_gui.core.session.document import DatasetRef, ModelRef, SessionDocument
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session.recovery import dataset_key, item_key
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import AppState, OpenModelState


def capture(
    state: AppState, views: dict[str, Any], absent: Sequence[ModelRef] = ()
) -> SessionDocument:
    """A session of everything in a window. Takes no copy of anything large.

    Parameters
    ----------
    views
        What `Centre.snapshot` gives.
    absent
        Models of the session that are not open: their files were not found.
    """
    models = (*map(model_ref, state.models), *absent)
    current = state.model
    handles = [model.handle for model in state.models]
    dataset = state.dataset
    return SessionDocument(
        models=models,
        current_model=handles.index(current.handle)
        if current is not None and current.handle in handles
        else 0,
        dataset=DatasetRef(name=dataset.name, images=dataset.images, classes=dataset.classes)
        if dataset is not None
        else None,
        image=state.image or "",
        watched=state.watched,
        stacks=state.stacks,
        layer=state.layer,
        feature=state.feature,
        tab=state.tab,
        target=state.target,
        edits=state.edits,
        names=names_of(state).snapshot(),
        shelf=shelf_of(state).items,
        kept=kept_of(state).items,
        report=kept_of(state).head,
        views=views,
        saved=datetime.now(UTC).isoformat(timespec="seconds"),
        program=interp_gui.__version__,
    )


def model_ref(model: OpenModelState) -> ModelRef:
    """A model that is open, as a session names it."""
    found, choice = model.description, model.description.choice
    return ModelRef(
        path=model.path,
        weights_sha256=found.weights_sha256,
        name=found.name,
        architecture=found.architecture,
        library=found.library,
        preprocessing=found.preprocessing,
        choice=OpenChoice(
            architecture="" if choice.code else choice.architecture,
            weights=choice.weights, head=choice.head, output=choice.output,
        ),
        outputs=found.outputs,
    )  # fmt: skip


def work_of(document: SessionDocument) -> object:
    """What a person made; compared to tell whether a session was changed.

    Which image, layer or feature is looked at is no change of a session.
    """
    return (
        tuple(map(item_key, document.shelf)),
        tuple(map(item_key, document.kept)),
        document.names,
        document.edits,
        document.stacks,
    )


def models_of(document: SessionDocument) -> object:
    """The models of a session, in whatever order: those that were not found stand at the end."""
    return {
        (model.path, model.weights_sha256, model.preprocessing, model.outputs)
        for model in document.models
    }


def surroundings_of(document: SessionDocument) -> tuple[object, ...]:
    """What was opened: a change of a session that has a file, but nothing to ask about else."""
    dataset = document.dataset
    return (
        models_of(document),
        dataset_key(dataset) if dataset is not None else None,
        document.target,
        document.watched,
    )
