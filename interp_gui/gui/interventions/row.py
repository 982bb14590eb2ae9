"""One edit of the panel: compact, and with all its controls when it is chosen."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QApplication, QCheckBox, QFrame, QLabel, QSizePolicy, QWidget

from interp_gui.core.edit import Edit
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.interventions import told, words
from interp_gui.gui.interventions.choices import Region
from interp_gui.gui.interventions.details import EditDetails
from interp_gui.gui.widgets.flow import FlowRow

ACCENT_PX = 3
INDENT_PX = 26
"""Where words begin that stand below the name, beside the switch."""
MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
_CTRL, _ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


class EditRow(QFrame):
    """Switch, name, kind and effect of an edit; its details below while it is chosen.

    Signals
    -------
    pressed
        The row was clicked, with the keyboard's modifiers.
    dragged
        It is being dragged away.
    toggled
        Its switch was used.
    key_wanted
        `up`, `down`, `earlier`, `later`, `remove`, `copy`, `paste`, `all`, `open`.
    menu_wanted
        At a global position.
    """

    pressed = Signal(object)
    dragged = Signal()
    toggled = Signal(bool)
    key_wanted = Signal(str)
    menu_wanted = Signal(QPoint)
    detailed = Signal()
    """Its details were made: whoever owns the row connects them."""

    def __init__(self, brushed: Callable[[], Region], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.index = 0
        self.edit: Edit | None = None
        self.details: EditDetails | None = None
        self._brushed = brushed
        self._is_chosen = False
        self._start: QPoint | None = None
        self._icon = ""
        self._drawn: tuple[object, ...] = ()
        self._sign = told.UNKNOWN
        self.setProperty("card", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.switch = QCheckBox()
        self.switch.setAccessibleName("In force")
        self.switch.setToolTip("Put this edit in or out of force")
        self.switch.setAccessibleDescription(self.switch.toolTip())
        self.switch.setStyleSheet("QCheckBox { padding: 0 2px 0 0; }")
        self.name = _Elided(middle=True)
        self.effect = parts.label(wrap=False)
        self.icon = QLabel()
        self.summary = _Elided()
        self.summary.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.beside = parts.label(dim=True, wrap=False)
        for small in (self.summary, self.beside):
            small.setFont(theme.small_font(self.font()))
        self._column = parts.column(self, margin=theme.SPACE_S, spacing=theme.SPACE_XS)
        first = parts.row()
        for widget, stretch in ((self.switch, 0), (self.name, 1), (self.effect, 0), (self.icon, 0)):
            first.addWidget(widget, stretch)
        self._second = QWidget()
        second = FlowRow(self._second)  # what the edit does comes first, the rest wraps
        second.setContentsMargins(INDENT_PX, 0, 0, 0)
        second.addWidget(self.summary)
        second.add_gap()
        second.addWidget(self.beside)
        self._column.addLayout(first)
        self._column.addWidget(self._second)
        self.switch.clicked.connect(self.toggled)

    # --- what is shown -------------------------------------------------------------------------

    def show_edit(self, index: int, edit: Edit, *, name: str, live: bool, value: str) -> None:
        """Show an edit.

        Parameters
        ----------
        name
            What its feature is called.
        live
            Whether it is in force: not only switched on, but not muted, and none stands alone.
        value
            What an edit that switches off or patches puts there, in words.
        """
        self.index, self.edit = index, edit
        self.switch.setChecked(edit.enabled)
        self.name.set_text(name, dim=not live)
        self.name.setToolTip("\n".join(dict.fromkeys((name, edit.feature.text))))
        place = "" if edit.place.kind == "everywhere" else words.place_words(edit.place)
        self.summary.set_text(" · ".join(filter(None, (words.short(edit), value, place))), dim=True)
        edge = theme.SPACE_S
        left = edge + 2 + (theme.SPACE_L if edit.group else 0)
        self._column.setContentsMargins(left, edge, edge + 2, edge)
        state = "in force" if live else "not in force"
        self.setAccessibleName(f"{words.short(edit)}: {name}")
        self.setAccessibleDescription(f"Edit {index + 1}, {state}. {self.summary.text}")

    def show_effect(self, effect: EditEffect | None, problem: str) -> None:
        """Show what the edit did, as one number and one sign."""
        found = told.state_of(effect, problem)
        number = effect.effect if effect is not None and not problem else None
        self.effect.setText("" if number is None else told.signed(number))
        beside = told.beside(effect) if effect is not None and not problem else ""
        if not beside and found.icon and number is None:
            beside = found.words
        self.beside.setText(beside)
        warning = told.warning_of(effect, problem)
        warned = warning and found.icon != "error"
        sign = told.Told("warning", "warning", found.words, found.sentence) if warned else found
        self._draw(sign)
        lines = [f"{found.words}. {found.sentence}" if found.words else ""]
        if effect is not None and not problem:
            lines += [told.effect_sentence(effect, ""), told.run_sentence(effect), warning]
        tip = "\n".join(line for line in lines if line)
        for widget in (self.icon, self.effect, self.beside):
            widget.setToolTip(tip)
        if tip:
            head = self.accessibleDescription().partition("\n")[0]
            self.setAccessibleDescription(f"{head}\n{tip}")

    def _draw(self, found: told.Told) -> None:
        drawn = (found.icon, found.tone, self.palette().cacheKey(), self.devicePixelRatioF())
        if drawn == self._drawn:
            return  # drawing signs anew is what costs most while a slider is dragged
        self._drawn, self._sign = drawn, found
        palette, dark = self.palette(), theme.is_dark(self.palette())
        colour = {
            "error": theme.level_colour("error", dark=dark),
            "warning": theme.level_colour("warning", dark=dark),
            "accent": palette.color(QPalette.ColorRole.Highlight),
            "dim": theme.dim_colour(palette),
        }.get(found.tone, palette.color(QPalette.ColorRole.WindowText))
        self.icon.setVisible(bool(found.icon))
        if found.icon:
            ratio = self.devicePixelRatioF()
            pixels = icons.draw(found.icon, QSize(15, 15) * ratio, colour)
            pixels.setDevicePixelRatio(ratio)
            self.icon.setPixmap(pixels)
        self._icon = found.icon

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw(self._sign)

    @property
    def state_icon(self) -> str:
        """Name of the icon that is shown; empty for none."""
        return self._icon

    def set_chosen(self, chosen: bool, *, expanded: bool) -> None:
        """Mark it as chosen, and show its details or not."""
        self._is_chosen = chosen
        if expanded and self.details is None:
            self.details = EditDetails(self._brushed)
            self._column.addWidget(self.details)
            self._order_tabs(self.details)
            self.detailed.emit()
        if self.details is not None:
            self.details.setVisible(expanded)
        self._second.setVisible(not expanded)
        self.update()

    def hasHeightForWidth(self) -> bool:
        return False  # `fit` says how high it is

    def fit(self, width_px: int) -> None:
        """Take the height that all words need at a width.

        Said here, because Qt gives rows in a list the height that they would have if their words
        wrapped somewhere else.
        """
        column = self._column
        if self.details is not None and (inner := self.details.layout()) is not None:
            inner.invalidate()
            self.details.updateGeometry()  # or the height of the words before would be remembered
        column.invalidate()
        needed = column.totalHeightForWidth(width_px)
        self.setFixedHeight(max(needed, column.totalMinimumSize().height()))

    def _order_tabs(self, details: EditDetails) -> None:
        """Tab goes from the row through its own controls, and only then to the next row."""
        before: QWidget = self.switch
        strength = details.strength
        for widget in (
            details.kind, details.place, details.baseline, strength.slider, strength.box,
            strength.low, strength.high, details.fix, *details.buttons,
        ):  # fmt: skip
            QWidget.setTabOrder(before, widget)
            before = widget

    @property
    def is_expanded(self) -> bool:
        """Whether its details are shown."""
        return self.details is not None and not self.details.isHidden()

    def selected_features(self) -> tuple[Feature, ...]:
        """What keys and commands are about, while the row has the focus."""
        return (self.edit.feature,) if self.edit is not None else ()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._is_chosen:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.palette().color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(1, 4, ACCENT_PX, self.height() - 8, 1.5, 1.5)
            painter.end()

    # --- mouse and keyboard --------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._start).manhattanLength()
        if moved >= QApplication.startDragDistance():
            self._start = None
            self.dragged.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # Chosen only now: a row that opened under the button would move what it is dragged to.
        if self._start is not None and event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit(event.modifiers())
        self._start = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.key_wanted.emit("open")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_keys = event.reason() == QContextMenuEvent.Reason.Keyboard
        where = self.mapToGlobal(QPoint(24, 24)) if by_keys else event.globalPos()
        self.menu_wanted.emit(where)

    def event(self, event: QEvent) -> bool:
        """Take keys that mean something else in the rest of the window."""
        asks = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if isinstance(event, QKeyEvent) and asks and self._meaning(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        meaning = self._meaning(event)
        if meaning == "toggle":
            self.toggled.emit(not self.switch.isChecked())
        elif meaning:
            self.key_wanted.emit(meaning)
        else:
            super().keyPressEvent(event)

    def _meaning(self, event: QKeyEvent) -> str:
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        if key in MOVES and modifiers in (_ALT, Qt.KeyboardModifier.NoModifier):
            up = MOVES[key] < 0
            if modifiers == _ALT:
                return "earlier" if up else "later"
            return "up" if up else "down"
        if modifiers == _CTRL:
            return {Qt.Key.Key_C: "copy", Qt.Key.Key_V: "paste", Qt.Key.Key_A: "all"}.get(key, "")
        if modifiers == Qt.KeyboardModifier.NoModifier:
            return {
                Qt.Key.Key_Space: "toggle", Qt.Key.Key_Delete: "remove",
                Qt.Key.Key_Return: "open", Qt.Key.Key_Enter: "open",
            }.get(key, "")  # fmt: skip
        return ""


class _Elided(QWidget):
    """A line of text, cut where there is too little room for it."""

    def __init__(self, *, middle: bool = False) -> None:
        super().__init__()
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self.text = ""
        self._is_dim = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_text(self, text: str, *, dim: bool) -> None:
        """Show another text."""
        self.text, self._is_dim = text, dim
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text) + 2, metrics.height() + 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(10, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self.palette()
        dim = theme.dim_colour(palette)
        painter.setPen(dim if self._is_dim else palette.color(QPalette.ColorRole.WindowText))
        text = self.fontMetrics().elidedText(self.text, self._mode, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()
