import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent

from interp_gui.core.errors import InterpError
from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.core.place import Place
from interp_gui.core.result import Heatmap
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.widgets.region import GRID, RegionCanvas, RegionMask


def test_a_click_marks_the_place_and_nothing_else():
    mask = RegionMask()
    assert mask.rows() == ()
    mask.stamp(0.25, 0.75, 0.05)
    weights = np.asarray(mask.rows())
    y, x = np.unravel_index(weights.argmax(), weights.shape)
    assert (y / GRID, x / GRID) == pytest.approx((0.25, 0.75), abs=0.05)
    assert weights[: GRID // 8].max() == 0
    assert weights[:, : GRID // 2].max() == 0
    # the area is that of the disc
    assert weights.mean() == pytest.approx(np.pi * 0.05**2, rel=0.15)


def test_the_finest_brush_still_marks_a_cell():
    mask = RegionMask()
    mask.stamp(0.501, 0.501, 0.0001)
    assert mask.weights.sum() > 0


def test_a_fast_stroke_has_no_gaps_and_erasing_undoes_it():
    mask = RegionMask()
    mask.line((0.1, 0.1), (0.9, 0.9), 0.03)
    diagonal = np.diag(mask.weights)
    assert (diagonal[8:48] == 1).all()
    mask.line((0.1, 0.1), (0.9, 0.9), 0.08, erase=True)
    assert mask.empty


def test_rows_are_a_place_of_a_layer():
    mask = RegionMask()
    mask.stamp(0.5, 0.5, 0.2)
    grid = Place("region", region=mask.rows()).mask(("unit", "y", "x"), (3, 7, 7))
    assert grid.shape == (1, 7, 7)
    assert grid[0, 3, 3] == pytest.approx(1.0, abs=1e-6)
    assert grid[0, 0, 0] == 0


@pytest.fixture
def canvas(qtbot):
    widget = RegionCanvas("Open an image.")
    qtbot.addWidget(widget)
    widget.resize(400, 200)
    widget.set_pixels(np.full((50, 50, 3), 200, np.uint8))
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def drag(qtbot, canvas, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(canvas, left, modifier, start)
    qtbot.mouseMove(canvas, end)
    qtbot.mouseRelease(canvas, left, modifier, end)


def test_mouse_brushes_where_it_is(canvas, qtbot):
    shown = canvas.image_rect()
    place = shown.topLeft() + QPoint(shown.width() // 4, shown.height() // 2)
    with qtbot.waitSignal(canvas.region_changed):
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    weights = canvas.region.weights
    assert weights[GRID // 2, GRID // 4] == 1
    assert weights[:, GRID // 2 :].max() == 0
    # a second place replaces the first; with Shift it is added
    other = shown.topLeft() + QPoint(3 * shown.width() // 4, shown.height() // 2)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=other)
    assert canvas.region.weights[GRID // 2, GRID // 4] == 0
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, shift, place)
    assert canvas.region.weights[GRID // 2, GRID // 4] == 1
    assert canvas.region.weights[GRID // 2, 3 * GRID // 4] == 1
    canvas.tool = "erase"
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert canvas.region.weights[GRID // 2, GRID // 4] == 0


def test_outside_the_image_nothing_is_brushed(canvas, qtbot):
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(5, 100))
    assert canvas.region.empty


def test_the_keyboard_can_brush_too(canvas, qtbot):
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    with qtbot.waitSignal(canvas.region_changed):
        qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert not canvas.region.empty
    assert "brushed" in canvas.accessibleDescription()
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.region.empty


def test_a_map_lies_over_the_image_and_can_be_taken_away(canvas):
    bare = canvas.grab().toImage()
    values = np.arange(49, dtype=np.float32).reshape(7, 7)
    pixels = np.full((50, 50, 3), 200, np.uint8)
    canvas.set_result(Heatmap(key="h", title="A map", values=values, image=pixels))
    assert canvas.has_map
    assert canvas.grab().toImage() != bare
    canvas.clear_map()
    assert canvas.grab().toImage() == bare


def drop(mime):
    return QDropEvent(
        QPointF(200, 100),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )


def test_a_dropped_feature_is_told_and_a_hostile_one_refused(canvas):
    told, refused = [], []
    canvas.feature_dropped.connect(told.append)
    canvas.drop_refused.connect(refused.append)
    feature = Feature(layer="late", units=(3,))
    mime = mime_for([feature])
    canvas.dropEvent(drop(mime))
    assert told == [feature]
    bad = QMimeData()
    bad.setData(MIME_TYPE, b"{}")
    canvas.dropEvent(drop(bad))
    assert len(refused) == 1
    assert isinstance(refused[0], InterpError)
