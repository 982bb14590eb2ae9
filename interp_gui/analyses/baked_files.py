"""New weights as a file that reopens, tried before it gets its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.analysis import Context
from interp_gui.core.errors import EditProblem, FileProblem, ImageProblem, OutputProblem
from interp_gui.core.opening import OpenChoice
from interp_gui.core.preprocessing import load_batch, preprocess
from interp_gui.core.runtime import Array
from interp_gui.runtimes.baking.outcome import AGREEMENT

MOST_IMAGES = 8
_SYNTHETIC = 4
_COARSE_PX = 12
NO_IMAGES = "There were no images at hand: it was compared on made-up ones."


@dataclass(frozen=True)
class Pictures:
    """Images to compare on: `batch` (N, C, H, W), and whether they were made up."""

    batch: NDArray[np.float32]
    synthetic: bool

    @property
    def text(self) -> str:
        """How many of what, in words."""
        count = len(self.batch)
        kind = "made-up image" if self.synthetic else "image"
        return f"{count} {kind}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Written:
    """A file that was written: its hash of weights, how far it is from the edits, what to tell."""

    weights_sha256: str
    difference: float
    notes: tuple[str, ...] = ()


def pictures_at_hand(context: Context) -> Pictures:
    """Up to eight of the images at hand, the current one first; made-up ones if there are none."""
    paths = list(context.inputs.images)
    if context.inputs.dataset is not None:
        known = [path for path in context.inputs.dataset.paths if path not in paths]
        step = max(1, len(known) // MOST_IMAGES)
        paths += known[::step]
    found: list[Array] = []
    for path in paths:
        context.check()
        try:
            found.append(load_batch([path], context.model.preprocessing))
        except ImageProblem:
            continue
        if len(found) == MOST_IMAGES:
            break
    if found:
        return Pictures(np.concatenate(found), synthetic=False)
    return Pictures(_made_up(context), synthetic=True)


def _made_up(context: Context) -> NDArray[np.float32]:
    """Smooth random colours, as the network sees them; the same for every run of a seed."""
    preprocessing = context.model.preprocessing
    channels = len(preprocessing.mean) if preprocessing.channels == "planes" else 3
    random = np.random.default_rng(context.inputs.seed)
    height, width = preprocessing.size
    scale = (-(-height // _COARSE_PX), -(-width // _COARSE_PX), 1)
    coarse = random.integers(0, 256, (_SYNTHETIC, _COARSE_PX, _COARSE_PX, channels), np.uint8)
    return np.stack([preprocess(np.kron(each, np.ones(scale, np.uint8)), preprocessing)
                     for each in coarse])  # fmt: skip


def refuse_disagreement(difference: float, hint: str = "") -> None:
    """Raise EditProblem where a baked network does not answer as the edited one does."""
    if not difference <= AGREEMENT:
        raise EditProblem(
            "The baked network does not answer as the edited one does: it is off by "
            f"{difference:.2g} of the answers' scale, where {AGREEMENT:g} is allowed. Nothing was "
            "written.",
            hint=hint or "Bake fewer edits, or write an ONNX file.",
        )


def write_weights(
    context: Context,
    changes: Mapping[str, Any],
    target: str,
    *,
    about: Mapping[str, Any],
    differs: Callable[[Any], float],
    widen: bool = False,
) -> Written:
    """Write a torch model's file with changed weights; opened again and compared before it counts.

    Parameters
    ----------
    changes
        New values by the network's own names.
    about
        What the record says beside the original (`edits`, `told`, …).
    differs
        Given the reopened network: how far its answers are from the wanted ones.
    widen
        Whether changed tensors of half precision become float32.

    Raises
    ------
    EditProblem
        The reopened file does not answer as it should.
    OutputProblem, FileProblem, MissingAbility
        It cannot be written, or the original cannot be read again.
    """
    from interp_gui.checkpoints.baked_record import KEY, made_of, record_of
    from interp_gui.checkpoints.baked_weights import read_original, with_changes
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.checkpoints.staging import (
        WEIGHTS,
        check_target,
        copy_beside,
        staged,
        write_safetensors,
    )

    model: Any = context.model
    description = model.description
    out = Path(target).expanduser()
    original = read_original(description, tell=_tell(context))
    check_target(out, description.path, folder=original.is_folder)
    record = made_of(description, record_of(original.file), **about)
    tensors, renamed = with_changes(original, model.module, changes, widen=widen)
    metadata = {**_hints(description), **original.metadata, KEY: record.to_json()}
    notes: list[str] = []
    if renamed:
        notes.append("Its tensors bear the network's own names: those of the file were joined "
                     "or turned when it was opened.")  # fmt: skip
    with staged(out, folder=original.is_folder) as stage:
        weights = stage.path / WEIGHTS if original.is_folder else stage.path
        write_safetensors(weights, tensors, metadata)
        if original.is_folder:
            copy_beside(original.file, stage.path)
        code = description.choice if description.choice.code else OpenChoice()
        opened: Any = open_checkpoint(stage.path, choice=code, tell=_tell(context))
        found = opened.description
        if (found.architecture, found.library) != (description.architecture, description.library):
            raise EditProblem(
                f"The baked file would open as {found.library}'s {found.architecture} instead of "
                f"{description.library}'s {description.architecture}. Nothing was written.",
                hint="Write an ONNX file instead.",
            )
        module = opened.module.to(model.device)
        off = differs(module)
        hint = ""
        if any(v.dtype.itemsize < 4 for v in tensors.values() if v.is_floating_point()):
            hint = "The file holds half precision: let changed weights be float32 (--widen)."
        refuse_disagreement(off, hint)
    if found.preprocessing != description.preprocessing:
        notes.append("It opens with other preprocessing than the original; check it.")
    if description.choice.code:
        notes.append("It needs the same Python file as the original to open.")
    return Written(found.weights_sha256, off, tuple(notes))


def write_onnx(
    context: Context,
    make: Callable[[tuple[Any, ...]], Any],
    target: str,
    *,
    about: Mapping[str, Any],
    differs: Callable[[bytes], float],
) -> Written:
    """Write an ONNX file; opened again and compared on ONNX Runtime before it counts.

    Parameters
    ----------
    make
        Given the original as its file has it and as it is opened, where it is one of ONNX: the
        new `onnx.ModelProto`.
    differs
        Given the bytes that opening hands to ONNX Runtime: how far answers are off.
    """
    import onnx

    from interp_gui.checkpoints.baked_record import KEY, made_of, record_in, record_of
    from interp_gui.checkpoints.formats import inspect_file
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.checkpoints.staging import check_target, staged

    description = context.model.description
    out = Path(target).expanduser()
    if out.suffix.lower() != ".onnx":
        raise OutputProblem(
            f"'{out.name}' is no name of an ONNX file.", hint="Give it the suffix .onnx."
        )
    check_target(out, description.path, folder=False)
    model = make(_original_graphs(context) if description.runtime == "onnx" else ())
    kept = {entry.key: entry.value for entry in model.metadata_props}
    if description.runtime == "onnx":
        before = record_in(kept)
    else:
        before = record_of(inspect_file(description.path))
    record = made_of(description, before, **about)
    if description.class_names and not ({"names", "classes", "class_names"} & {*kept}):
        kept["names"] = msgspec.json.encode(dict(enumerate(description.class_names))).decode()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**kept, KEY: record.to_json()})
    with staged(out, folder=False) as stage:
        stage.path.write_bytes(model.SerializeToString())
        opened: Any = open_checkpoint(stage.path, tell=_tell(context))
        off = differs(opened.onnx)
        refuse_disagreement(off, "Bake fewer edits.")
    notes: tuple[str, ...] = ()
    if opened.description.preprocessing != description.preprocessing:
        notes = ("It opens with other preprocessing than the original; check it.",)
    return Written(opened.description.weights_sha256, off, notes)


def _original_graphs(context: Context) -> tuple[Any, ...]:
    """The ONNX model as its file has it, weights within, and as it is opened."""
    import onnx

    from interp_gui.checkpoints.onnx_external import read_external
    from interp_gui.checkpoints.onnx_parsing import parsed_model
    from interp_gui.checkpoints.opening import open_checkpoint

    description = context.model.description
    path = Path(description.path)
    opened: Any = open_checkpoint(path, choice=description.choice, tell=_tell(context))
    if opened.description.weights_sha256 != description.weights_sha256:
        raise FileProblem(
            f"'{path.name}' holds other weights than when it was opened.", hint="Open it again."
        )
    model = parsed_model(path)
    read_external(model, path.absolute().parent, path.name)
    return model, onnx.load_model_from_string(opened.onnx)


def _hints(description: Any) -> dict[str, str]:
    """What a file says of itself for whoever opens it: architecture, library, class names."""
    found = {"architecture": description.architecture, "library": description.library}
    if description.library not in ("torchvision", "timm"):
        found = {}
    if description.class_names:
        found["class_names"] = msgspec.json.encode(description.class_names).decode()
    return found


def _tell(context: Context) -> Callable[[str], None]:
    return lambda _text: context.check()
