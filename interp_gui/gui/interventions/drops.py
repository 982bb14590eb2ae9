"""What is dropped on the panel becomes an edit; which kind, is said by where it is dropped."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QWidget

from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.edit import EditKind
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.gui import theme
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.dragging.drop_hint import DropHint, Refusal
from interp_gui.gui.dragging.edits import edits_from_mime, is_edits_file, may_hold_recipe
from interp_gui.gui.dragging.sentences import local_paths
from interp_gui.gui.interventions import words
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.interventions.panel import InterventionsPanel

OFFERED: tuple[EditKind, ...] = ("ablate", "scale", "add", "project_out", "clamp", "patch")
WORDS_PX = 76
"""Room for the sentence that says what will happen."""
NO_OTHER_IMAGE = "Open another image first: its own value changes nothing in the current one."
Zone = tuple[EditKind, QRect]


def zones(area: QRect, kinds: tuple[EditKind, ...]) -> list[Zone]:
    """Where on the panel each kind is chosen: one below the other, the first one the largest."""
    room = area.adjusted(theme.SPACE_S, theme.SPACE_S, -theme.SPACE_S, -WORDS_PX)
    if area.height() < 3 * WORDS_PX:  # the sentence stands at the top of a low panel
        room = area.adjusted(theme.SPACE_S, WORDS_PX, -theme.SPACE_S, -theme.SPACE_S)
    shares = [2, *([1] * (len(kinds) - 1))]
    unit = max(1.0, room.height() / sum(shares))
    found, top = [], float(room.top())
    for kind, share in zip(kinds, shares, strict=True):
        height = share * unit
        rect = QRect(room.left(), round(top), room.width(), max(1, round(height) - theme.SPACE_S))
        found.append((kind, rect))
        top += height
    return found


class PanelDrops(DropHint):
    """Takes features, edits, files of edits and, over a row, images."""

    def __init__(self, panel: "InterventionsPanel", state: AppState) -> None:
        self._panel, self._state = panel, state
        self._overlay_of_zones = _Zones(panel)
        self._edits_in: dict[str, int | None] = {}
        super().__init__(panel, self._sentence, by_place=True)

    # --- what will happen ----------------------------------------------------------------------

    def _sentence(self, mime: QMimeData) -> str:
        self._overlay_of_zones.show_nothing()
        try:
            stack = edits_from_mime(mime)
            features = () if stack is not None else features_from_mime(mime)
        except InterpError as problem:
            return Refusal(problem.message)
        if stack is not None:
            if not stack.edits and not stack.image_edits:
                return Refusal("There are no edits in it.")
            place = self._panel.place_at(self.position)
            self._overlay_of_zones.show_gap(self._panel.edge_of(place))
            if self._panel.dragging:
                return "Move here" if self._panel.moves_to(place) else "It stays where it is"
            count = len(stack.edits) + len(stack.image_edits)
            what = stack.name or (stack.edits[0].feature.title if count == 1 else f"{count} edits")
            return f"Put {what} on the panel"
        if features:
            return self._of_features(features)
        return self._of_files(local_paths(mime))

    def _of_features(self, features: tuple[Feature, ...]) -> str:
        problem = self._panel.why_not(features)
        if problem:
            return Refusal(problem)
        kinds = self.kinds_for(features)
        kind = self.kind_at(self.position, kinds)
        lends = Path(self._panel.lending_image).name
        self._overlay_of_zones.show_zones(zones(self._panel.rect(), kinds), kind, lends=lends)
        if kind == "patch" and not lends:
            return Refusal(NO_OTHER_IMAGE)
        return self._panel.what_happens(features, kind)

    def _of_files(self, paths: list[str]) -> str:
        if len(paths) != 1:
            return ""
        name, suffix = Path(paths[0]).name, Path(paths[0]).suffix.lower()
        if is_edits_file(paths[0]):
            return f"Put the edits in {name} on the panel"
        if suffix in IMAGE_SUFFIXES:
            target = self._panel.takes_image_at(self.position)
            if target:
                return f"Take the value of {target} from {name}"
        if may_hold_recipe(paths[0]):
            return self._of_exported(paths[0])
        return ""

    def _of_exported(self, path: str) -> str:
        """What is known of a file that may hold a recipe; it is read off the event loop."""
        if path not in self._edits_in:
            self._edits_in[path] = None
            background_of(self._state).run(
                partial(_edits_in, path), partial(self._edits_in.__setitem__, path),
                key="exported-edits",
            )  # fmt: skip
        count, name = self._edits_in[path], Path(path).name
        if count is None:
            return ""  # a picture like any other, or not read yet
        if not count:
            return Refusal(f"{name} was made without any edits.")
        return f"Put the edits that {name} was made with on the panel"

    def kinds_for(self, features: tuple[Feature, ...]) -> tuple[EditKind, ...]:
        """Kinds that all of some features can be changed by now."""
        legal = [words.kinds_for(feature) for feature in features]
        return tuple(kind for kind in OFFERED if all(kind in kinds for kinds in legal))

    def kind_at(self, position: QPoint, kinds: tuple[EditKind, ...]) -> EditKind:
        """The kind whose zone is under the cursor; what is dropped elsewhere is switched off."""
        found = zones(self._panel.rect(), kinds)
        gap = theme.SPACE_S
        return next(
            (
                kind
                for kind, area in found
                if area.adjusted(-gap, -gap // 2, gap, gap // 2).contains(position)
            ),
            kinds[0],
        )

    # --- what happens --------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept what has a sentence, and do it when it is dropped."""
        text, refused = self.text, self.refused
        if event.type() in (QEvent.Type.DragLeave, QEvent.Type.Drop, QEvent.Type.Hide):
            self._overlay_of_zones.show_nothing()
        taken = super().eventFilter(watched, event)
        if self.text:
            self._overlay.raise_()  # the sentence lies over the zones
        if taken:
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            if text and not refused:
                event.acceptProposedAction()
                self._take(event.mimeData(), event.position().toPoint())
                return True
        elif isinstance(event, QDragEnterEvent | QDragMoveEvent) and self.text:
            event.acceptProposedAction()
            return True
        return False

    def _take(self, mime: QMimeData, position: QPoint) -> None:
        try:
            stack = edits_from_mime(mime)
            features = () if stack is not None else features_from_mime(mime)
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        if stack is not None:
            self._panel.take_edits(stack, self._panel.place_at(position))
        elif features:
            self._panel.take_features(features, self.kind_at(position, self.kinds_for(features)))
        else:
            path = local_paths(mime)[0]
            self._panel.take_file(path, position)


