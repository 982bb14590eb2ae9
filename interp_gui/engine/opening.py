"""How the engine opens files and looks at them."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from threading import get_ident

from interp_gui.core.analysis import Progress
from interp_gui.core.choices import (
    KnownCode,
    remember_code,
    remember_outputs,
    remembered_outputs,
)  # fmt: skip
from interp_gui.core.dataset import Dataset
from interp_gui.core.describing import LayerDescriber
from interp_gui.core.memory import memory_bounded
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.opening import FileReport
from interp_gui.core.runtime import Runtime
from interp_gui.engine.jobs import Check, Pulse
from interp_gui.engine.messages import LookAtModel, OpenModel

Opener = Callable[[OpenModel, Dataset | None, str, Check], Generator[Progress, None, Runtime]]
"""Called with the request, labelled images at hand, a device and what raises once it is over."""


def open_on_engine(
    request: OpenModel,
    labelled: Dataset | None,
    device: str,
    check: Check,
    *,
    describers: Sequence[LayerDescriber] = (),
) -> Generator[Progress, None, Runtime]:
    """Open a file on a device, telling how far it is; describers are those of plugins."""
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.runtimes.hooks import before_every_module
    from interp_gui.runtimes.opening import open_runtime

    name = Path(request.path).name

    def tell(text: str) -> None:
        if text and isinstance(check, Pulse):
            check.tell(Progress(done=done, total=2, text=text))
        check()

    done = 0
    yield Progress(total=2, text="Reading the file")
    with before_every_module(check, get_ident()), memory_bounded():
        opened = open_checkpoint(
            request.path,
            preprocessing=request.preprocessing,
            choice=request.choice,
            labelled=labelled,
            tell=tell,
        )
    check()
    done = 1
    yield Progress(done=1, total=2, text="Finding the layers")
    with before_every_module(check, get_ident()), memory_bounded():
        runtime = open_runtime(opened, device=device, describers=describers, tell=tell)
    yield Progress(done=2, total=2, text=f"{name} is open")
    return runtime


def keep_decisions(opened: ModelDescription) -> None:
    """Remember by its weights what was said of a model's output, and which code it was made by."""
    choice, digest = opened.choice, opened.weights_sha256
    if choice.output:
        remember_outputs(digest, opened.outputs)
    if choice.code:
        known = KnownCode(
            path=str(Path(choice.code).absolute()), sha256=choice.code_sha256,
            name=choice.code_class,
        )  # fmt: skip
        remember_code(digest, known)


def outputs_of(opened: ModelDescription) -> tuple[OutputInfo, ...]:
    """What the outputs of an opened model are: as said now, as said before, or as guessed."""
    if opened.choice.output:
        return opened.outputs
    return remembered_outputs(opened.weights_sha256) or opened.outputs


def look_at(request: LookAtModel, check: Check) -> Generator[Progress, None, FileReport]:
    """Say what a file is without opening it."""
    from interp_gui.checkpoints.look import look

    yield Progress(total=1, text=f"Looking at {Path(request.path).name}")
    report = look(request.path, hashed=request.hashed, check=check)
    yield Progress(done=1, total=1)
    return report
