"""The lists of a row: kind, place, and what is put in place of a feature's value."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QWidget

from interp_gui.core.edit import Edit, EditKind
from interp_gui.core.errors import InterpError
from interp_gui.core.layer import LayerInfo
from interp_gui.core.place import Place
from interp_gui.gui.interventions import words
from interp_gui.gui.interventions.sources import SourceImages

ARROW_PX = 36
"""Of a list: its frame and its arrow."""
Region = tuple[tuple[float, ...], ...]
MEAN, ZERO, IMAGE = "mean", "zero", "image:"
_EVERYWHERE, _REGION, _CLASS_TOKEN = "everywhere", "brushed region", "class token"


class _List(QComboBox):
    """A list that may be narrower than what it holds."""

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setAccessibleDescription(tip)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, super().minimumSizeHint().height())


class KindBox(_List):
    """The kinds that are legal for a feature.

    Signals
    -------
    chosen
        A kind, by hand.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Kind", "What is done to the feature", parent)
        self.activated.connect(lambda index: self.chosen.emit(self.itemData(index)))

    def show_edit(self, edit: Edit) -> None:
        """Show the kind of an edit among those that its feature can have."""
        kinds: tuple[EditKind, ...] = words.kinds_for(edit.feature)
        with QSignalBlocker(self):
            if [self.itemData(i) for i in range(self.count())] != list(kinds):
                self.clear()
                for kind in kinds:
                    self.addItem(words.KIND_TITLES[kind], kind)
                    self.setItemData(
                        self.count() - 1, words.KIND_HINTS[kind], Qt.ItemDataRole.ToolTipRole
                    )
            self.setCurrentIndex(self.findData(edit.kind))
        self.setToolTip(words.KIND_HINTS[edit.kind])


class BaselineBox(_List):
    """The dataset's mean, zero, or another image's value.

    Signals
    -------
    chosen
        `mean` or `zero`.
    image_chosen
        Path of an image.
    """

    chosen = Signal(str)
    image_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Value", "What is put in place of the feature's value", parent)
        self.activated.connect(self._on_activated)

    def show_edit(
        self, edit: Edit, sources: SourceImages, *, waits: bool, has_images: bool
    ) -> None:
        """Show what an edit puts there; a patch has only images to choose from."""
        entries: list[tuple[str, str]] = []
        if edit.kind == "ablate":
            entries = [("Dataset's mean", MEAN), ("Zero", ZERO)]
        entries += [(Path(path).name, IMAGE + path) for path in sources.offered]
        current = ZERO if edit.kind == "ablate" else ""
        if edit.image_source:
            current = IMAGE + (sources.path_of(edit.image_source) or edit.image_source)
            if current not in [data for _, data in entries]:
                entries.append((sources.name_of(edit.image_source), current))
        elif waits or edit.baseline.kind == "mean":
            current = MEAN
        with QSignalBlocker(self):
            if [(self.itemText(i), self.itemData(i)) for i in range(self.count())] != entries:
                self.clear()
                for text, data in entries:
                    self.addItem(text, data)
            self.setCurrentIndex(self.findData(current))
            mean = self.findData(MEAN)
            possible = has_images or edit.baseline.kind == "mean"
            model = self.model()
            if isinstance(model, QStandardItemModel) and mean >= 0:
                model.item(mean).setEnabled(possible)
            reason = "" if possible else "Open some images first: their mean is not known."
            self.setItemData(mean, reason, Qt.ItemDataRole.ToolTipRole)

    def _on_activated(self, index: int) -> None:
        data = self.itemData(index)
        if data in (MEAN, ZERO):
            self.chosen.emit(data)
        elif data:
            self.image_chosen.emit(data.removeprefix(IMAGE))


class PlaceBox(_List):
    """Everywhere, what is brushed, the class token, or what is typed: `@3,4`, `@t5`, `@cls`.

    Parameters
    ----------
    brushed
        What is brushed on the current image now; empty for nothing.

    Signals
    -------
    chosen
        A `Place`, by hand.
    refused
        `InterpError`: what was typed is none.
    """

    chosen = Signal(object)
    refused = Signal(object)

    def __init__(self, brushed: Callable[[], Region], parent: QWidget | None = None) -> None:
        super().__init__("Place", "Where: type @3,4 (row, column), @t5 (token) or @cls", parent)
        self._brushed = brushed
        self._place = Place()
        self._has_tokens = False
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.line = line = QLineEdit()
        self.setLineEdit(line)
        line.setAcceptDrops(False)  # drags go to the panel
        line.setAccessibleName(self.accessibleName())
        line.setAccessibleDescription(self.accessibleDescription())
        self.activated.connect(lambda index: self._take(self.itemText(index)))
        line.editingFinished.connect(lambda: self._take(line.text()))

    def minimumSizeHint(self) -> QSize:
        words = self.fontMetrics().horizontalAdvance(_REGION)  # cut, it would say something else
        return QSize(words + ARROW_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.line.hasFocus():
            self.line.setCursorPosition(0)

    def show_edit(self, edit: Edit, layer: LayerInfo | None) -> None:
        """Show the place of an edit among those that its layer has."""
        self._place = edit.place
        entries = [_EVERYWHERE]
        spatial = layer is None or ("y" in layer.axes and "x" in layer.axes)
        if spatial or edit.place.kind == "region":
            entries.append(_REGION)
        if layer is not None and layer.class_token is not None:
            entries.append(_CLASS_TOKEN)
        with QSignalBlocker(self):
            if [self.itemText(i) for i in range(self.count())] != entries:
                self.clear()
                self.addItems(entries)
            if not self.line.hasFocus():
                self._write(edit.place)

    def _take(self, text: str) -> None:
        text = text.strip()
        if text == words.place_words(self._place):
            return
        try:
            place = self._read(text)
        except InterpError as problem:
            self._write(self._place)
            self.refused.emit(problem)
            return
        if place != self._place:
            self._place = place
            self.chosen.emit(place)
        self._write(place)

    def _write(self, place: Place) -> None:
        self.setEditText(words.place_words(place))
        self.line.setCursorPosition(0)  # a narrow one shows how it begins

    def _read(self, text: str) -> Place:
        if text.lower() in ("", _EVERYWHERE):
            return Place()
        if text.lower() == _CLASS_TOKEN:
            return Place.parse("@cls")
        if text.lower() in (_REGION, "@region"):
            region = self._brushed()
            if not region:
                raise _nothing_brushed()
            return Place("region", region=region)
        return Place.parse(text)


def _nothing_brushed() -> InterpError:
    from interp_gui.core.errors import InvalidValue

    return InvalidValue(
        "Nothing is brushed on the current image.", hint="Brush a place on the Image view first."
    )
