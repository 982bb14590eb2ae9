"""From a file of weights to an opened model: read, recognise, decide, build."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.custom_code import LIBRARY, build_from_code
from interp_gui.checkpoints.deciding import decide
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.heads import head_note, lone_in_sequence
from interp_gui.checkpoints.imports import import_patiently
from interp_gui.checkpoints.match import (
    Contents,
    Hints,
    Match,
    OpenedCheckpoint,
    OwnHead,
    Renaming,
    Shapes,
    WeightSet,
    Wishes,
)
from interp_gui.checkpoints.outputs import guess_output
from interp_gui.checkpoints.preparing import (
    Builder,
    as_float32,
    check_numbers,
    configuration_notes,
    configured,
    make_float32,
)
from interp_gui.checkpoints.probing import output_of
from interp_gui.checkpoints.recognition import recognise
from interp_gui.checkpoints.unknown_input import find_input
from interp_gui.core.choices import remember, remembered
from interp_gui.core.errors import unknown_name
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice, OpenQuestion

_SHOWN = 6

__all__ = ["as_float32", "open_set", "open_weights"]


def open_weights(file: CheckpointFile, wishes: Wishes) -> OpenedCheckpoint:
    """Open a state dict: the default set of weights in the file, or the chosen one."""
    contents = read_contents(file, stubs=wishes.choice.stubs, tell=wishes.tell)
    return open_set(file, contents, wishes)


def open_set(file: CheckpointFile, contents: Contents, wishes: Wishes) -> OpenedCheckpoint:
    """Recognise and build one of the sets of weights that were read.

    The tensors of that set are converted in place: two copies of them are never held.
    """
    chosen = _chosen(contents, wishes.choice)
    check_numbers(chosen.tensors, file.path.name)
    if wishes.choice.code:
        return _open_by_code(file, chosen, wishes)
    shapes = {key: tuple(value.shape) for key, value in chosen.tensors.items()}
    wishes.tell("Recognising the network")
    with ThreadPoolExecutor(1) as pool:  # hashing leaves the interpreter lock to the rest
        hashing = pool.submit(weights_sha256, chosen.tensors, check=lambda: wishes.tell(""))
        recognition = recognise(shapes, hints=_named(contents.hints, wishes.choice))
        libraries = {match.library for match in recognition.matches}
        import_patiently(sorted(libraries), lambda: wishes.tell(""))
        digest = hashing.result()
    earlier = remembered(digest) or OpenChoice()
    known = {match.architecture.name for match in recognition.matches}
    if not wishes.choice.architecture and earlier.split()[1] not in {"", *known}:
        recognition = recognise(shapes, hints=_named(contents.hints, earlier))
    number_notes = make_float32(chosen.tensors)
    names = [chosen.name, *(each.name for each in contents.sets if each.name != chosen.name)]
    decision = decide(
        recognition, chosen.tensors, file=file, weights_sha256=digest, hints=contents.hints,
        wishes=wishes, earlier=earlier, sets=tuple(names), in_file=chosen.in_file,
    )  # fmt: skip
    match = configured(decision.match)
    wishes.tell(f"Building {match.architecture.name}")
    module = Builder(chosen.tensors, decision.choice.head)(decision.match)
    preprocessing = wishes.preprocessing or decision.preprocessing
    size, is_map = _extent(module, match, preprocessing)
    output, output_notes = guess_output(
        size, embedding=match.classes == 0, is_map=is_map, hint=contents.hints.outputs,
        chosen=decision.choice.output,
    )  # fmt: skip
    _keep(digest, decision.choice)
    description = ModelDescription(
        name=file.path.name,
        path=str(file.path.absolute()),
        format=file.format,
        architecture=match.architecture.name,
        library=match.library,
        config=_config(match, decision.choice.head),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weights_sha256=digest,
        preprocessing=preprocessing,
        outputs=(output,),
        class_names=decision.class_names,
        notes=(
            *chosen.notes, *decision.notes,
            *_renaming_notes(match.renaming), *_head_notes(match.head, decision.choice.head),
            *configuration_notes(decision.match), *_auxiliary_notes(match, shapes), *number_notes,
            *output_notes, *_activation_notes(match, output, decision.choice, contents.hints),
            *_ignored_notes(chosen),
        ),
        choice=decision.choice,
        alternatives=decision.alternatives,
        ignored=chosen.ignored,
        sets=tuple(names) if len(names) > 1 else (),
    )  # fmt: skip
    return OpenedCheckpoint(module=module, description=description)


def _named(hints: Hints, choice: OpenChoice) -> Hints:
    """The same with the architecture that was chosen, which recognition then keeps.

    Of networks that are listed once for each image size it keeps one, and those that are named.
    """
    library, name = choice.split()
    return replace(hints, architecture=name, library=library) if name else hints


def _config(match: Match, head: Sequence[str]) -> dict[str, Any]:
    """What else tells the network apart: what stands in a head's gaps changes its answers."""
    told = match.head is not None and bool(match.head.gaps) and bool(head)
    return {**match.config, "head": list(head)} if told else dict(match.config)


