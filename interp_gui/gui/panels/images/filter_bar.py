"""The line above the list: a filter to type into, and menus that write it and sort."""

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QToolButton, QWidget

from interp_gui.gui import parts, theme
from interp_gui.gui.panels.images.query import (
    ADDED,
    BROKEN,
    COLUMN,
    CORRECT,
    GROUP,
    LABEL,
    NAME,
    PREDICTION,
    PROBABILITY,
    parse,
)
from interp_gui.gui.panels.images.source import ImageSource
from interp_gui.gui.panels.images.table import Column

SETTLE_MS = 120
LISTED = 40
"""Values of a column that its menu lists; the others can be typed."""
_TITLE_LONG = 40


class FilterBar(QWidget):
    """Filter and order of an image source."""

    def __init__(self, source: ImageSource) -> None:
        super().__init__()
        self._source = source
        self.field = QLineEdit()
        self.field.setPlaceholderText("Filter: name, label:cat, wrong…")
        self.field.setAccessibleName("Filter images")
        self.field.setToolTip(
            "Words in the file name, label:cat, split:val, pred:dog, wrong, right, broken, "
            "prob<0.5; a minus before a word means not (Ctrl+F)"
        )
        parts.as_filter(self.field)
        self.filters = _menu_button("filter", "Filter by label or column", self._fill_filters)
        self.orders = _menu_button("sort", "Sort images", self._fill_orders)
        row = parts.row()
        row.setContentsMargins(theme.SPACE_S, 0, theme.SPACE_S, theme.SPACE_S)
        row.addWidget(self.field, 1)
        row.addWidget(self.filters)
        row.addWidget(self.orders)
        self.setLayout(row)
        self._later = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._later.timeout.connect(self.apply)
        self.field.textChanged.connect(lambda _text: self._later.start())
        self.field.returnPressed.connect(self.apply)

    def apply(self) -> None:
        """Filter by what is typed now."""
        self._later.stop()
        self._source.arrange(text=self.field.text())

    def set_text(self, text: str) -> None:
        """Filter by a text."""
        self.field.setText(text)
        self.apply()

    def toggle(self, word: str) -> None:
        """Add a word to the filter, or take it away; another value of its column goes."""
        wanted, terms = parse(word)[0], parse(self.field.text())
        kept = [
            term
            for term in terms
            if term != wanted and (not wanted.key or term.key != wanted.key or term.negated)
        ]
        texts = [written(t.key, t.value, sign=t.sign, negated=t.negated) for t in kept]
        self.set_text(" ".join(texts if wanted in terms else [*texts, word]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.field.text():
            self.set_text("")
            event.accept()
            return
        super().keyPressEvent(event)

    # --- menus ---------------------------------------------------------------------------------

    def _fill_filters(self, menu: QMenu) -> None:
        shown = self._source.shown
        table, predictions = shown.table, shown.predictions
        columns: list[tuple[str, str, Column]] = [("Label", LABEL, table.label)]
        columns += [("Group", GROUP, table.group)]
        columns += [(name, name, column) for name, column in table.metadata.items()]
        if predictions is not None:
            columns.append(("Predicted class", "pred", predictions.column))
        active = {(t.key, t.value.casefold()) for t in parse(self.field.text()) if not t.negated}
        for title, key, column in columns:
            if column.values:
                self._add_column(menu.addMenu(_plain(title)), key, column, active)
        menu.addSeparator()
        states = [("Broken", "broken")]
        if table.label.values:
            states.append(("Without a label", "unlabelled"))
        if predictions is not None:
            states = [("Wrong", "wrong"), ("Right", "right"), *states]
        for title, word in states:
            self._add_choice(menu, title, word, checked=("", word) in active)
        menu.addSeparator()
        everything = menu.addAction("Show all images")
        everything.setEnabled(bool(self.field.text()))
        everything.triggered.connect(lambda: self.set_text(""))

    def _add_column(
        self, menu: QMenu, key: str, column: Column, active: set[tuple[str, str]]
    ) -> None:
        counts = column.counts
        codes: Iterable[int] = range(len(column.values))
        if len(column.values) > LISTED:
            codes = sorted((-counts).argsort(kind="stable")[:LISTED].tolist())
        for code in codes:
            value = column.values[code]
            title = value if len(value) <= _TITLE_LONG else f"{value[:_TITLE_LONG]}…"
            word = written(key, value)
            checked = (key.casefold(), value.casefold()) in active
            self._add_choice(menu, f"{title}\t{counts[code]:,}", word, checked=checked)
        left = len(column.values) - LISTED
        if left > 0:
            menu.addSeparator()
            menu.addAction(f"{left:,} rarer ones: type {key}:…").setEnabled(False)

    def _add_choice(self, menu: QMenu, title: str, word: str, *, checked: bool) -> None:
        action = menu.addAction(_plain(title))
        action.setCheckable(True)
        action.setChecked(checked)
        action.triggered.connect(lambda *_: self.toggle(word))

    def _fill_orders(self, menu: QMenu) -> None:
        shown, wanted = self._source.shown, self._source.wanted
        orders = [("Order added", ADDED), ("Name", NAME)]
        orders += [("Label", LABEL)] if shown.table.label.values else []
        orders += [("Group", GROUP)] if shown.table.group.values else []
        orders += [(name, f"{COLUMN}{name}") for name in shown.table.metadata]
        if shown.predictions is not None:
            orders += [("Predicted class", PREDICTION), ("Right or wrong", CORRECT)]
            orders += [("Probability", PROBABILITY)]
        orders.append(("Broken first", BROKEN))
        for title, sort in orders:
            action = self._add_order(menu, title, checked=sort == wanted.sort)
            action.triggered.connect(lambda *_, sort=sort: self._source.arrange(sort=sort))
        menu.addSeparator()
        action = self._add_order(menu, "Descending", checked=wanted.descending)
        action.triggered.connect(lambda on: self._source.arrange(descending=on))

    def _add_order(self, menu: QMenu, title: str, *, checked: bool) -> QAction:
        action = menu.addAction(_plain(title))
        action.setCheckable(True)
        action.setChecked(checked)
        return action


def written(key: str, value: str, *, sign: str = ":", negated: bool = False) -> str:
    """A term as it is typed, quoted where it holds spaces."""
    plain = value.replace('"', "")
    quoted = f'"{plain}"' if not plain or any(c.isspace() or c in ':<>"' for c in plain) else plain
    name = f'"{key}"' if any(c.isspace() or c in ":<>" for c in key) else key
    return ("-" if negated else "") + (f"{name}{sign}{quoted}" if key else quoted)


def _menu_button(icon: str, text: str, fill: Callable[[QMenu], None]) -> QToolButton:
    button = parts.icon_button(icon, text)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    menu = QMenu(button)
    menu.setAccessibleName(text)
    menu.aboutToShow.connect(partial(_refill, menu, fill))
    button.setMenu(menu)
    return button


def _refill(menu: QMenu, fill: Callable[[QMenu], None]) -> None:
    menu.clear()
    for child in menu.findChildren(QMenu):
        child.deleteLater()
    fill(menu)


def _plain(title: str) -> str:
    return title.replace("&", "&&")
