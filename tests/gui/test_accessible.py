import gc

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget

from interp_gui.gui.accessible import AccessibleFactory, SpokenItem


class Cards(QWidget):
    accessible_role = "List"

    def __init__(self):
        super().__init__()
        self.names = ["one", "two", "three"]
        self.setAccessibleName("Units")

    def spoken_count(self):
        return len(self.names)

    def spoken_item(self, index):
        return SpokenItem(self.names[index], f"place {index}", QRect(0, 10 * index, 50, 10),
                          selected=index == 2, focused=index == 1)  # fmt: skip

    def spoken_at(self, x, y):
        return y // 10 if 0 <= y < 10 * len(self.names) else None

    def spoken_current(self):
        return 1


class Canvas(QWidget):
    accessible_role = "Graphic"


@pytest.fixture(scope="module")
def factory(qapp):
    return AccessibleFactory()


def test_painted_items_are_told_one_by_one(factory, qtbot):
    cards = Cards()
    qtbot.addWidget(cards)
    cards.show()
    told = QAccessible.queryAccessibleInterface(cards)
    assert told.role() == QAccessible.Role.List
    assert told.text(QAccessible.Text.Name) == "Units"
    children = [told.child(i) for i in range(told.childCount())]
    assert [c.text(QAccessible.Text.Name) for c in children] == ["one", "two", "three"]
    assert children[1].text(QAccessible.Text.Description) == "place 1"
    assert children[2].role() == QAccessible.Role.ListItem
    assert told.indexOfChild(children[2]) == 2
    assert children[2].state().selected
    assert children[1].state().focused
    where = cards.mapToGlobal(QRect(5, 25, 1, 1).topLeft())
    assert told.childAt(where.x(), where.y()).text(QAccessible.Text.Name) == "three"
    assert children[1].rect().topLeft() == cards.mapToGlobal(QRect(0, 10, 1, 1).topLeft())


def test_an_item_that_is_gone_is_invalid_and_does_no_harm(factory, qtbot):
    cards = Cards()
    qtbot.addWidget(cards)
    item = QAccessible.queryAccessibleInterface(cards).child(2)
    cards.names = ["one"]
    assert not item.isValid()
    assert item.text(QAccessible.Text.Name) == ""
    assert item.state().invalid


def test_items_outlive_their_widget(factory, qapp):
    cards = Cards()
    item = QAccessible.queryAccessibleInterface(cards).child(0)
    cards.deleteLater()
    del cards
    for _ in range(5):
        gc.collect()
        qapp.sendPostedEvents(None, 52)  # deferred deletions
        qapp.processEvents()
    assert not item.isValid()
    assert item.parent() is None


def test_a_canvas_has_its_role_and_qt_keeps_its_own(factory, qtbot):
    canvas, plain = Canvas(), QWidget()
    qtbot.addWidget(canvas)
    qtbot.addWidget(plain)
    assert QAccessible.queryAccessibleInterface(canvas).role() == QAccessible.Role.Graphic
    assert QAccessible.queryAccessibleInterface(plain).role() == QAccessible.Role.Client


def test_every_bar_is_told(factory, qtbot):
    from interp_gui.core.result import Bars
    from interp_gui.gui.widgets.bars import BarsView

    view = BarsView()
    qtbot.addWidget(view)
    view.setAccessibleName("Answer")
    told = QAccessible.queryAccessibleInterface(view)
    assert told.role() == QAccessible.Role.Chart
    assert told.childCount() == 0
    result = Bars(
        key="a", title="Answer", labels=("cat", "dog"), values=(0.75, 0.25), unit="probability"
    )
    view.set_result(result)
    bars = [told.child(i).text(QAccessible.Text.Name) for i in range(told.childCount())]
    assert bars == ["cat: 75.0%", "dog: 25.0%"]
