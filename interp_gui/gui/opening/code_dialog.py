"""Asking before a Python file is run that defines a network."""

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from interp_gui.core.choices import KnownCode
from interp_gui.core.errors import FileProblem
from interp_gui.core.paths import open_regular
from interp_gui.gui import parts, theme

LARGEST_BYTES = 2_000_000


@dataclass(frozen=True)
class CodeFile:
    """A Python file as it was read, which is what the user agrees to.

    Parameters
    ----------
    names
        Classes and functions at its top level that could make a network.
    """

    path: str
    source: str
    sha256: str
    names: tuple[str, ...]


def read_code(path: str) -> CodeFile:
    """Read a Python file without running any of it.

    Raises
    ------
    FileProblem
        It cannot be read, is too large, or is no Python.
    """
    name = Path(path).name
    try:
        with open_regular(path) as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as problem:
        raise FileProblem(f"'{name}' cannot be read: {problem.strerror}.") from None
    if len(data) > LARGEST_BYTES:
        raise FileProblem(f"'{name}' is too large to be a network's definition.")
    try:
        source = data.decode("utf-8")
        names = tuple(_names(ast.parse(source)))
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        raise FileProblem(
            f"'{name}' is no Python file that can be read.", hint="Choose a .py file."
        ) from None
    return CodeFile(path, source, hashlib.sha256(data).hexdigest(), names)


def _names(tree: ast.Module) -> list[str]:
    functions = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and not _needs_arguments(node)
    ]
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.bases]
    return functions + classes[::-1]


def _needs_arguments(node: ast.FunctionDef) -> bool:
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return positional > 0 or any(default is None for default in arguments.kw_defaults)


class CodeDialog(QDialog):
    """Shows path, hash and source of a file that would be run, and asks.

    Parameters
    ----------
    known
        What was run for these weights before, if that is why it is asked about this file. It tells
        whether the file has changed, and answers nothing.

    Signals
    -------
    agreed
        Run it; carries the name of the class or function, empty for the only one.
    other_wanted
        It is not this file that defines the network.
    refused
        Do not.
    """

    agreed = Signal(str)
    other_wanted = Signal()
    refused = Signal()

    def __init__(
        self,
        code: CodeFile,
        model: str,
        parent: QWidget | None = None,
        *,
        known: KnownCode | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.code, self._is_answered = code, False
        self.setWindowTitle("Run this file?")
        self.resize(720, 560)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        self.heading = parts.label(f"Run '{Path(code.path).name}' to open '{model}'?")
        self.heading.setFont(theme.heading_font(self.font()))
        column.addWidget(self.heading)
        column.addWidget(
            parts.label(
                "It runs with all your rights: it can read, change and send your files. "
                "Run it only if you wrote it, have read it, or trust who did."
            )
        )
        self.known = parts.label(_since(known, code)) if known is not None else None
        if self.known is not None:
            column.addWidget(self.known)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.SPACE_L)
        for name, text in (("File", code.path), ("SHA-256", code.sha256)):
            value = parts.label(text)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(f"{name}: {text}")
            form.addRow(parts.label(name, dim=True, wrap=False), value)
        self.names = QComboBox()
        self.names.setAccessibleName("What makes the network")
        self.names.addItems(code.names)
        if known is not None and known.name in code.names:
            self.names.setCurrentText(known.name)
        form.addRow(parts.label("Network", dim=True, wrap=False), self.names)
        column.addLayout(form)
        source = QPlainTextEdit(code.source)
        source.setReadOnly(True)
        source.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        source.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        source.setAccessibleName("What the file says")
        source.setTabChangesFocus(True)
        column.addWidget(source, 1)
        self.agree = QCheckBox("I trust this file")
        self.agree.setAccessibleDescription("Only then can it be run")
        column.addWidget(self.agree)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.run_button = QPushButton("Run it and open the model")
        self.run_button.setEnabled(False)
        self.run_button.setAutoDefault(False)
        self.run_button.clicked.connect(self._agree)
        buttons.addButton(self.run_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.other_button = QPushButton("Another file…")
        self.other_button.setToolTip("See the question again, and name another file")
        self.other_button.setAutoDefault(False)
        self.other_button.clicked.connect(self._want_other)
        if known is not None:
            buttons.addButton(self.other_button, QDialogButtonBox.ButtonRole.ActionRole)
        else:
            self.other_button.setParent(self)
            self.other_button.hide()
        cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setDefault(True)
        buttons.rejected.connect(self.reject)
        self.agree.toggled.connect(self._on_agreed)
        column.addWidget(buttons)
        self.setAccessibleName(self.heading.text())
        cancel.setFocus()

    def _on_agreed(self, agreed: bool) -> None:
        self.run_button.setEnabled(agreed and self.names.count() > 0)

    def _agree(self) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.agreed.emit(self.names.currentText())
            self.close()

    def _want_other(self) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.other_wanted.emit()
            self.close()

    def done(self, result: int) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.refused.emit()
        super().done(result)


def _since(known: KnownCode, code: CodeFile) -> str:
    """Whether a file is the one that was run before."""
    if known.sha256 == code.sha256:
        return "It made this network before, and has not changed since. You are asked every time."
    return "It made this network before, but has changed since then: read it again."
