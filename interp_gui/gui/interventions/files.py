"""Edits in files: the stack's own JSON, written and read beside the window."""

from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import InterpError, OutputProblem
from interp_gui.gui.dragging.edits import EDITS_SUFFIX, read_edits_file
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState

FILTER = "Edits (*.json)"
OPENED = "Edits, or what was exported with them (*.json *.png *.svg *.pdf *.npz)"


def save_edits(over: QWidget, state: AppState, stack: EditStack) -> None:
    """Ask where to, and write a stack."""
    box = QFileDialog(over.window(), "Save edits", "", FILTER)
    box.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    box.setDefaultSuffix("json")
    name = "".join(c if c.isalnum() or c in "-_ " else "-" for c in stack.name)[:60].strip()
    box.selectFile(f"{name or 'interventions'}{EDITS_SUFFIX}")
    box.fileSelected.connect(partial(write_edits, state, stack))
    box.open()


def write_edits(state: AppState, stack: EditStack, path: str) -> None:
    """Write a stack off the event loop, and say that it is written."""

    def write() -> None:
        from interp_gui.gui.atomic import write_atomically

        try:
            write_atomically(Path(path), stack.to_json().encode())
        except OSError as problem:
            raise OutputProblem(
                f"The edits could not be written: {problem.strerror}.",
                hint="Choose another folder.",
            ) from None

    background_of(state).run(
        write, lambda _: state.notify("success", f"Saved the edits as {Path(path).name}."),
        on_error=partial(_failed, state),
    )  # fmt: skip


def open_edits(over: QWidget, state: AppState) -> None:
    """Ask for a file of edits, and put them on the panel."""
    box = QFileDialog(over.window(), "Open edits", "", OPENED)
    box.setFileMode(QFileDialog.FileMode.ExistingFile)
    box.fileSelected.connect(lambda path: load_edits(state, path))
    box.open()


def load_edits(state: AppState, path: str, *, at: int | None = None) -> None:
    """Read a file of edits and add them to what is on the panel; a bad one is told."""

    def read() -> EditStack:
        return read_edits_file(path)

    def done(stack: EditStack) -> None:
        adopt_edits(state, stack, at=at, title=Path(path).name)

    background_of(state).run(read, done, on_error=partial(_failed, state))


def adopt_edits(
    state: AppState, stack: EditStack, *, at: int | None = None, title: str = ""
) -> None:
    """Put edits on the panel: as they are where it is empty, else beside what is there."""
    edits = interventions_of(state)
    if not stack.edits and not stack.image_edits:
        state.notify("info", "There are no edits in it.")
        return
    if not state.edits.edits and not state.edits.image_edits:
        edits.put_stack(stack, title)
    else:
        edits.add_edits(stack, at=at, title=title)
    tell_unfit(state)


def tell_unfit(state: AppState) -> None:
    """Say which edits on the panel are not in force in the current model, and why."""
    edits = interventions_of(state)
    problems = [(e, edits.problem_of(i)) for i, e in enumerate(state.edits.edits)]
    unfit = [(edit, why) for edit, why in problems if why]
    if unfit:
        edit, why = unfit[0]
        one = len(unfit) == 1
        state.notify(
            "warning",
            f"{edit.feature.title if one else f'{len(unfit)} edits'} "
            f"{'does' if one else 'do'} not fit the current model.",
            f"{'' if one else f'{edit.feature.title}: '}{why} "
            f"{'It stays' if one else 'They stay'} on the panel and {'is' if one else 'are'} "
            "not in force.",
        )


def _failed(state: AppState, problem: Exception) -> None:
    if not isinstance(problem, InterpError):
        raise problem
    state.notify_problem(problem)
