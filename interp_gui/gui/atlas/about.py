"""Whose atlas it is: a whole layer's, that of a class, or of one class against another."""

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from interp_gui.gui.parts import as_filter, label, row

BETWEEN = " / "
"""How a setting holds two classes."""
WIDTH_PX = 130


def completed(edit: QLineEdit, words: Sequence[str] = ()) -> QStringListModel:
    """Offer words while something is typed, wherever in them it stands."""
    model = QStringListModel(list(words), edit)
    completer = QCompleter(model, edit)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setMaxVisibleItems(12)
    edit.setCompleter(completer)
    popup = completer.popup()
    if popup is not None:
        popup.setAccessibleName(f"{edit.accessibleName()}: suggestions")
    return model


class AboutBox(QWidget):
    """Two fields for names of classes; the second one comes with the first.

    Signals
    -------
    changed
        Another class was named, and the field left or a suggestion taken.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.first, self.against = QLineEdit(), QLineEdit()
        self._told = ""
        for edit, name, tip, hint in (
            (self.first, "Class", "Map only what argues for this class", "whole layer"),
            (self.against, "Against class", "Lay out what tells the class from this one", "none"),
        ):
            edit.setAccessibleName(name)
            edit.setAccessibleDescription(tip)
            edit.setToolTip(tip)
            edit.setPlaceholderText(hint)
            edit.setMinimumWidth(72)
            edit.setMaximumWidth(WIDTH_PX)
            as_filter(edit)
            edit.editingFinished.connect(self._tell)
            edit.textChanged.connect(self._show_second)
        self._models = [completed(edit) for edit in (self.first, self.against)]
        for edit in (self.first, self.against):
            edit.completer().activated.connect(self._tell)
        self._word = label("against", dim=True, wrap=False)
        line = row()
        self.setLayout(line)
        title = label("Class", wrap=False)
        title.setBuddy(self.first)
        for widget in (title, self.first, self._word, self.against):
            line.addWidget(widget)
        self._show_second()

    def offer(self, names: Sequence[str]) -> None:
        """The classes of the model, by name."""
        for model in self._models:
            if tuple(model.stringList()) != tuple(names):
                model.setStringList(list(names))

    @property
    def value(self) -> str:
        """As the setting has it: empty, a name, or two."""
        first, against = self.first.text().strip(), self.against.text().strip()
        return f"{first}{BETWEEN}{against}" if first and against else first

    def set_value(self, value: str) -> None:
        """Show a setting."""
        first, _, against = value.partition(BETWEEN)
        self.first.setText(first.strip())
        self.against.setText(against.strip())
        self._tell()

    def _tell(self) -> None:
        if self.value != self._told:
            self._told = self.value
            self.changed.emit()

    def _show_second(self) -> None:
        wanted = bool(self.first.text().strip())
        self._word.setVisible(wanted)
        self.against.setVisible(wanted)
        if not self.first.text() and self._told:
            self._tell()  # emptied by its button
