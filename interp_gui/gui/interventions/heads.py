"""The other lines of the panel: the name over a group, and a change of an image."""

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QFrame, QWidget

from interp_gui.core.image_edit import ImageEdit
from interp_gui.gui import parts, theme
from interp_gui.gui.interventions import words
from interp_gui.gui.interventions.number_box import NumberBox

MOST_BLUR_PX = 200.0
_TIGHT = "QCheckBox { padding: 0 2px 0 0; }"


class GroupHead(QWidget):
    """Name and switch of edits that are shown together.

    Signals
    -------
    toggled, pressed, dragged, menu_wanted
        As of a row, for all edits of the group.
    """

    toggled = Signal(bool)
    pressed = Signal()
    dragged = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.group = ""
        self._start: QPoint | None = None
        self.switch = QCheckBox()
        self.switch.setStyleSheet(_TIGHT)
        self.switch.setAccessibleName("Group in force")
        self.switch.setToolTip("Put all edits of the group in or out of force")
        self.switch.setAccessibleDescription(self.switch.toolTip())
        self.name = parts.label(wrap=False)
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        row = parts.row()
        row.setContentsMargins(theme.SPACE_S + 2, theme.SPACE_S, 0, 0)
        row.addWidget(self.switch)
        row.addWidget(self.name, 1)
        self.setLayout(row)
        self.switch.clicked.connect(lambda: self.toggled.emit(self.switch.isChecked()))

    def show_group(self, group: str, enabled: list[bool]) -> None:
        """Show a group whose edits are switched on or off so."""
        self.group = group
        self.name.setText(f"{group} ({len(enabled)})")
        mixed = any(enabled) and not all(enabled)
        state = Qt.CheckState.PartiallyChecked if mixed else (
            Qt.CheckState.Checked if all(enabled) else Qt.CheckState.Unchecked
        )  # fmt: skip
        self.switch.setTristate(mixed)
        self.switch.setCheckState(state)
        self.switch.setTristate(False)
        self.switch.setAccessibleName(f"Group {group} in force")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.position().toPoint()
            self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is None:
            return
        moved = (event.position().toPoint() - self._start).manhattanLength()
        if moved >= QApplication.startDragDistance():
            self._start = None
            self.dragged.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._start = None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(event.globalPos())


class ImageRow(QFrame):
    """A change of an image: its switch, what it is, and a button that takes it back.

    Signals
    -------
    toggled
        Its switch was used.
    remove_wanted
        Its button was pressed.
    radius_chosen
        Another width of a blur, in pixels of the network's input.
    """

    toggled = Signal(bool)
    remove_wanted = Signal()
    radius_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.switch = QCheckBox()
        self.switch.setStyleSheet(_TIGHT)
        self.switch.setToolTip("Put this change of the image in or out of force")
        self.switch.setAccessibleDescription(self.switch.toolTip())
        self.words = parts.label()
        self.words.setMinimumWidth(20)
        self.radius = NumberBox("Width of the blur", self._on_radius)
        self.radius.setRange(0.5, MOST_BLUR_PX)
        self.radius.setSingleStep(1.0)
        self.radius.setFixedWidth(56)  # the panel may be narrow
        self.radius.setSuffix(" px")
        tip = "How far it is blurred: a standard deviation, in pixels of the network's input"
        self.radius.setToolTip(tip)
        self.radius.setAccessibleDescription(tip)
        self.radius.refused.connect(lambda why: self.radius.setToolTip(why or tip))
        self.remove = parts.icon_button("close", "Take this change of the image back")
        self.remove.setAccessibleDescription(self.remove.toolTip())
        row = parts.row()
        edge = theme.SPACE_S + 2
        row.setContentsMargins(edge, theme.SPACE_XS, theme.SPACE_XS, theme.SPACE_XS)
        row.addWidget(self.switch)
        row.addWidget(self.words, 1)
        row.addWidget(self.radius)
        row.addWidget(self.remove)
        self.setLayout(row)
        self.switch.clicked.connect(lambda: self.toggled.emit(self.switch.isChecked()))
        self.remove.clicked.connect(self.remove_wanted)

    def show_edit(self, edit: ImageEdit, *, image: str, live: bool) -> None:
        """Show a change of the image of a name."""
        text = f"{words.image_words(edit)} of {image}"
        self.words.setText(text)
        self.words.setEnabled(live)
        self.switch.setChecked(edit.enabled)
        self.switch.setAccessibleName(f"In force: {text}")
        self.radius.setVisible(edit.kind == "blur")
        with QSignalBlocker(self.radius):
            self.radius.setValue(edit.radius_px)

    def _on_radius(self, value: float) -> None:
        self.radius_chosen.emit(value)
