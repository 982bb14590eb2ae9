"""What is known of a model, and what of it can be decided otherwise."""

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.model import ModelDescription, OutputInfo, OutputKind
from interp_gui.gui import parts, theme
from interp_gui.gui.widgets.wheel import calm_wheel

OUTPUT_KINDS: dict[OutputKind, tuple[str, str]] = {
    "softmax": ("{} classes, one of them is right", "Softmax: shares of all classes sum to one"),
    "sigmoid": ("{} classes, each for itself", "Sigmoid: any number of classes may be right"),
    "scalar": ("{} numbers", "Measurements, such as an age or a score"),
    "embedding": (
        "embedding of {} numbers",
        "A direction that is compared with those of other images",
    ),
    "map": ("map of {} channels", "One value for each place, as in segmentation"),
}


RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}
FORMATS = {
    "torch-zip": "PyTorch weights",
    "torch-legacy": "PyTorch weights, old format",
    "torch-sharded": "PyTorch weights in several files",
    "safetensors": "safetensors",
    "safetensors-sharded": "safetensors in several files",
    "huggingface": "Hugging Face folder",
    "onnx": "ONNX",
    "pt2": "exported by torch.export",
}


_MANY_CLASSES = 1000
"""Networks of so many classes are those of ImageNet and the like, where one is right."""
_NARROWEST_PX = 60
"""So that one long word does not make the panel scroll sideways."""


class FactsView(QScrollArea):
    """Facts of a model, to read and to copy.

    Signals
    -------
    outputs_chosen
        Outputs with the kinds that the user says they have.
    reconsidered
        The user wants to choose another network for the same weights.
    """

    outputs_chosen = Signal(object)
    reconsidered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.kinds: list[QComboBox] = []
        self.other: QPushButton | None = None
        self.back: QPushButton | None = None
        """Takes back what was said of the outputs."""
        self.told = ""
        """How the kind of the output was found, where that is worth a sentence."""

    def show_model(self, model: ModelDescription, path: str) -> None:
        """Show what is known of a model."""
        content = QWidget()
        column = parts.column(content, margin=theme.SPACE_M, spacing=theme.SPACE_L)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.SPACE_L)
        form.setVerticalSpacing(theme.SPACE_S)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for name, text in facts(model):
            form.addRow(_name(name), _value(text, name))
        self._add_outputs(form, model)
        form.addRow(_name("Weights"), self._hash(model.weights_sha256))
        form.addRow(_name("File"), _value(path, "File"))
        if model.ignored:
            form.addRow(_name("Left alone"), _value(", ".join(model.ignored), "Left alone"))
        column.addLayout(form)
        self._add_other(column, model)
        self._add_notes(column, model.notes)
        column.addStretch(1)
        old = self.takeWidget()
        if old is not None:
            old.deleteLater()
        self.setWidget(content)

    def _add_outputs(self, form: QFormLayout, model: ModelDescription) -> None:
        self.kinds = []
        for at, output in enumerate(model.outputs):
            name = "Output" if output.name == "output" else f"Output {output.name}"
            form.addRow(_name(name), self._kind_box(model.outputs, at, name))
        told = parts.label(dim=True)
        told.setMinimumWidth(_NARROWEST_PX)
        if model.guessed_outputs or model.choice.output:
            told.setText("Chosen by you.")
        elif is_assumed(model):
            told.setText(
                f"Taken for one of {model.class_count:,} classes; if each class is answered for "
                "itself, change it here."
            )
        self.told = told.text()
        self.back = None
        if not self.told:
            told.deleteLater()
            return
        form.addRow(told)
        if model.guessed_outputs:
            kind = OUTPUT_KINDS[model.guessed_outputs[0].kind][1].partition(":")[0]
            self.back = QPushButton("Take the guess again")
            self.back.setToolTip(f"{kind}: what it is taken for where nobody says otherwise")
            guessed = model.guessed_outputs
            self.back.clicked.connect(lambda: self.outputs_chosen.emit(guessed))
            row = parts.row()
            row.addWidget(self.back)
            row.addStretch(1)
            form.addRow(row)

    def _kind_box(self, outputs: tuple[OutputInfo, ...], at: int, name: str) -> QWidget:
        output = outputs[at]
        box = QComboBox()
        calm_wheel(box)
        box.setAccessibleName(f"{name}: what its {output.size:,} numbers are")
        box.setAccessibleDescription("What the output means; decides which Targets there are")
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        for kind, (title, tip) in OUTPUT_KINDS.items():
            if output.size == 1 and kind == "softmax":
                continue  # one number is no choice between classes
            if (kind == "map") != (output.kind == "map"):
                continue  # numbers have no places, and places are no numbers
            size = f"{output.size:,} " if output.size else ""
            box.addItem(title.replace("{} ", size), kind)
            box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(max(0, box.findData(output.kind)))
        box.setToolTip(OUTPUT_KINDS[output.kind][1])

        def chosen(row: int) -> None:
            wanted = list(outputs)
            wanted[at] = msgspec.structs.replace(output, kind=box.itemData(row))
            self.outputs_chosen.emit(tuple(wanted))

        box.activated.connect(chosen)
        self.kinds.append(box)
        return box

    def _add_other(self, column: QVBoxLayout, model: ModelDescription) -> None:
        self.other = None
        if not model.alternatives and len(model.sets) < 2:
            return
        for sentence in _choices(model):
            words = parts.label(sentence)
            words.setMinimumWidth(_NARROWEST_PX)
            column.addWidget(words)
        what = "another network" if model.alternatives else "other weights"
        self.other = QPushButton(f"Choose {what}…")
        self.other.setToolTip(f"Open the file with {what}; this model is closed then")
        self.other.clicked.connect(self.reconsidered)
        row = parts.row()
        row.addWidget(self.other)
        row.addStretch(1)
        column.addLayout(row)

    def _hash(self, sha256: str) -> QWidget:
        holder = QWidget()
        row = parts.row()
        holder.setLayout(row)
        row.addWidget(_value(sha256[:12], f"SHA-256 of the weights: {sha256}"))
        copy = parts.icon_button("copy", "Copy the SHA-256 of the weights", size_px=14)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(sha256))
        row.addWidget(copy)
        row.addStretch(1)
        return holder

    def _add_notes(self, column: QVBoxLayout, notes: tuple[str, ...]) -> None:
        for note in notes:
            label = parts.label(note, dim=True)
            label.setMinimumWidth(_NARROWEST_PX)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)


