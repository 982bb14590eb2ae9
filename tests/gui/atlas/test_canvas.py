"""The map under hand: what each gesture and key does, what is told, and what is painted."""

import gc

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QImage,
    QInputDevice,
    QKeyEvent,
    QNativeGestureEvent,
    QPainter,
    QPalette,
    QPointingDevice,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from interp_gui.core.atlas.kinds import CellPictures
from interp_gui.core.atlas.look import Look
from interp_gui.gui.atlas.canvas import AtlasCanvas
from interp_gui.gui.atlas.picking import Hit
from interp_gui.gui.theme import palette
from interp_gui.gui.widgets.pixels import to_array

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def atlas(make_atlas):
    return make_atlas(points=3000, sides=(20, 40), pictures=((20, "crop"),))


@pytest.fixture
def still(qapp):
    qapp.setProperty("still", True)
    yield
    qapp.setProperty("still", False)


@pytest.fixture
def canvas(qapp, still, atlas):
    canvas = AtlasCanvas(hint="Nothing here yet.")
    canvas.resize(900, 700)
    canvas.show()
    canvas.set_atlas(atlas)
    yield canvas
    canvas.close()
    canvas.deleteLater()


@pytest.fixture
def told(canvas):
    """What each signal said, in order."""
    found = {}
    for name in ("hovered", "clicked", "activated", "selected", "drag_wanted", "pictures_wanted"):
        found[name] = []
        getattr(canvas, name).connect(found[name].append)
    return found


def pixels(canvas):
    canvas.finish()
    return to_array(canvas.grab().toImage())


def middle(canvas, cell, side=20):
    return canvas.cell_area(cell, side).center().toPoint()


def fullest(canvas):
    return int(canvas.atlas.level(20).count.argmax())


def wheel(canvas, x, y, turned=120, modifiers=NONE):
    where = QPointF(x, y)
    QApplication.sendEvent(
        canvas,
        QWheelEvent(
            where, canvas.mapToGlobal(where), QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton,
            modifiers, Qt.ScrollPhase.NoScrollPhase, False,
        ),
    )  # fmt: skip


def drag(canvas, start, *stops, modifiers=NONE):
    QTest.mousePress(canvas, LEFT, modifiers, start)
    for stop in stops:
        QTest.mouseMove(canvas, stop)
    QTest.mouseRelease(canvas, LEFT, modifiers, stops[-1])


# --- looking about --------------------------------------------------------------------------


def test_the_wheel_keeps_the_place_under_the_cursor(canvas):
    wheel(canvas, 420, 330)
    before = canvas.camera.to_map(450, 350)
    scale = canvas.camera.here.scale
    for _ in range(4):
        wheel(canvas, 450, 350)
    assert canvas.camera.here.scale == pytest.approx(2 * scale)
    np.testing.assert_allclose(canvas.camera.to_map(450, 350), before, atol=1e-9)
    for _ in range(40):
        wheel(canvas, 450, 350, -120)
    assert canvas.camera.here == canvas.camera.home


def test_a_wheel_of_finer_steps_and_fingers_zoom_at_once(canvas):
    wheel(canvas, 450, 350, 30)
    assert canvas.camera.here.scale == pytest.approx(canvas.camera.fit_scale * 2 ** (1 / 16))
    pad = QPointingDevice(
        "pad", 7, QInputDevice.DeviceType.TouchPad, QPointingDevice.PointerType.Finger,
        QInputDevice.Capability.Position, 2, 0,
    )  # fmt: skip
    where = QPointF(450, 350)
    before = canvas.camera.to_map(450, 350)
    gesture = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture, pad, 2, where, where, where, 0.5, QPointF()
    )
    QApplication.sendEvent(canvas, gesture)
    assert canvas.camera.here.scale == pytest.approx(canvas.camera.fit_scale * 2 ** (1 / 16) * 1.5)
    np.testing.assert_allclose(canvas.camera.to_map(450, 350), before, atol=1e-9)


