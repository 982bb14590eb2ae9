"""Every step that can be undone or done again, to go to any of them at once."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QUndoView, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.undoing.stack import UndoStack


class UndoDialog(QDialog):
    """The steps in order; choosing one undoes or redoes all between it and what is now."""

    def __init__(self, stack: UndoStack, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Undo history")
        self.view = QUndoView(stack)
        self.view.setEmptyLabel("As it was at first")
        self.view.setAccessibleName("Steps that can be undone")
        self.view.setAccessibleDescription("Choose a step to go back, or forward, to it")
        explained = parts.label(
            "Choose a step to go back to it, or on to it. A new change takes the place of all "
            "steps behind the chosen one.",
            dim=True,
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        column.addWidget(explained)
        column.addWidget(self.view, 1)
        column.addWidget(buttons)
        self.setTabOrder(self.view, close)
        self.resize(380, 420)
        self.view.setFocus()


def show_history(stack: UndoStack, parent: QWidget) -> UndoDialog:
    """Show the steps beside the window, which stays usable."""
    found = next((d for d in parent.findChildren(UndoDialog) if d.isVisible()), None)
    dialog = found or UndoDialog(stack, parent)
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog
