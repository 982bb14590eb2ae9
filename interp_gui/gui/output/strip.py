"""The strip of watched images: each answer before and after, beside one another."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QFont, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.output import watched
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails

if TYPE_CHECKING:
    from interp_gui.gui.output.card import WatchedCard

COLUMN_PX = 180
"""A further column once each of them has so much room."""
EMPTY = (
    "Watch up to twelve images here to see each answer before and after. Drop them from the Images "
    "panel, or press the pin above for the one in front."
)


def _bold(font: QFont) -> QFont:
    found = QFont(font)
    found.setBold(True)
    return found


class WatchedStrip(QWidget):
    """Cards of the watched images, in rows as wide as fit."""

    def __init__(self, state: AppState, thumbnails: Thumbnails | None = None) -> None:
        super().__init__()
        self._state, self._thumbnails = state, thumbnails
        self._live = live_of(state)
        self.cards: dict[str, WatchedCard] = {}
        self.setAcceptDrops(True)
        self.heading = parts.label()
        self.heading.setFont(_bold(self.font()))
        self.summary = parts.label(dim=True)
        self.hint = parts.label(EMPTY, dim=True)
        self._clear = parts.icon_button(
            "clear", "Watch none of these images", lambda: watched.unwatch_all(state)
        )
        column = parts.column(self, spacing=theme.SPACE_S)
        head = parts.row()
        head.addWidget(self.heading, 1)
        head.addWidget(self._clear)
        column.addLayout(head)
        column.addWidget(self.summary)
        column.addWidget(self.hint)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.SPACE_S)
        column.addLayout(self._grid)
        self._columns = 0
        # A slider's move and the answer to the one before it are one refresh.
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        state.watched_changed.connect(self._rebuild)
        state.image_changed.connect(self._mark_current)
        state.model_changed.connect(self._later.start)
        self._live.changed.connect(self._later.start)
        if thumbnails is not None:
            thumbnails.arrived.connect(self._on_picture)
            thumbnails.broken.connect(self._on_broken)
            thumbnails.reset.connect(self._all_pictures)
        self._rebuild()

    def _rebuild(self) -> None:
        had_focus = next((p for p, card in self.cards.items() if card.hasFocus()), "")
        places = list(self.cards)
        paths = self._state.watched
        for path in [path for path in self.cards if path not in paths]:
            card = self.cards.pop(path)
            self._grid.removeWidget(card)
            card.hide()
            card.deleteLater()
        for path in paths:
            if path not in self.cards:
                self.cards[path] = self._card(path)
        self.cards = {path: self.cards[path] for path in paths}
        self._columns = 0
        self._arrange()
        self._mark_current()
        self.refresh()
        if had_focus and paths:  # moved, or its neighbour where it went
            at = min(places.index(had_focus), len(paths) - 1)
            self.cards[had_focus if had_focus in self.cards else paths[at]].setFocus()

    def _card(self, path: str) -> "WatchedCard":
        # here and not above: it brings the drawing of exports with it, which the first paint of
        # the window need not wait for
        from interp_gui.gui.output.card import WatchedCard

        card = WatchedCard(path)
        card.opened.connect(self._state.open_image)
        card.removed.connect(lambda which: watched.unwatch(self._state, which))
        card.moved.connect(lambda which, step: watched.move(self._state, which, step))
        if self._thumbnails is not None:
            card.picture = self._thumbnails.get(path)
            card.set_problem(self._problem(path))
        return card

    def _problem(self, path: str) -> str:
        broken = self._thumbnails is not None and path in self._thumbnails.problems
        return "This file cannot be read" if broken else ""

    # --- where they lie --------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        columns = max(1, min(4, self.width() // COLUMN_PX))
        if columns == self._columns:
            return
        self._columns = columns
        previous: QWidget | None = None
        for i, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, i // columns, i % columns)
            if previous is not None:
                QWidget.setTabOrder(previous, card)
            previous = card

    def _mark_current(self) -> None:
        for path, card in self.cards.items():
            if card.is_current != (path == self._state.image):
                card.is_current = path == self._state.image
                card.update()

    # --- what they show --------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known now."""
        self._later.stop()
        count = len(self.cards)
        self.heading.setText(f"Watched images ({count})" if count else "Watched images")
        self.hint.setVisible(not count)
        self._clear.setVisible(bool(count))
        self.summary.setVisible(False)
        if count:
            self._show_answers()

    def _show_answers(self) -> None:
        from interp_gui.core.interventions import comparing

        live = self._live
        edited = live.in_force
        found = {path: live.of(path) for path in self.cards}
        fresh = {p: r for p, r in found.items() if r is not None and not live.is_stale(p)}
        changes = [abs(c) for r in fresh.values() if (c := comparing.target_change(r)) is not None]
        most = max([c for c in changes if c == c], default=0.0)
        for path, card in self.cards.items():
            stale = edited and path not in fresh
            card.show_answer(found[path], edited=edited, stale=stale, most=most)
        count = len(self.cards)
        flips = sum(card.flipped for card in self.cards.values())
        told = edited and len(fresh) == count
        classes = any(r.output_kind == "softmax" for r in fresh.values())
        self.summary.setVisible(told and classes)
        if told and classes:
            self.summary.setText(f"{flips} of {count} answered as another class")

    def _on_picture(self, path: str) -> None:
        if path in self.cards and self._thumbnails is not None:
            self.cards[path].picture = self._thumbnails.get(path)
            self.cards[path].set_problem("")
            self.cards[path].update()

    def _on_broken(self, path: str, _why: str) -> None:
        if path in self.cards:
            self.cards[path].set_problem(self._problem(path))

    def _all_pictures(self) -> None:
        for path in self.cards:
            self._on_picture(path)

    # --- drops -----------------------------------------------------------------------------------

    def _paths(self, event: QDropEvent) -> tuple[str, ...]:
        mime = event.mimeData()
        return tuple(url.toLocalFile() for url in mime.urls() if url.isLocalFile())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._paths(event):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if self._paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = self._paths(event)
        if not paths:
            return
        moves = event.mimeData().hasFormat(watched.WATCHED_MIME_TYPE)
        at = self._place(event.position().toPoint())
        watched.watch(self._state, paths, at if moves or self.cards else None)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def _place(self, point: QPoint) -> int:
        """Before which card something is dropped."""
        for i, card in enumerate(self.cards.values()):
            area = card.geometry()
            above = point.y() < area.top()
            beside = area.top() <= point.y() <= area.bottom() and point.x() < area.center().x()
            within = self._columns == 1 and point.y() < area.center().y()
            if above or (beside and self._columns > 1) or within:
                return i
        return len(self.cards)
