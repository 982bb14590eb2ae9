"""How cells and selections leave a map: dragged, by the menu, and by keys."""

from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QMenu, QWidget

from interp_gui.core.atlas.kinds import Source
from interp_gui.core.feature import Feature
from interp_gui.gui.atlas.looking import Looking
from interp_gui.gui.atlas.selection import Chosen, facts, picture_of, pixels_of
from interp_gui.gui.dragging.drag import start_drag
from interp_gui.gui.export_ui import Exportable, ask_and_export
from interp_gui.gui.report.keeping import keep_all
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.pixels import to_image

GRAB_PX = 220


class Leaving(QObject):
    """Drags and menus of one view's map.

    Parameters
    ----------
    owner
        The view, over which dialogs open.
    """

    def __init__(self, state: AppState, looking: Looking, owner: QWidget) -> None:
        super().__init__(owner)
        self._state, self._looking, self._owner = state, looking, owner
        self.is_dragging = False
        canvas = looking.canvas
        canvas.drag_wanted.connect(self._drag)
        canvas.menu_requested.connect(self._show_menu)

    def selected_features(self) -> tuple[Feature, ...]:
        """What keys and commands are about: what is chosen."""
        feature = self._looking.feature_of(self._looking.chosen)
        return (feature,) if feature is not None else ()

    def picture_of(self, chosen: Chosen) -> QImage:
        """What is shown of what is chosen: its icon, else its crop, else that part of the map."""
        kept = self._looking.kept
        if kept is None or chosen.empty:
            return QImage()
        wish: list[Source] = ["icon", "crop"]
        if self._looking.tools.draw == "crops":
            wish.reverse()
        for source in wish:
            pixels = pixels_of(picture_of(kept.atlas, chosen, source))
            if pixels is not None:
                return to_image(pixels)
        canvas: QWidget = self._looking.canvas
        area = QRect(0, 0, GRAB_PX, GRAB_PX)
        area.moveCenter(canvas.rect().center())
        return canvas.grab(area.intersected(canvas.rect())).toImage()

    def _drag(self, what: Any) -> None:
        """Drag a selection, or the cell under the cursor."""
        looking = self._looking
        if isinstance(what, np.ndarray):
            points = what.astype(np.int64)
            chosen = looking.chosen
            if not np.array_equal(np.sort(points), np.sort(chosen.points)):
                chosen = Chosen(points)
        else:
            chosen = looking.of_hit(what)
        feature = looking.feature_of(chosen)
        if feature is None:
            return
        self.is_dragging = True
        try:
            start_drag(looking.canvas, (feature,), image=self.picture_of(chosen))
        finally:
            self.is_dragging = False

    # --- menus -----------------------------------------------------------------------------------

    def _show_menu(self, hit: Any, where: QPoint) -> None:
        looking, kept = self._looking, self._looking.kept
        if kept is None:
            return
        menu = QMenu(self._owner)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chosen, inside = looking.of_hit(hit), looking.chosen
        if chosen.empty:
            chosen = inside
        if not inside.empty and not inside.is_cell and np.isin(chosen.points, inside.points).all():
            chosen = inside  # the menu of a selection, wherever in it
        feature = looking.feature_of(chosen)
        if feature is not None:
            from interp_gui.gui.features.menu import build_feature_menu

            told = facts(kept.atlas, chosen)
            build_feature_menu(
                menu, self._state, (feature,), source=looking.canvas,
                image=self.picture_of(chosen), text=f"{told.title}\n{told.line}",
            )  # fmt: skip
            menu.addSeparator()
        clear = menu.addAction("Choose nothing", lambda: looking.choose(Chosen()))
        clear.setEnabled(not looking.chosen.empty)
        menu.addAction("Show the whole map", looking.canvas.go_home)
        menu.addSeparator()
        menu.setToolTipsVisible(True)
        for words, handler in (
            ("Export the map…", self.export), ("Keep the map for the report", self.keep),
        ):  # fmt: skip
            action = menu.addAction(words, handler)
            action.setEnabled(not looking.unfinished)
            action.setToolTip(looking.unfinished)
        menu.popup(where)

    # --- the whole map ---------------------------------------------------------------------------

    def exportables(self) -> list[Exportable]:
        """The map with the pictures that it has, as it is looked at; none while it is unfinished.

        What its recipe makes is the finished map.
        """
        kept = self._looking.kept
        if kept is None or self._looking.unfinished:
            return []
        atlas = msgspec.structs.replace(kept.atlas, look=self._looking.look)
        recipe = kept.recipe
        if recipe is not None and atlas.pictures:
            drawn = {p.source for p in atlas.pictures}
            icons = "icon" in drawn and self._looking.tools.draw in ("auto", "icons")
            # so that what makes the map again makes its pictures too
            settings = {**recipe.parameters, "pictures": "icons" if icons else "crops"}
            recipe = msgspec.structs.replace(recipe, parameters=settings)
        return [Exportable(atlas, recipe)]

    def export(self) -> None:
        """Export the map."""
        found = self.exportables()
        if found:
            ask_and_export(self._owner, self._state, found)

    def keep(self) -> None:
        """Keep the map for the report."""
        keep_all(self._state, self.exportables())
