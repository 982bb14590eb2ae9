"""The menu of a view: of its tab, and of the button beside the tabs."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from interp_gui.gui import icons
from interp_gui.gui.views.frame import ViewFrame
from interp_gui.gui.views.pin_menu import fill_pin_menu

if TYPE_CHECKING:
    from interp_gui.gui.centre import Centre


def popup_view_menu(centre: "Centre", frame: ViewFrame, where: QPoint) -> QMenu:
    """Show what can be done with a view."""
    desk = centre.desk
    menu = QMenu(centre)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(icons.icon("split"), "Split &right", partial(centre.split, frame, "right"))
    menu.addAction(icons.icon("split-below"), "Split &below", partial(centre.split, frame, "below"))
    torn = desk.is_torn(frame)
    if torn:
        menu.addAction("Put &back into the window", partial(desk.bring_home, frame))
    else:
        move = menu.addAction(
            "&Move to the other side", lambda: desk.put(frame, desk.beside(frame))
        )
        group = desk.group_of(frame)
        alone = group is not None and group.count() == 1 and len(desk.area.groups) == 1
        move.setEnabled(not alone)
        menu.addAction(icons.icon("tear-off"), "&Tear off", lambda: desk.tear_off(frame))
    menu.addSeparator()
    menu.addAction("Pinned &copy beside", partial(centre.copy_beside, frame))
    pin = menu.addMenu(icons.icon("pin"), "&Pin")
    fill_pin_menu(pin, frame.state)
    menu.addSeparator()
    menu.addAction(icons.icon("close"), "C&lose", partial(desk.close, frame))
    menu.popup(where)
    return menu
