"""What has to be decided before a model opens: which network, which weights, what the head is."""

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from interp_gui.core.opening import OpenChoice, OpenQuestion
from interp_gui.gui import parts, theme
from interp_gui.gui.opening.question_tables import CandidateTable, KeyTree
from interp_gui.gui.opening.question_words import detail_of, explanation_of, heading_of, lines_of


class OpenQuestionDialog(QDialog):
    """Puts candidates to the user, with what differs; shows what does not fit where none does.

    Parameters
    ----------
    again
        Whether the first candidate is open, and another one is wanted.

    Signals
    -------
    chosen
        An `OpenChoice` to open the file with.
    code_wanted
        The user wants to name a Python file that defines the network.
    refused
        Nothing is opened.
    """

    chosen = Signal(object)
    code_wanted = Signal()
    refused = Signal()

    def __init__(
        self, question: OpenQuestion, parent: QWidget | None = None, *, again: bool = False
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.question = question
        self._is_answered = False
        self.setWindowTitle(f"Open {question.file}")
        self.setMinimumWidth(560)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        self.heading = parts.label(heading_of(question))
        self.heading.setFont(theme.heading_font(self.font()))
        column.addWidget(self.heading)
        column.addWidget(parts.label(explanation_of(question), dim=True))
        self.candidates = CandidateTable(question.candidates, start=int(again))
        self.candidates.setVisible(bool(question.candidates))
        column.addWidget(self.candidates, 2)
        self.detail = parts.label()
        self.detail.setMinimumHeight(self.fontMetrics().lineSpacing() * 6)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.detail.setVisible(bool(question.candidates))
        column.addWidget(self.detail)
        self.form = QFormLayout()
        self.form.setHorizontalSpacing(theme.SPACE_L)
        self.weights = self._weights_box()
        self.gaps = self._gap_boxes()
        column.addLayout(self.form)
        self.keys = KeyTree(question.nearest)
        # where something fits, what others lack decides nothing
        self.keys.setVisible(bool(question.nearest) and not self.can_open)
        column.addWidget(self.keys, 3)
        column.addStretch(0 if self.keys.isVisibleTo(self) else 1)
        column.addWidget(self._buttons())
        if question.candidates:
            self.resize(860, self.sizeHint().height())
        elif self.keys.isVisibleTo(self):
            self.resize(860, 520)
        self.candidates.currentItemChanged.connect(lambda *_: self._describe())
        self.candidates.itemActivated.connect(lambda *_: self._open())
        self.setAccessibleName(self.heading.text())
        self._describe()

    def _weights_box(self) -> QComboBox | None:
        names = self.question.weights
        if len(names) < 2:
            return None
        box = QComboBox()
        box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        box.setAccessibleName("Which weights of the file")
        for name in names:
            box.addItem(name)
        box.setCurrentText(self.question.choice.weights or names[0])
        self.form.addRow("Weights", box)
        return box

    def _gap_boxes(self) -> list[QComboBox]:
        head = self.question.head
        boxes: list[QComboBox] = []
        if head is None:
            return boxes
        for at, layer in enumerate(head.layers):
            if at not in head.gaps:
                self.form.addRow("Head" if at == 0 else "", parts.label(layer, wrap=False))
                continue
            box = QComboBox()
            box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            box.setAccessibleName(f"Layer {at + 1} of the head")
            box.addItems(head.options)
            answered = self.question.choice.head
            if len(boxes) < len(answered):
                box.setCurrentText(answered[len(boxes)])
            self.form.addRow("Head" if at == 0 else "", box)
            boxes.append(box)
        return boxes

    def _buttons(self) -> QDialogButtonBox:
        roles = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.open_button = QPushButton("Open")
        self.open_button.setDefault(True)
        self.open_button.clicked.connect(self._open)
        self.code_button = QPushButton("Use a Python file…")
        self.code_button.setToolTip("Name a .py file that defines the network; you are asked first")
        self.code_button.setAutoDefault(False)
        self.code_button.clicked.connect(lambda: self._answer(self.code_wanted))
        self.copy_button = QPushButton("Copy as text")
        self.copy_button.setToolTip("All names and shapes that do not fit, to keep or to send")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._copy)
        if self.can_open:
            buttons.addButton(self.open_button, roles.AcceptRole)
        else:
            self.open_button.setParent(self)
            self.open_button.hide()
        buttons.addButton(self.code_button, roles.ActionRole)
        buttons.addButton(self.copy_button, roles.ActionRole)
        buttons.rejected.connect(self.reject)
        return buttons

    @property
    def can_open(self) -> bool:
        """Whether there is something that an answer would open."""
        question = self.question
        return bool(question.candidates or question.head or len(question.weights) > 1)

    @property
    def choice(self) -> OpenChoice:
        """What the controls say now."""
        made = self.question.choice
        found = self.candidates.chosen
        return msgspec.structs.replace(
            made,
            architecture=found.name if found is not None else made.architecture,
            weights=self.weights.currentText() if self.weights is not None else made.weights,
            head=tuple(box.currentText() for box in self.gaps) or made.head,
        )

    def text(self) -> str:
        """All of it as text."""
        return "\n".join(lines_of(self.question))

    def _describe(self) -> None:
        found = self.candidates.chosen
        self.open_button.setText(f"Open as {found.name}" if found is not None else "Open")
        self.detail.setText("" if found is None else "\n".join(detail_of(found)))
        self.open_button.setEnabled(found is not None or not self.question.candidates)

    def _open(self) -> None:
        if not self._is_answered and self.can_open:
            self._is_answered = True
            self.chosen.emit(self.choice)
            self.close()

    def _answer(self, signal: object) -> None:
        if not self._is_answered:
            self._is_answered = True
            signal.emit()  # type: ignore[attr-defined]
            self.close()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())

    def done(self, result: int) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.refused.emit()
        super().done(result)