def _edits_in(path: str) -> int | None:
    """How many edits something exported was made with; None where it holds no recipe."""
    from interp_gui.core.export import read_recipe

    try:
        stack = read_recipe(path).edits
    except InterpError:
        return None
    return len(stack.edits) + len(stack.image_edits)


class _Zones(QWidget):
    """Paints where each kind is chosen, or the gap into which edits will come."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Kinds of edits to drop on")
        self._zones: list[Zone] = []
        self._kind: EditKind | None = None
        self._gap: int | None = None
        self._lends = ""
        self.hide()

    def show_zones(self, found: list[Zone], kind: EditKind, *, lends: str) -> None:
        """Show the zones, with the one that is meant; `lends` names the image of a patch."""
        self._zones, self._kind, self._gap, self._lends = found, kind, None, lends
        self._appear()

    def show_gap(self, y: int) -> None:
        """Show a line where edits will come."""
        self._zones, self._gap = [], y
        self._appear()

    def show_nothing(self) -> None:
        """Disappear."""
        self._zones, self._gap = [], None
        self.hide()

    def _appear(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        accent = palette.color(QPalette.ColorRole.Highlight)
        if self._gap is not None:
            painter.fillRect(QRect(4, self._gap - 1, self.width() - 8, 3), accent)
        ground = QColor(palette.color(QPalette.ColorRole.Window))
        ground.setAlpha(225)
        if self._zones:
            painter.fillRect(self.rect(), ground)
        for kind, rect in self._zones:
            meant = kind == self._kind
            veil = QColor(accent)
            veil.setAlpha(70 if meant else 14)
            painter.setPen(QPen(accent if meant else palette.color(QPalette.ColorRole.Mid),
                                2 if meant else 1))  # fmt: skip
            painter.setBrush(veil)
            painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
            idle = kind == "patch" and not self._lends
            text_colour = palette.color(QPalette.ColorRole.WindowText)
            painter.setPen(theme.dim_colour(palette) if idle else text_colour)
            text = title = words.KIND_TITLES[kind]
            if kind == "patch":
                text = f"{title} from {self._lends or 'another image: open one first'}"
            shown = self.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, rect.width() - 12
            )
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), shown)
        painter.end()
