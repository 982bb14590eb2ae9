"""Which view shows which kind of result."""

from collections.abc import Callable
from typing import Any

from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult
from interp_gui.gui.widgets.atlas_view import AtlasView, SheetView
from interp_gui.gui.widgets.bars import BarsView
from interp_gui.gui.widgets.curve import CurveView
from interp_gui.gui.widgets.grid import GridView
from interp_gui.gui.widgets.heatmap import HeatmapView
from interp_gui.gui.widgets.intervention import InterventionView
from interp_gui.gui.widgets.matrix import MatrixView
from interp_gui.gui.widgets.picture import PictureView
from interp_gui.gui.widgets.table import TableView
from interp_gui.gui.widgets.view import ResultView


def view_for(result: AnyResult, recipe: Recipe | None = None) -> ResultView[Any]:
    """A view that shows `result` and can be given later versions of it."""
    views: dict[str, Callable[[], ResultView[Any]]] = {
        "picture": PictureView,
        "grid": GridView,
        "heatmap": HeatmapView,
        "bars": BarsView,
        "table": TableView,
        "curve": CurveView,
        "matrix": MatrixView,
        "intervention": InterventionView,
        "atlas": AtlasView,
        "sheet": SheetView,
    }
    view = views[result.kind]()
    view.set_result(result, recipe)
    return view