def test_two_fingers_on_the_screen_zoom_by_how_far_they_part(canvas, told, qapp):
    screen = QTest.createTouchDevice()

    def touch(kind, *places):
        sequence = QTest.touchEvent(canvas, screen)
        for finger, (x, y) in enumerate(places):
            getattr(sequence, kind)(finger, QPoint(x, y), canvas)
        sequence.commit()
        qapp.processEvents()

    touch("press", (400, 350))
    both = QTest.touchEvent(canvas, screen).stationary(0)
    both.press(1, QPoint(500, 350), canvas)
    both.commit()
    before = canvas.camera.to_map(450, 350)
    for apart in range(5, 60, 5):
        touch("move", (400 - apart, 350), (500 + apart, 350))
    touch("release", (345, 350), (555, 350))
    grown = canvas.camera.here.scale / canvas.camera.fit_scale
    assert grown == pytest.approx(2.1, abs=0.15)
    np.testing.assert_allclose(canvas.camera.to_map(450, 350), before, atol=2 / 700)
    scale, place = canvas.camera.here.scale, canvas.camera.to_map(450, 350)
    touch("press", (450, 350))
    for x in range(445, 395, -5):
        touch("move", (x, 350))
    touch("release", (400, 350))
    assert canvas.camera.here.scale == scale
    np.testing.assert_allclose(canvas.camera.to_map(400, 350), place, atol=1e-9)
    assert told["clicked"] == []
    canvas.go_home()
    where = middle(canvas, fullest(canvas)).toTuple()
    for _ in range(2):
        touch("press", where)
        touch("release", where)
    assert told["clicked"] == [Hit(fullest(canvas), 20)] * 2
    assert told["activated"] == [Hit(fullest(canvas), 20)]


def test_zooming_moves_by_time_unless_nothing_is_to_move(canvas, qapp, qtbot):
    qapp.setProperty("still", False)
    wheel(canvas, 450, 350)
    assert canvas.camera.is_moving
    qtbot.waitUntil(lambda: not canvas.camera.is_moving)
    assert canvas.camera.here.scale == canvas.camera.fit_scale * 2**0.25


def test_dragging_pans(canvas, told):
    canvas.zoom_by(4)
    x, y = canvas.camera.to_map(300, 300)
    drag(canvas, QPoint(300, 300), QPoint(320, 310), QPoint(260, 240))
    np.testing.assert_allclose(canvas.camera.to_map(260, 240), (x, y), atol=1e-9)
    assert told["clicked"] == told["drag_wanted"] == []


def test_keys_look_about(canvas):
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.camera.here.scale == pytest.approx(canvas.camera.fit_scale * 2**0.5)
    QTest.keyClick(canvas, Qt.Key.Key_Equal)
    left = canvas.camera.here.left
    QTest.keyClick(canvas, Qt.Key.Key_Right, SHIFT)
    assert canvas.camera.here.left == pytest.approx(left + 0.2 * 900 / canvas.camera.here.scale)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.camera.here.scale == pytest.approx(canvas.camera.fit_scale * 2**0.5)
    QTest.keyClick(canvas, Qt.Key.Key_Home)
    assert canvas.camera.here == canvas.camera.home


def test_keys_of_the_canvas_are_kept_from_shortcuts(canvas):
    for key, modifiers, kept in (
        (Qt.Key.Key_Space, NONE, True), (Qt.Key.Key_Right, SHIFT, True),
        (Qt.Key.Key_Plus, CONTROL, False), (Qt.Key.Key_K, NONE, False),
    ):  # fmt: skip
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers)
        event.ignore()
        QApplication.sendEvent(canvas, event)
        assert event.isAccepted() == kept


def test_the_minimap_takes_one_there(canvas):
    assert canvas.minimap.area(canvas.camera).isEmpty()
    canvas.camera.zoom(1.055, 450, 350)
    canvas.camera.arrive()
    assert canvas.minimap.area(canvas.camera).isEmpty()  # all of the map is seen all the same
    canvas.zoom_by(8)
    area = canvas.minimap.area(canvas.camera)
    corner = area.topLeft().toPoint()
    QTest.mousePress(canvas, LEFT, NONE, corner + QPoint(30, 40))
    there = canvas.minimap.place(area, corner.x() + 30, corner.y() + 40)
    np.testing.assert_allclose(canvas.camera.to_map(450, 350), there, atol=1e-9)
    QTest.mouseMove(canvas, corner + QPoint(90, 80))
    there = canvas.minimap.place(area, corner.x() + 90, corner.y() + 80)
    np.testing.assert_allclose(canvas.camera.to_map(450, 350), there, atol=1e-9)
    QTest.mouseRelease(canvas, LEFT, NONE, corner)
    assert canvas.hit_at(QPointF(corner + QPoint(50, 50))) is None


