"""What an atlas lacks, and what to do about it."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.gui.atlas.work import ANALYSIS, AtlasWork
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.parts import column, label
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.layers import current_layer

FEW = 50
"""With fewer images than this a map says little; it is made all the same."""

KEPT = "What was recorded is kept: it goes on where it stopped."
"""Of a map that lost its engine."""


@dataclass(frozen=True)
class Invitation:
    """What stands in place of a map.

    Parameters
    ----------
    title
        One line.
    text
        What to do next.
    action
        Text of the button below it; empty for none.
    command
        Command of the window that the button calls; empty: it makes the map.
    """

    title: str
    text: str
    action: str = ""
    command: str = ""


def what_is_missing(state: AppState, bridge: EngineBridge) -> Invitation | None:
    """Why no map can be made; None if it can."""
    if state.model is None:
        return Invitation(
            "No model is open.", "Drop a checkpoint on the window, or press Ctrl+O.",
            "Open model…", "file.open_model",
        )  # fmt: skip
    if state.dataset is None or not state.dataset.images:
        return Invitation(
            "No images are open.",
            "A map shows what a layer makes of many images. Drop a folder of them on the window: "
            "some hundreds make a first map, ten thousand a good one.",
            "Open folder…", "file.open_folder",
        )  # fmt: skip
    if not state.dataset_handle:
        return Invitation("The images are being listed.", "It takes a moment.")
    layer = current_layer(state)
    if layer is None:
        return Invitation("No layer is chosen.", "Choose one above, or in the Model panel.")
    if not bridge.is_ready:
        return Invitation("The engine is starting.", "It takes a few seconds.")
    info = bridge.analyses.get(ANALYSIS)
    if info is None:
        return Invitation("The analysis that makes maps is missing.", "Log says why.")
    if not layer.units or (_needs(info) and not layer.spatial):
        return Invitation(
            "This layer has no positions in the image.",
            "Choose a layer of the network's body above, for instance one of its last blocks.",
        )
    return None


def _needs(info: AnalysisInfo) -> bool:
    return "spatial" in info.needs


def invitation(state: AppState, bridge: EngineBridge, work: AtlasWork) -> Invitation:
    """What stands in place of a map that is not there."""
    missing = what_is_missing(state, bridge)
    if missing is not None:
        return missing
    layer = state.layer
    if work.outcome == "running" and not work.is_behind:
        return Invitation(
            f"Making the map of {layer}.", "A first look comes before the map itself."
        )
    if work.outcome == "cancelled" and not work.is_behind:
        return Invitation(
            "Cancelled.", "What was computed is kept: it goes on where it stopped.", "Go on"
        )
    if work.error is not None and work.can_go_on and not work.is_behind:
        return Invitation(work.error.message, KEPT, "Go on")
    if work.outcome == "failed" and work.error is not None and not work.is_behind:
        hint = work.error.hint or "Change the settings above, or choose another layer."
        return Invitation(work.error.message, hint, "Try again")
    dataset = state.dataset
    count = len(dataset.images) if dataset is not None else 0
    text = (
        f"The map of {layer} lays out what the layer makes of {count:,} images: like beside like, "
        "each place with the images that led there."
    )
    if count < FEW:
        text += f" {count} images are few: with some hundreds there is more to see."
    return Invitation("No map yet.", text, "Make atlas")


class EmptyPage(QWidget):
    """An invitation in the middle, with the button that does what it says.

    Signals
    -------
    pressed
        The button; carries the command that it stands for.
    """

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._command = ""
        self.title, self.text = label(), label(dim=True)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.button = QPushButton()
        self.button.clicked.connect(lambda: self.pressed.emit(self._command))
        layout = column(self, margin=24, spacing=8)
        layout.addStretch(1)
        for words in (self.title, self.text):
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(words)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)

    @property
    def makes(self) -> bool:
        """Whether its button stands there, and makes the map."""
        return not self.button.isHidden() and not self._command

    def show_invitation(self, wanted: Invitation, *, enabled: bool) -> None:
        """Say what to do next."""
        self._command = wanted.command
        self.title.setText(wanted.title)
        self.text.setText(wanted.text)
        self.button.setText(wanted.action)
        self.button.setAccessibleName(wanted.action or "What to do next")
        self.button.setToolTip(wanted.text)
        self.button.setAccessibleDescription(wanted.text)
        self.button.setVisible(bool(wanted.action) and enabled)
        self.setAccessibleName(wanted.title)
        self.setAccessibleDescription(wanted.text)
