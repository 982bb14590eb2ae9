"""The Model panel: layers, facts and preprocessing of the current model."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QStackedLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from interp_gui.core.model import ModelDescription
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.panels.layers import LayersView
from interp_gui.gui.panels.preprocessing import PreprocessingForm
from interp_gui.gui.state import AppState, OpenModelState


class ModelPanel(QWidget):
    """What the current model is made of, what it is, and what it is fed."""

    def __init__(self, state: AppState, documents: Documents, background: Background) -> None:
        super().__init__()
        self._state = state
        self.setMinimumWidth(240)
        self.layers = LayersView(state)
        self.facts = FactsView()
        self.preprocessing = PreprocessingForm(state, background)
        self.preprocessing.applied.connect(documents.set_preprocessing)
        self.models = ModelBox(state, documents)
        self.close_model = parts.icon_button(
            "close", "Close this model", lambda: documents.close_model()
        )
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Parts of the model")
        self.tabs.setAccessibleDescription("Layers, facts and preprocessing of the current model")
        self.tabs.addTab(self.layers, "Layers")
        self.tabs.addTab(self.facts, "Facts")
        self.tabs.addTab(self.preprocessing, "Preprocessing")
        empty = QWidget()
        centre = parts.column(empty, margin=theme.SPACE_L)
        centre.addStretch(1)
        hint = parts.label(
            "Drop a checkpoint here (.pt, .pth, .safetensors), or press Ctrl+O, to see its layers.",
            dim=True,
        )
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        centre.addWidget(hint)
        centre.addStretch(1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        body = QWidget()
        column = parts.column(body, spacing=0)
        top = parts.row()
        top.setContentsMargins(theme.SPACE_S, theme.SPACE_S, theme.SPACE_S, 0)
        top.addWidget(self.models, 1)
        top.addWidget(self.close_model)
        column.addLayout(top)
        column.addWidget(self.tabs, 1)
        self._stack.addWidget(body)
        state.model_changed.connect(self._on_model)
        self._on_model()

    def _on_model(self) -> None:
        model = self._state.model
        self._stack.setCurrentIndex(0 if model is None else 1)
        self.layers.rebuild()
        if model is not None:
            self.facts.show_model(model.description, model.path)


class ModelBox(QComboBox):
    """The models that are open, and the one that is current."""

    def __init__(self, state: AppState, documents: Documents) -> None:
        super().__init__()
        self._state, self._documents = state, documents
        self.setAccessibleName("Open models")
        self.setAccessibleDescription("All views follow the model that is chosen here")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.activated.connect(self._chosen)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        state.models_changed.connect(self._refill)
        state.model_changed.connect(self._follow)
        self._refill()

    def _refill(self) -> None:
        self.clear()
        for model, title in titled(self._state.models):
            self.addItem(title, model.handle)
            self.setItemData(self.count() - 1, model.path, Qt.ItemDataRole.ToolTipRole)
        self._follow()

    def _follow(self) -> None:
        model = self._state.model
        self.setCurrentIndex(self.findData(model.handle) if model is not None else -1)
        count = self.count()
        many = f"{count} models are open; all views follow the one that is chosen here"
        self.setToolTip(many if count > 1 else model.path if model is not None else "")

    def _chosen(self, at: int) -> None:
        self._documents.models.choose(str(self.itemData(at)))

    def _show_menu(self, where: QPoint) -> None:
        model = self._state.model
        if model is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        clipboard = QGuiApplication.clipboard()
        sha256, path = model.description.weights_sha256, model.path
        menu.addAction("Copy path", lambda: clipboard.setText(path))
        menu.addAction("Copy SHA-256 of the weights", lambda: clipboard.setText(sha256))
        menu.addSeparator()
        menu.addAction(icons.icon("close"), "Close this model", self._documents.close_model)
        menu.popup(self.mapToGlobal(where))


def titled(models: Sequence[OpenModelState]) -> list[tuple[OpenModelState, str]]:
    """Models with their names, and with their folders where names are the same."""
    names = [model.description.name for model in models]
    return [
        (model, f"{name} ({Path(model.path).parent.name})" if names.count(name) > 1 else name)
        for model, name in zip(models, names, strict=True)
    ]


class FactsView(QScrollArea):
    """Facts of a model, to read and to copy."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_model(self, model: ModelDescription, path: str) -> None:
        """Show what is known of a model."""
        content = QWidget()
        column = parts.column(content, margin=theme.SPACE_M, spacing=theme.SPACE_L)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.SPACE_L)
        form.setVerticalSpacing(theme.SPACE_S)
        for name, text in facts(model):
            form.addRow(_name(name), _value(text, name))
        form.addRow(_name("Weights"), self._hash(model.weights_sha256))
        form.addRow(_name("File"), _value(path, "File"))
        column.addLayout(form)
        self._add_notes(column, model.notes)
        column.addStretch(1)
        old = self.takeWidget()
        if old is not None:
            old.deleteLater()
        self.setWidget(content)

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
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)


def facts(model: ModelDescription) -> list[tuple[str, str]]:
    """Names and values, in words."""
    rows = [
        ("Architecture", model.architecture),
        ("Library", model.library),
        ("Format", model.format),
        ("Parameters", f"{model.parameters:,}"),
        ("Layers", _layers(model)),
    ]
    for output in model.outputs:
        what = {"softmax": "classes, softmax", "sigmoid": "classes, sigmoid"}
        text = f"{output.size:,} {what.get(output.kind, output.kind)}"
        rows.append(("Output" if output.name == "output" else f"Output {output.name}", text))
    if model.class_count:
        rows.append(("Class names", "known" if model.class_names else "not known"))
    return rows


def _layers(model: ModelDescription) -> str:
    worthwhile = sum(layer.worthwhile for layer in model.layers)
    return f"{len(model.layers):,}, of which {worthwhile:,} worth looking at"


def _name(text: str) -> QLabel:
    return parts.label(text, dim=True, wrap=False)


def _value(text: str, name: str) -> QLabel:
    label = parts.label(text)
    label.setToolTip(text if name == "File" else name)
    label.setAccessibleName(f"{name}: {text}")
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