def test_going_to_points(canvas, atlas):
    points = np.flatnonzero(np.arange(3000) % 5 == 2)
    canvas.centre_on(points)
    x, y = np.clip(atlas.xy[points], 0, 1).mean(axis=0)
    at = canvas.camera.to_pixel(x, y)
    assert 200 < at[0] < 700
    assert 150 < at[1] < 550
    assert canvas.camera.here.scale > 1.2 * canvas.camera.fit_scale
    canvas.centre_on(points[:1])
    at = canvas.camera.to_pixel(*atlas.xy[points[0]].tolist())
    np.testing.assert_allclose(at, (450, 350), atol=60)
    assert canvas.camera.here.scale >= 3 * canvas.camera.fit_scale
    before = canvas.camera.here
    canvas.centre_on(np.zeros(0, np.int64))
    assert canvas.camera.here == before


def test_the_same_view_comes_back(canvas):
    canvas.camera.zoom(5, 200, 300)
    canvas.camera.arrive()
    kept, shown = canvas.snapshot(), pixels(canvas)
    canvas.go_home()
    assert not np.array_equal(pixels(canvas), shown)
    canvas.restore(kept)
    np.testing.assert_array_equal(pixels(canvas), shown)


# --- pointing -------------------------------------------------------------------------------


def test_hovering_says_what_is_there_once(canvas, told):
    cell = fullest(canvas)
    where = middle(canvas, cell)
    for offset in (0, 1, 2):
        QTest.mouseMove(canvas, where + QPoint(offset, 0))
    assert told["hovered"] == [Hit(cell, 20)]
    plain = pixels(canvas)
    QTest.mouseMove(canvas, QPoint(2, 2))
    assert told["hovered"] == [Hit(cell, 20), None]
    assert not np.array_equal(plain, pixels(canvas))  # the outline is gone


def test_clicking_and_opening(canvas, told):
    cell = fullest(canvas)
    QTest.mouseClick(canvas, LEFT, NONE, middle(canvas, cell))
    assert told["clicked"] == [Hit(cell, 20)]
    assert canvas.current() == Hit(cell, 20)
    QTest.mouseDClick(canvas, LEFT, NONE, middle(canvas, cell))
    assert told["activated"] == [Hit(cell, 20)]
    QTest.mouseClick(canvas, LEFT, NONE, QPoint(2, 2))
    assert len(told["clicked"]) == 1


def test_the_menu_is_asked_for_where_it_was_wanted(canvas):
    asked = []
    canvas.menu_requested.connect(lambda hit, where: asked.append((hit, where)))
    where = middle(canvas, fullest(canvas))
    reasons = QContextMenuEvent.Reason

    def ask(reason, at):
        QApplication.sendEvent(canvas, QContextMenuEvent(reason, at, canvas.mapToGlobal(at)))

    ask(reasons.Keyboard, QPoint(0, 0))
    assert asked == []  # the keyboard is on no cell yet
    ask(reasons.Mouse, where)
    QTest.mouseClick(canvas, LEFT, NONE, where)
    ask(reasons.Keyboard, QPoint(0, 0))
    assert asked == [(Hit(fullest(canvas), 20), canvas.mapToGlobal(where))] * 2
    ask(reasons.Mouse, QPoint(2, 2))
    assert asked[2][0] is None


# --- choosing -------------------------------------------------------------------------------


