"""The Atlas tab with the real engine: a map of generated images, looked at, taken from, kept."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from interp_gui.core.feature import Feature
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.shelf import shelf_of

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Two classes of twenty pictures."""
    root = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(3)
    for label, columns in (("stripes", 1), ("blobs", 8)):
        (root / label).mkdir()
        for i in range(20):
            small = random.integers(0, 256, (6, columns, 3), np.uint8)
            picture = Image.fromarray(small).resize((120, 100), Image.Resampling.BICUBIC)
            picture.save(root / label / f"{i:02d}.png")
    return root


@pytest.fixture
def tab(own_window, checkpoint, many, wait):
    """The tab with a map of a layer."""
    own_window.open(checkpoint, many)
    window = own_window.window
    layers = window.state.model.description.layers
    layer = next(x for x in reversed(layers) if x.worthwhile and x.spatial and x.grid[0] >= 5)
    window.centre.open_atlas(layer.name)
    tab = window.centre.tab("atlas")
    wait(lambda: tab.make.isEnabled(), "a map can be made")
    window.bridge.confirm_after_s = 86_400  # on a busy machine it may be asked about
    # fewer points a cell than usual, so that there are cells to look at
    tab.form.set_values({"minimum": 3, "neighbours": 10})
    QTest.mouseClick(tab.empty.button, Qt.MouseButton.LeftButton)
    wait(lambda: tab.looking.kept is not None, "a first look comes", 90)
    wait(lambda: tab.work.outcome == "finished", "the map comes", 90)
    return tab


def middle_of(tab, cell, side):
    return tab.canvas.cell_area(cell, side).center().toPoint()


def pictured(tab):
    """A cell of the level that is seen whose picture is there."""
    found = tab.looking.kept.steps.get((tab.canvas.side, "crop"), {})
    return next(iter(found), None)


def at_middle(widget, kind, mime):
    here = QPoint(widget.width() // 2, widget.height() // 2)
    place = QPointF(here) if kind is QDropEvent else here
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    return kind(place, Qt.DropAction.CopyAction, mime, buttons, keys)


def test_a_map_is_made_looked_at_taken_from_and_kept(own_window, tab, wait, tmp_path, monkeypatch):
    window, canvas = own_window.window, tab.canvas
    state, atlas = window.state, tab.looking.kept.atlas
    assert atlas.layout == "umap"
    assert len(atlas.sha256) == 40
    assert atlas.columns["label"].count("blobs") == 20
    wait(lambda: pictured(tab) is not None, "crops come for what is in view", 60)
    canvas.finish()
    cell, side = pictured(tab), canvas.side
    level = atlas.level(side)

    # pointing at a cell tells of it
    place = middle_of(tab, cell, side)
    hit = canvas.hit_at(QPointF(place))
    assert (hit.cell, hit.side, hit.point) == (cell, side, -1)
    canvas.hovered.emit(hit)
    wait(lambda: f"{level.count[cell]} point" in tab.sidebar.details.line.text(), "it is told")
    wait(lambda: not tab.sidebar.details.crop.image.isNull(), "its crop is shown")

    # a click makes it the current feature
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    chosen = state.feature
    wanted = level.vectors[cell] - atlas.mean
    assert np.allclose(chosen.matrix()[0], wanted, atol=1e-4)

    # a line around the left half of the map chooses the points in it
    no, shift = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
    right, low = canvas.width() // 2, canvas.height() - 3
    corners = [QPoint(3, 3), QPoint(right, 3), QPoint(right, low), QPoint(3, low)]
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, shift, corners[0])
    for corner in (*corners[1:], corners[0]):
        moved = QPointF(corner)
        _move(canvas, moved, shift)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, no, corners[0])
    middle = canvas.camera.to_map(right, 0)[0]
    assert np.array_equal(canvas.selection, np.flatnonzero(atlas.xy[:, 0] < middle))
    assert f"{len(canvas.selection)} points" in tab.sidebar.details.title.text()
    assert not np.allclose(state.feature.matrix()[0], wanted, atol=1e-4)

    # what is dragged out is kept on the shelf
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    taken = []
    monkeypatch.setattr(
        "interp_gui.gui.atlas.leaving.start_drag",
        lambda source, features, *, image: taken.append((features, image)),
    )
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, no, place)
    _move(canvas, QPointF(place) + QPointF(40, 0), no)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, no, place)
    ((features, image),) = taken
    mime = mime_for(features, image=image)
    shelf = window.shelf.list
    shelf.dragEnterEvent(at_middle(shelf, QDragEnterEvent, mime))
    shelf.dropEvent(at_middle(shelf, QDropEvent, mime))
    assert shelf_of(state).items[0].feature.matrix()[0] == pytest.approx(wanted, abs=1e-4)
    assert shelf_of(state).items[0].picture is not None

    # a unit of another layer that is dropped on the map colours it
    layers = (x for x in state.model.description.layers if x.worthwhile)
    other = next(x for x in layers if x.name != atlas.layer)
    unit = Feature(layer=other.name, units=(1,), model=state.model.description.weights_sha256)
    mime = mime_for([unit])
    QApplication.sendEvent(canvas, at_middle(canvas, QDragEnterEvent, mime))
    assert "Colour the map by" in tab.drop.text
    QApplication.sendEvent(canvas, at_middle(canvas, QDropEvent, mime))
    wait(lambda: canvas.look.values is not None, "its values come", 60)
    assert np.isfinite(canvas.look.values).all()
    assert np.ptp(canvas.look.values) > 0
    colours = canvas.look.values

    # the current image's positions are found on the map
    state.set_image(atlas.paths[5])
    tab.tools.path.setChecked(True)
    wait(lambda: len(canvas._path) > 0, "its path comes", 60)
    assert "are points of the map" in tab.note.text()

    # and a session brings all of it back
    path = tmp_path / "one.interp"
    window.sessions.save_to(str(path))
    wait(lambda: window.sessions.path == str(path), "the session is saved")
    window.sessions.new()
    wait(lambda: state.model is None, "everything is closed")
    window.sessions.open(str(path))
    wait(lambda: state.model is not None and not window.sessions.restorer.is_active, "it opens")
    again = window.centre.tab("atlas")
    window.centre.desk.activate(window.centre.desk.frame("atlas"))
    wait(lambda: again.looking.kept is not None, "the map comes back by itself", 60)
    wait(lambda: again.work.outcome == "finished", "it is whole")
    assert np.array_equal(again.looking.kept.atlas.xy, atlas.xy)
    assert (again.looking.chosen.side, again.looking.chosen.cell) == (side, cell)
    wait(lambda: again.canvas.look.values is not None, "its colours come back", 60)
    assert np.array_equal(again.canvas.look.values, colours)
    assert own_window.errors == []


def _move(canvas, position, keys):
    from PySide6.QtGui import QMouseEvent

    event = QMouseEvent(
        QEvent.Type.MouseMove, position, canvas.mapToGlobal(position), Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton, keys,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
