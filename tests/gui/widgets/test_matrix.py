"""Cells of a matrix: where they are, what keys and the mouse do, what a drag carries."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from interp_gui.core.export.matrices import cell_colours
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place
from interp_gui.core.result import Matrix
from interp_gui.gui.export_ui import connect_export
from interp_gui.gui.widgets.matrix import MatrixView
from interp_gui.gui.widgets.views import view_for

ROWS = ("features.3", "features.7", "features.14")
VALUES = np.array([[0.1, -0.4, 0.2, np.nan]] * 3, np.float32)


def made(**changes):
    exact = np.full((3, 4), np.nan, np.float32)
    exact[1, 2] = 0.9
    fields = {
        "key": "m", "title": "Patched", "values": VALUES, "exact": exact, "row_labels": ROWS,
        "column_labels": ("0,0", "0,1", "1,0", "1,1"), "column_title": "position",
        "row_features": tuple(Feature(layer=name) for name in ROWS),
        "column_places": tuple(Place("tokens", tokens=(i,)) for i in range(4)),
        "edit_source": "ab" * 32,
    }  # fmt: skip
    return Matrix(**{**fields, **changes})


@pytest.fixture
def view(qtbot):
    found = view_for(made())
    assert isinstance(found, MatrixView)
    qtbot.addWidget(found)
    found.resize(420, 220)
    found.show()
    return found


def centre(view, row, column):
    return view.cell_rect(row, column).center()


def test_cells_are_where_they_are_painted(view):
    picture = QImage(view.grab().toImage())
    colours = cell_colours(view.result)
    for row, column in ((0, 1), (2, 0), (0, 3)):
        at = centre(view, row, column)
        assert view.cell_at(at) == (row, column)
        shown = picture.pixelColor(at).getRgb()[:3]
        assert np.abs(np.array(shown) - colours[row, column].astype(int)).max() <= 2
    dotted = picture.pixelColor(centre(view, 1, 2)).getRgb()[:3]
    assert np.abs(np.array(dotted) - colours[1, 2].astype(int)).max() > 40
    assert view.cell_at(QPoint(1, 1)) is None
    assert view.cells_rect().right() < view.width() - 30  # the legend has room


def test_arrow_keys_move_the_cursor_and_words_follow(view):
    moved = []
    view.current_changed.connect(lambda row, column: moved.append((row, column)))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
    assert moved == [(1, 0), (1, 1), (1, 2), (0, 2)]
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.current == (0, 2)
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.current == (0, 3)
    assert view.accessibleDescription() == "features.3, 1,1: no number"
    QTest.keyClick(view, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert view.current == (2, 3)
    QTest.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    assert view.current == (0, 0)
    assert view.accessibleDescription() == "features.3, 0,0: 0.1, an estimate"
    view.set_current(1, 2)
    assert view.accessibleDescription() == "features.7, 1,0: 0.9, confirmed; estimated 0.2"
    assert view.spoken_count() == 12
    assert view.spoken_item(6).focused
    assert view.spoken_at(*centre(view, 1, 2).toTuple()) == 6


def test_enter_and_the_menu_put_a_cell_on_the_panel(view):
    wanted = []
    view.edits_wanted.connect(wanted.append)
    view.set_current(1, 2)
    QTest.keyClick(view, Qt.Key.Key_Return)
    (stack,) = wanted
    (edit,) = stack.edits
    assert (edit.kind, edit.feature.layer, edit.place.tokens) == ("patch", "features.7", (2,))
    assert edit.source == "ab" * 32
    menu = view.menu_at(centre(view, 0, 1))
    assert menu.actions()[0].text() == "Put on the panel"
    menu.actions()[0].trigger()
    assert wanted[1].edits[0].place.tokens == (1,)
    nothing = view.menu_at(centre(view, 0, 3))  # no number, so no edit
    assert "Put on the panel" not in [action.text() for action in nothing.actions()]
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=centre(view, 2, 0))
    assert wanted[2].edits[0].feature.layer == "features.14"


def test_a_cell_is_dragged_as_its_edit(view, monkeypatch):
    from interp_gui.gui.dragging import edits

    dragged = []
    monkeypatch.setattr(
        edits, "start_edit_drag", lambda widget, stack, title="": dragged.append((stack, title))
    )
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=centre(view, 2, 1))
    assert view.current == (2, 1)
    for step in (3, 40):
        at = centre(view, 2, 1) + QPoint(step, 0)
        view.mouseMoveEvent(_moved(view, at))
    ((stack, title),) = dragged
    assert stack.edits == (view.result.edit(2, 1),)
    assert title == "features.14, 0,1"
    dragged.clear()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=centre(view, 0, 3))
    view.mouseMoveEvent(_moved(view, centre(view, 0, 3) + QPoint(40, 0)))
    assert not dragged


def _moved(view, at):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    left = Qt.MouseButton.LeftButton
    return QMouseEvent(
        QEvent.Type.MouseMove, QPointF(at), QPointF(view.mapToGlobal(at)), left, left,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip


def test_a_cell_of_heads_is_that_head(qtbot):
    view = MatrixView()
    qtbot.addWidget(view)
    view.resize(300, 160)
    view.set_result(made(column_places=(), column_heads=(0, 1, 2, 3), exact=None))
    edit = view.edit_at((1, 2))
    assert (edit.feature.units, edit.feature.heads, edit.place) == ((2,), True, Place())
    assert view.features_at(centre(view, 1, 2)) == (edit.feature,)
    assert view.text_of((0, 0)) == "features.3, 0,0: 0.1"


def test_a_later_version_of_another_size_keeps_the_cursor_inside(view):
    view.set_current(2, 3)
    view.set_result(made(
        values=np.zeros((1, 2), np.float32), exact=None, row_labels=("a",),
        column_labels=("0", "1"), row_features=(), column_places=(),
    ))  # fmt: skip
    assert view.current == (0, 1)
    assert view.edit_at((0, 1)) is None
    assert not view.grab().isNull()


def test_in_the_window_a_cell_lands_on_the_panel(view, state, model):
    connect_export(view, state)
    view.set_current(1, 2)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert [edit.feature.layer for edit in state.edits.edits] == ["features.7"]
    state.undo.undo()
    assert state.edits.edits == ()