def test_a_line_chooses_what_it_encloses(canvas, atlas, told):
    corners = [QPoint(300, 200), QPoint(600, 190), QPoint(620, 500), QPoint(280, 480)]
    drag(canvas, *corners, modifiers=SHIFT)
    assert len(told["selected"]) == 1
    from interp_gui.gui.atlas.lasso import points_within

    expected = points_within(
        canvas.scene.index, np.array([canvas.camera.to_map(p.x(), p.y()) for p in corners])
    )
    chosen = told["selected"][0]
    assert chosen.dtype == np.int64
    np.testing.assert_array_equal(chosen, expected)
    assert len(chosen) > 20
    # more of it, less of it, none of it
    drag(canvas, QPoint(100, 50), QPoint(400, 60), QPoint(390, 300), QPoint(90, 280),
         modifiers=SHIFT | CONTROL)  # fmt: skip
    assert set(chosen) < set(canvas.selection)
    drag(canvas, *corners, modifiers=SHIFT | Qt.KeyboardModifier.AltModifier)
    assert not set(chosen) & set(canvas.selection)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert len(canvas.selection) == 0
    assert len(told["selected"]) == 4


def test_only_what_is_shown_is_chosen(canvas, told):
    canvas.set_look(Look(shown=np.arange(3000) % 2 == 0))
    canvas.set_tool("lasso")
    drag(canvas, QPoint(100, 50), QPoint(800, 60), QPoint(790, 650), QPoint(90, 640))
    assert len(told["selected"][0]) > 100
    assert (told["selected"][0] % 2 == 0).all()


def test_a_cell_is_chosen_and_let_go(canvas, atlas, told):
    cell = fullest(canvas)
    points = np.flatnonzero(atlas.cell_of(20) == cell)
    QTest.mouseClick(canvas, LEFT, SHIFT, middle(canvas, cell))
    np.testing.assert_array_equal(told["selected"][-1], points)
    QTest.mouseClick(canvas, LEFT, SHIFT, middle(canvas, cell))
    assert len(told["selected"][-1]) == 0
    QTest.mouseClick(canvas, LEFT, NONE, middle(canvas, cell))
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    np.testing.assert_array_equal(told["selected"][-1], points)
    assert told["clicked"] == [Hit(cell, 20)]


def test_a_line_is_given_up(canvas, told):
    QTest.mousePress(canvas, LEFT, SHIFT, QPoint(300, 200))
    for x, y in ((400, 200), (500, 400), (300, 400)):
        QTest.mouseMove(canvas, QPoint(x, y))
    assert canvas.lasso is not None
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.lasso is None
    QTest.mouseRelease(canvas, LEFT, SHIFT, QPoint(300, 400))
    assert told["selected"] == []


def test_what_is_chosen_or_taken_hold_of_is_dragged_out(canvas, told, qtbot):
    cell = fullest(canvas)
    where = middle(canvas, cell)
    drag(canvas, where, where + QPoint(40, 0), modifiers=CONTROL)
    assert told["drag_wanted"] == [Hit(cell, 20)]
    canvas.toggle(Hit(cell, 20))
    drag(canvas, where, where + QPoint(40, 0))
    np.testing.assert_array_equal(told["drag_wanted"][1], canvas.selection)
    canvas.give_up()
    QTest.mousePress(canvas, LEFT, NONE, where)
    qtbot.waitUntil(lambda: canvas._doing == "held")
    QTest.mouseMove(canvas, where + QPoint(40, 0))
    QTest.mouseRelease(canvas, LEFT, NONE, where)
    assert told["drag_wanted"][2] == Hit(cell, 20)
    assert told["clicked"] == []


# --- keys and speech ------------------------------------------------------------------------


def test_arrows_go_from_cell_to_cell_and_bring_them_into_view(canvas, told):
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    first = canvas.current()
    canvas.zoom_by(4)
    for _ in range(30):
        QTest.keyClick(canvas, Qt.Key.Key_Down)
        here = canvas.current()
        assert canvas.rect().contains(canvas.cell_area(here.cell, here.side).center().toPoint())
    assert canvas.current() != first
    assert canvas.current().side == 40
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert told["activated"] == [canvas.current()]
    assert canvas.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle).isValid()


