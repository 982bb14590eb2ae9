"""Choosing the Target in the toolbar: which number, of which class, and against what."""

from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QCompleter, QPushButton, QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.model import ModelDescription
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.core.target import Target, TargetKind
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState
from interp_gui.gui.undoing.changes import choose_target

TOP_CLASS = "Top class"
_WIDEST_NAME_PX = 180
MOST_NUMBERS = 20_000
"""So many numbers of an embedding the engine gives at most."""
KINDS: dict[TargetKind, tuple[str, str]] = {
    "logit": ("Logit", "The class's output before softmax or sigmoid"),
    "logit_difference": ("Logit difference", "How much more the first class gets than the second"),
    "probability": ("Probability", "The class's share, after softmax or sigmoid"),
    "scalar": ("Value", "One number of the output"),
    "similarity": ("Similarity", "How alike the embedding is to that of a reference image"),
}


def kinds_for(model: ModelDescription | None) -> tuple[TargetKind, ...]:
    """The kinds of numbers that a model has."""
    if model is None or not model.outputs:
        return ()
    if model.class_count:
        one: tuple[TargetKind, ...] = ("logit", "probability")
        return ("logit", "logit_difference", "probability") if model.class_count > 1 else one
    if model.outputs[0].kind == "embedding":
        return ("scalar", "similarity")
    return ("scalar",)


