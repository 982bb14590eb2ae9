"""From the empty window to a kept unit, by clicks and keys, with the sample that is shipped."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView

from interp_gui.gui.guide.start import Guide
from interp_gui.gui.shelf import shelf_of

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]

LEFT = Qt.MouseButton.LeftButton


def test_the_guided_start_with_the_real_engine(own_window, wait):
    window = own_window.window
    window.resize(1280, 800)
    QTest.mouseClick(window.centre.welcome.guide, LEFT)
    guide = window.findChild(Guide)

    QTest.mouseClick(window.centre.welcome.cards[0], LEFT, pos=QPoint(30, 30))
    wait(lambda: guide.number == 2, "the sample opens")
    assert window.state.model.description.library == "interp_gui"
    wait(lambda: window.output.bars is not None, "the answer is shown")

    images = window.images.findChild(QAbstractItemView)
    wait(lambda: images.model().rowCount() > 5, "the pictures are listed")
    at = images.visualRect(images.model().index(2, 0)).center()
    QTest.mouseClick(images.viewport(), LEFT, pos=at)
    wait(lambda: guide.number == 3, "another picture is chosen")
    label = next(e.label for e in window.state.dataset.images if e.path == window.state.image)
    wait(lambda: window.output.bars.result.labels[0].startswith(label), "it is named rightly")

    tab = window.centre.tab("image")
    wait(lambda: not tab.canvas.image_rect().isEmpty(), "the picture is shown")
    QTest.mouseClick(tab.canvas, LEFT, pos=tab.canvas.image_rect().center())
    wait(lambda: guide.number == 4, "a place is pointed at")

    wait(lambda: tab.list.cards, "units are ranked")
    tab.list.setFocus()
    tab.list.set_current(tab.list.cards[0].key)
    QTest.keyClick(tab.list, Qt.Key.Key_Return)
    wait(lambda: guide.number == 5, "a unit is opened")
    assert window.state.tab == "unit"

    QTest.mouseClick(guide.callout.act, LEFT)
    wait(lambda: guide.number == 6, "the wall is shown")
    shelf_of(window.state).collect([window.state.feature])
    wait(lambda: not window.findChildren(Guide), "the guided start ends")
    assert own_window.errors == []