def _open_by_code(file: CheckpointFile, chosen: WeightSet, wishes: Wishes) -> OpenedCheckpoint:
    """The network of a Python file that the user agreed to run."""
    digest = weights_sha256(chosen.tensors)
    question = OpenQuestion(
        path=str(file.path), file=file.path.name, weights_sha256=digest, choice=wishes.choice,
        code=True,
    )  # fmt: skip
    number_notes = make_float32(chosen.tensors)
    module, name = build_from_code(wishes.choice, chosen.tensors, question=question)
    preprocessing, shape, input_notes = find_input(module)
    output, output_notes = guess_output(
        shape[0] if shape else 1, is_map=len(shape) > 1, chosen=wishes.choice.output
    )
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
        outputs=(output,),
        notes=(*chosen.notes, ran, *input_notes, *number_notes, *output_notes),
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


def _extent(module: nn.Module, match: Match, preprocessing: Preprocessing) -> tuple[int, bool]:
    """Numbers an image, and whether it answers for places; asked of the network where unknown."""
    if match.classes:
        return match.classes, False
    with torch.inference_mode():
        shape = output_of(module(torch.zeros(1, match.channels, *preprocessing.size))).shape
    return int(shape[1] if len(shape) == 4 else shape[-1]), len(shape) == 4


def _keep(digest: str, choice: OpenChoice) -> None:
    """Remember what was decided about the network; not which set of a file was asked for."""
    kept = OpenChoice(architecture=choice.architecture, head=choice.head, output=choice.output)
    if kept != OpenChoice():
        remember(digest, kept)


def _renaming_notes(renaming: Renaming | None) -> tuple[str, ...]:
    if renaming is None:
        return ()
    left = f"; {len(renaming.dropped)} tensors have no place in it" if renaming.dropped else ""
    notes = (f"Its tensors were renamed: {renaming.name}{left}.",)
    return (*notes, renaming.note) if renaming.note else notes


def _head_notes(head: OwnHead | None, answers: tuple[str, ...]) -> tuple[str, ...]:
    return () if head is None else (head_note(head, answers),)


def _activation_notes(
    match: Match, output: OutputInfo, choice: OpenChoice, hints: Hints
) -> tuple[str, ...]:
    """That an activation may have stood behind the head, which no tensor tells."""
    if match.head is None or output.kind != "softmax" or choice.output or hints.outputs:
        return ()
    at = lone_in_sequence(match.head)
    if not at:
        return ()
    return (
        f"Its head is one layer in a sequence, '{at}'; behind such a one there often stood an "
        "activation such as Sigmoid, which no tensor tells. It is taken for softmax: where it was "
        "Sigmoid, say so with --output sigmoid, or under Facts in the Model panel.",
    )


def _auxiliary_notes(match: Match, shapes: Shapes) -> tuple[str, ...]:
    """That a head which serves training only was left out."""
    inside = match.architecture.auxiliary
    if not inside or match.config.get("aux_logits", True):
        return ()
    left = [key for key in shapes if key.startswith(inside)]
    if not left:
        return ()
    heads = " and ".join(dict.fromkeys(key.partition(".")[0] for key in left))
    return (
        f"{heads} ({len(left)} tensors) serves training only, has other classes than the network "
        "and is left out.",
    )


def _ignored_notes(chosen: WeightSet) -> tuple[str, ...]:
    if not chosen.ignored:
        return ()
    shown = ", ".join(chosen.ignored[:_SHOWN])
    more = f" and {len(chosen.ignored) - _SHOWN} more" if len(chosen.ignored) > _SHOWN else ""
    return (f"Left alone, because it serves training only: {shown}{more}.",)
