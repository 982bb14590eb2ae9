"""From a folder with config.json to an opened network."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.contents import read_as_named, read_contents
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.huggingface.building import Built, Misfit, build, network_config
from interp_gui.checkpoints.huggingface.classes import (
    Plan,
    is_known_type,
    plans_for,
    unknown_type,
)
from interp_gui.checkpoints.huggingface.config import FolderConfig, labels_of, read_config
from interp_gui.checkpoints.huggingface.library import offline_and_quiet
from interp_gui.checkpoints.huggingface.processor import read_preprocessing
from interp_gui.checkpoints.huggingface.timm_config import hints_from_timm_config, is_timm_config
from interp_gui.checkpoints.imports import import_patiently
from interp_gui.checkpoints.match import Opened, OpenedCheckpoint, Tensors, Wishes
from interp_gui.checkpoints.weights import as_float32, open_set
from interp_gui.core.choices import remember, remembered
from interp_gui.core.errors import FileProblem, UnknownArchitecture
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing, check_outputs
from interp_gui.core.opening import KeyReport, OpenQuestion

LIBRARY = "transformers"

_PROBLEMS = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "scalar",
}
_MOST_SHOWN = 3


def open_folder(file: CheckpointFile, wishes: Wishes) -> Opened:
    """Open what a folder's config.json describes.

    Parameters
    ----------
    file
        The folder, or one of the files of weights in it.

    Raises
    ------
    FileProblem
        Config or weights are damaged, or do not belong together.
    UnsafeCheckpoint
        The weights are a pickle that would run code; nothing was run.
    UnknownArchitecture
        The installed transformers knows no such network, or its tensors do not fit.
    OutOfMemory
        It does not fit in memory.
    """
    folder = _folder(file)
    config = read_config(folder)
    library, wanted = wishes.choice.split()
    elsewhere = bool(wishes.choice.code) or library not in ("", LIBRARY)
    if elsewhere or is_timm_config(config.values):
        return _recognised(file, config, wishes)
    if config.model_type and not is_known_type(config.model_type):
        return _by_its_tensors(file, config, wishes)
    with offline_and_quiet():
        import_patiently([LIBRARY], lambda: wishes.tell(""))
        plans = plans_for(config, wanted)
        return _Opening(file, folder, config, wishes).first(plans)


def _folder(file: CheckpointFile) -> Path:
    if file.folder is not None:
        return file.folder
    return file.path if file.path.is_dir() else file.path.parent


def _recognised(file: CheckpointFile, config: FolderConfig, wishes: Wishes) -> Opened:
    """As any file of weights, with what timm's config says of them."""
    contents = read_contents(file, stubs=wishes.choice.stubs, tell=wishes.tell)
    if is_timm_config(config.values):
        contents = replace(contents, hints=hints_from_timm_config(config.values))
    return open_set(file, contents, wishes)


def _by_its_tensors(file: CheckpointFile, config: FolderConfig, wishes: Wishes) -> Opened:
    """A type that transformers does not know: the tensors may still be of a known network."""
    refusal = unknown_type(config.model_type, config)
    try:
        return _recognised(file, config, wishes)
    except UnknownArchitecture as problem:
        raise UnknownArchitecture(
            refusal.message, hint=refusal.hint, candidates=problem.candidates,
            question=problem.question,
        ) from None  # fmt: skip


