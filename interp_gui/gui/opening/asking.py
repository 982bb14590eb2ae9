"""What happens between a file and an open model when the engine has a question."""

import dataclasses
from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from interp_gui.core.choices import remembered_code
from interp_gui.core.errors import FileProblem
from interp_gui.core.model import ModelDescription
from interp_gui.core.opening import Candidate, FileReport, OpenChoice, OpenQuestion
from interp_gui.engine.messages import Ended, ErrorInfo, LookAtModel
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.code_dialog import CodeDialog, CodeFile, read_code
from interp_gui.gui.opening.file_dialog import FileDialog
from interp_gui.gui.opening.model_list import ModelList, Wish
from interp_gui.gui.opening.pick_dialog import PickDialog
from interp_gui.gui.opening.question_dialog import OpenQuestionDialog
from interp_gui.gui.state import AppState, OpenModelState


class OpeningDesk(QObject):
    """Puts the engine's questions to the user, and opens the file with the answers.

    Parameters
    ----------
    window
        Over which dialogs open.
    """

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        bridge: EngineBridge,
        models: ModelList,
    ) -> None:
        super().__init__(window)
        self._window, self._state, self._bridge = window, state, bridge
        self._models = models
        models.can_ask = True
        models.asked.connect(self._on_asked)
        models.look_wanted.connect(self._look)

    # --- questions -------------------------------------------------------------------------------

    def _on_asked(self, wish: Wish, error: ErrorInfo) -> None:
        if error.question is not None and error.question.files:
            self._pick(wish, error.question)
        elif error.question is not None:
            if not self._ask_known_code(wish, error.question):
                self._ask(wish, error.question)
        else:
            self._look(wish)

    def _ask(self, wish: Wish, question: OpenQuestion, *, again: bool = False) -> None:
        dialog = OpenQuestionDialog(question, self._window, again=again)
        dialog.chosen.connect(partial(self._open_with, wish))
        dialog.code_wanted.connect(partial(self._ask_code, wish, question))
        dialog.refused.connect(partial(self._models.refuse, wish))
        dialog.open()

    def _pick(self, wish: Wish, question: OpenQuestion) -> None:
        dialog = PickDialog(question, self._window)
        dialog.picked.connect(
            lambda path: self._models.add(dataclasses.replace(wish, path=path, looked_at=False))
        )
        dialog.refused.connect(partial(self._models.refuse, wish))
        dialog.open()

    def _open_with(self, wish: Wish, choice: OpenChoice) -> None:
        self._models.add(dataclasses.replace(wish, choice=choice, looked_at=True))

    # --- looking ---------------------------------------------------------------------------------

    def look_at(self, path: str) -> None:
        """Show what a file is; nothing is opened."""
        self._bridge.run(
            LookAtModel(path=path),
            title=f"Look at {Path(path).name}",
            on_end=lambda ended: self._show(ended, None),
        )

    def _look(self, wish: Wish) -> None:
        self._bridge.run(
            LookAtModel(path=wish.path),
            title=f"Look at {Path(wish.path).name}",
            on_end=lambda ended: self._show(ended, wish),
        )

    def _show(self, ended: Ended, wish: Wish | None) -> None:
        report = ended.file
        if report is None:
            if ended.error is not None:
                self._state.notify("error", ended.error.message, ended.error.hint)
            if wish is not None:
                self._models.refuse(wish)
            return
        dialog = FileDialog(report, self._window, asking=wish is not None)
        if wish is not None:
            dialog.open_wanted.connect(partial(self._open_looked_at, wish, report))
            dialog.refused.connect(partial(self._models.refuse, wish))
        dialog.open()

    def _open_looked_at(self, wish: Wish, _report: FileReport, stubs: bool) -> None:
        self._open_with(wish, msgspec.structs.replace(wish.choice, stubs=stubs))

    # --- code ------------------------------------------------------------------------------------

    def _ask_code(self, wish: Wish, question: OpenQuestion) -> None:
        dialog = QFileDialog(self._window, "Python file that defines the network")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Python files (*.py)"])
        dialog.setDirectory(str(Path(wish.path).parent))
        dialog.fileSelected.connect(partial(self.ask_to_run, wish, question))
        dialog.rejected.connect(partial(self._models.refuse, wish))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_known_code(self, wish: Wish, question: OpenQuestion) -> bool:
        """Ask at once about the file that was run for these weights before, if it is there."""
        known = remembered_code(question.weights_sha256) if question.code else None
        if known is None:
            return False
        name = Path(known.path).name
        try:
            code = read_code(known.path)
        except FileProblem as problem:
            self._state.notify(
                "info", f"'{name}', which made this network before, cannot be read.",
                f"{problem.message} Name the file that defines it now.",
            )  # fmt: skip
            return False
        if not code.names:
            return False
        dialog = CodeDialog(code, question.file, self._window, known=known)
        dialog.agreed.connect(partial(self._run_code, wish, question, code))
        dialog.other_wanted.connect(partial(self._ask, wish, question))
        dialog.refused.connect(partial(self._models.refuse, wish))
        dialog.open()
        return True

    def ask_to_run(self, wish: Wish, question: OpenQuestion, path: str) -> None:
        """Show a Python file and ask whether it may be run."""
        try:
            code = read_code(path)
        except FileProblem as problem:
            self._state.notify_problem(problem)
            self._models.refuse(wish)
            return
        if not code.names:
            self._state.notify(
                "error",
                f"'{Path(path).name}' defines no network.",
                "It needs a class of torch.nn.Module, or a function without arguments that "
                "makes one.",
            )
            self._models.refuse(wish)
            return
        dialog = CodeDialog(code, question.file, self._window)
        dialog.agreed.connect(partial(self._run_code, wish, question, code))
        dialog.refused.connect(partial(self._models.refuse, wish))
        dialog.open()

    def _run_code(self, wish: Wish, question: OpenQuestion, code: CodeFile, name: str) -> None:
        choice = msgspec.structs.replace(
            question.choice, architecture="", code=code.path, code_sha256=code.sha256,
            code_class=name,
        )  # fmt: skip
        self._open_with(wish, choice)

    # --- another decision about a model that is open ---------------------------------------------

    def reconsider(self, model: OpenModelState) -> None:
        """Ask again what an open model is; it is closed once the other one is open."""
        question = question_of(model)
        wish = Wish(
            model.path, preprocessing=None, choice=model.description.choice, replaces=model.handle
        )
        self._ask(wish, question, again=True)


def question_of(model: OpenModelState) -> OpenQuestion:
    """The candidates that an open model was chosen from, itself first."""
    description: ModelDescription = model.description
    own = Candidate(
        architecture=description.architecture, library=description.library, why="open now"
    )
    others = description.alternatives
    what = "What else could" if others else "Which weights of"
    end = "be?" if others else "are to be opened?"
    return OpenQuestion(
        path=model.path,
        file=description.name,
        weights_sha256=description.weights_sha256,
        sentence=f"{what} '{description.name}' {end}",
        candidates=(own, *others) if others else (),
        weights=description.sets,
        choice=description.choice,
    )