def test_the_keyboards_cell_looks_other_than_a_chosen_one(canvas, told):
    from interp_gui.gui.atlas.marks import paint_outline

    seen = []
    for keyboard in (False, True):
        image = QImage(60, 60, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.gray)
        painter = QPainter(image)
        paint_outline(painter, QRectF(10, 10, 40, 40), canvas.palette(), keyboard=keyboard)
        painter.end()
        text = canvas.palette().windowText().color().rgb()
        seen.append([image.pixel(x, 8 if keyboard else 10) == text for x in range(12, 48)])
    assert all(seen[0])
    assert any(seen[1])
    assert not all(seen[1])


def test_a_chosen_point_is_ringed_and_no_cell_is_framed(canvas, monkeypatch):
    framed, ringed = [], []
    monkeypatch.setattr(
        "interp_gui.gui.atlas.canvas.paint_outline", lambda *a, **k: framed.append(a[1])
    )
    monkeypatch.setattr(
        "interp_gui.gui.atlas.canvas.paint_ring", lambda *a, **k: ringed.append(a[1:3])
    )
    point = int(np.flatnonzero(canvas.atlas.cell_of(20) == fullest(canvas))[0])
    canvas.setFocus()
    canvas.clicked.emit(Hit(fullest(canvas), 20, point))
    pixels(canvas)
    assert not framed
    where = canvas.camera.to_pixel(*canvas.atlas.xy[point].tolist())
    np.testing.assert_allclose(ringed[-1], where, atol=1e-6)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    framed.clear()
    pixels(canvas)
    assert framed
    canvas.clearFocus()  # the panel beside goes on telling of it
    framed.clear()
    pixels(canvas)
    assert framed
    canvas.hovered.emit(None)
    assert all(area == canvas.cell_area(canvas.current().cell, 20) for area in framed)
    framed.clear()
    pixels(canvas)
    assert not framed


def test_the_cell_of_the_keyboard_is_told(canvas, atlas):
    cell = fullest(canvas)
    QTest.mouseClick(canvas, LEFT, NONE, middle(canvas, cell))
    level = atlas.level(20)
    name = atlas.names[level.label[cell]]
    assert canvas.accessibleDescription().startswith(f"{name}, {level.count[cell]} points")
    index = canvas.spoken_current()
    item = canvas.spoken_item(index)
    assert item.name == name
    assert item.rect.contains(middle(canvas, cell))
    assert canvas.spoken_at(middle(canvas, cell).x(), middle(canvas, cell).y()) == index
    assert canvas.spoken_count() == len(level.x)
    assert canvas.spoken_at(2, 2) is None
    assert canvas.spoken_item(100_000).name == ""


# --- pictures and painting ------------------------------------------------------------------


def test_pictures_that_are_missing_are_asked_for_when_the_view_rests(canvas, atlas, told, qtbot):
    qtbot.wait(250)
    assert told["pictures_wanted"] == []  # all of the 20-grid are there
    canvas.centre_on(np.flatnonzero(atlas.cell_of(20) == fullest(canvas)))
    qtbot.waitUntil(lambda: len(told["pictures_wanted"]) == 1)
    wanted = told["pictures_wanted"][0]
    assert wanted.side == 40
    before = pixels(canvas)
    colours = np.full((len(wanted.cells), 8, 8, 3), (255, 0, 255), np.uint8)
    canvas.add_pictures(CellPictures(level=40, source="crop", cells=wanted.cells, pixels=colours))
    after = pixels(canvas)
    assert (after == (255, 0, 255)).all(axis=2).sum() > 1000
    assert not (before == (255, 0, 255)).all(axis=2).any()
    qtbot.waitUntil(lambda: len(told["pictures_wanted"]) == 2)
    assert len(told["pictures_wanted"][1].cells) == 0


def test_marks_and_path_are_seen_and_go_again(canvas, atlas):
    plain = pixels(canvas)
    canvas.set_selection(np.arange(0, 3000, 2))
    chosen = pixels(canvas)
    canvas.set_selection(np.zeros(0, np.int64))
    canvas.set_linked(np.arange(0, 3000, 2))
    linked = pixels(canvas)
    canvas.set_linked(np.zeros(0, np.int64))
    canvas.set_path(np.array([[0.2, 0.2], [0.8, 0.3], [np.nan, 0], [0.5, 0.9]]))
    path = pixels(canvas)
    canvas.set_path(np.zeros((0, 2)))
    for other in (chosen, linked, path):
        assert not np.array_equal(other, plain)
    assert not np.array_equal(chosen, linked)
    np.testing.assert_array_equal(pixels(canvas), plain)


