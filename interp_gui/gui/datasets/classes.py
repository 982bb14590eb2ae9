"""Offers to match labels to classes when both are there, and remembers what was confirmed."""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from interp_gui.core.dataset import Dataset
from interp_gui.core.model import ModelDescription
from interp_gui.core.polite import politely
from interp_gui.gui.background import Background
from interp_gui.gui.datasets.preprocessing_check import PreprocessingCheck
from interp_gui.gui.opening.image_list import ImageList, counted
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.core.class_mapping import Proposal

_OFFER = "match-labels"
_MOST_LABELS = 5000
"""Names of so many labels are no classes but something else."""


class LabelClasses(QObject):
    """Which class each label stands for, for the current model and images."""

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        images: ImageList,
        background: Background,
        check: PreprocessingCheck,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._images = images
        self._background = background
        self._check = check
        self._offered: set[tuple[str, frozenset[str]]] = set()
        self._offering: tuple[str, frozenset[str]] = ("", frozenset())
        self._confirmed: dict[tuple[str, frozenset[str]], dict[str, int]] = {}
        self._looked_at: tuple[object, str] = ((), "")
        self._holds_for = ""
        """The classes to which the present mapping leads; empty if that is not known."""
        state.dataset_changed.connect(self._look)
        state.model_changed.connect(self._look)

    @property
    def can_match(self) -> bool:
        """Whether there is a model with classes, and images."""
        model = self._state.model
        return (
            model is not None
            and model.description.class_count > 0
            and self._state.dataset is not None
        )

    # --- offering ------------------------------------------------------------------------------

    def _look(self) -> None:
        """Count the labels where that is not known yet; then offer, once for each set of them."""
        dataset, model = self._state.dataset, self._state.model
        if dataset is None or model is None or not model.description.class_count:
            self._state.withdraw(_OFFER)
            return
        if dataset.classes:
            self._state.withdraw(_OFFER)
        classes_key = _classes_key(model.description)
        if dataset.images is self._looked_at[0] and classes_key == self._looked_at[1]:
            return  # only the mapping changed: that was by hand
        self._looked_at = (dataset.images, classes_key)
        self._background.run(
            partial(label_counts, dataset),
            partial(self._counted, dataset, model.description),
            key="labels",
        )

    def _counted(self, dataset: Dataset, model: ModelDescription, counts: Counter[str]) -> None:
        if self._state.dataset is not dataset:
            return
        classes_key = _classes_key(model)
        key = (classes_key, frozenset(counts))
        if key != self._offering:  # the images that it spoke of are no longer these
            self._state.withdraw(_OFFER)
        if not counts or len(counts) > _MOST_LABELS:
            return
        if dataset.classes and self._holds_for in ("", classes_key):
            self._holds_for = classes_key  # of a session, or images were added
            return
        remembered = self._confirmed.get(key, {})
        self._holds_for = classes_key if remembered else ""
        self._images.restore_classes(remembered)  # what holds for another model goes
        if remembered or key in self._offered:
            return
        self._offered.add(key)
        self._offering = key
        self._state.notify(
            "info",
            f"The images bear {counted(len(counts), 'label')}.",
            "Matched to the model's classes, they tell right answers from wrong ones.",
            action="Match labels…",
            on_action=self.open,
            key=_OFFER,
        )

    # --- the dialog ----------------------------------------------------------------------------

    def open(self) -> None:
        """Propose a class for each label and ask."""
        dataset, model = self._state.dataset, self._state.model
        if not self.can_match or dataset is None or model is None:
            return
        description = model.description

        def propose() -> "tuple[Counter[str], tuple[Proposal, ...]]":
            from interp_gui.core.class_mapping import propose

            counts = label_counts(dataset)
            labels = sorted(counts)[:_MOST_LABELS]
            found = propose(labels, description.class_names, class_count=description.class_count)
            return counts, found

        def show(found: "tuple[Counter[str], tuple[Proposal, ...]]") -> None:
            from interp_gui.gui.datasets.class_dialog import ClassDialog

            counts, proposals = found
            if not proposals:
                self._state.notify(
                    "info", "These images have no labels.",
                    "Folders of folders and CSV tables with a label column give them.",
                )  # fmt: skip
                return
            names = [description.class_name(i) for i in range(description.class_count)]
            shown = [_as_confirmed(p, dataset.classes, names) for p in proposals]
            ClassDialog(
                shown, [counts[p.label] for p in shown], names,
                partial(self._confirm, _classes_key(description), frozenset(counts)),
                self._window,
            ).open()  # fmt: skip

        self._background.run(propose, show, key="propose-classes")

    def _confirm(self, classes_key: str, labels: frozenset[str], classes: dict[str, int]) -> None:
        title = "match labels to classes" if classes else "forget the classes of labels"
        self._state.withdraw(_OFFER)
        self._confirmed[classes_key, labels] = classes
        self._holds_for = classes_key
        self._offered.add((classes_key, labels))
        self._images.set_classes(classes, title=title)
        if classes:
            self._check.offer()


def label_counts(dataset: Dataset) -> Counter[str]:
    """How many images have each label. Runs in a worker."""
    return Counter(entry.label for entry in politely(dataset.images) if entry.label)


def _as_confirmed(each: "Proposal", classes: dict[str, int], names: list[str]) -> "Proposal":
    """What was confirmed before stands in place of a proposal."""
    from interp_gui.core.class_mapping import Proposal

    index = classes.get(each.label)
    if index is None or index >= len(names):
        return each
    return Proposal(
        label=each.label, index=index, name=names[index], why="Confirmed before.", certain=True
    )


def _classes_key(model: ModelDescription) -> str:
    """What is the same for models with the same classes."""
    return f"{model.class_count}\0" + "\0".join(model.class_names)
