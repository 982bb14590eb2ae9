"""What has to be decided before a model opens: which network, which weights, what the head is."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from interp_gui.core.opening import Candidate, KeyReport, OpenChoice, OpenQuestion
from interp_gui.gui import parts, theme

_SHOWN_KEYS = 500
_MOST_ROWS = 10
_LONG = 100
_NAME = Qt.ItemDataRole.UserRole


class OpenQuestionDialog(QDialog):
    """Puts candidates to the user, with what differs; shows what does not fit where none does.

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

    def __init__(self, question: OpenQuestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.question = question
        self._is_answered = False
        self.setWindowTitle(f"Open {question.file}")
        self.setMinimumWidth(560)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        self.heading = parts.label(_heading(question))
        self.heading.setFont(theme.heading_font(self.font()))
        column.addWidget(self.heading)
        column.addWidget(parts.label(_explanation(question), dim=True))
        self.candidates = CandidateTable(question.candidates)
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
        return "\n".join(_lines(self.question))

    def _describe(self) -> None:
        found = self.candidates.chosen
        self.open_button.setText(f"Open as {found.name}" if found is not None else "Open")
        self.detail.setText("" if found is None else "\n".join(_detail(found)))
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


class CandidateTable(QTreeWidget):
    """Architectures that take the tensors, the likeliest first."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        super().__init__()
        self._candidates = {each.name: each for each in candidates}
        self._height_px = 0
        scored = any(each.score is not None for each in candidates)
        titles = ["Network", "What differs", "Image", "Why here"]
        if scored:
            titles.insert(1, "Right answers")
        self.setHeaderLabels(titles)
        self.setRootIsDecorated(False)
        self.setAlternatingRowColors(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAccessibleName("Networks that fit")
        self.setAccessibleDescription("Choose the one that the weights were made with")
        for each in candidates:
            differs = "; ".join(each.differs) or "—"
            values = [_network(each), differs, each.input, _sentence(each.why)]
            if scored:
                values.insert(1, "" if each.score is None else f"{each.score:.0%}")
            row = QTreeWidgetItem(values)
            row.setData(0, _NAME, each.name)
            for at, value in enumerate(values):
                row.setToolTip(at, value)
            self.addTopLevelItem(row)
        header = self.header()
        header.setStretchLastSection(True)
        for at, width in enumerate((220, 100, 230, 150) if scored else (230, 260, 170)):
            self.setColumnWidth(at, width)
        first = self.topLevelItem(0)
        if first is not None:
            self.setCurrentItem(first)
            rows = min(max(len(candidates), 3), _MOST_ROWS)
            height_px = rows * self.sizeHintForRow(0) + header.sizeHint().height()
            self.setMinimumHeight(min(rows, 4) * self.sizeHintForRow(0) + header.height())
            self._height_px = height_px + 2 * self.frameWidth()
            self.setMaximumHeight(max(self._height_px, self.minimumHeight()))

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._height_px)

    @property
    def chosen(self) -> Candidate | None:
        """The candidate of the current row."""
        row = self.currentItem()
        return None if row is None else self._candidates.get(str(row.data(0, _NAME)))


class KeyTree(QTreeWidget):
    """What is missing, unexpected and misshapen against the nearest architectures."""

    def __init__(self, reports: Sequence[KeyReport]) -> None:
        super().__init__()
        self.setHeaderLabels(["Nearest networks", "In the file", "Expected"])
        self.setAccessibleName("What does not fit")
        self.setAccessibleDescription("Names and shapes that differ from the nearest networks")
        self.setAlternatingRowColors(True)
        header = self.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for at in (1, 2):
            header.setSectionResizeMode(at, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        for report in reports:
            name = f"{report.library}:{report.architecture}"
            share = f"{report.likeness:.0%} of tensors agree"
            top = QTreeWidgetItem([f"{name} ({share})"])
            self.addTopLevelItem(top)
            _group(top, "Missing in the file", [(key, "", "") for key in report.missing])
            _group(top, "Not known to it", [(key, "", "") for key in report.unexpected])
            _group(
                top,
                "Of another shape",
                [(r.key, shape_text(r.found), shape_text(r.expected)) for r in report.reshaped],
            )
        first = self.topLevelItem(0)
        if first is not None:
            first.setExpanded(True)


def _group(top: QTreeWidgetItem, title: str, keys: list[tuple[str, str, str]]) -> None:
    if not keys:
        return
    group = QTreeWidgetItem([f"{title}: {len(keys)}"])
    top.addChild(group)
    for row in keys[:_SHOWN_KEYS]:
        group.addChild(QTreeWidgetItem(list(row)))
    if len(keys) > _SHOWN_KEYS:
        group.addChild(QTreeWidgetItem([f"and {len(keys) - _SHOWN_KEYS} more"]))
    group.setExpanded(len(keys) <= 12)


def shape_text(shape: tuple[int, ...]) -> str:
    """`64 × 3 × 7 × 7`."""
    return " × ".join(map(str, shape)) or "one number"


def _detail(candidate: Candidate) -> list[str]:
    same = ", ".join(candidate.same)
    return [
        *([f"The same as {same}: they answer alike."] if same else []),
        *(
            [f"Differs from the first: {'; '.join(candidate.differs)}."]
            if candidate.differs
            else []
        ),
        *([f"It sees an image as {candidate.input}."] if candidate.input else []),
        *([f"{_sentence(candidate.why).rstrip('.')}."] if candidate.why else []),
        *(
            []
            if candidate.certain
            else ["Only order and shapes of its tensors agree: equal ones may be exchanged."]
        ),
    ]


def _sentence(text: str) -> str:
    """With a capital, but for names that are written small."""
    first = text.partition(" ")[0]
    return text if any(each in first for each in "'_:.") else text[:1].upper() + text[1:]


def _network(candidate: Candidate) -> str:
    others = f" and {len(candidate.same)} alike" if candidate.same else ""
    return f"{candidate.name}{others}{'' if candidate.certain else ' (uncertain)'}"


def _heading(question: OpenQuestion) -> str:
    if question.head is not None and not question.candidates:
        return f"What is the head of '{question.file}' made of?"
    if question.candidates and all(each.certain for each in question.candidates):
        return f"Which network is '{question.file}'?"
    counts = question.nearest and len(question.sentence) > _LONG  # which the tree shows
    if question.sentence and not counts:
        return question.sentence
    if question.candidates:
        return f"Is '{question.file}' one of these networks?"
    if len(question.weights) > 1 and not question.nearest:
        return f"Which weights of '{question.file}' are to be opened?"
    return f"'{question.file}' fits no known network."


def _explanation(question: OpenQuestion) -> str:
    if question.candidates and not all(each.certain for each in question.candidates):
        return (
            "Tensors of the same shape may have changed places, which nothing would show. Choose "
            "one only if you know that it is that network. What you choose is remembered for "
            "these weights."
        )
    if question.candidates:
        return (
            "These networks take exactly the same tensors, without complaint, and answer "
            "differently. Names and shapes cannot tell which one was trained. "
            "What you choose is remembered for these weights."
        )
    if question.head is not None:
        known = question.choice.architecture
        return (
            f"It is {known} with a head of its own, of which some layers leave no trace in a file. "
            if known
            else "The head was changed, and some of its layers leave no trace in a file. "
        ) + ("What you choose is remembered for these weights.")
    if len(question.weights) > 1:
        return "The file holds several sets, such as the last weights and their running average."
    return (
        "Nothing was opened, because a wrong or partial match would show another network's "
        "answers. A Python file that defines the network opens it, if you have one."
    )


def _lines(question: OpenQuestion) -> list[str]:
    lines = [_heading(question), f"weights {question.weights_sha256}"]
    for each in question.candidates:
        lines.append(f"- {each.name}: {'; '.join(each.differs) or 'first'} ({each.why})")
    for report in question.nearest:
        lines.append(f"{report.library}:{report.architecture}, {report.likeness:.1%} agree")
        lines += [f"  missing {key}" for key in report.missing]
        lines += [f"  unexpected {key}" for key in report.unexpected]
        lines += [
            f"  {r.key}: {shape_text(r.found)}, expected {shape_text(r.expected)}"
            for r in report.reshaped
        ]
    return lines
