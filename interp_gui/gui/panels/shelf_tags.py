"""Tags as small buttons: pressed ones narrow down what is shown."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QScrollArea, QToolButton, QWidget

from interp_gui.gui import parts


class TagChips(QScrollArea):
    """A row of tags with their counts.

    Signals
    -------
    changed
        Other tags are pressed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Tags to show")
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._buttons: dict[str, QToolButton] = {}
        self._content = QWidget()
        self._row = parts.row()
        self._row.addStretch(1)
        self._content.setLayout(self._row)
        self.setWidget(self._content)
        self.setWidgetResizable(True)

    def sizeHint(self) -> QSize:
        return QSize(self._content.sizeHint().width(), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._height())

    def _height(self) -> int:
        return self.fontMetrics().height() + 10

    @property
    def chosen(self) -> tuple[str, ...]:
        """The pressed tags."""
        return tuple(tag for tag, button in self._buttons.items() if button.isChecked())

    @property
    def buttons(self) -> dict[str, QToolButton]:
        """The button of each tag."""
        return dict(self._buttons)

    def set_tags(self, tags: Sequence[tuple[str, int]]) -> None:
        """Show tags with their counts; one that stays pressed stays so."""
        pressed = set(self.chosen)
        names = [tag for tag, _ in tags]
        if names != list(self._buttons):
            for button in self._buttons.values():
                self._row.removeWidget(button)
                button.hide()
                button.deleteLater()
            self._buttons = {tag: self._button(tag, tag in pressed) for tag in names}
            for at, button in enumerate(self._buttons.values()):
                self._row.insertWidget(at, button)
        for tag, count in tags:
            words = f"{count} feature{'s' if count > 1 else ''}"
            self._buttons[tag].setText(f"#{tag} {count}")
            self._buttons[tag].setToolTip(f"Show only what is tagged {tag}: {words}")
            self._buttons[tag].setAccessibleName(f"Tag {tag}, {words}")
        self.setVisible(bool(tags))

    def wheelEvent(self, event: QWheelEvent) -> None:
        bar, delta = self.horizontalScrollBar(), event.angleDelta()
        bar.setValue(bar.value() - (delta.x() or delta.y()))

    def _button(self, tag: str, pressed: bool) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setChecked(pressed)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.toggled.connect(self.changed)
        return button
