"""Strokes on an image: each one a step, kept for the image it was made on."""

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtTest import QTest

from interp_gui.gui.tabs.brushed import BrushedPlaces
from interp_gui.gui.widgets.region import RegionCanvas


class Viewer:
    """A canvas that shows one image or another."""

    def __init__(self, undo, qtbot):
        self.canvas = RegionCanvas()
        self.canvas.resize(300, 300)
        qtbot.addWidget(self.canvas)
        self.canvas.show()
        self.shown = None
        self.places = BrushedPlaces(
            self.canvas, undo, shown=lambda: self.shown, show=lambda path: self.look(path)
        )
        self.look("/pictures/cat.png")

    def look(self, path):
        self.shown = (path, None)
        self.canvas.set_pixels(np.full((96, 96, 3), 90, np.uint8))
        self.places.recall()

    def stroke(self, *points, modifier=Qt.KeyboardModifier.NoModifier):
        button = Qt.MouseButton.LeftButton
        QTest.mousePress(self.canvas, button, modifier, QPoint(*points[0]))
        for point in points[1:]:
            QTest.mouseMove(self.canvas, QPoint(*point))
        QTest.mouseRelease(self.canvas, button, modifier, QPoint(*points[-1]))

    @property
    def weights(self):
        return self.canvas.region.weights.copy()


@pytest.fixture
def viewer(state, qtbot):
    return Viewer(state.undo, qtbot)


def test_a_stroke_is_one_step(viewer, state):
    told = []
    viewer.stroke((60, 60), (140, 150), (200, 90))
    drawn = viewer.weights
    assert drawn.any()
    assert state.undo.count() == 1
    assert state.undo.undoText() == "brush a place in cat.png"
    viewer.canvas.region_changed.connect(lambda: told.append(1))
    state.undo.undo()
    assert viewer.canvas.region.empty
    assert viewer.canvas.accessibleDescription() == "No place is brushed"
    state.undo.redo()
    assert np.array_equal(viewer.weights, drawn)
    assert told == [1, 1]  # the ranking is asked for again each time


def test_adding_erasing_and_clearing_are_steps(viewer, state, qtbot):
    viewer.stroke((80, 80))
    first = viewer.weights
    viewer.stroke((200, 200), modifier=Qt.KeyboardModifier.ShiftModifier)
    second = viewer.weights
    viewer.stroke((80, 80), modifier=Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert state.undo.undoText() == "clear the place in cat.png"
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert state.undo.count() == 4
    state.undo.undo()
    state.undo.undo()
    assert np.array_equal(viewer.weights, second)
    state.undo.undo()
    assert np.array_equal(viewer.weights, first)


def test_a_stroke_by_the_keyboard_is_a_step(viewer, state, qtbot):
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Space)
    assert state.undo.count() == 1
    state.undo.undo()
    assert viewer.canvas.region.empty


def test_a_stroke_that_changes_nothing_is_no_step(viewer, state):
    viewer.stroke((80, 80), modifier=Qt.KeyboardModifier.ControlModifier)
    assert state.undo.count() == 0


def test_what_was_brushed_is_there_when_the_image_is_again(viewer):
    viewer.stroke((80, 80))
    drawn = viewer.weights
    viewer.look("/pictures/dog.png")
    assert viewer.canvas.region.empty
    viewer.look("/pictures/cat.png")
    assert np.array_equal(viewer.weights, drawn)


def test_undoing_goes_to_the_image_of_the_stroke(viewer, state):
    viewer.stroke((80, 80))
    viewer.look("/pictures/dog.png")
    viewer.stroke((200, 200))
    on_dog = viewer.weights
    viewer.look("/pictures/cat.png")
    state.undo.undo()
    assert viewer.shown[0] == "/pictures/dog.png"
    assert viewer.canvas.region.empty
    state.undo.redo()
    assert np.array_equal(viewer.weights, on_dog)


def test_a_stroke_in_a_closed_view_is_left_out_in_words(state, qtbot):
    told = []
    state.notified.connect(told.append)
    canvas = RegionCanvas()
    canvas.resize(300, 300)
    canvas.set_pixels(np.zeros((9, 9, 3), np.uint8))
    canvas.show()
    places = BrushedPlaces(canvas, state.undo, shown=lambda: ("a", None), show=print)
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert state.undo.count() == 1
    canvas.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    del canvas, places
    state.undo.undo()
    assert told[-1].message == "The view in which the place was brushed is closed."
    assert not state.undo.canUndo()
