"""Looking at a map that is there: colours, what is under the cursor, what is chosen, pictures."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.atlas.kinds import Atlas, AtlasLevel, CellPictures
from interp_gui.core.atlas.linking import linked_points
from interp_gui.core.atlas.look import Look
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.gui.atlas.asking import AtlasAsking, Path
from interp_gui.gui.atlas.colouring import Paint, paint, shown, where_lives
from interp_gui.gui.atlas.linked import Linked, links_of
from interp_gui.gui.atlas.pictures import AtlasPictures
from interp_gui.gui.atlas.selection import Chosen, cell_of, feature_of
from interp_gui.gui.atlas.sidebar import Sidebar
from interp_gui.gui.atlas.tools import MapTools
from interp_gui.gui.atlas.work import AtlasWork, Kept
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState

if TYPE_CHECKING:
    from interp_gui.gui.atlas.canvas import AtlasCanvas

HOVER_MS = 25
CHOSEN_S = 0.4
"""So long after a choice what is merely under the cursor does not take its place."""


class Looking(QObject):
    """Keeps canvas, sidebar and tools of one view in step with its map.

    Signals
    -------
    chosen_changed
        Something else is chosen.
    told
        `note` is another.
    """

    chosen_changed = Signal()
    told = Signal()

    def __init__(
        self, state: AppState, bridge: EngineBridge, work: AtlasWork, canvas: "AtlasCanvas",
        sidebar: Sidebar, tools: MapTools, parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._state, self._work = state, work
        self.canvas, self.sidebar, self.tools = canvas, sidebar, tools
        self.pictures = AtlasPictures(state, bridge, self)
        self.asking = AtlasAsking(bridge, self)
        self.links = links_of(state)
        self.chosen, self.hovered = Chosen(), Chosen()
        self.look = Look()
        self.note = ""
        """What to say below the map; empty for nothing."""
        self._shown: Kept | None = None
        self._searched = ""
        self._lives: tuple[tuple[AtlasLevel, ...], str, NDArray[np.int64]] | None = None
        self._image = ""
        self._path = ""
        self._feature: tuple[Chosen, str, Feature | None] | None = None
        self._pointed: Any = None
        self._chosen_s = 0.0
        self._settled = QTimer(self, singleShot=True, interval=HOVER_MS)
        self._settled.timeout.connect(self._show_hovered)
        self._connect()

    def _connect(self) -> None:
        canvas, sidebar, tools = self.canvas, self.sidebar, self.tools
        self._work.came.connect(self.show_map)
        canvas.hovered.connect(self._hover)
        canvas.stepped.connect(self._stepped)
        canvas.clicked.connect(self._clicked)
        canvas.activated.connect(self._activated)
        canvas.selected.connect(self._selected)
        canvas.pictures_wanted.connect(self._want_pictures)
        self.pictures.came.connect(self._pictures_came)
        self.pictures.changed.connect(self._tell)
        self.asking.values_came.connect(self.apply_look)
        self.asking.told.connect(sidebar.colours.tell)
        self.asking.path_told.connect(self._path_told)
        self.asking.path_came.connect(self._path_came)
        sidebar.look_changed.connect(self.apply_look)
        sidebar.link_changed.connect(self._show_no_link)
        sidebar.details.kind_changed.connect(self._kind_changed)
        tools.changed.connect(self.apply_look)
        tools.lasso.toggled.connect(lambda on: canvas.set_tool("lasso" if on else "pan"))
        tools.searched.connect(self.search)
        tools.path_wanted.connect(self._want_path)
        self.links.chosen.connect(self._linked)
        self._state.target_changed.connect(sidebar.colours.target_changed)
        self._state.image_changed.connect(self._image_changed)

    @property
    def kept(self) -> Kept | None:
        """The map that is shown."""
        return self._work.kept

    @property
    def unfinished(self) -> str:
        """Why what is shown is not the map that was asked for; empty if it is."""
        return self._work.unfinished

    # --- the map ---------------------------------------------------------------------------------

    def show_map(self) -> None:
        """Show the map that came, or none; the map itself keeps the view of its first look."""
        kept, before = self.kept, self._shown
        self._shown = kept
        atlas = kept.atlas if kept is not None else None
        same = kept is not None and kept.same_map(before)
        again = same or (kept is not None and before is not None and kept.request == before.request)
        self.asking.stop()
        self.hovered = Chosen()
        self.tools.offer(atlas)
        self.sidebar.offer(atlas)
        self.tools.why_no_icons(self._state.gradient_problem)
        self.pictures.begin(kept)
        view = self.canvas.snapshot() if again else None
        self.canvas.set_atlas(atlas)
        if view is not None:
            self.canvas.restore(view)
        keeps = same or (again and not self.chosen.is_cell)
        self.choose(self.chosen if keeps else Chosen(), by_hand=False)
        self.apply_look()
        self._want_path(self.tools.path.isChecked())

    def apply_look(self) -> None:
        """Colour and filter as the sidebar says; what it takes is asked for."""
        kept = self.kept
        if kept is None:
            self.sidebar.legend.show_look(Look())
            return
        atlas, panel = kept.atlas, self.sidebar.colours
        colour = panel.colour
        named = panel.class_title if colour.by == "class" else ""
        painted = paint(atlas, colour, kept.fetched, class_name=named)
        if painted is None and not self._work.is_preview:
            self.asking.ask_values(kept, colour, panel.feature)
            painted = paint(atlas, colour, kept.fetched, class_name=named)
        else:
            self.asking.wait_no_more()
        found = painted or Paint()
        points = self._where(atlas)
        if points.size:
            found = _only(points, len(atlas.xy), self._searched)
        self.look = Look(
            draw=self.tools.draw, values=found.values, symmetric=found.symmetric,
            categories=found.categories, legend=found.legend,
            fade=bool(points.size) or (panel.fade.isChecked() and colour.by != "none"),
            shown=shown(atlas, self.sidebar.filters.filters), labels=self.tools.labels.isChecked(),
            sized=self.sidebar.sized.isChecked(),
        )  # fmt: skip
        self.canvas.set_look(self.look)
        told = Look() if points.size else self.look
        self.sidebar.legend.show_look(told, found.names, power=colour.by == "density")

    def search(self, text: str) -> None:
        """Fade all but what bears a name, and go there."""
        self._searched = text.strip()
        self.apply_look()
        kept = self.kept
        if kept is None or not self._searched:
            self._say("")
            return
        points = self._where(kept.atlas)
        if points.size:
            self.canvas.centre_on(points)
            self._say(f"{points.size:,} points belong to {self._searched}")
        else:
            self._say(f"Nothing on this map is called {self._searched}")

    def _where(self, atlas: Atlas) -> NDArray[np.int64]:
        """Points that what is searched belongs to; looked for once for each map and name."""
        known = self._lives
        if known is None or known[0] is not atlas.levels or known[1] != self._searched:
            known = self._lives = (atlas.levels, self._searched, where_lives(atlas, self._searched))
        return known[2]

    # --- pictures --------------------------------------------------------------------------------

    def _want_pictures(self, wanted: Any) -> None:
        self.pictures.want(wanted.side, wanted.source, wanted.cells)

    def _pictures_came(self, pictures: CellPictures) -> None:
        self.canvas.add_pictures(pictures)
        kept, seen = self.kept, self._seen
        there = seen.is_cell and seen.side == pictures.level and seen.cell in pictures.cells
        if kept is not None and there:
            self.sidebar.details.refresh(kept.atlas, self.feature_of(seen))

    # --- what is under the cursor, and what is chosen --------------------------------------------

    @property
    def _seen(self) -> Chosen:
        """What the sidebar tells of."""
        return self.chosen if self.hovered.empty else self.hovered

    def feature_of(self, chosen: Chosen) -> Feature | None:
        """The direction of a cell or points, of the kind that the sidebar says."""
        kept, model, kind = self.kept, self._state.model, self.sidebar.details.direction_kind
        if kept is None or model is None or chosen.empty:
            return None
        known = self._feature
        if known is not None and known[0] is chosen and known[1] == kind:
            return known[2]
        try:
            found = feature_of(kept.atlas, chosen, kind, model.description.weights_sha256)
        except InterpError as problem:
            self._say(problem.message)
            found = None
        self._feature = (chosen, kind, found)
        return found

    def of_hit(self, hit: Any) -> Chosen:
        """What a place on the canvas stands for: its cell, else its point, else nothing."""
        kept = self.kept
        if hit is None or kept is None:
            return Chosen()
        if hit.point < 0 <= hit.cell:
            if self.chosen.is_cell and (self.chosen.side, self.chosen.cell) == (hit.side, hit.cell):
                return self.chosen
            return cell_of(kept.atlas, hit.side, hit.cell)
        return Chosen(np.array([hit.point], np.int64)) if hit.point >= 0 else Chosen()

    def _hover(self, hit: Any) -> None:
        self._pointed = hit
        if time.monotonic() - self._chosen_s >= CHOSEN_S:
            self._settled.start()

    def _stepped(self, hit: Any) -> None:
        """The keyboard's cell is told of at once."""
        self._pointed = hit
        self._settled.stop()
        self._show_hovered()

    def _show_hovered(self) -> None:
        found = self.of_hit(self._pointed)
        if not self.chosen.is_cell and np.isin(found.points, self.chosen.points).all():
            found = Chosen()  # within what is chosen, all of that is told of
        if not found.same(self.hovered):
            self.hovered = found
            self._show_details()

    def _show_details(self) -> None:
        kept, seen = self.kept, self._seen
        if kept is None or seen.empty:
            self.sidebar.details.clear()
        else:
            self.sidebar.details.show_chosen(kept.atlas, seen, self.feature_of(seen))

    def choose(self, chosen: Chosen, *, by_hand: bool = True) -> None:
        """Choose a cell or points; by hand it becomes the current Feature, and others show it."""
        self.chosen, self.hovered = chosen, Chosen()
        self._settled.stop()
        if by_hand:
            self._chosen_s = time.monotonic()
        kept = self.kept
        if kept is not None:
            self.canvas.set_selection(chosen.points)
        self._show_details()
        self.chosen_changed.emit()
        if not by_hand or kept is None:
            return
        self.canvas.set_linked(np.zeros(0, np.int64))
        self.links.chosen.emit(self, Linked(kept.atlas, chosen))
        feature = self.feature_of(chosen)
        if feature is not None:
            self._state.set_feature(feature)

    def _clicked(self, hit: Any) -> None:
        self.choose(self.of_hit(hit))

    def _activated(self, hit: Any) -> None:
        found = self.of_hit(hit)
        feature = self.feature_of(found)
        if feature is not None:
            if not found.same(self.chosen):
                self.choose(found)
            self._state.open_feature(feature)

    def _selected(self, points: Any) -> None:
        chosen = Chosen(np.asarray(points, np.int64))
        if not chosen.same(self.chosen) and not np.array_equal(chosen.points, self.chosen.points):
            self.choose(chosen)

    def _kind_changed(self) -> None:
        self._show_details()
        feature = self.feature_of(self.chosen)
        if feature is not None:
            self._state.set_feature(feature)

    # --- other maps ------------------------------------------------------------------------------

    def _linked(self, sender: object, linked: Linked) -> None:
        kept = self.kept
        if sender is self or kept is None or not self.sidebar.linked.isChecked():
            return
        points = linked_points(linked.atlas, linked.chosen.points, kept.atlas)
        self.canvas.set_linked(points)
        if linked.chosen.empty:
            self._say("")
        else:
            self._say(f"{len(points):,} points here belong to what is chosen on the other map")

    def _show_no_link(self) -> None:
        if not self.sidebar.linked.isChecked():
            self.canvas.set_linked(np.zeros(0, np.int64))

    # --- the path of an image --------------------------------------------------------------------

    def show_path_of(self, image: str) -> None:
        """Draw the path of an image, the current one or another."""
        self._image = image
        if self.tools.path.isChecked():
            self._want_path(True)
        else:
            self.tools.path.setChecked(True)

    def _want_path(self, on: bool) -> None:
        kept = self.kept
        image = self._image or self._state.image or ""
        if kept is None:
            return
        self._path = ""
        self.canvas.set_path(np.zeros((0, 2), np.float32))
        if on and image and not self._work.is_preview:
            self.asking.ask_path(kept, image)
        else:
            self._image = ""
            self.asking.drop_path()

    def _image_changed(self) -> None:
        self._image = ""
        if self.tools.path.isChecked():
            self._want_path(True)

    def _path_came(self, path: Path) -> None:
        self.canvas.set_path(path.xy)
        count, name = len(path.xy), path.image.replace("\\", "/").rpartition("/")[2]
        if path.own:
            words = f"{path.own} are points of the map, the others lie by the points most like them"
        else:
            words = "each lies by the points most like it"
        self._path = f"{count} positions of {name}: {words}"

    def _path_told(self, text: str) -> None:
        if text:
            self._say(text)
        else:
            self._say(self._path if self.tools.path.isChecked() else "")

    # --- saying ----------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.note = text
        self.told.emit()

    def _tell(self) -> None:
        self.told.emit()


def _only(points: NDArray[np.int64], count: int, name: str) -> Paint:
    """All but some points faint."""
    values = np.zeros(count, np.float32)
    values[points] = 1
    # the middle of symmetric colours is the fainter one, on light and on dark
    return Paint(values=values, symmetric=True, legend=name)
