"""Menus of the layer wall."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from interp_gui.core.feature import Feature
from interp_gui.gui.export_ui import Exportable, ask_and_export, sheet
from interp_gui.gui.features.menu import build_feature_menu
from interp_gui.gui.report.keeping import keep_all
from interp_gui.gui.state import AppState
from interp_gui.gui.tabs.examples_box import choices, wish_of

if TYPE_CHECKING:
    from interp_gui.gui.tabs.wall import LayerWall


def popup_card_menu(wall: "LayerWall", state: AppState, key: str, where: QPoint) -> None:
    """What can be done with a card and with those selected; beside cards, with all."""
    menu = _menu(wall)
    card = wall.list.card(key)
    if card is not None and card.feature is not None:
        keys = wall.list.selected_keys() or [key]
        chosen = wall.list.selected_features()
        features = chosen if card.feature in chosen else (card.feature,)
        found = wall.exportables([key])
        build_feature_menu(
            menu, state, features, source=wall.list, image=card.main, text=card.caption,
            export=(lambda: ask_and_export(wall, state, found)) if found else None,
        )  # fmt: skip
        menu.addSeparator()
        menu.addAction("Optimise picture", lambda: wall.work.want_pictures(keys))
        _add_examples(menu, state, card.feature)
        menu.addSeparator()
    menu.addAction("Select all", wall.list.select_all)
    _add_export(menu, wall, state)
    menu.popup(where)


def popup_export_menu(wall: "LayerWall", state: AppState, where: QPoint) -> None:
    """How cards are exported."""
    menu = _menu(wall)
    _add_export(menu, wall, state)
    menu.popup(where)


def chosen_cards(wall: "LayerWall", state: AppState, *, as_sheet: bool) -> list[Exportable]:
    """The selected cards, or those in view if none is; one by one or on one sheet."""
    found = wall.exportables(wall.list.selected_keys() or list(wall.list.visible_keys()))
    if as_sheet and found:
        return [sheet(f"{state.layer}, {len(found)} units", found)]
    return found


def _add_examples(menu: QMenu, state: AppState, feature: Feature) -> None:
    """Which real examples the unit's page is opened with."""
    kinds = menu.addMenu("Show examples")
    kinds.setEnabled(state.dataset is not None)
    for key, words, tip in choices(state.dataset):
        entry = kinds.addAction(words, partial(_show_examples, state, feature, key))
        entry.setToolTip(tip)


def _show_examples(state: AppState, feature: Feature, key: str) -> None:
    wish_of(state).ask(key)
    state.open_feature(feature)


def _menu(wall: "LayerWall") -> QMenu:
    menu = QMenu(wall)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return menu


def _add_export(menu: QMenu, wall: "LayerWall", state: AppState) -> None:
    what = "selected" if wall.list.selected_keys() else "visible"
    menu.addAction(f"Export {what} as one sheet…", lambda: wall.export_selected(as_sheet=True))
    menu.addAction(f"Export {what} as files…", lambda: wall.export_selected(as_sheet=False))
    menu.addAction(f"Keep {what} for the report", lambda: keep_all(state, wall.keepables()))
