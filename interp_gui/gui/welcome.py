"""The centre while no model is open: what to do first."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.documents import Documents

BUTTONS = ("file.open_model", "file.open_images", "file.open_sample")


class Welcome(QWidget):
    """An invitation to drop a checkpoint, or word of the one that is being opened."""

    def __init__(self, documents: Documents, actions: ActionRegistry) -> None:
        super().__init__()
        self._documents = documents
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.heading = parts.label()
        self.heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.heading.setFont(theme.heading_font(self.font()))
        self.text = parts.label(dim=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._row = QWidget()
        buttons = parts.row(spacing=theme.SPACE_M)
        self._row.setLayout(buttons)
        buttons.addStretch(1)
        for name in BUTTONS:
            action = actions[name]
            button = QPushButton(action.icon(), action.text().replace("&", ""))
            button.setToolTip(action.toolTip())
            button.setMinimumHeight(34)
            button.clicked.connect(action.trigger)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = parts.column(self, margin=theme.SPACE_XL, spacing=theme.SPACE_L)
        column.addStretch(2)
        for widget in (self._sign, self.heading, self.text, self._row):
            column.addWidget(widget)
        column.addStretch(3)
        documents.opening_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is going on."""
        opening = self._documents.opening
        if opening:
            self.heading.setText(f"Opening {opening}…")
            self.text.setText(self._documents.waiting_for)
        else:
            self.heading.setText("Drop a checkpoint here or press Ctrl+O")
            self.text.setText(
                "Then drop images or a folder of them to see what the network does with them."
            )
        self._row.setVisible(not opening)
        colour = theme.dim_colour(self.palette())
        ratio = self.devicePixelRatioF()
        picture = icons.draw("open-model", QSize(56, 56) * ratio, colour)
        picture.setDevicePixelRatio(ratio)
        self._sign.setPixmap(picture)
