"""The sheet of all keys: searchable, to copy and to print."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QIcon, QTextDocument
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from interp_gui.gui import parts, theme
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.keyboard.keys import KeyGroup, as_html, as_text, found, key_groups


class ShortcutSheet(QDialog):
    """Lies beside the window, so that keys can be tried while it is read."""

    def __init__(self, registry: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._registry = registry
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 620)
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter keys")
        self.filter.setPlaceholderText("Filter by key or by what it does")
        parts.as_filter(self.filter)
        self.all = QCheckBox("&Also actions without a key")
        self.tree = self._tree()
        self.message = parts.label(dim=True)
        kinds = QDialogButtonBox.ButtonRole
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close = self.buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setIcon(QIcon())
        close.setDefault(True)
        self.copy_button = self.buttons.addButton("&Copy", kinds.ActionRole)
        self.copy_button.setToolTip("Copy what is listed as text")
        self.print_button = self.buttons.addButton("&Print…", kinds.ActionRole)
        self.print_button.setToolTip("Print what is listed")
        top = parts.row(spacing=theme.SPACE_M)
        top.addWidget(self.filter, 1)
        top.addWidget(self.all)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addLayout(top)
        column.addWidget(self.tree, 1)
        column.addWidget(self.message)
        column.addWidget(self.buttons)
        self.filter.textChanged.connect(self.fill)
        self.all.toggled.connect(self.fill)
        self.copy_button.clicked.connect(self.copy)
        self.print_button.clicked.connect(self.print)
        self.buttons.rejected.connect(self.close)
        registry.changed.connect(self.fill)
        self.fill()
        self.filter.setFocus()

    def _tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Keys")
        tree.setAccessibleDescription("Actions and their keys, in groups")
        tree.setHeaderLabels(["What", "Keys"])
        tree.setRootIsDecorated(False)
        tree.setItemsExpandable(False)
        tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def fill(self) -> None:
        """List what fits the filter."""
        self.tree.clear()
        groups = self._groups()
        size = QSize(10, QFontMetrics(self.font()).height() + 2 * theme.SPACE_S)
        for group in groups:
            top = QTreeWidgetItem([group.title])
            top.setSizeHint(0, size + QSize(0, theme.SPACE_M))
            font = QFont(self.font())
            font.setBold(True)
            top.setFont(0, font)
            self.tree.addTopLevelItem(top)
            top.setFirstColumnSpanned(True)
            for row in group.rows:
                line = QTreeWidgetItem([row.title, ", ".join(row.keys)])
                line.setToolTip(0, row.what)
                line.setSizeHint(0, size)
                keys = line.text(1) or "no key"
                line.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{row.title}: {keys}")
                top.addChild(line)
            top.setExpanded(True)
        self.message.setText("" if groups else f"No key fits “{self.filter.text().strip()}”.")
        self.message.setVisible(not groups)
        for button in (self.copy_button, self.print_button):
            button.setEnabled(bool(groups))

    def _groups(self) -> tuple[KeyGroup, ...]:
        groups = key_groups(self._registry, all_actions=self.all.isChecked())
        return found(groups, self.filter.text())

    def copy(self) -> None:
        """Put what is listed on the clipboard."""
        QGuiApplication.clipboard().setText(as_text(self._groups()))

    def document(self) -> QTextDocument:
        """What is listed, as it is printed."""
        document = QTextDocument(self)
        document.setHtml(as_html(self._groups()))
        return document

    def print(self) -> None:
        """Ask for a printer."""
        from PySide6.QtPrintSupport import QPrintDialog

        dialog = QPrintDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Print keys")
        dialog.accepted.connect(lambda: self.document().print_(dialog.printer()))
        QDialog.open(dialog)
