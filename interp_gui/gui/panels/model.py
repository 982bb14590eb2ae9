"""The Model panel: layers, facts and preprocessing of the current model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QMenu,
    QStackedLayout,
    QTabWidget,
    QWidget,
)

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.panels.facts import FactsView
from interp_gui.gui.panels.layers import LayersView
from interp_gui.gui.panels.preprocessing import PreprocessingForm
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.undoing.changes import change_outputs


class ModelPanel(QWidget):
    """What the current model is made of, what it is, and what it is fed.

    Signals
    -------
    other_network_wanted
        The weights fit other networks too, and the user wants to choose again; carries the
        `OpenModelState`.
    """

    other_network_wanted = Signal(object)

    def __init__(self, state: AppState, documents: Documents, background: Background) -> None:
        super().__init__()
        self._state = state
        self.setMinimumWidth(240)
        self.layers = LayersView(state)
        self.facts = FactsView()
        self.facts.outputs_chosen.connect(partial(change_outputs, state, documents.models))
        self.facts.reconsidered.connect(self._reconsider)
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
            "Drop a checkpoint here (.pt, .pth, .safetensors, .onnx, a model folder), or press "
            "Ctrl+O, to see its layers.",
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
        state.model_described.connect(self._show_facts)
        self._on_model()

    def _reconsider(self) -> None:
        model = self._state.model
        if model is not None:
            self.other_network_wanted.emit(model)

    def _on_model(self) -> None:
        model = self._state.model
        self._stack.setCurrentIndex(0 if model is None else 1)
        self.layers.rebuild()
        self._show_facts()

    def _show_facts(self) -> None:
        model = self._state.model
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
