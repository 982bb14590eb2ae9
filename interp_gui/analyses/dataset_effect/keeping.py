"""Where rows of numbers are kept between runs, and how unedited answers that are missing come."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from interp_gui.analyses.asked import main_output
from interp_gui.analyses.dataset_effect.answers import Compared
from interp_gui.analyses.dataset_pass import Known, decoded
from interp_gui.analyses.kept_rows import KeptRows, kept_rows
from interp_gui.analyses.passes import (
    Route,
    batch_size,
    choose_route,
    identity,
    known_route,
    many,
)
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.preprocessing import preprocess
from interp_gui.core.runtime import Array

VERSION = 3
"""Raised whenever the same images would give other rows; part of cache keys."""


def unedited_rows(context: Context, runner: str) -> KeptRows:
    """Outputs of the network as it is, shared by all that ask about it."""
    key = {"kind": "answers", "version": VERSION, "output": main_output(context)}
    return kept_rows(context, {**key, **identity(context, runner=runner)})


def edited_rows(context: Context, control: int | None) -> KeptRows:
    """Answers with the edits of a context, or with a control of them by its index."""
    key: dict[str, Any] = {
        "kind": "dataset-effect", "version": VERSION, "output": main_output(context),
        "target": msgspec.to_builtins(context.inputs.target), "control": control,
    }  # fmt: skip
    if control is not None:
        key["seed"] = context.inputs.seed
    return kept_rows(context, {**key, **identity(context)})


def route_of(
    context: Context, images: Sequence[Known], broken: dict[int, str], *, batch: int
) -> Generator[Progress, None, Route]:
    """How the unedited answers that are not kept yet are found."""
    preprocessing = context.model.preprocessing
    one_size = preprocessing.crop or preprocessing.resize in ("exact", "square")
    if not many(len(images)) or not one_size:
        return Route()
    unknown = unanswered(context, images, "")
    if not unknown:
        return Route()
    quick = known_route(context)
    if quick is not None and not unanswered(context, images, quick.runner):
        return quick

    def first() -> Array | None:
        found = decoded(context, images[: batch_size(context, batch)], dict(broken))
        inputs = [preprocess(pixels, preprocessing) for _, pixels in found]
        return np.stack(inputs) if inputs else None

    route = yield from choose_route(context, images=unknown, first=first)
    return Route() if route.choice.onnx and route.network is None else route


def unanswered(context: Context, images: Sequence[Known], runner: str) -> int:
    """How many images have no unedited answer by a runner yet."""
    with unedited_rows(context, runner) as kept:
        return sum(not kept.knows(image.sha256) for image in images)


def unknown_images(context: Context, images: Sequence[Known], compared: Compared) -> int:
    """How many images have no row yet with the edits or with a control."""
    edited = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=compared.stack))
    with ExitStack() as open_:
        rows = [
            open_.enter_context(edited_rows(edited, index))
            for index in (None, *(control.index for control in compared.drawn.controls))
        ]
        return sum(not all(kept.knows(image.sha256) for kept in rows) for image in images)
