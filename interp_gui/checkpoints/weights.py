"""From a file of weights to an opened model: read, recognise, decide, build."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from interp_gui.checkpoints.building import build_match
from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.custom_code import LIBRARY, build_from_code
from interp_gui.checkpoints.deciding import decide
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.match import (
    Contents,
    Match,
    OpenedCheckpoint,
    Tensors,
    WeightSet,
    Wishes,
)
from interp_gui.checkpoints.recognition import recognise
from interp_gui.checkpoints.unknown_input import find_input
from interp_gui.core.choices import remember, remembered
from interp_gui.core.errors import unknown_name
from interp_gui.core.model import ModelDescription, OutputInfo, OutputKind
from interp_gui.core.opening import OpenChoice, OpenQuestion

_WITH_INPUT_TRANSFORM = frozenset(("googlenet", "inception_v3"))


def open_weights(file: CheckpointFile, wishes: Wishes) -> OpenedCheckpoint:
    """Open a state dict: the default set of weights in the file, or the chosen one."""
    contents = read_contents(file, stubs=wishes.choice.stubs)
    return open_set(file, contents, wishes)


def open_set(file: CheckpointFile, contents: Contents, wishes: Wishes) -> OpenedCheckpoint:
    """Recognise and build one of the sets of weights that were read."""
    chosen = _chosen(contents, wishes.choice)
    if wishes.choice.code:
        return _open_by_code(file, chosen, wishes)
    with ThreadPoolExecutor(1) as pool:  # hashing leaves the interpreter lock to the rest
        hashing = pool.submit(weights_sha256, chosen.tensors)
        shapes = {key: tuple(value.shape) for key, value in chosen.tensors.items()}
        recognition = recognise(shapes, hints=contents.hints)
        digest = hashing.result()
    wishes = _with_memory(wishes, digest)
    decision = decide(
        recognition, chosen.tensors, file=file, weights_sha256=digest, hints=contents.hints,
        wishes=wishes,
    )  # fmt: skip
    match = decision.match
    renamed = match.renaming.convert(chosen.tensors) if match.renaming else chosen.tensors
    converted, number_notes = as_float32(renamed)
    match, config_notes = _configured(match)
    module = build_match(match, converted)
    if wishes.choice.architecture:
        remember(digest, wishes.choice)
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=match.architecture.name,
        library=match.library,
        config=match.config,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=digest,
        preprocessing=wishes.preprocessing or decision.preprocessing,
        outputs=(_output(match),),
        class_names=decision.class_names,
        notes=(*chosen.notes, *decision.notes, *config_notes, *number_notes),
        choice=wishes.choice,
        alternatives=decision.alternatives,
        ignored=chosen.ignored,
    )
    return OpenedCheckpoint(module=module, description=description)


def _open_by_code(file: CheckpointFile, chosen: WeightSet, wishes: Wishes) -> OpenedCheckpoint:
    """The network of a Python file that the user agreed to run."""
    digest = weights_sha256(chosen.tensors)
    question = OpenQuestion(
        path=str(file.path), file=file.path.name, weights_sha256=digest, choice=wishes.choice,
        code=True,
    )  # fmt: skip
    converted, number_notes = as_float32(chosen.tensors)
    module, name = build_from_code(wishes.choice, converted, question=question)
    preprocessing, shape, input_notes = find_input(module)
    size = shape[0] if shape else 1
    kind: OutputKind = "map" if len(shape) > 1 else "softmax" if size > 1 else "scalar"
    path = Path(wishes.choice.code)
    ran = f"'{path.name}' was run to make it (SHA-256 {wishes.choice.code_sha256[:12]})."
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=name,
        library=LIBRARY,
        config={"code_sha256": wishes.choice.code_sha256},
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=digest,
        preprocessing=wishes.preprocessing or preprocessing,
        outputs=(OutputInfo(kind=kind, size=size),),
        notes=(*chosen.notes, ran, *input_notes, *number_notes),
        choice=wishes.choice,
        ignored=chosen.ignored,
    )
    return OpenedCheckpoint(module=module, description=description)


def _chosen(contents: Contents, choice: OpenChoice) -> WeightSet:
    if not choice.weights:
        return contents.sets[0]
    by_name = {each.name: each for each in contents.sets}
    if choice.weights not in by_name:
        raise unknown_name("set of weights", choice.weights, by_name)
    return by_name[choice.weights]


def _with_memory(wishes: Wishes, digest: str) -> Wishes:
    """What was decided about these weights before, where nothing else is wanted now."""
    earlier = remembered(digest) if not wishes.choice.architecture else None
    if earlier is None or earlier.code:  # code is run after consent only, each time
        return wishes
    return Wishes(
        preprocessing=wishes.preprocessing, choice=earlier, labelled=wishes.labelled
    )  # fmt: skip


def _configured(match: Match) -> tuple[Match, tuple[str, ...]]:
    if match.architecture.name not in _WITH_INPUT_TRANSFORM or match.library != "torchvision":
        return match, ()
    # no tensor tells it; published weights need it, and networks tuned from them keep it
    from dataclasses import replace

    note = "Its input is assumed to be rescaled inside (transform_input), as in published weights."
    return replace(match, config={**match.config, "transform_input": True}), (note,)


def as_float32(tensors: Tensors) -> tuple[Tensors, tuple[str, ...]]:
    """Floating tensors as float32, and notes on kinds and values of numbers."""
    notes = []
    kinds = {
        str(value.dtype).removeprefix("torch.")
        for value in tensors.values()
        if value.is_floating_point() and value.dtype != torch.float32
    }
    if kinds:
        notes.append(f"Weights of kind {', '.join(sorted(kinds))} were converted to float32.")
    converted = {
        key: value.float() if value.is_floating_point() else value for key, value in tensors.items()
    }
    broken = [
        key
        for key, value in converted.items()
        if value.is_floating_point() and not _all_finite(value)
    ]
    if broken:
        notes.append(
            f"{len(broken)} of its tensors hold values that are no finite numbers, "
            f"for example '{broken[0]}'."
        )
    return converted, tuple(notes)


def _all_finite(value: torch.Tensor) -> bool:
    # a finite sum has finite terms and costs a twentieth; finite terms may still overflow it
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())


def _output(match: Match) -> OutputInfo:
    # one number is no choice between classes
    return OutputInfo(kind="softmax" if match.classes > 1 else "scalar", size=match.classes)
