"""The button that pins a view, and the menu that says to what."""

from functools import partial

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMenu, QToolButton

from interp_gui.gui import icons
from interp_gui.gui.views.pins import PINS, Pin
from interp_gui.gui.views.state import ViewState

TITLES: dict[Pin, str] = {
    "model": "&Model",
    "image": "&Image",
    "target": "&Target",
    "layer": "&Layer",
    "feature": "&Feature",
}


class PinButton(QToolButton):
    """Pins a view to what it shows; its arrow opens the menu of what to hold fast."""

    def __init__(self) -> None:
        super().__init__()
        self.setIcon(icons.icon("pin"))
        self.setIconSize(QSize(16, 16))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoRaise(True)
        self.setCheckable(True)
        self.setAccessibleName("Pin this view")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._state: ViewState | None = None
        menu = QMenu(self)
        menu.aboutToShow.connect(partial(self._fill, menu))
        self.setMenu(menu)
        self.clicked.connect(self._on_click)
        self._show()

    def set_state(self, state: ViewState | None) -> None:
        """Be about another view."""
        if self._state is not None:
            self._state.pins_changed.disconnect(self._show)
        self._state = state
        if state is not None:
            state.pins_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        state = self._state
        pinned = state is not None and state.pinned
        self.setEnabled(state is not None)
        self.setChecked(pinned)
        self.setToolTip(
            "Let this view follow what is current (Ctrl+Shift+P)"
            if pinned
            else "Keep this view as it is while the others go on (Ctrl+Shift+P)"
        )

    def _on_click(self) -> None:
        if self._state is not None:
            toggle_pins(self._state)
            self._show()

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        if self._state is not None:
            fill_pin_menu(menu, self._state)


def toggle_pins(state: ViewState) -> None:
    """Pin a view to all it shows, or let it follow again."""
    if state.pinned:
        state.unpin()
    else:
        state.pin_all()


def fill_pin_menu(menu: QMenu, state: ViewState) -> None:
    """Add what can be held fast, each with a tick."""
    everything = menu.addAction("&Everything")
    everything.setCheckable(True)
    everything.setChecked(state.pins == frozenset(PINS))
    everything.triggered.connect(lambda on: state.pin_all() if on else state.unpin())
    menu.addSeparator()
    for pin in PINS:
        action = menu.addAction(TITLES[pin])
        action.setCheckable(True)
        action.setChecked(pin in state.pins)
        action.triggered.connect(lambda on, pin=pin: _toggle(state, pin, on=on))


def _toggle(state: ViewState, pin: Pin, *, on: bool) -> None:
    pins = set(state.pins)
    if on:
        pins.add(pin)
    else:
        pins.discard(pin)
        if pin == "layer":  # a pinned unit has its layer pinned
            pins.discard("feature")
    state.set_pins(pins)
