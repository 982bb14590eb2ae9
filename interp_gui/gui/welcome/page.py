"""The page: a place to drop things, samples, what was open before, and the guided start."""

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QWidget

from interp_gui.engine.messages import OpenModel
from interp_gui.gui import parts, theme
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.jobs.row import JobRow
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.welcome.cards import SampleCard
from interp_gui.gui.welcome.drop_zone import DropZone
from interp_gui.gui.welcome.recent import RecentList
from interp_gui.samples.catalog import samples

SAMPLE = "file.sample."
GALLERY, GUIDE = "file.samples", "help.guided_start"
RESTART = "help.restart_engine"
BUTTONS = ("file.open_model", "file.open_images", "file.open_folder")
WIDEST_PX = 1160
_SMALL_PX = (700, 600)
"""Below this width or height of the page, sentences and signs are left out."""


class Welcome(QScrollArea):
    """An invitation, or word of the model that is being opened.

    Signals
    -------
    dropped
        What was dropped on it, a `QMimeData` with files of this machine.
    """

    dropped = Signal(object)

    def __init__(self, documents: Documents, actions: ActionRegistry) -> None:
        super().__init__()
        self._documents, self._actions = documents, actions
        self._busy = ("", "")
        self._doing = ""
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Welcome")
        self.setAcceptDrops(True)
        self.viewport().setAcceptDrops(True)
        self.zone = DropZone()
        self.zone.dropped.connect(self.dropped)
        self.zone.offer_taken.connect(lambda: self._trigger(RESTART))
        self.zone.clicked.connect(lambda: self._trigger(BUTTONS[0]))
        self.zone.cancelled.connect(documents.models.cancel)
        self.cards = [SampleCard(sample) for sample in samples()]
        self.recent = RecentList(actions)
        self._rest: list[QWidget] = []
        """What is out of use while something opens."""
        self._build()
        documents.opening_changed.connect(self.refresh)
        actions.changed.connect(self._on_actions)
        self.refresh()
        self._on_actions()

    @property
    def heading(self) -> QLabel:
        """What it says first."""
        return self.zone.heading

    @property
    def text(self) -> QLabel:
        """What it says below."""
        return self.zone.words

    # --- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        body = QWidget()
        inner = QWidget()
        inner.setMaximumWidth(WIDEST_PX)
        page = parts.column(inner, spacing=theme.SPACE_M)
        page.addStretch(1)
        page.addLayout(self._top())
        page.addWidget(self.zone, 3)
        page.addWidget(self._buttons())
        page.addSpacing(theme.SPACE_M)
        page.addWidget(self._samples())
        page.addWidget(self._recent())
        page.addStretch(1)
        outer = parts.row(margin=theme.SPACE_L)
        outer.addStretch(1)
        outer.addWidget(inner, 100)
        outer.addStretch(1)
        body.setLayout(outer)
        self.setWidget(body)

    def _top(self) -> QHBoxLayout:
        row = parts.row(spacing=theme.SPACE_M)
        title = parts.label("Look inside a vision network")
        title.setFont(theme.heading_font(self.font()))
        self.guide = QPushButton("Guided start")
        self.guide.setToolTip("Six steps on the real interface, with a sample")
        self.guide.clicked.connect(lambda: self._trigger(GUIDE))
        row.addWidget(title, 1)
        row.addWidget(self.guide)
        self._rest.append(self.guide)
        return row

    def _buttons(self) -> QWidget:
        box = QWidget()
        row = parts.row(spacing=theme.SPACE_M)
        box.setLayout(row)
        row.addStretch(1)
        for name in BUTTONS:
            action = self._actions[name]
            button = QPushButton(action.icon(), action.text().replace("&", ""))
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            row.addWidget(button)
        row.addStretch(1)
        self._rest.append(box)
        return box

    def _samples(self) -> QWidget:
        box = QWidget()
        column = parts.column(box, spacing=theme.SPACE_M)
        top = parts.row()
        top.addWidget(_section("Samples"), 1)
        self.gallery = QPushButton("All samples…")
        self.gallery.setFlat(True)
        self.gallery.setToolTip("What they are, how large, and which must be downloaded")
        self.gallery.clicked.connect(lambda: self._trigger(GALLERY))
        top.addWidget(self.gallery)
        column.addLayout(top)
        cards = parts.row(spacing=theme.SPACE_L)
        for card in self.cards:
            card.clicked.connect(lambda _=False, wanted=card.sample.id: self._open_sample(wanted))
            cards.addWidget(card, 1)
        column.addLayout(cards)
        self._rest.append(box)
        return box

    def _recent(self) -> QWidget:
        self._recent_box = QWidget()
        column = parts.column(self._recent_box, spacing=theme.SPACE_S)
        column.addSpacing(theme.SPACE_M)
        column.addWidget(_section("Recent"))
        column.addWidget(self.recent)
        self._rest.append(self._recent_box)
        return self._recent_box

    # --- what it says --------------------------------------------------------------------------

    def refresh(self) -> None:
        """Say what is going on, in the colours of the theme."""
        heading, text = self._busy
        opening, stopped = self._documents.opening, self._documents.stopped
        if opening:
            heading = f"Opening {opening}…"
            text = self._doing or self._documents.waiting_for
        if stopped:
            waits = f" '{opening}' opens once it runs again." if opening else ""
            self.zone.tell("The engine stopped", f"{stopped}{waits}", offer="Restart the engine")
        elif heading:
            self.zone.tell(heading, text, cancellable=bool(opening))
        else:
            self.zone.invite()
        for widget in self._rest:
            widget.setEnabled(not heading or bool(stopped))
        self.zone.redraw()

    def set_busy(self, heading: str, text: str) -> None:
        """Say what is done before a model is opened; empty when it is done."""
        self._busy = (heading, text)
        self.refresh()

    def follow_job(self, row: JobRow) -> None:
        """Show how far the opening of a model is."""
        if not isinstance(row.request, OpenModel):
            return
        self._doing = "" if row.over else row.progress.text
        if self._documents.opening and not row.over:
            self.refresh()
            self.zone.show_progress(row.progress.done, row.progress.total)

    def _on_actions(self) -> None:
        self.recent.refresh()
        self._recent_box.setVisible(bool(self.recent.buttons))
        self.guide.setVisible(GUIDE in self._actions)
        self.gallery.setVisible(GALLERY in self._actions)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        compact = self.width() < _SMALL_PX[0] or self.height() < _SMALL_PX[1]
        self.zone.set_compact(compact)
        for card in self.cards:
            card.set_compact(compact)

    # --- what it does --------------------------------------------------------------------------

    def _open_sample(self, sample_id: str) -> None:
        self._trigger(f"{SAMPLE}{sample_id}")

    def _trigger(self, action_id: str) -> None:
        if action_id in self._actions:
            self._actions[action_id].trigger()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.zone.hold(event.mimeData()):  # the whole page is the place to drop on
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.zone.release()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.zone.release()
        data: QMimeData = event.mimeData()
        self.dropped.emit(data)


def _section(text: str) -> QLabel:
    label = parts.label(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label
