"""Menus of what is no list: the titles of panels and the badges of the toolbar."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMenu, QWidget

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

ENGINE_ACTIONS = ("view.dock.jobs", "help.restart_engine", "help.system")
DEVICE_ACTIONS = ("help.system", "help.doctor", "edit.preferences")


def add_panel_menus(window: "MainWindow") -> None:
    """Give every panel and badge its menu."""
    for dock in window.docks.values():
        dock.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        dock.customContextMenuRequested.connect(partial(_popup_dock, window, dock))
    for badge, actions in (
        (window.engine_badge, ENGINE_ACTIONS),
        (window.device_badge, DEVICE_ACTIONS),
    ):
        badge.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        badge.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        badge.customContextMenuRequested.connect(partial(_popup_badge, window, badge, actions))


def show_images_of(window: "MainWindow", text: str) -> None:
    """List the images that fit a filter."""
    window.docks["images"].show()
    window.docks["images"].raise_()
    window.images.filter.set_text(text)


def _popup_dock(window: "MainWindow", dock: QDockWidget, where: QPoint) -> None:
    menu = _menu(dock)
    title = dock.windowTitle()
    floating = dock.isFloating()
    menu.addAction(
        f"&Put {title} back into the window" if floating else f"&Tear {title} off",
        partial(dock.setFloating, not floating),
    )
    menu.addAction(f"&Hide {title}", dock.hide)
    menu.addSeparator()
    others = menu.addMenu("&Panels")
    for name in window.docks:
        others.addAction(window.actions_[f"view.dock.{name}"])
    menu.addAction(window.actions_["view.reset_layout"])
    menu.popup(dock.mapToGlobal(where))


def _popup_badge(
    window: "MainWindow", badge: QWidget, actions: tuple[str, ...], where: QPoint
) -> None:
    menu = _menu(badge)
    for name in actions:
        if name in window.actions_:
            menu.addAction(window.actions_[name])
    menu.addSeparator()
    text = f"{badge.accessibleName()}\n{badge.accessibleDescription()}".strip()
    menu.addAction("&Copy", partial(QGuiApplication.clipboard().setText, text))
    menu.popup(badge.mapToGlobal(where))


def _menu(over: QWidget) -> QMenu:
    menu = QMenu(over)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    return menu