@dataclass
class _Opening:
    """One folder on its way to a network."""

    file: CheckpointFile
    folder: Path
    config: FolderConfig
    wishes: Wishes

    def first(self, plans: tuple[Plan, ...]) -> OpenedCheckpoint:
        """The network of the first plan that fits; what speaks against each is reported."""
        preprocessing, input_notes = read_preprocessing(
            self.folder, self._network_values(), plans[0].model_type
        )
        # under the names in the file: a prefix may be the network's own (`vit.`)
        held = read_as_named(self.file, stubs=self.wishes.choice.stubs, tell=self.wishes.tell)
        digest, (converted, number_notes) = _prepared(held.tensors)
        if self.wishes.choice.architecture:
            remember(digest, self.wishes.choice)
        else:
            plans = self._remembered(digest) or plans
        reports: list[KeyReport] = []
        for plan in plans:
            self.wishes.tell("Building the network")
            made = network_config(plan, self.config.values)
            found = build(plan, made, converted)
            if isinstance(found, Built):
                return self._opened(
                    plan, made, found, digest, preprocessing,
                    (*held.notes, *self._notes(plan), *input_notes, *number_notes),
                )  # fmt: skip
            reports.append(found.report)
            if not found.headless and len(plans) > 1 and plan.note == "":
                break  # the class that the config names, with inner parts amiss
        raise self._refusal(reports, digest)

    def _remembered(self, digest: str) -> tuple[Plan, ...]:
        """The class that was chosen for these weights before."""
        earlier = remembered(digest)
        library, name = earlier.split() if earlier is not None else ("", "")
        if earlier is None or library != LIBRARY:
            return ()
        self.wishes = replace(self.wishes, choice=earlier)
        return plans_for(self.config, name)

    def _network_values(self) -> dict[str, Any]:
        vision = self.config.values.get("vision_config")
        return vision if isinstance(vision, dict) else self.config.values

    def _notes(self, plan: Plan) -> tuple[str, ...]:
        code = (
            "The folder brings code of its own; it was not run, and transformers' own class was "
            "built.",
        )
        return ((plan.note,) if plan.note else ()) + (code if self.config.remote_code else ())

    def _opened(
        self,
        plan: Plan,
        made: Any,
        built: Built,
        digest: str,
        preprocessing: Preprocessing,
        notes: tuple[str, ...],
    ) -> OpenedCheckpoint:
        seen = self.wishes.preprocessing or preprocessing
        output = _output(plan, made, built.module, seen, self.wishes.choice.output)
        names = labels_of(self.config.values) if plan.role == "classes" else ()
        if names and len(names) != output.size:
            names = ()
            notes += ("The config names another number of classes than the network has.",)
        description = ModelDescription(
            name=self.folder.absolute().name if self.file.path.is_dir() else self.file.path.name,
            path=str(self.file.path.absolute()),
            format=self.file.format,
            architecture=plan.name,
            library=LIBRARY,
            config=_plain(made),
            parameters=sum(parameter.numel() for parameter in built.module.parameters()),
            weights_sha256=digest,
            preprocessing=seen,
            outputs=(output,),
            class_names=names,
            notes=notes,
            choice=self.wishes.choice,
            ignored=built.ignored,
        )
        return OpenedCheckpoint(module=built.module, description=description)

    def _refusal(self, reports: list[KeyReport], digest: str) -> UnknownArchitecture:
        report = reports[0]
        said = [
            f"{len(keys)} {what}, for example '{keys[0]}'"
            for what, keys in (
                ("missing", report.missing),
                ("of another shape", tuple(each.key for each in report.reshaped)),
                ("unexpected", report.unexpected),
            )
            if keys
        ]
        return UnknownArchitecture(
            f"The weights do not fit {report.architecture}, which the config names: "
            f"{'; '.join(said)}.",
            hint="Config and weights do not belong together, or the file is incomplete.",
            question=OpenQuestion(
                path=str(self.file.path.absolute()),
                file=self.folder.absolute().name,
                weights_sha256=digest,
                sentence=f"The weights do not fit {report.architecture}.",
                nearest=tuple(reports[:_MOST_SHOWN]),
                choice=self.wishes.choice,
            ),
        )


def _prepared(tensors: Tensors) -> tuple[str, tuple[Tensors, tuple[str, ...]]]:
    with ThreadPoolExecutor(1) as pool:  # hashing leaves the interpreter lock to the rest
        hashing = pool.submit(weights_sha256, tensors)
        converted = as_float32(tensors)
        return hashing.result(), converted


def _output(
    plan: Plan, made: Any, module: nn.Module, seen: Preprocessing, wanted: str
) -> OutputInfo:
    """Kind and size of what the network returns, found by running it once on nothing."""
    shape = _shape_of_answer(module, plan, seen)
    size = shape[1]
    if plan.role == "classes":
        problem = getattr(made, "problem_type", None)
        kind = _PROBLEMS.get(str(problem), "softmax" if size > 1 else "scalar")
        kind = "scalar" if size == 1 and kind == "softmax" else kind
    else:
        kind = plan.role
    guessed = OutputInfo(kind=kind, size=size)  # type: ignore[arg-type]
    if wanted and wanted != kind:
        chosen = OutputInfo(kind=wanted, size=size)  # type: ignore[arg-type]
        check_outputs((guessed,), (chosen,))
        return chosen
    return guessed


def _shape_of_answer(module: nn.Module, plan: Plan, seen: Preprocessing) -> tuple[int, ...]:
    x = torch.zeros((1, len(seen.mean), *seen.size))
    try:
        with torch.no_grad():
            answer = module(x)
    except Exception as problem:  # noqa: BLE001  (any operation may refuse a made-up size)
        reason = " ".join(str(problem).split())[:120].rstrip(". ")
        raise FileProblem(
            f"{plan.name} does not take images of {seen.size[0]} × {seen.size[1]}: {reason}.",
            hint="Correct the size in preprocessor_config.json.",
        ) from None
    if not isinstance(answer, torch.Tensor) or answer.ndim != (4 if plan.role == "map" else 2):
        raise UnknownArchitecture(f"{plan.name} returns nothing that could be looked at.")
    return tuple(answer.shape)


def _plain(made: Any) -> dict[str, Any]:
    """What sets the network apart from the default of its type, as plain values."""
    values: dict[str, Any] = made.to_diff_dict()
    left = ("id2label", "label2id", "transformers_version", "dtype", "torch_dtype")
    return {
        key: value
        for key, value in values.items()
        if key not in left and isinstance(value, str | int | float | list | dict | None)
    }


__all__ = ["Misfit", "open_folder"]
