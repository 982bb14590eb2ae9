"""Which class of the model each label stands for: proposed, looked at, confirmed."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractItemModel, QObject, QStringListModel, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from interp_gui.core.class_mapping import Proposal, conflicts
from interp_gui.gui import parts, theme
from interp_gui.gui.datasets.class_model import CLASS, COUNT, LABEL, WHY, ClassModel, Index
from interp_gui.gui.opening.image_list import counted


class ClassDialog(QDialog):
    """A table of labels; nothing holds before it is accepted.

    Parameters
    ----------
    counts
        Images of each proposal's label.
    names
        Of all classes of the model.
    accepted
        Called with the mapping when it is accepted.
    """

    def __init__(
        self,
        proposals: Sequence[Proposal],
        counts: Sequence[int],
        names: Sequence[str],
        accepted: Callable[[dict[str, int]], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Match labels to classes")
        self.resize(720, 460)
        self._accepted = accepted
        self.model = ClassModel(proposals, counts, names, self)
        self.table = self._table()
        self.message = parts.label()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button = QPushButton("Accept")
        self.clear_button = QPushButton("Clear all")
        self.clear_button.setToolTip("Let no label stand for a class")
        self.clear_button.setAutoDefault(False)
        roles = QDialogButtonBox.ButtonRole
        self.buttons.addButton(self.accept_button, roles.AcceptRole)
        self.buttons.addButton(self.clear_button, roles.ResetRole)
        self.accept_button.setDefault(True)
        self.clear_button.clicked.connect(self.model.clear)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.model.dataChanged.connect(lambda *_: self._describe())
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addWidget(
            parts.label(
                "What each label stands for tells right answers from wrong ones. "
                "Double-click a class, or press F2 on it, to choose another one."
            )
        )
        column.addWidget(self.table, 1)
        column.addWidget(self.message)
        column.addWidget(self.buttons)
        self.setTabOrder(self.table, self.clear_button)
        self.setTabOrder(self.clear_button, self.accept_button)
        self.table.setFocus()
        self._describe()

    def _table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName("Labels and classes")
        table.setAccessibleDescription("Which class of the model each label stands for")
        table.setModel(self.model)
        self._chooser = ClassChooser(self.model, table)
        table.setItemDelegateForColumn(CLASS, self._chooser)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        triggers = QAbstractItemView.EditTrigger
        table.setEditTriggers(
            triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed
        )
        table.setTabKeyNavigation(False)
        table.setAlternatingRowColors(True)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(WHY, QHeaderView.ResizeMode.Stretch)
        for column, width in ((LABEL, 140), (CLASS, 230), (COUNT, 70)):
            table.setColumnWidth(column, width)
        if self.model.rowCount():
            table.setCurrentIndex(self.model.index(0, CLASS))
        return table

    def _describe(self) -> None:
        proposals = self.model.proposals
        unsure = sum(1 for p in proposals if not p.certain and p.index is not None)
        without = sum(1 for p in proposals if p.index is None)
        said = []
        if unsure:
            said.append(f"{counted(unsure, 'proposal')} marked as uncertain: please look.")
        if without:
            verb = "stands" if without == 1 else "stand"
            said.append(f"{counted(without, 'label')} {verb} for no class.")
        said += conflicts(proposals)[:2]
        self.message.setText(" ".join(said))
        self.message.setVisible(bool(said))

    def done(self, result: int) -> None:
        popup = self._chooser.completer.popup()
        if popup is not None:
            popup.hide()
        super().done(result)

    def accept(self) -> None:
        self._accepted(self.model.classes)
        super().accept()


class ClassChooser(QStyledItemDelegate):
    """A line that completes names of classes, whatever part of them is typed."""

    def __init__(self, model: ClassModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        # One list for all editors: a model may have 21,000 classes.
        words = [f"{i}: {name}" for i, name in enumerate(model.names)]
        # It outlives the editors: a list that is deleted while it is in front takes the focus
        # from a dialog that is half gone, and Qt crashes.
        self.completer = QCompleter(QStringListModel(words, self), self)
        self.completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.setMaxVisibleItems(12)

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        label = self._model.proposals[index.row()].label
        editor.setAccessibleName(f"Class of {label}")
        editor.setPlaceholderText("Name or number; empty for none")
        editor.setCompleter(self.completer)
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        each = self._model.proposals[index.row()]
        if isinstance(editor, QLineEdit):
            editor.setText("" if each.index is None else each.name)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if isinstance(editor, QLineEdit):
            self._model.setData(index, editor.text())
