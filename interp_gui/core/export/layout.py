"""From a result of any kind to a drawing."""

from collections.abc import Callable
from typing import Any

from interp_gui.core.export.atlas import atlas_drawing, sheet_drawing
from interp_gui.core.export.charts import bars_drawing, curve_drawing
from interp_gui.core.export.drawing import Drawing, ImageItem
from interp_gui.core.export.grids import grid_drawing
from interp_gui.core.export.interventions import intervention_drawing
from interp_gui.core.export.maps import heatmap_drawing
from interp_gui.core.export.matrices import matrix_drawing
from interp_gui.core.export.tables import table_drawing
from interp_gui.core.result import (
    AnyResult,
    Atlas,
    Bars,
    Curve,
    Grid,
    Heatmap,
    Intervention,
    Matrix,
    Picture,
    Sheet,
    Table,
)


def drawing_of(result: AnyResult) -> Drawing:
    """Lay a result out. A picture is its pixels alone, without frame or title."""
    layouts: dict[type, Callable[[Any], Drawing]] = {
        Picture: picture_drawing,
        Grid: grid_drawing,
        Heatmap: heatmap_drawing,
        Bars: bars_drawing,
        Table: table_drawing,
        Curve: curve_drawing,
        Intervention: intervention_drawing,
        Matrix: matrix_drawing,
        Atlas: atlas_drawing,
        Sheet: sheet_drawing,
    }
    return layouts[type(result)](result)


def picture_drawing(picture: Picture) -> Drawing:
    """The pixels themselves."""
    height, width = picture.pixels.shape[:2]
    drawing = Drawing(width=width, height=height, title=picture.title, background="")
    drawing.add(ImageItem(0, 0, width, height, picture.pixels))
    return drawing
