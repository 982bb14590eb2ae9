"""Edits kept as a checkpoint: written into the weights, or into an ONNX graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from interp_gui.analyses.baked_files import (
    NO_IMAGES,
    Pictures,
    Written,
    pictures_at_hand,
    refuse_disagreement,
    write_onnx,
    write_weights,
)
from interp_gui.core.analysis import Analysis, Context, Progress, Steps, parameter
from interp_gui.core.edit import EditStack
from interp_gui.core.errors import EditProblem, MissingAbility
from interp_gui.core.result import Table
from interp_gui.runtimes.baking.onnx_files import (
    answers,
    export_edited,
    insert_edits,
    plan_nodes,
)
from interp_gui.runtimes.baking.outcome import AGREEMENT, Baked, NotBakeable, difference
from interp_gui.runtimes.baking.planning import agreement, bake_weights
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.torch_runtime import TorchRuntime

KEY = "baked"


@dataclass(frozen=True)
class Settings:
    """What to write."""

    path: str = parameter(
        "", help="file to write (a folder for Hugging Face models); empty to only say what would be"
    )
    format: Literal["auto", "checkpoint", "onnx"] = parameter(
        "auto",
        help="checkpoint: new weights for the same network; onnx: edits as operations of a graph; "
        "auto: by the file's name and the model",
    )
    partial: bool = parameter(
        False, help="write the edits that can be baked where others cannot, instead of nothing"
    )
    widen: bool = parameter(
        False,
        help="keep changed weights of half-precision files in single precision",
        advanced=True,
    )


@dataclass(frozen=True)
class _Work:
    """What is asked for, and the images that are compared on."""

    context: Context
    settings: Settings
    stack: EditStack
    pictures: Pictures

    @property
    def onnx(self) -> bool:
        """Whether an ONNX file is asked for."""
        wanted = self.settings.format
        graph = isinstance(self.context.model, OnnxRuntime)
        if wanted == "checkpoint" and graph:
            raise MissingAbility(
                "An ONNX model keeps its edits as operations of its graph.",
                hint="Write an ONNX file (--format onnx).",
            )
        if wanted == "auto":
            return graph or self.settings.path.lower().endswith(".onnx")
        return wanted == "onnx"


def _run(context: Context, settings: Settings) -> Steps:
    yield Progress(total=3, text="Reading images")
    work = _Work(context, settings, context.inputs.edits, pictures_at_hand(context))
    context.check()
    yield Progress(done=1, total=3, text="Looking for the weights")
    found = _as_nodes(work) if work.onnx else _as_weights(work)
    told = _table(work, found, None)
    refused = [each for each in found.outcomes if not each.baked]
    done = [each for each in found.outcomes if each.baked]
    if not settings.path:
        yield told
        return
    if not done or (refused and not settings.partial) or not found.agrees:
        yield told
    if not done or (refused and not settings.partial):
        raise _refusal(found, work)
    refuse_disagreement(found.difference)
    yield Progress(done=2, total=3, text="Writing the file and trying it")
    written = _write_nodes(work, found) if work.onnx else _write_weights(work, found)
    yield Progress(done=3, total=3, text="Written")
    yield _table(work, found, written)


def _as_weights(work: _Work) -> Baked:
    model = work.context.model
    if not isinstance(model, TorchRuntime):
        raise MissingAbility("This model's runtime does not show its weights.")
    return bake_weights(model, work.stack, work.pictures.batch, check=work.context.check)


def _as_nodes(work: _Work) -> Baked:
    """What can be operations of a graph; how well they agree is known once the file is made."""
    outcomes, _ = plan_nodes(work.context.model, work.stack)
    return Baked(outcomes=outcomes, images=0)


def _refusal(found: Baked, work: _Work) -> EditProblem:
    refused = [each for each in found.outcomes if not each.baked]
    first = refused[0]
    count, total = len(refused), len(found.outcomes)
    some = f"{count} of {total} edits" if total > 1 else "The edit"
    more = _taken_by_onnx(work, [each.index for each in refused])
    hint = f"The others can be written without (--partial). {more}" if count < total else more
    return EditProblem(
        f"{some} cannot be baked: {first.text}, because {first.why}. Nothing was written.",
        hint=hint.strip(),
    )


def _taken_by_onnx(work: _Work, refused: Sequence[int]) -> str:
    """Whether an ONNX file takes edits that weights do not, as a sentence; empty if none."""
    if work.onnx:
        return ""
    _, nodes = plan_nodes(work.context.model, work.stack)
    taken = sum(index in nodes for index in refused)
    if taken == len(refused):
        return f"An ONNX file takes {'it' if taken == 1 else 'them'}."
    return f"An ONNX file takes {taken} of these {len(refused)}." if taken else ""


def _about(work: _Work, found: Baked) -> dict[str, Any]:
    baked = found.stack(work.stack)
    return {
        "edits": _without_names(baked),
        "told": tuple(each.text for each in found.outcomes if each.baked),
        "difference": found.difference,
        "images": len(work.pictures.batch),
    }


def _without_names(stack: EditStack) -> EditStack:
    """The stack as it is kept in a file: what it does, and not how a panel groups it."""
    return msgspec.structs.replace(stack.in_force(), name=stack.name)


def _write_weights(work: _Work, found: Baked) -> Written:
    model = work.context.model
    assert isinstance(model, TorchRuntime)
    baked = found.stack(work.stack)

    def differs(module: Any) -> float:
        off, _ = agreement(model, module, baked, work.pictures.batch, check=work.context.check)
        return off

    return write_weights(
        work.context, found.changes, work.settings.path, about=_about(work, found),
        differs=differs, widen=work.settings.widen,
    )  # fmt: skip


def _write_nodes(work: _Work, found: Baked) -> Written:
    context, batch = work.context, work.pictures.batch
    stack = found.stack(work.stack)
    _, edits = plan_nodes(context.model, stack)
    names = tuple(output.name for output in context.model.description.outputs)

    def make(originals: Sequence[Any]) -> Any:
        import onnx

        if isinstance(context.model, TorchRuntime):
            made = export_edited(context.model, batch, stack, edits, check=context.check)
            return onnx.load_model_from_string(made)
        assert isinstance(context.model, OnnxRuntime)
        for original in originals:
            try:
                insert_edits(context.model, original, stack, edits)
            except NotBakeable:
                continue
            return original
        raise NotBakeable("the graph was opened in another form than it is stored in")

    def differs(onnx_bytes: bytes) -> float:
        wanted: Mapping[str, Any] = context.model.forward(batch, edits=stack).outputs
        return difference(answers(onnx_bytes, batch, names), wanted)

    try:
        return write_onnx(
            context, make, work.settings.path, about=_about(work, found), differs=differs
        )
    except NotBakeable as problem:
        raise EditProblem(f"The edits cannot be baked: {problem}. Nothing was written.") from None


def _compared(off: float, pictures: Pictures, like: str) -> str:
    """What the comparison with the network that was to be baked gave, in a sentence."""
    if off == 0:
        return f"The baked network answers exactly as {like}, on {pictures.text}."
    allowed = f"{off:.2g} of the largest number, on {pictures.text}; {AGREEMENT:.5f} is allowed."
    if off <= AGREEMENT:
        return f"The baked network answers as {like}, to {allowed}"
    return f"The baked network's answers are off by {allowed}"


def _like(found: Baked) -> str:
    """What a baked network is compared with: where edits are left out, only the others."""
    count, total = sum(each.baked for each in found.outcomes), len(found.outcomes)
    if count == total:
        return "the edited one does"
    edits = "edit" if total == 1 else "edits"
    return f"the network with {'this' if count == 1 else 'these'} {count} of {total} {edits} does"


def _table(work: _Work, found: Baked, written: Written | None) -> Table:
    off = found.difference if written is None else written.difference
    compared = written is not None or found.images > 0
    cells = tuple(
        (each.text, "yes" if each.baked else "no", each.how or each.why) for each in found.outcomes
    )
    features = tuple(
        work.stack.edits[each.index].feature if each.index >= 0 else None for each in found.outcomes
    )
    notes = [*work.stack.warnings(work.context.model.description.weights_sha256)]
    if compared:
        notes.append(_compared(off, work.pictures, _like(found)))
        if found.precision == "double":
            notes.append(
                "Compared in double precision: in single precision this network turns rounding "
                "alone into more than that."
            )
    if work.pictures.synthetic:
        notes.append(NO_IMAGES)
    if any("reads it" in each.how for each in found.outcomes):
        notes.append(
            "Where an edit went into what reads a layer, the layer's own values stay as they were."
        )
    if written is not None:
        notes += written.notes
    numbers: dict[str, Any] = {
        "edits": len(found.outcomes),
        "baked": sum(each.baked for each in found.outcomes),
        "images": len(work.pictures.batch),
    }
    if compared:
        numbers["difference"] = off
    bake = {
        "written": written is not None,
        "format": "onnx" if work.onnx else "checkpoint",
        "weights_sha256": "" if written is None else written.weights_sha256,
        "agrees": compared and off <= AGREEMENT,
        "outcomes": [
            {"index": o.index, "edit": o.text, "baked": o.baked, "how": o.how, "why": o.why}
            for o in found.outcomes
        ],
    }
    return Table(
        key=KEY, title="Baked edits" if written is not None else "How edits would be baked",
        columns=("edit", "baked", "how, or why not"), cells=cells, features=features,
        numbers=numbers, notes=tuple(notes), provenance={"bake": bake},
    )  # fmt: skip


ANALYSIS = Analysis(
    id="bake",
    title="Bake edits",
    summary="Write edits that are linear in the weights into a new checkpoint, or edits of most "
    "kinds into an ONNX file, and compare it with the edited network.",
    parameters=Settings,
    run=_run,
    needs=("edits",),
    produces=("table",),
    offered=False,
)