def is_assumed(model: ModelDescription) -> bool:
    """Whether nothing but habit says that one of the classes is right.

    Weights never tell; a graph or a configuration may, and of networks with the usual classes it
    is known.
    """
    kinds = {output.kind for output in model.outputs}
    bare = model.format.startswith(("torch", "safetensors")) or model.format == "pt2"
    return kinds == {"softmax"} and bare and model.class_count < _MANY_CLASSES


def _choices(model: ModelDescription) -> list[str]:
    """What else could have been opened, in words."""
    found = []
    if model.alternatives:
        names = ", ".join(each.name for each in model.alternatives[:3])
        more = len(model.alternatives) - 3
        several = f" and {more} more" if more > 0 else ""
        found.append(f"The same weights fit {names}{several}, which answer differently.")
    if len(model.sets) > 1:
        found.append(
            f"This is the set '{model.sets[0]}'; the file holds {', '.join(model.sets[1:])} too."
        )
    return found


def facts(model: ModelDescription) -> list[tuple[str, str]]:
    """Names and values, in words."""
    rows = [
        ("Architecture", model.architecture),
        ("Library", model.library),
    ]
    if model.choice.architecture:
        rows.append(("Chosen", f"by you, as {model.choice.architecture}"))
    if model.choice.weights:
        rows.append(("Set of weights", model.choice.weights))
    if model.choice.code:
        rows.append(("Defined in", model.choice.code))
    rows += [
        ("Format", FORMATS.get(model.format, model.format)),
        ("Runs on", runtime_text(model)),
        ("Parameters", f"{model.parameters:,}"),
        ("Layers", _layers(model)),
    ]
    if model.gradient_problem:
        rows.append(("Gradients", f"none: {model.gradient_problem}"))
    if model.class_count:
        rows.append(("Class names", "known" if model.class_names else "not known"))
    return rows


def runtime_text(model: ModelDescription) -> str:
    """What a model runs on, and why there."""
    name, reason = RUNTIMES[model.runtime], model.runtime_reason
    if not reason:
        return name
    # most reasons begin with the name, which need not be said twice
    return reason if reason.startswith(tuple(RUNTIMES.values())) else f"{name}: {reason}"


def _layers(model: ModelDescription) -> str:
    worthwhile = sum(layer.worthwhile for layer in model.layers)
    return f"{len(model.layers):,}, of which {worthwhile:,} worth looking at"


def _name(text: str) -> QLabel:
    return parts.label(text, dim=True, wrap=False)


def _value(text: str, name: str) -> QLabel:
    label = parts.label(text)
    label.setToolTip(name if name.startswith("SHA-256") else text)
    label.setMinimumWidth(_NARROWEST_PX)
    label.setAccessibleName(f"{name}: {text}")
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
