"""What is asked about a map that is there: values of its points, and the path of an image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from interp_gui.core.analysis import Progress
from interp_gui.core.atlas.values import coordinate
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.atlas.colouring import Colour
from interp_gui.gui.atlas.work import Kept
from interp_gui.gui.bridge import EngineBridge

COLOURS, STABILITY, PATH = "atlas-colours", "atlas-stability", "atlas-path"


@dataclass(frozen=True, eq=False)
class Path:
    """Where the positions of an image lie on a map.

    Parameters
    ----------
    xy
        (n, 2) float32: to and fro, row by row.
    own
        How many of them are points of the map; the others lie where the points most like them do.
    """

    image: str
    xy: NDArray[np.float32]
    own: int


class AtlasAsking(QObject):
    """Asks the engine, one question of each kind at a time.

    Signals
    -------
    values_came
        `Kept.fetched` holds more.
    path_came
        A `Path`.
    told
        What is going on with colours, or what went wrong; empty when there is nothing to say.
    path_told
        The same of paths.
    """

    values_came = Signal()
    path_came = Signal(object)
    told = Signal(str)
    path_told = Signal(str)

    def __init__(self, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._key = ""

    def stop(self) -> None:
        """Ask nothing any more: another map is shown."""
        for view in (COLOURS, PATH):
            self._bridge.drop(view)
        self._key = ""

    # --- colours ---------------------------------------------------------------------------------

    def ask_values(self, kept: Kept, colour: Colour, feature: Feature | None) -> None:
        """Ask for the points' values of a colouring; those that the map tells are there at once."""
        if colour.key == self._key:
            return
        if feature is not None and self._is_at_hand(kept, colour, feature):
            return
        analysis = STABILITY if colour.by == "stability" else COLOURS
        if analysis not in self._bridge.analyses:
            self.told.emit("The analysis for these colours is missing.")
            return
        self._key = colour.key
        inputs = kept.request.inputs
        more: dict[str, Any] = {}
        if colour.by == "feature" and feature is not None:
            inputs = msgspec.structs.replace(inputs, features=(feature,))
        elif colour.by == "class":
            more = {"of": "class", "class_name": colour.name}
        request = self._request(kept, analysis, inputs=inputs, more=more)
        self.told.emit("Looking at the points…")

        def came(result: AnyResult, _recipe: Recipe | None) -> None:
            values = values_of(result, len(kept.atlas.xy))
            if values is not None:
                kept.fetched[colour.key] = values
                self.values_came.emit()

        self._run(request, COLOURS, came, self.told, "Colours of the atlas")

    def _is_at_hand(self, kept: Kept, colour: Colour, feature: Feature) -> bool:
        """Whether it is a feature of the map's own layer, whose vectors the map holds."""
        if colour.by != "feature" or feature.layer != kept.atlas.layer or feature.heads:
            return False
        self.wait_no_more()
        try:
            kept.fetched[colour.key] = coordinate(kept.atlas.vectors, feature)
        except (InterpError, IndexError, ValueError):
            return False  # of another model: the engine says what is wrong
        return True

    def wait_no_more(self) -> None:
        """Other colours were chosen that need no asking."""
        if self._key:
            self._bridge.drop(COLOURS)
            self._key = ""
            self.told.emit("")

    # --- paths -----------------------------------------------------------------------------------

    def ask_path(self, kept: Kept, image: str) -> None:
        """Ask where the positions of an image lie."""
        if PATH not in self._bridge.analyses:
            self.path_told.emit("The analysis that finds an image on the map is missing.")
            return
        inputs = msgspec.structs.replace(kept.request.inputs, images=(image,))
        request = self._request(kept, PATH, inputs=inputs, more={})
        self.path_told.emit("Finding the image on the map…")

        def came(result: AnyResult, _recipe: Recipe | None) -> None:
            if isinstance(result, Table) and {"x", "y"} <= set(result.values):
                xy = np.stack([result.values["x"], result.values["y"]], axis=1)[snake(result)]
                own = int(np.count_nonzero(result.values.get("own", 0)))
                self.path_came.emit(Path(image, xy.astype(np.float32), own))

        self._run(request, PATH, came, self.path_told, "")

    def drop_path(self) -> None:
        """No path is wanted any more."""
        self._bridge.drop(PATH)
        self.path_told.emit("")

    # --- asking ----------------------------------------------------------------------------------

    def _request(self, kept: Kept, analysis: str, *, inputs: Any, more: dict[str, Any]) -> Run:
        known = {info.name for info in self._bridge.analyses[analysis].parameters}
        settings = {**kept.request.parameters, **more}
        return Run(
            analysis=analysis, model=kept.request.model, inputs=inputs,
            dataset=kept.request.dataset,
            parameters={name: value for name, value in settings.items() if name in known},
        )  # fmt: skip

    def _run(
        self, request: Run, view: str, came: Callable[[AnyResult, Recipe | None], None],
        told: Any, title: str,
    ) -> None:  # fmt: skip
        def progressed(progress: Progress, left_s: float | None) -> None:
            left = f", {left_s:.0f} s left" if left_s is not None and left_s >= 1 else ""
            if progress.text:
                told.emit(f"{progress.text}{left}")

        def ended(end: Ended) -> None:
            if view == COLOURS:
                self._key = ""
            words = {"finished": "", "cancelled": "Cancelled.", "failed": "Failed."}
            text = words[end.outcome]
            if end.error is not None:
                text = f"{end.error.message} {end.error.hint}".strip()
            told.emit(text)

        self._bridge.run(
            request, title=title, priority="visible", view=view, on_result=came,
            on_progress=progressed, on_end=ended,
        )  # fmt: skip


def snake(result: Table) -> NDArray[np.int64]:
    """Order of an image's positions in which each is beside the one before: to and fro by rows."""
    values = result.values
    if not {"row", "column"} <= set(values):
        return np.arange(len(values["x"]))
    row, column = values["row"].astype(np.int64), values["column"].astype(np.int64)
    return np.lexsort((np.where(row % 2, -column, column), row))


def values_of(result: AnyResult, points: int) -> NDArray[np.float32] | None:
    """The one array of a result that holds a number for each point; None if there is none."""
    arrays = result.arrays()
    named = [arrays[name] for name in ("values", *arrays) if name in arrays]
    found = [a for a in named if a.shape == (points,) and a.dtype.kind in "fiu"]
    return found[0].astype(np.float32) if found else None
