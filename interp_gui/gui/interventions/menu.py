"""The menu of the chosen edits, and that of the panel."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget

from interp_gui.core.edit import EditStack
from interp_gui.gui import icons
from interp_gui.gui.features.menu import build_feature_menu
from interp_gui.gui.interventions.files import save_edits
from interp_gui.gui.interventions.kept import ask_name
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.interventions.panel import InterventionsPanel


def popup_row_menu(panel: "InterventionsPanel", state: AppState, where: QPoint) -> QMenu:
    """What can be done with the chosen edits."""
    menu = QMenu(panel)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    chosen, edits = panel.list.chosen, interventions_of(state)
    stack = state.edits
    if not chosen:
        return menu
    on = all(stack.edits[i].enabled for i in chosen)
    menu.addAction("&Put out of force" if on else "&Put in force",
                   partial(edits.set_enabled, not on, *chosen))  # fmt: skip
    if len(chosen) == 1:
        alone = stack.solo == chosen[0]
        solo = menu.addAction("&Alone in force", partial(edits.solo, None if alone else chosen[0]))
        solo.setCheckable(True)
        solo.setChecked(alone)
    menu.addSeparator()
    menu.addAction("&Duplicate", partial(edits.duplicate, *chosen))
    up = menu.addAction("Move &up", partial(panel.list.shift, -1))
    up.setEnabled(chosen[0] > 0)
    down = menu.addAction("Move d&own", partial(panel.list.shift, 1))
    down.setEnabled(chosen[-1] < len(stack.edits) - 1)
    menu.addSeparator()
    groups = {stack.edits[i].group for i in chosen}
    menu.addAction("&Group as…", partial(_ask_group, panel, state, chosen))
    if groups != {""}:
        menu.addAction("U&ngroup", partial(edits.group, "", *chosen))
    menu.addSeparator()
    copy = menu.addAction(icons.icon("copy"), "&Copy", panel.copy_chosen)
    copy.setToolTip("Copy these edits, to paste them here or as JSON elsewhere")
    picked = EditStack(edits=tuple(stack.edits[i] for i in chosen))
    menu.addAction("&Save to a file…", partial(save_edits, panel, state, picked))
    menu.addAction("&Remove", partial(panel.list.remove, chosen))
    menu.addSeparator()
    features = tuple(dict.fromkeys(stack.edits[i].feature for i in chosen))
    submenu = menu.addMenu("&Feature")
    build_feature_menu(
        submenu, state, features, source=panel, leave_out=("ablate", "intervene", "save-picture")
    )
    menu.popup(where)
    return menu


def _ask_group(panel: QWidget, state: AppState, chosen: tuple[int, ...]) -> None:
    edits = interventions_of(state)
    now = next((e.group for e in state.edits.edits if e.group), "")
    ask_name(
        panel, "Group", "Name of the group; what bears one name is shown and switched together",
        now, lambda name: edits.group(" ".join(name.split()), *chosen),
    )  # fmt: skip