class TargetSelector(QWidget):
    """The number being explained; every choice can be undone."""

    def __init__(self, state: AppState, bridge: EngineBridge | None = None) -> None:
        super().__init__()
        self._state, self._bridge = state, bridge
        self.setAccessibleName("Target")
        self.kind = QComboBox()
        self.kind.setAccessibleName("Kind of target")
        self.kind.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.classes = _class_box("Target class", "The class that is explained; type to search")
        self.minus = parts.label("minus", dim=True, wrap=False)
        self.versus = _class_box("Other class", "The class that it is compared with")
        self.reference = QPushButton("Like this image")
        self.reference.setToolTip("Explain how alike the embedding is to that of the current image")
        self._asked_about = ""
        self.alike = parts.label(wrap=False)
        self.alike.setMaximumWidth(_WIDEST_NAME_PX)
        caption = parts.label("Target", dim=True, wrap=False)
        caption.setBuddy(self.classes)
        layout = parts.row(spacing=theme.SPACE_S)
        self.setLayout(layout)
        for widget in (
            caption, self.kind, self.classes, self.minus, self.versus, self.alike,
            self.reference,
        ):  # fmt: skip
            layout.addWidget(widget)
        self.kind.activated.connect(self._chosen)
        self.reference.clicked.connect(self._ask_reference)
        for box in (self.classes, self.versus):
            box.activated.connect(self._chosen)
            edit = box.lineEdit()
            if edit is not None:
                edit.editingFinished.connect(lambda box=box: self._typed(box))
        state.model_changed.connect(self._on_model)
        state.target_changed.connect(self._follow)
        state.image_changed.connect(self._follow)
        self._on_model()

    # --- following -----------------------------------------------------------------------------

    def _on_model(self) -> None:
        model = self._description
        kinds = kinds_for(model)
        with _blocked(self.kind), _blocked(self.classes), _blocked(self.versus):
            self.kind.clear()
            for at, kind in enumerate(kinds or ("logit",)):
                title, tip = KINDS[kind]
                self.kind.addItem(title, kind)
                self.kind.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
            self.classes.clear()
            self.versus.clear()
            for title, index in self._choices(model):
                self.classes.addItem(title, index)
        self.setEnabled(bool(kinds))
        lacking = model is not None and not kinds
        self.setToolTip("This model has no number that can be explained." if lacking else "")
        self._follow()

    @property
    def _description(self) -> ModelDescription | None:
        model = self._state.model
        return model.description if model is not None else None

    def _choices(self, model: ModelDescription | None) -> list[tuple[str, int | None]]:
        if model is None or not model.class_count:
            size = model.outputs[0].size if model is not None and model.outputs else 0
            kind = model.outputs[0].kind if model is not None and model.outputs else "scalar"
            word = {"map": "channel", "embedding": "dimension"}.get(kind, "value")
            values: list[tuple[str, int | None]] = [(f"{word} {i}", i) for i in range(max(size, 1))]
            return values if model is not None else [(TOP_CLASS, None)]
        return [(TOP_CLASS, None), *((model.class_name(i), i) for i in range(model.class_count))]

    def _follow(self) -> None:
        """Show the Target as it is."""
        target = self._state.target
        with _blocked(self.kind), _blocked(self.classes), _blocked(self.versus):
            self.kind.setCurrentIndex(max(0, self.kind.findData(target.kind)))
            self.classes.setCurrentIndex(_row_of(self.classes, target.index))
            if target.kind == "logit_difference":
                self._fill_versus()
                self.versus.setCurrentIndex(_row_of(self.versus, target.versus))
        self._arrange(target.kind)

    def _fill_versus(self) -> None:
        model = self._description
        if model is not None and self.versus.count() != model.class_count:
            self.versus.clear()
            for index in range(model.class_count):
                self.versus.addItem(model.class_name(index), index)

    def _arrange(self, kind: TargetKind) -> None:
        self.kind.setToolTip(KINDS[kind][1])
        difference, similarity = kind == "logit_difference", kind == "similarity"
        self.classes.setVisible(not similarity)
        self.minus.setVisible(difference)
        self.versus.setVisible(difference)
        self.reference.setVisible(similarity)
        self.reference.setEnabled(self._state.image is not None)
        name = self._state.shared.references.get(self._state.target.reference, "")
        self.alike.setText(f"to {name}" if name else "to a reference image")
        self.alike.setToolTip(f"The reference is {name}" if name else "")
        self.alike.setVisible(similarity and bool(self._state.target.reference))
        is_long = difference  # two boxes share the room of one
        for box in (self.classes, self.versus):
            box.setMinimumContentsLength(13 if is_long else 20)

    # --- choosing ------------------------------------------------------------------------------

    def _typed(self, box: QComboBox) -> None:
        """Take a name that was typed; anything else goes back to what was chosen."""
        found = box.findText(box.currentText(), Qt.MatchFlag.MatchFixedString)
        if found >= 0:
            box.setCurrentIndex(found)
            self._chosen()
        else:
            self._follow()

    def _chosen(self) -> None:
        model, before = self._description, self._state.target
        if model is None or not self.isEnabled():
            return
        kind: TargetKind = self.kind.currentData()
        index: int | None = self.classes.currentData()
        if kind == "similarity":
            self._choose_similarity(before)
            return
        versus = None
        if kind == "logit_difference":
            self._fill_versus()
            versus = self.versus.currentData() if before.kind == kind else None
            if versus is None:  # some other class, to be changed beside it
                versus = before.versus if before.versus is not None else int(index == 0)
            if versus == index:  # the two change places, where both were chosen
                versus = before.index if before.index not in (None, index) else int(index == 0)
        choose_target(
            self._state, Target(kind=kind, index=index, versus=versus, output=before.output)
        )
        self._follow()

    def _choose_similarity(self, before: Target) -> None:
        """Shown at once; taken as soon as there is a reference."""
        self._arrange("similarity")
        if before.kind != "similarity":
            self._ask_reference()

    def _ask_reference(self) -> None:
        """Ask the engine for the embedding of the current image."""
        model, image = self._state.model, self._state.image
        if model is None or image is None or self._bridge is None:
            self._state.notify("info", "Open the image that others are to be compared with first.")
            self._follow()
            return
        size = model.description.outputs[0].size
        if size > MOST_NUMBERS:
            self._state.notify(
                "info", f"An embedding of {size:,} numbers is too long to be a reference.",
                f"At most {MOST_NUMBERS:,} are supported.",
            )  # fmt: skip
            self._follow()
            return
        self._asked_about = Path(image).name
        self._bridge.run(
            Run(
                analysis="predict", model=model.handle, inputs=Inputs(images=(image,)),
                parameters={"top": MOST_NUMBERS},
            ),
            view="target-reference", on_result=self._reference_came, on_end=self._ended,
        )  # fmt: skip

    def _reference_came(self, result: AnyResult, _recipe: Recipe | None) -> None:
        found: list[dict[str, Any]] = result.provenance.get("top", [])
        numbers = {int(one["index"]): float(one["value"]) for one in found if "value" in one}
        if numbers:
            reference = tuple(numbers.get(i, 0.0) for i in range(max(numbers) + 1))
            self._state.shared.references[reference] = self._asked_about
            target = msgspec.structs.replace(
                self._state.target, kind="similarity", index=None, versus=None, reference=reference
            )
            choose_target(self._state, target)
        self._follow()

    def _ended(self, ended: Ended) -> None:
        if ended.error is not None:
            self._state.notify("error", ended.error.message, ended.error.hint)
        self._follow()


def _class_box(name: str, tip: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setMinimumContentsLength(20)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    completer = QCompleter(box.model(), box)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
    box.setCompleter(completer)
    edit = box.lineEdit()
    if edit is not None:
        edit.setAccessibleName(f"Search: {name.lower()}")
    return box


def _row_of(box: QComboBox, index: int | None) -> int:
    # not findData: None is no variant that it would find
    first = box.itemData(0)
    if index is None or not box.count():
        return 0
    return index + (1 if first is None else 0)


def _blocked(box: QComboBox) -> QSignalBlocker:
    return QSignalBlocker(box)