def test_nothing_to_show_says_what_to_do(canvas, told):
    canvas.set_atlas(None)
    empty = pixels(canvas)
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) > 3  # text
    wheel(canvas, 300, 300)
    QTest.mouseClick(canvas, LEFT, NONE, QPoint(300, 300))
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    canvas.set_selection(np.array([1]))
    canvas.set_look(Look(draw="points"))
    canvas.centre_on(np.array([0]))
    assert canvas.current() is None
    assert canvas.spoken_count() == 0
    assert told["clicked"] == []


def test_the_ground_follows_the_theme_and_data_do_not(canvas, atlas):
    # before: dots by amounts
    canvas.set_look(Look(values=atlas.xy[:, 0].copy(), labels=False, draw="crops"))
    grounds, frames = [], []
    shown = canvas.scene.cells(20)
    cell = fullest(canvas)
    for dark in (False, True):
        canvas.setPalette(palette(dark=dark))
        seen = pixels(canvas)
        grounds.append(seen[2, 2].tolist())
        area = canvas.cell_area(cell, 20)
        column, row = round(area.left()) + 3, round(area.center().y())
        frames.append(seen[row, column].tolist())
    light, dark = (palette(dark=d).color(QPalette.ColorRole.Base) for d in (False, True))
    assert grounds == [list(light.getRgb()[:3]), list(dark.getRgb()[:3])]
    assert frames[0] == frames[1]
    assert shown.shades.coloured.all()


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_sharp_on_every_screen(canvas, monkeypatch, ratio):
    monkeypatch.setattr(AtlasCanvas, "devicePixelRatioF", lambda _: ratio)
    canvas.finish()
    assert canvas._map.kept_rung == canvas.camera.fit_scale * ratio
    assert all(key[0] == canvas.camera.fit_scale * ratio for key in canvas._map._tiles)
    pixels(canvas)


def test_a_hundred_thousand_points_cost_no_more_than_fit(canvas, make_atlas, monkeypatch):
    from interp_gui.gui.atlas import painting

    painted = []
    real = painting.paint_points
    monkeypatch.setattr(
        painting, "paint_points",
        lambda image, points, *args, **more: (
            painted.append(len(points.points)), real(image, points, *args, **more)
        ),
    )  # fmt: skip
    canvas.set_atlas(make_atlas(points=100_000, sides=(10,)))
    canvas.set_look(Look(draw="points"))
    pixels(canvas)
    most = (256 / 1.5 + 6) ** 2
    assert max(painted) <= most
    assert sum(painted) < 100_000
    painted.clear()
    canvas.camera.zoom(30, 450, 350)
    pixels(canvas)
    assert sum(painted) < 8000


def test_no_pictures_are_left_behind(canvas, atlas):
    def images():
        gc.collect()
        return sum(type(thing).__name__ in ("QImage", "QPixmap") for thing in gc.get_objects())

    sizes = []
    for _ in range(3):
        canvas.set_atlas(atlas)
        for factor in (3, 2, 2):
            canvas.camera.zoom(factor, 450, 350)
            pixels(canvas)
            canvas.camera.pan(50, 50)
            pixels(canvas)
        sizes.append((canvas.tile_bytes, len(canvas._map), images()))
    assert sizes[1] == sizes[2]
    assert canvas.tile_bytes < 150 * 2**20
    canvas.set_atlas(None)
    assert canvas.tile_bytes == 0


def test_a_look_of_another_atlas_is_not_kept(canvas, make_atlas):
    canvas.set_look(Look(values=np.zeros(3000, np.float32)))
    canvas.set_atlas(make_atlas(points=100, sides=(5,)))
    assert canvas.look.values is None
    pixels(canvas)


def test_resizing_keeps_the_middle(canvas):
    canvas.camera.zoom(4, 300, 200)
    canvas.camera.arrive()
    before = canvas.snapshot()
    canvas.resize(500, 640)
    assert canvas.snapshot() == pytest.approx(before)
    canvas.resize(30, 20)
    pixels(canvas)
