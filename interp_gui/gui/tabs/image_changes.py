"""Changing the image itself: what is brushed is hidden, blurred or taken from another image."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from interp_gui.core.edit import EditStack
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.model import Preprocessing
from interp_gui.core.result import Pixels
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.parts import column
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.flow import FlowRow

Region = tuple[tuple[float, ...], ...]
NOT_BRUSHED = "Brush a place on the image first."


def pixels_of(
    path: str, preprocessing: Preprocessing | None, stack: EditStack, at_hand: tuple[str, ...]
) -> tuple[Pixels, tuple[ImageEdit, ...]]:
    """An image as the network sees it, changed as a stack says, and by what. Runs in a worker.

    Parameters
    ----------
    at_hand
        Paths among which the other images of swaps are found.
    """
    from interp_gui.core.image_changes import changed_pixels, changes_of
    from interp_gui.core.images import image_sha256, read_image
    from interp_gui.core.preprocessing import as_shown, cropped, read_for

    if preprocessing is None:
        return read_image(path), ()
    levels = cropped(read_for(path, preprocessing), preprocessing)
    changes: tuple[ImageEdit, ...] = ()
    if stack.active_image_edits:
        changes = changes_of(stack, image_sha256(path))
    if changes:
        wanted = {change.source for change in changes if change.kind == "swap"}
        others = {}
        for other in at_hand if wanted else ():
            sha256 = image_sha256(other)
            if sha256 in wanted:
                others[sha256] = cropped(read_for(other, preprocessing), preprocessing)
                wanted.discard(sha256)
            if not wanted:
                break
        levels = changed_pixels(levels, changes, others)
    return as_shown(levels, preprocessing), changes


class _SwapButton(QToolButton):
    """Offers other images, and takes one that is dropped on it."""

    dropped = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setText("Swap with…")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.isEnabled() and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths[0])


class ImageChanges(QWidget):
    """Buttons beneath the image, and the mark that it is shown changed.

    Parameters
    ----------
    region
        The brushed place, as `Inputs.region` takes it.
    shown
        Path of the image that is looked at; empty if there is none.

    Signals
    -------
    original_wanted
        Whether the image is to be shown as it was, while a button is held.
    """

    original_wanted = Signal(bool)

    def __init__(
        self, state: AppState, *, region: Callable[[], Region], shown: Callable[[], str]
    ) -> None:
        super().__init__()
        self._state, self._region, self._shown = state, region, shown
        self._sources = sources_of(state)
        self.changes: tuple[ImageEdit, ...] = ()
        self.hide_button = self._button(
            "Hide", "Paint the brushed place over with the image's mean colour",
            lambda: self.change("occlude"),
        )  # fmt: skip
        self.blur_button = self._button(
            "Blur", "Blur the brushed place", lambda: self.change("blur")
        )
        self.swap_button = _SwapButton()
        self.swap_button.setToolTip(
            "Put what another image has there in the brushed place; drop an image here to choose it"
        )
        self.swap_button.setAccessibleName("Swap the brushed place with another image")
        self.menu = QMenu(self.swap_button)
        self.menu.aboutToShow.connect(self._fill)
        self.swap_button.setMenu(self.menu)
        self.swap_button.dropped.connect(self.swap_with)
        self.original = self._button("Changed", "Hold to see the image as it was", None)
        self.original.pressed.connect(lambda: self.original_wanted.emit(True))
        self.original.released.connect(lambda: self.original_wanted.emit(False))
        line = FlowRow()
        for button in (self.hide_button, self.blur_button, self.swap_button, self.original):
            line.addWidget(button)
        column(self).addLayout(line)
        self.refresh()

    def _button(self, text: str, tip: str, slot: Callable[[], object] | None) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(f"{text}: {tip}")
        if slot is not None:
            button.clicked.connect(lambda _checked=False: slot())
        return button

    def refresh(self) -> None:
        """Be there where something can be changed, or is."""
        brushed = bool(self._region()) and bool(self._shown()) and self._state.model is not None
        for button in (self.hide_button, self.blur_button, self.swap_button):
            button.setVisible(brushed)
        self.original.setVisible(bool(self.changes))
        self.setVisible(brushed or bool(self.changes))

    def tell(self, changes: tuple[ImageEdit, ...]) -> None:
        """Say by what the image that is shown was changed."""
        from interp_gui.core.image_changes import words_for

        self.changes = changes
        tip = f"{words_for(changes)}. Hold to see the image as it was."
        self.original.setToolTip(tip[:1].upper() + tip[1:])
        self.original.setAccessibleName(f"Changed: {tip}")
        self.refresh()

    # --- changing --------------------------------------------------------------------------------

    def why_not(self) -> str:
        """Why nothing can be changed; empty where it can."""
        if self._state.model is None or not self._shown():
            return "Open a model and an image first."
        return "" if self._region() else NOT_BRUSHED

    def change(self, kind: str) -> None:
        """Hide or blur what is brushed."""
        region = self._ask()
        if region and kind == "occlude":
            self._add(lambda own: ImageEdit(kind="occlude", image=own, region=region))
        elif region:
            self._add(lambda own: ImageEdit(kind="blur", image=own, region=region))

    def swap_with(self, path: str) -> None:
        """Take what is brushed from another image."""
        region = self._ask()
        if not region:
            return
        if path not in self.offered:
            self._state.notify(
                "info", "A place can be swapped with an open or a watched image only.",
                "Open that image first.",
            )  # fmt: skip
            return

        def found(source: str) -> None:
            self._add(lambda own: ImageEdit(kind="swap", image=own, region=region, source=source))

        self._sources.find(path, found)

    def _ask(self) -> Region:
        problem = self.why_not()
        if problem:
            self._state.notify("info", problem)
        return () if problem else self._region()

    def _add(self, make: Callable[[str], ImageEdit]) -> None:
        state = self._state
        self._sources.find(
            self._shown(), lambda own: interventions_of(state).add_image_edits((make(own),))
        )

    @property
    def offered(self) -> tuple[str, ...]:
        """Images to swap with: the watched ones, then those at hand."""
        dataset = self._state.dataset
        at_hand = dataset.paths if dataset is not None else ()
        every = dict.fromkeys((*self._state.watched, *at_hand))
        return tuple(path for path in every if path != self._shown())

    def _fill(self) -> None:
        self.menu.clear()
        self.add_swaps(self.menu)

    def add_swaps(self, menu: QMenu) -> None:
        """List the images to swap with."""
        offered = self.offered
        for path in offered[:30]:
            menu.addAction(Path(path).name, partial(self.swap_with, path))
        if not offered:
            nothing = menu.addAction("Open another image first")
            nothing.setEnabled(False)
        elif len(offered) > 30:
            more = menu.addAction("Drop any other one on the button")
            more.setEnabled(False)

    def add_entries(self, menu: QMenu) -> None:
        """What can be changed, for the menu of the image."""
        problem = self.why_not()
        menu.setToolTipsVisible(True)
        for words, kind in (("&Hide the brushed place", "occlude"), ("&Blur it", "blur")):
            action = menu.addAction(words, partial(self.change, kind))
            action.setEnabled(not problem)
            action.setToolTip(problem)
        swaps = menu.addMenu("&Swap it with")
        swaps.setEnabled(not problem)
        if not problem:
            self.add_swaps(swaps)
