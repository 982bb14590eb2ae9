"""The wheel scrolls a form; it changes a value only where the value has the focus."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

Control = QAbstractSpinBox | QComboBox | QAbstractSlider


class CalmWheel(QObject):
    """Keeps the wheel from the controls in a widget while they have no focus.

    What is ignored goes on to whatever scrolls the form. A filter on each control rather than one
    on the application, which would be asked of every event there is.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def watch(self, control: QWidget) -> None:
        """Look after one control."""
        if control.focusPolicy() & Qt.FocusPolicy.WheelFocus == Qt.FocusPolicy.WheelFocus:
            control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel would give the focus
        control.removeEventFilter(self)
        control.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the wheel to what is around a control without focus."""
        turned = event.type() == QEvent.Type.Wheel
        if turned and isinstance(watched, Control) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def calm_wheel(inside: QWidget) -> None:
    """Do so for all controls that stand in a widget now."""
    found = inside.findChildren(CalmWheel, options=Qt.FindChildOption.FindDirectChildrenOnly)
    calm = found[0] if found else CalmWheel(inside)
    for control in inside.findChildren(QWidget):
        if isinstance(control, Control) and not isinstance(control, QScrollBar):
            calm.watch(control)
